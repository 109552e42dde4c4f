/// RMS norm, plain or fused with the residual's addition. One block per row; the row stays in registers when it fits.
#include "device.cuh"
#include "ops.h"

namespace {

struct norm_parameters {
  const float *x;
  float *residual;
  const float *weight;
  void *y;
  uint32_t cols, mode;
  float epsilon;
};

constexpr int threads = 256;

/// `width` neighbouring columns.
template <int width> struct group {
  float values[width];
};
template <int width> __device__ __forceinline__ group<width> load_group(const float *from) {
  group<width> out;
  if constexpr (width == 4) {
    *reinterpret_cast<float4 *>(out.values) = *reinterpret_cast<const float4 *>(from);
  } else {
    out.values[0] = *from;
  }
  return out;
}
template <int width> __device__ __forceinline__ void store_group(float *to, const group<width> &g) {
  if constexpr (width == 4) {
    *reinterpret_cast<float4 *>(to) = make_float4(g.values[0], g.values[1], g.values[2], g.values[3]);
  } else {
    *to = g.values[0];
  }
}
template <int width> __device__ __forceinline__ void store_group(bf16 *to, const group<width> &g) {
  if constexpr (width == 4) {
    *reinterpret_cast<uint2 *>(to) =
        make_uint2(pack_pair<bf16>(g.values[0], g.values[1]), pack_pair<bf16>(g.values[2], g.values[3]));
  } else {
    *to = from_float<bf16>(g.values[0]);
  }
}

/// The values that are normalised from column i on; stores the new residual on the way.
template <int width> __device__ __forceinline__ group<width> load(const norm_parameters &p, size_t start, uint32_t i) {
  group<width> out = load_group<width>(p.x + start + i);
  if (p.mode == MK_NORM_ADD_FIRST) {
    const group<width> old = load_group<width>(p.residual + start + i);
#pragma unroll
    for (int j = 0; j < width; j++) out.values[j] += old.values[j];
    store_group<width>(p.residual + start + i, out);
  }
  return out;
}

template <typename Y, int width> __device__ __forceinline__ void store(const norm_parameters &p, size_t start,
                                                                       uint32_t i, group<width> value, float factor,
                                                                       const group<width> &weight) {
#pragma unroll
  for (int j = 0; j < width; j++) value.values[j] *= factor * weight.values[j];
  if (p.mode == MK_NORM_ADD_AFTER) {
    const group<width> old = load_group<width>(p.residual + start + i);
#pragma unroll
    for (int j = 0; j < width; j++) value.values[j] += old.values[j];
    store_group<width>(p.residual + start + i, value);
  } else {
    store_group<width>(static_cast<Y *>(p.y) + start + i, value);
  }
}

/// Rows of up to `threads * kept * width` columns are read once.
template <typename Y, int width, int kept>
__global__ void __launch_bounds__(threads) norm_kernel(const norm_parameters p) {
  constexpr uint32_t step = threads * width;
  const uint32_t first = threadIdx.x * width;
  group<width> weights[kept], values[kept];
  // Weights are constant: they are read while the predecessor drains.
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * step + first;
    if (i < p.cols) weights[j] = load_group<width>(p.weight + i);
  }
  wait_for_predecessor();
  release_successor();
  const size_t start = (size_t)blockIdx.x * p.cols;
  float squares = 0;
  const auto add = [&squares](const group<width> &g) {
#pragma unroll
    for (int i = 0; i < width; i++) squares += g.values[i] * g.values[i];
  };
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * step + first;
    if (i >= p.cols) continue;
    values[j] = load<width>(p, start, i);
    add(values[j]);
  }
  for (uint32_t i = kept * step + first; i < p.cols; i += step) add(load<width>(p, start, i));
  const float factor = 1.0f / sqrtf(block_sum(squares) / p.cols + p.epsilon);
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * step + first;
    if (i < p.cols) store<Y, width>(p, start, i, values[j], factor, weights[j]);
  }
  for (uint32_t i = kept * step + first; i < p.cols; i += step) {
    const group<width> value =
        load_group<width>(p.mode == MK_NORM_ADD_FIRST ? p.residual + start + i : p.x + start + i);
    store<Y, width>(p, start, i, value, factor, load_group<width>(p.weight + i));
  }
}

template <typename Y> mk_status run(mk_stream *stream, const norm_parameters &p, uint32_t rows) {
  const uintptr_t addresses = (uintptr_t)p.x | (uintptr_t)p.residual | (uintptr_t)p.weight | (uintptr_t)p.y;
  if (p.cols % 4 != 0 || addresses % 16 != 0) return launch(stream, norm_kernel<Y, 1, 32>, rows, threads, 0, p);
  // The fewer registers, the more rows are under way.
  if (p.cols <= threads * 4 * 2) return launch(stream, norm_kernel<Y, 4, 2>, rows, threads, 0, p);
  if (p.cols <= threads * 4 * 4) return launch(stream, norm_kernel<Y, 4, 4>, rows, threads, 0, p);
  return launch(stream, norm_kernel<Y, 4, 8>, rows, threads, 0, p);
}

} // namespace

mk_status cuda_norm(mk_stream *stream, const mk_norm_args *args) {
  if (!stream || !args || args->cols == 0 || args->mode > MK_NORM_ADD_AFTER) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->weight) return MK_INVALID_ARGUMENT;
  if ((args->mode == MK_NORM_PLAIN) != (args->residual == nullptr)) return MK_INVALID_ARGUMENT;
  if (args->mode != MK_NORM_ADD_AFTER && !args->y) return MK_INVALID_ARGUMENT;
  if (!is_activation_dtype(args->y_dtype)) return MK_UNSUPPORTED;
  const norm_parameters p = {args->x, args->residual, args->weight, args->y, args->cols, args->mode, args->epsilon};
  return args->y_dtype == MK_BF16 ? run<bf16>(stream, p, args->rows) : run<float>(stream, p, args->rows);
}
