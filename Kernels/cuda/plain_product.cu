/// Products of any dense weights and shape in float: a warp per output and up to eight rows of x.
#include "device.cuh"
#include "products.h"

namespace {

constexpr int warps = 8, tokens = 8;

/// Where output `index` of all segments lies.
struct output_place {
  const uint8_t *w;
  const float *bias;
  uint32_t column;
};

__device__ __forceinline__ output_place place_of(const product &p, uint32_t index, size_t row_bytes) {
  uint32_t s = 0;
  while (s + 1 < p.segment_count && index >= p.segments[s].rows) index -= p.segments[s++].rows;
  const product_segment &segment = p.segments[s];
  return {static_cast<const uint8_t *>(segment.w) + index * row_bytes, segment.bias ? segment.bias + index : nullptr,
          segment.offset + index};
}

__device__ __forceinline__ void finish(const product &p, const output_place &place, uint32_t first,
                                       float sums[tokens]) {
  const uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (int t = 0; t < tokens; t++) {
    const float sum = warp_sum(sums[t]);
    if (lane == 0 && first + t < p.rows) {
      const size_t at = (size_t)(first + t) * p.y_stride + place.column;
      const float old = p.output == MK_OUTPUT_ADD ? static_cast<const float *>(p.y)[at] : 0;
      store_activation(p.y, p.y_dtype, at, sum + (place.bias ? *place.bias : 0) + old);
    }
  }
}

__device__ __forceinline__ float load_x(const product &p, size_t i) {
  return p.x_dtype == MK_F16 ? to_float(static_cast<const __half *>(p.x)[i]) : load_activation(p.x, p.x_dtype, i);
}

template <typename T> __global__ void float_kernel(const product p, uint32_t outputs) {
  wait_for_predecessor();
  release_successor();
  const uint32_t output = blockIdx.x * warps + threadIdx.x / 32, first = blockIdx.y * tokens;
  if (output >= outputs) return;
  const output_place place = place_of(p, output, (size_t)p.cols * sizeof(T));
  const T *w = reinterpret_cast<const T *>(place.w);
  float sums[tokens] = {};
  for (uint32_t k = threadIdx.x % 32; k < p.cols; k += 32) {
    const float weight = to_float(w[k]);
#pragma unroll
    for (int t = 0; t < tokens; t++) {
      if (first + t < p.rows) {
        sums[t] += weight * load_x(p, (size_t)(first + t) * p.x_stride + k);
      }
    }
  }
  finish(p, place, first, sums);
}

} // namespace

mk_status plain_product(mk_stream *stream, const product *p) {
  uint32_t outputs = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) outputs += p->segments[s].rows;
  const dim3 grid(ceil_div(outputs, warps), ceil_div(p->rows, tokens));
  switch (p->dtype) {
  case MK_F32: return launch(stream, float_kernel<float>, grid, warps * 32, 0, *p, outputs);
  case MK_F16: return launch(stream, float_kernel<__half>, grid, warps * 32, 0, *p, outputs);
  case MK_BF16: return launch(stream, float_kernel<bf16>, grid, warps * 32, 0, *p, outputs);
  default: return MK_UNSUPPORTED;
  }
}
