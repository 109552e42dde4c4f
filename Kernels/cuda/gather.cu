/// Rows picked by index.
#include "device.cuh"
#include "ops.h"

namespace {

__global__ void gather_kernel(const float *x, const int32_t *indices, float *y, uint32_t cols, uint32_t x_rows,
                              int32_t *fault) {
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
  return launch(stream, gather_kernel, dim3(args->count, ceil_div(args->cols, 256)), 256, 0, args->x, args->indices,
                args->y, args->cols, args->x_rows, stream->fault);
}
