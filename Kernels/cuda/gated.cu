/// Gated activations.
#include "device.cuh"
#include "ops.h"

namespace {

__device__ __forceinline__ float activate(float x, uint32_t activation) {
  if (activation == MK_SILU) return x / (1 + __expf(-x));
  const float root = 0.7978845608f; // sqrt(2 / pi)
  return 0.5f * x * (1 + tanhf(root * (x + 0.044715f * x * x * x)));
}

__global__ void gated_kernel(const float *x, float *y, uint32_t n, uint32_t activation) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = blockIdx.y * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float *gate = x + (size_t)blockIdx.x * 2 * n;
  y[(size_t)blockIdx.x * n + i] = activate(gate[i], activation) * gate[n + i];
}

/// Four values per thread, aligned.
__global__ void gated_vector_kernel(const float *x, float *y, uint32_t n, uint32_t activation) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = (blockIdx.y * blockDim.x + threadIdx.x) * 4;
  if (i >= n) return;
  const float *from = x + (size_t)blockIdx.x * 2 * n + i;
  const float4 gate = *reinterpret_cast<const float4 *>(from), up = *reinterpret_cast<const float4 *>(from + n);
  *reinterpret_cast<float4 *>(y + (size_t)blockIdx.x * n + i) =
      make_float4(activate(gate.x, activation) * up.x, activate(gate.y, activation) * up.y,
                  activate(gate.z, activation) * up.z, activate(gate.w, activation) * up.w);
}

} // namespace

mk_status cuda_gated(mk_stream *stream, const mk_gated_args *args) {
  if (!stream || !args || args->n == 0 || args->activation > MK_GELU_TANH) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->y) return MK_INVALID_ARGUMENT;
  if (args->n % 4 == 0 && (uintptr_t)args->x % 16 == 0 && (uintptr_t)args->y % 16 == 0) {
    return launch(stream, gated_vector_kernel, dim3(args->rows, ceil_div(args->n, 1024)), 256, 0, args->x, args->y,
                  args->n, args->activation);
  }
  return launch(stream, gated_kernel, dim3(args->rows, ceil_div(args->n, 256)), 256, 0, args->x, args->y, args->n,
                args->activation);
}
