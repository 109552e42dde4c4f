/// A norm between two products, for what takes or leaves it with a pass of its own (see mk_linear_args).
#include "products.h"

namespace {

constexpr int threads = 256;

/// A block for each row.
template <typename Y> __global__ void __launch_bounds__(threads)
    resolve_kernel(const bf16 *x, Y *out, const float *squares, uint32_t cols, uint32_t x_stride, uint32_t out_stride,
                   float epsilon) {
  wait_for_predecessor();
  release_successor();
  const uint32_t parts = square_parts(cols);
  float sum = 0;
  for (uint32_t i = threadIdx.x; i < parts; i += threads) sum += squares[(size_t)blockIdx.x * parts + i];
  const float factor = 1.0f / sqrtf(block_sum(sum) / cols + epsilon);
  for (uint32_t i = threadIdx.x; i < cols; i += threads) {
    float value = to_float(x[(size_t)blockIdx.x * x_stride + i]) * factor;
    if (std::is_same_v<Y, __half>) value = fminf(fmaxf(value, -65504.0f), 65504.0f);
    out[(size_t)blockIdx.x * out_stride + i] = from_float<Y>(value);
  }
}

/// A block for each row; a warp's share of the squares is one part, the parts beyond the warps are zero.
__global__ void __launch_bounds__(threads) defer_kernel(const float *y, const float *weight, bf16 *next_x, float *squares,
                                                        uint32_t cols, uint32_t y_stride) {
  wait_for_predecessor();
  release_successor();
  const uint32_t parts = square_parts(cols), row = blockIdx.x;
  float sum = 0;
  for (uint32_t i = threadIdx.x; i < cols; i += threads) {
    const float value = y[(size_t)row * y_stride + i];
    next_x[(size_t)row * cols + i] = from_float<bf16>(value * weight[i]);
    sum += value * value;
  }
  sum = block_sum(sum);
  for (uint32_t i = threadIdx.x; i < parts; i += threads) squares[(size_t)row * parts + i] = i == 0 ? sum : 0;
}

template <typename Y>
mk_status resolve(mk_stream *stream, const conversion &c, const float *squares, float epsilon) {
  return launch(stream, resolve_kernel<Y>, c.rows, threads, 0, (const bf16 *)c.x, (Y *)c.out, squares, c.cols,
                c.x_stride, c.out_stride, epsilon);
}

} // namespace

mk_status resolve_norm(mk_stream *stream, const conversion &c, const float *squares, float epsilon) {
  if (c.out_dtype == MK_F32) return resolve<float>(stream, c, squares, epsilon);
  return c.out_dtype == MK_F16 ? resolve<__half>(stream, c, squares, epsilon)
                               : resolve<bf16>(stream, c, squares, epsilon);
}

mk_status defer_norm(mk_stream *stream, const float *y, uint32_t rows, uint32_t cols, uint32_t y_stride,
                     const float *weight, bf16 *next_x, float *squares) {
  return launch(stream, defer_kernel, rows, threads, 0, y, weight, next_x, squares, cols, y_stride);
}
