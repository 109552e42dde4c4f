/// Weights on their way to the device. They keep the file's layout there.
#include "formats.cuh"
#include "ops.h"

namespace {
constexpr uint32_t device_layout = 2;
}

mk_status cuda_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  const weight_format format = format_of(dtype);
  if (!bytes || format.columns == 0 || rows == 0 || cols == 0 || cols % format.columns != 0) return MK_INVALID_ARGUMENT;
  *bytes = (rows * row_bytes_of(dtype, cols) + 255) & ~(size_t)255;
  return MK_OK;
}

/// `source` is host memory, such as a mapped file; `destination` is device memory.
mk_status cuda_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  if (!stream || !is_valid_matrix(source) || source->layout != 0 || !destination || !out) return MK_INVALID_ARGUMENT;
  *out = *source;
  out->data = destination;
  out->layout = device_layout;
  return cuda_memory_upload(stream, destination, source->data,
                            source->rows * row_bytes_of(source->dtype, source->cols));
}
