#include "packed.h"

mk_status mk_avx2_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  return mk_reference_matrix_packed_bytes(dtype, rows, cols, bytes);
}
mk_status mk_avx2_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_reference_matrix_pack(stream, source, destination, out);
}
mk_status mk_avx2_linear(mk_stream *stream, const mk_linear_args *args) { return mk_reference_linear(stream, args); }
