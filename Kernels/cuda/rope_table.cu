/// Cosines and sines of the rotation, in double precision as the table asks.
#include "device.cuh"
#include "ops.h"

namespace {

__global__ void rope_table_kernel(const int32_t *positions, const float *frequencies, uint32_t rows, uint32_t half,
                                  float magnitude, float *table) {
  wait_for_predecessor();
  release_successor();
  const uint64_t index = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= (uint64_t)rows * half) return;
  const uint32_t row = (uint32_t)(index / half), i = (uint32_t)(index % half);
  double sine, cosine;
  sincos((double)positions[row] * (double)frequencies[i], &sine, &cosine);
  table[(size_t)row * 2 * half + i] = (float)(magnitude * cosine);
  table[(size_t)row * 2 * half + half + i] = (float)(magnitude * sine);
}

} // namespace

mk_status cuda_rope_table(mk_stream *stream, const mk_rope_table_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0 || args->half == 0) return MK_OK;
  if (!args->positions || !args->inverse_frequencies || !args->table) return MK_INVALID_ARGUMENT;
  const uint32_t blocks = ceil_div((uint64_t)args->rows * args->half, 128);
  return launch(stream, rope_table_kernel, blocks, 128, 0, args->positions, args->inverse_frequencies, args->rows,
                args->half, args->magnitude, args->table);
}
