/// Gated activations.
#include "gated.cuh"
#include "ops.h"

namespace {

template <typename X, typename Y>
__global__ void gated_kernel(const X *x, Y *y, uint32_t n, uint32_t x_stride, uint32_t y_stride, uint32_t activation) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = blockIdx.y * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const X *gate = x + (size_t)blockIdx.x * x_stride;
  y[(size_t)blockIdx.x * y_stride + i] = from_float<Y>(activate(to_float(gate[i]), activation) * to_float(gate[n + i]));
}

/// Four values per thread, aligned.
template <typename X, typename Y> __global__ void gated_vector_kernel(const X *x, Y *y, uint32_t n, uint32_t x_stride,
                                                                      uint32_t y_stride, uint32_t activation) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = (blockIdx.y * blockDim.x + threadIdx.x) * 4;
  if (i >= n) return;
  const X *from = x + (size_t)blockIdx.x * x_stride + i;
  const float4 gate = load_four(from), up = load_four(from + n);
  store_four(y + (size_t)blockIdx.x * y_stride + i,
             make_float4(activate(gate.x, activation) * up.x, activate(gate.y, activation) * up.y,
                         activate(gate.z, activation) * up.z, activate(gate.w, activation) * up.w));
}

template <typename X, typename Y> mk_status run(mk_stream *stream, const gated_parameters &p) {
  const X *x = static_cast<const X *>(p.x);
  Y *y = static_cast<Y *>(p.y);
  const bool is_aligned = p.n % 4 == 0 && p.x_stride % 4 == 0 && p.y_stride % 4 == 0 &&
                          (uintptr_t)x % (4 * sizeof(X)) == 0 && (uintptr_t)y % (4 * sizeof(Y)) == 0;
  const dim3 grid(p.rows, ceil_div(p.n, is_aligned ? 1024 : 256));
  return launch(stream, is_aligned ? gated_vector_kernel<X, Y> : gated_kernel<X, Y>, grid, 256, 0, x, y, p.n,
                p.x_stride, p.y_stride, p.activation);
}

} // namespace

mk_status gate(mk_stream *stream, const gated_parameters &p) {
  if (p.x_dtype == MK_BF16) {
    return p.y_dtype == MK_BF16 ? run<bf16, bf16>(stream, p) : run<bf16, float>(stream, p);
  }
  return p.y_dtype == MK_BF16 ? run<float, bf16>(stream, p) : run<float, float>(stream, p);
}

mk_status cuda_gated(mk_stream *stream, const mk_gated_args *args) {
  if (!stream || !args || args->n == 0 || args->activation > MK_GELU_TANH) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->y) return MK_INVALID_ARGUMENT;
  if (!is_activation_dtype(args->y_dtype)) return MK_UNSUPPORTED;
  return gate(stream,
              {args->x, args->y, MK_F32, args->y_dtype, args->rows, args->n, 2 * args->n, args->n, args->activation});
}
