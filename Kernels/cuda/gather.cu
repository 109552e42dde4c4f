/// Rows picked by index.
#include "device.cuh"
#include "ops.h"

namespace {

template <typename T> __global__ void gather_kernel(const T *x, const int32_t *indices, T *y, uint32_t cols,
                                                    uint32_t x_rows, int32_t *fault) {
  wait_for_predecessor();
  release_successor();
  const int32_t index = indices[blockIdx.x];
  if (index < 0 || (uint32_t)index >= x_rows) {
    if (threadIdx.x == 0 && blockIdx.y == 0) *fault = 1;
    return;
  }
  const uint32_t column = blockIdx.y * blockDim.x + threadIdx.x;
  if (column < cols) y[(size_t)blockIdx.x * cols + column] = x[(size_t)index * cols + column];
}

} // namespace

mk_status cuda_gather(mk_stream *stream, const mk_gather_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->count == 0 || args->cols == 0) return MK_OK;
  if (!args->x || !args->indices || !args->y) return MK_INVALID_ARGUMENT;
  if (!is_activation_dtype(args->x_dtype)) return MK_UNSUPPORTED;
  const dim3 grid(args->count, ceil_div(args->cols, 256));
  if (args->x_dtype == MK_BF16) {
    return launch(stream, gather_kernel<bf16>, grid, 256, 0, reinterpret_cast<const bf16 *>(args->x), args->indices,
                  reinterpret_cast<bf16 *>(args->y), args->cols, args->x_rows, stream->fault);
  }
  return launch(stream, gather_kernel<float>, grid, 256, 0, args->x, args->indices, args->y, args->cols, args->x_rows,
                stream->fault);
}
