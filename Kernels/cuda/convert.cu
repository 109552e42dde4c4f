/// Conversions around the dense products: activations and quantised weights to 16 bits, and the bias after them.
#include "formats.cuh"
#include "products.h"

namespace {

constexpr int threads = 256;

template <typename T> __device__ __forceinline__ T saturated(float x) { return from_float<T>(x); }
template <> __device__ __forceinline__ __half saturated<__half>(float x) {
  return __float2half_rn(fminf(fmaxf(x, -65504.0f), 65504.0f));
}

template <typename T> __global__ void convert_kernel(const float *x, uint32_t cols, uint32_t x_stride, T *out) {
  wait_for_predecessor();
  release_successor();
  const uint32_t column = (blockIdx.y * threads + threadIdx.x) * 4;
  const float *from = x + (size_t)blockIdx.x * x_stride + column;
  T *to = out + (size_t)blockIdx.x * cols + column;
  for (uint32_t i = 0; i < 4 && column + i < cols; i++) to[i] = saturated<T>(from[i]);
}

/// Four values per thread, aligned.
template <typename T> __global__ void convert_vector_kernel(const float *x, uint32_t cols, uint32_t x_stride, T *out) {
  wait_for_predecessor();
  release_successor();
  const uint32_t column = (blockIdx.y * threads + threadIdx.x) * 4;
  if (column >= cols) return;
  const float4 four = *reinterpret_cast<const float4 *>(x + (size_t)blockIdx.x * x_stride + column);
  const T values[4] = {saturated<T>(four.x), saturated<T>(four.y), saturated<T>(four.z), saturated<T>(four.w)};
  *reinterpret_cast<uint2 *>(out + (size_t)blockIdx.x * cols + column) = *reinterpret_cast<const uint2 *>(values);
}

template <typename T>
mk_status convert(mk_stream *stream, const float *x, uint32_t rows, uint32_t cols, uint32_t x_stride, void *out) {
  const dim3 grid(rows, ceil_div(cols, 4 * threads));
  const bool is_aligned = cols % 4 == 0 && x_stride % 4 == 0 && (uintptr_t)x % 16 == 0 && (uintptr_t)out % 8 == 0;
  return launch(stream, is_aligned ? convert_vector_kernel<T> : convert_kernel<T>, grid, threads, 0, x, cols, x_stride,
                (T *)out);
}

template <mk_dtype dtype>
__global__ void dequantize_kernel(const uint8_t *rows, uint32_t cols, size_t row_bytes, uint64_t blocks, bf16 *out) {
  wait_for_predecessor();
  release_successor();
  const uint64_t index = (uint64_t)blockIdx.x * threads + threadIdx.x;
  if (index >= blocks) return;
  const uint32_t per_row = cols / block_columns;
  float values[block_columns];
  read_block<dtype>(rows + index / per_row * row_bytes, (uint32_t)(index % per_row), values);
  uint4 *to = reinterpret_cast<uint4 *>(out + index * block_columns);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float *v = values + 8 * i;
    to[i] = make_uint4(pack_pair<bf16>(v[0], v[1]), pack_pair<bf16>(v[2], v[3]), pack_pair<bf16>(v[4], v[5]),
                       pack_pair<bf16>(v[6], v[7]));
  }
}

__global__ void bias_kernel(float *y, const float *bias, uint32_t cols, uint32_t y_stride) {
  wait_for_predecessor();
  release_successor();
  const uint32_t column = blockIdx.y * threads + threadIdx.x;
  if (column < cols) y[(size_t)blockIdx.x * y_stride + column] += bias[column];
}

} // namespace

mk_status convert_activations(mk_stream *stream, const float *x, uint32_t rows, uint32_t cols, uint32_t x_stride,
                              mk_dtype dtype, void *out) {
  return dtype == MK_F16 ? convert<__half>(stream, x, rows, cols, x_stride, out)
                         : convert<bf16>(stream, x, rows, cols, x_stride, out);
}

mk_status dequantize_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out) {
  const size_t row_bytes = row_bytes_of(matrix->dtype, matrix->cols);
  const uint8_t *rows = static_cast<const uint8_t *>(matrix->data) + first * row_bytes;
  const uint64_t blocks = (uint64_t)count * (matrix->cols / block_columns);
  mk_status status = MK_UNSUPPORTED;
  with_quantized(matrix->dtype, [&](auto dtype) {
    status = launch(stream, dequantize_kernel<decltype(dtype)::value>, ceil_div(blocks, threads), threads, 0, rows,
                    matrix->cols, row_bytes, blocks, (bf16 *)out);
  });
  return status;
}

mk_status add_bias(mk_stream *stream, float *y, const float *bias, uint32_t rows, uint32_t cols, uint32_t y_stride) {
  return launch(stream, bias_kernel, dim3(rows, ceil_div(cols, threads)), threads, 0, y, bias, cols, y_stride);
}
