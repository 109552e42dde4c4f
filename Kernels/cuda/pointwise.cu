/// Scaling and soft capping, in place.
#include "device.cuh"
#include "ops.h"

namespace {

constexpr int threads = 256;

__global__ void scale_kernel(float *x, size_t count, float factor) {
  wait_for_predecessor();
  release_successor();
  const size_t i = (size_t)blockIdx.x * threads + threadIdx.x;
  if (i < count) x[i] *= factor;
}

__global__ void soft_cap_kernel(float *x, size_t count, float cap) {
  wait_for_predecessor();
  release_successor();
  const size_t i = (size_t)blockIdx.x * threads + threadIdx.x;
  if (i < count) x[i] = cap * tanhf(x[i] / cap);
}

mk_status run(mk_stream *stream, void (*kernel)(float *, size_t, float), float *x, size_t count, float parameter) {
  if (!stream || (count > 0 && !x) || count > (size_t)INT32_MAX * threads) return MK_INVALID_ARGUMENT;
  return count == 0 ? MK_OK : launch(stream, kernel, ceil_div(count, threads), threads, 0, x, count, parameter);
}

} // namespace

mk_status cuda_scale(mk_stream *stream, float *x, size_t count, float factor) {
  return run(stream, scale_kernel, x, count, factor);
}

mk_status cuda_soft_cap(mk_stream *stream, float *x, size_t count, float cap) {
  return cap > 0 ? run(stream, soft_cap_kernel, x, count, cap) : MK_INVALID_ARGUMENT;
}
