/// Conversions around the dense products: activations, quantised weights to 16 bits, and the bias after them.
#include "fp8.cuh"
#include "packed.cuh"
#include "products.h"

namespace {

constexpr int threads = 256;

template <typename T> __device__ __forceinline__ T saturated(float x) { return from_float<T>(x); }
template <> __device__ __forceinline__ __half saturated<__half>(float x) {
  return __float2half_rn(fminf(fmaxf(x, -65504.0f), 65504.0f));
}

/// `width` values per thread, aligned when four.
template <typename X, typename Y, int width>
__global__ void convert_kernel(const X *x, Y *out, uint32_t cols, uint32_t x_stride, uint32_t out_stride) {
  wait_for_predecessor();
  release_successor();
  const uint32_t column = (blockIdx.y * threads + threadIdx.x) * width;
  if (column >= cols) return;
  const X *from = x + (size_t)blockIdx.x * x_stride + column;
  Y *to = out + (size_t)blockIdx.x * out_stride + column;
  if constexpr (width == 1) {
    *to = saturated<Y>(to_float(*from));
  } else {
    const float4 four = load_four(from);
    __align__(16)
        const Y values[4] = {saturated<Y>(four.x), saturated<Y>(four.y), saturated<Y>(four.z), saturated<Y>(four.w)};
    if constexpr (sizeof(Y) == 4) {
      *reinterpret_cast<uint4 *>(to) = *reinterpret_cast<const uint4 *>(values);
    } else {
      *reinterpret_cast<uint2 *>(to) = *reinterpret_cast<const uint2 *>(values);
    }
  }
}

template <typename X, typename Y> mk_status convert(mk_stream *stream, const conversion &c) {
  const bool is_aligned = c.cols % 4 == 0 && c.x_stride % 4 == 0 && c.out_stride % 4 == 0 &&
                          (uintptr_t)c.x % (4 * sizeof(X)) == 0 && (uintptr_t)c.out % (4 * sizeof(Y)) == 0;
  const dim3 grid(c.rows, ceil_div(c.cols, is_aligned ? 4 * threads : threads));
  return launch(stream, is_aligned ? convert_kernel<X, Y, 4> : convert_kernel<X, Y, 1>, grid, threads, 0,
                (const X *)c.x, (Y *)c.out, c.cols, c.x_stride, c.out_stride);
}

template <mk_dtype dtype>
__global__ void dequantize_kernel(const uint8_t *data, uint32_t first, uint32_t cols, uint64_t blocks, bf16 *out) {
  wait_for_predecessor();
  release_successor();
  const uint64_t index = (uint64_t)blockIdx.x * threads + threadIdx.x;
  if (index >= blocks) return;
  const uint32_t per_row = cols / block_columns;
  float values[block_columns];
  read_packed<dtype>(data, first + (uint32_t)(index / per_row), (uint32_t)(index % per_row), cols, values);
  uint4 *to = reinterpret_cast<uint4 *>(out + index * block_columns);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float *v = values + 8 * i;
    to[i] = make_uint4(pack_pair<bf16>(v[0], v[1]), pack_pair<bf16>(v[2], v[3]), pack_pair<bf16>(v[4], v[5]),
                       pack_pair<bf16>(v[6], v[7]));
  }
}

__global__ void bias_kernel(void *y, mk_dtype y_dtype, const float *bias, uint32_t cols, uint32_t y_stride) {
  wait_for_predecessor();
  release_successor();
  const uint32_t column = blockIdx.y * threads + threadIdx.x;
  if (column >= cols) return;
  const size_t at = (size_t)blockIdx.x * y_stride + column;
  store_activation(y, y_dtype, at, load_activation(y, y_dtype, at) + bias[column]);
}

} // namespace

mk_status convert_activations(mk_stream *stream, const conversion &c) {
  if (c.out_dtype == MK_F32) return convert<bf16, float>(stream, c);
  if (c.x_dtype == MK_BF16) return convert<bf16, __half>(stream, c);
  return c.out_dtype == MK_F16 ? convert<float, __half>(stream, c) : convert<float, bf16>(stream, c);
}

mk_status dequantize_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out) {
  if (matrix->dtype == MK_F8_E4M3) return widen_rows(stream, matrix, first, count, out);
  const uint64_t blocks = (uint64_t)count * (matrix->cols / block_columns);
  mk_status status = MK_UNSUPPORTED;
  with_quantized(matrix->dtype, [&](auto dtype) {
    status = launch(stream, dequantize_kernel<decltype(dtype)::value>, ceil_div(blocks, threads), threads, 0,
                    (const uint8_t *)matrix->data, first, matrix->cols, blocks, (bf16 *)out);
  });
  return status;
}

mk_status add_bias(mk_stream *stream, void *y, mk_dtype y_dtype, const float *bias, uint32_t rows, uint32_t cols,
                   uint32_t y_stride) {
  return launch(stream, bias_kernel, dim3(rows, ceil_div(cols, threads)), threads, 0, y, y_dtype, bias, cols, y_stride);
}
