/// To FP8 and back: rows of weights and of activations quantised with a scale for each, and weights turned to bf16.
#include "fp8.cuh"

namespace {

/// What a thread keeps of its row: groups of four columns.
constexpr int kept = 8;
/// Smaller rows count as zero; their scale's inverse would overflow.
constexpr float smallest_row = 1e-30f;

__device__ __forceinline__ float largest_of(float4 v) {
  return fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
}

/// A row's columns, four at a time; zeros past the last.
template <typename X, bool is_aligned> __device__ __forceinline__ float4 load_group(const X *row, uint32_t column,
                                                                                    uint32_t cols) {
  if constexpr (is_aligned) return column < cols ? load_four(row + column) : make_float4(0, 0, 0, 0);
  const auto at = [&](uint32_t i) { return column + i < cols ? to_float(row[column + i]) : 0.0f; };
  return make_float4(at(0), at(1), at(2), at(3));
}

__device__ __forceinline__ uint32_t codes_of(float4 v, float inverse) {
  const uint32_t even = __nv_cvt_float2_to_fp8x2(make_float2(v.x * inverse, v.z * inverse), __NV_SATFINITE, __NV_E4M3),
                 odd = __nv_cvt_float2_to_fp8x2(make_float2(v.y * inverse, v.w * inverse), __NV_SATFINITE, __NV_E4M3);
  return even | odd << 16;
}

/// A block per row. Rows of up to `threads * 4 * kept` columns are read once.
template <typename X, bool has_norm, bool is_aligned, int threads>
__global__ void __launch_bounds__(threads) quantize_kernel(const fp8_quantization q) {
  wait_for_predecessor();
  release_successor();
  constexpr uint32_t step = threads * 4;
  const X *row = static_cast<const X *>(q.x) + (size_t)blockIdx.x * q.x_stride;
  const uint32_t stride = fp8_stride(q.cols), first = threadIdx.x * 4;
  const auto load = [&](uint32_t column) { return load_group<X, is_aligned>(row, column, q.cols); };
  float4 values[kept];
#pragma unroll
  for (int j = 0; j < kept; j++) values[j] = load(j * step + first);
  float factor = 1;
  if constexpr (has_norm) {
    float squares = 0;
    const auto add = [&](float4 v) { squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w; };
#pragma unroll
    for (int j = 0; j < kept; j++) add(values[j]);
    for (uint32_t column = kept * step + first; column < q.cols; column += step) add(load(column));
    factor = 1.0f / sqrtf(block_sum(squares) / q.cols + q.norm_epsilon);
  }
  const auto normed = [&](float4 v, uint32_t column) {
    if constexpr (!has_norm) return v;
    const float4 weight = load_group<float, is_aligned>(q.norm_weight, column, q.cols);
    return make_float4(v.x * (factor * weight.x), v.y * (factor * weight.y), v.z * (factor * weight.z),
                       v.w * (factor * weight.w));
  };
  float largest = 0;
#pragma unroll
  for (int j = 0; j < kept; j++) {
    values[j] = normed(values[j], j * step + first);
    largest = fmaxf(largest, largest_of(values[j]));
  }
  for (uint32_t column = kept * step + first; column < q.cols; column += step) {
    largest = fmaxf(largest, largest_of(normed(load(column), column)));
  }
  largest = block_max(largest);
  const float inverse = largest > smallest_row ? largest_fp8 / largest : 0;
  if (threadIdx.x == 0) q.scales[blockIdx.x] = largest / largest_fp8;
  uint8_t *codes = q.codes + (size_t)blockIdx.x * stride;
  const auto store = [&](float4 v, uint32_t column) {
    *reinterpret_cast<uint32_t *>(codes + column) = codes_of(v, inverse);
  };
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t column = j * step + first;
    if (column < stride) store(values[j], column);
  }
  for (uint32_t column = kept * step + first; column < stride; column += step) {
    store(normed(load(column), column), column);
  }
}

template <typename X, bool has_norm, bool is_aligned> mk_status run(mk_stream *stream, const fp8_quantization &q) {
  constexpr int few = 256, many = 1024;
  if (q.cols <= few * 4 * kept) {
    return launch(stream, quantize_kernel<X, has_norm, is_aligned, few>, q.rows, few, 0, q);
  }
  return launch(stream, quantize_kernel<X, has_norm, is_aligned, many>, q.rows, many, 0, q);
}

template <typename X> mk_status choose(mk_stream *stream, const fp8_quantization &q) {
  const bool is_aligned = q.cols % 4 == 0 && q.x_stride % 4 == 0 && (uintptr_t)q.x % (4 * sizeof(X)) == 0 &&
                          (uintptr_t)q.norm_weight % 16 == 0;
  if constexpr (std::is_same_v<X, float>) {
    if (q.norm_weight) return is_aligned ? run<X, true, true>(stream, q) : run<X, true, false>(stream, q);
  } else if (q.norm_weight) {
    return MK_UNSUPPORTED;
  }
  return is_aligned ? run<X, false, true>(stream, q) : run<X, false, false>(stream, q);
}

/// Eight columns per thread, `per_row` threads per row.
template <bool is_aligned>
__global__ void widen_kernel(const uint8_t *codes, const float *scales, uint32_t cols, uint32_t per_row, uint64_t count,
                             bf16 *out) {
  wait_for_predecessor();
  release_successor();
  const uint64_t index = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const uint64_t row = index / per_row;
  const uint32_t column = (uint32_t)(index % per_row) * 8;
  const uint2 words = *reinterpret_cast<const uint2 *>(codes + row * fp8_stride(cols) + column);
  const uint2 low = widen_codes(words.x), high = widen_codes(words.y);
  const float scale = scales[row];
  const auto scaled = [scale](uint32_t pair) {
    const float2 two = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(&pair));
    return pack_pair<bf16>(two.x * scale, two.y * scale);
  };
  const uint4 values = make_uint4(scaled(low.x), scaled(low.y), scaled(high.x), scaled(high.y));
  bf16 *to = out + row * cols + column;
  if constexpr (is_aligned) {
    *reinterpret_cast<uint4 *>(to) = values;
  } else {
    const bf16 *each = reinterpret_cast<const bf16 *>(&values);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      if (column + i < cols) to[i] = each[i];
    }
  }
}

} // namespace

mk_status quantize_rows(mk_stream *stream, const fp8_quantization &q) {
  switch (q.x_dtype) {
  case MK_F32: return choose<float>(stream, q);
  case MK_F16: return choose<__half>(stream, q);
  case MK_BF16: return choose<bf16>(stream, q);
  default: return MK_UNSUPPORTED;
  }
}

mk_status widen_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out) {
  constexpr int threads = 256;
  const uint32_t per_row = ceil_div(matrix->cols, 8);
  const uint64_t all = (uint64_t)count * per_row;
  const auto *codes = static_cast<const uint8_t *>(matrix->data) + (size_t)first * fp8_stride(matrix->cols);
  const bool is_aligned = matrix->cols % 8 == 0 && (uintptr_t)out % 16 == 0;
  return launch(stream, is_aligned ? widen_kernel<true> : widen_kernel<false>, ceil_div(all, threads), threads, 0,
                codes, fp8_scales(*matrix) + first, matrix->cols, per_row, all, (bf16 *)out);
}
