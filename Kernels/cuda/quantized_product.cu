/// Products of few rows of x with quantised weights in the layout of packed.cuh, bound by the read of the weights.
///
/// A block owns one or two tiles of 16 outputs; its warps take the units of 128 columns in turn, and their partial sums
/// are added in a fixed order, so that a result depends on the weights' shape only. Codes become bf16 by putting them
/// into the mantissa of a constant: 128 + code for 4 bits, and for 8 bits the low seven bits less 128 or, by the sign,
/// 256. Tensor cores multiply them, exact as they are; scales are applied in float to the sums of each group of columns,
/// and what the constant and the minimum add is a multiple of the group's sum of x, which a tile of ones gives.
#include "gated.cuh"
#include "packed.cuh"
#include "products.h"

namespace {

constexpr int warps = 8;
constexpr uint32_t most_tokens = 16;

__device__ __forceinline__ uint4 load_once(const void *address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

/// A layout of packed.cuh; the centre is part of the kernel's argument.
template <int bits_, int groups_, bool has_minimum_> struct layout {
  static constexpr packed_format format = {bits_, 0, groups_, has_minimum_};
  static constexpr int bits = bits_, groups = groups_;
  static constexpr bool has_minimum = has_minimum_, needs_sum = bits_ == 4 || has_minimum_;
};

/// What a lane holds of a unit: its codes of rows g and g + 8, and those rows' scales.
template <typename F> struct unit_data {
  uint4 codes[2][F::bits / 4];
  uint32_t scales[2][scale_bytes(F::format) / 4];

  __device__ __forceinline__ void load(const uint8_t *unit) {
    const uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int v = 0; v < F::bits / 4; v++) codes[i][v] = load_once(unit + ((i * (F::bits / 4) + v) * 32 + lane) * 16);
    }
    const uint8_t *from = unit + code_bytes(F::format) + lane / 4 * scale_bytes(F::format);
#pragma unroll
    for (int i = 0; i < 2; i++, from += 8 * scale_bytes(F::format)) {
      if constexpr (scale_bytes(F::format) == 8) {
        const uint2 pair = *reinterpret_cast<const uint2 *>(from);
        scales[i][0] = pair.x;
        scales[i][1] = pair.y;
      } else {
#pragma unroll
        for (uint32_t v = 0; v < scale_bytes(F::format) / 16; v++) {
          const uint4 four = load_once(from + 16 * v);
          scales[i][4 * v] = four.x;
          scales[i][4 * v + 1] = four.y;
          scales[i][4 * v + 2] = four.z;
          scales[i][4 * v + 3] = four.w;
        }
      }
    }
  }

  /// Codes of block `b`, columns of `half`, of row i as two pairs of bf16; those of 4 bits are 128 too large.
  __device__ __forceinline__ void fragment(int b, int half, int i, uint32_t *first, uint32_t *second) const {
    if constexpr (F::bits == 4) {
      const uint32_t word = (&codes[i][0].x)[b] >> (8 * half);
      *first = (word & 0x000f000f) | 0x43004300;
      *second = (word >> 4 & 0x000f000f) | 0x43004300;
    } else {
      const uint32_t word = (&codes[i][b / 2].x)[b % 2 * 2 + half];
      *first = signed_pair(word);
      *second = signed_pair(word >> 8);
    }
  }
  /// Bytes 0 and 2 as bf16: 128 + low seven bits - 128, or - 256 where the sign is set.
  __device__ static __forceinline__ uint32_t signed_pair(uint32_t word) {
    const uint32_t low = (word & 0x007f007f) | 0x43004300, base = (word & 0x00800080) | 0xc300c300;
    const __nv_bfloat162 sum =
        __hadd2(*reinterpret_cast<const __nv_bfloat162 *>(&low), *reinterpret_cast<const __nv_bfloat162 *>(&base));
    return *reinterpret_cast<const uint32_t *>(&sum);
  }
  /// {scale, minimum} of row i in group `g` of block `b`.
  __device__ __forceinline__ float2 scale(int b, int g, int i) const {
    const int at = b * F::groups + g;
    if constexpr (F::has_minimum) return __half22float2(*reinterpret_cast<const __half2 *>(&scales[i][at]));
    return {__half2float(__ushort_as_half((unsigned short)(scales[i][at / 2] >> (at % 2 * 16)))), 0};
  }
};

/// Where a block's tiles lie.
struct tile_place {
  uint32_t segment, tile;
};

template <int tiles> __device__ __forceinline__ tile_place place_of(const product &p, uint32_t index) {
  if (is_gated(p.output)) return {0, index};
  uint32_t s = 0;
  while (s + 1 < p.segment_count) {
    const uint32_t blocks = (p.segments[s].rows + tiles * tile_rows - 1) / (tiles * tile_rows);
    if (index < blocks) break;
    index -= blocks;
    s++;
  }
  return {s, index * tiles};
}

/// The warps' sums, [warp][token][row of all tiles].
template <int tiles, int token_tiles> using warp_sums = float[warps][8 * token_tiles][tiles * tile_rows + 1];

template <int tiles, int token_tiles>
__device__ __forceinline__ void store(const product &p, tile_place place, const warp_sums<tiles, token_tiles> &sums) {
  const bool pairs_tiles = is_gated(p.output);
  const product_segment segment = p.segments[place.segment];
  const uint32_t outputs = pairs_tiles ? tile_rows : tiles * tile_rows;
  for (uint32_t i = threadIdx.x; i < outputs * 8 * token_tiles; i += warps * 32) {
    const uint32_t row = i % outputs, token = i / outputs, output = place.tile * tile_rows + row;
    if (token >= p.rows || output >= segment.rows) continue;
    const auto total = [&](uint32_t of, const float *bias) {
      float sum = 0;
#pragma unroll
      for (int w = 0; w < warps; w++) sum += sums[w][token][of];
      return sum + (bias ? bias[output] : 0);
    };
    const size_t at = (size_t)token * p.y_stride + segment.offset + output;
    float value = total(row, segment.bias);
    if (pairs_tiles) {
      value = activate(value, p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH) *
              total(row + tile_rows, p.segments[1].bias);
    }
    if (p.output == MK_OUTPUT_ADD) value += static_cast<const float *>(p.y)[at];
    store_activation(p.y, p.y_dtype, at, value);
  }
}

/// d += the products of one group of columns.
template <typename F> __device__ __forceinline__ void add_scaled(float d[4], const float products[4], const float x[2],
                                                                 float2 low, float2 high, float offset) {
  if constexpr (F::needs_sum) {
    const float more_low = low.y - offset * low.x, more_high = high.y - offset * high.x;
    d[0] += low.x * products[0] + more_low * x[0];
    d[1] += low.x * products[1] + more_low * x[1];
    d[2] += high.x * products[2] + more_high * x[0];
    d[3] += high.x * products[3] + more_high * x[1];
  } else {
    d[0] += low.x * products[0];
    d[1] += low.x * products[1];
    d[2] += high.x * products[2];
    d[3] += high.x * products[3];
  }
}

/// `offset` is what codes are too large by.
template <typename F, int tiles, int token_tiles>
__global__ void __launch_bounds__(warps * 32, 2) quantized_kernel(const product p, float offset) {
  __shared__ warp_sums<tiles, token_tiles> partial;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  const uint32_t units = (p.cols + unit_columns - 1) / unit_columns;
  const tile_place place = place_of<tiles>(p, blockIdx.x);
  const uint8_t *w[tiles];
#pragma unroll
  for (uint32_t m = 0; m < tiles; m++) {
    const product_segment &segment = p.segments[is_gated(p.output) ? m : place.segment];
    // A tile past the last repeats it and is not stored.
    const uint32_t tile = min(place.tile + (is_gated(p.output) ? 0 : m), (segment.rows - 1) / tile_rows);
    w[m] = static_cast<const uint8_t *>(segment.w) + (size_t)tile * units * unit_bytes(F::format);
  }
  const bf16 *x[token_tiles];
#pragma unroll
  for (int t = 0; t < token_tiles; t++) {
    const uint32_t row = t * 8 + group;
    x[t] = row < p.rows ? static_cast<const bf16 *>(p.x) + (size_t)row * p.x_stride + quad * 4 : nullptr;
  }
  unit_data<F> data[tiles];
  // Constant weights are on their way while the predecessor drains.
  if (warp < units) {
#pragma unroll
    for (int m = 0; m < tiles; m++) data[m].load(w[m] + (size_t)warp * unit_bytes(F::format));
  }
  wait_for_predecessor();
  release_successor();
  float sums[tiles][token_tiles][4] = {};
  for (uint32_t unit = warp; unit < units; unit += warps) {
    unit_data<F> now[tiles];
#pragma unroll
    for (int m = 0; m < tiles; m++) {
      now[m] = data[m];
      if (unit + warps < units) data[m].load(w[m] + (size_t)(unit + warps) * unit_bytes(F::format));
    }
    constexpr uint32_t ones = 0x3f803f80;
    uint2 pieces[unit_blocks][2][token_tiles];
#pragma unroll
    for (int b = 0; b < (int)unit_blocks; b++) {
      // x of some blocks at a time, as registers allow.
      constexpr int at_once = token_tiles == 1 ? unit_blocks : 2;
      if (b % at_once == 0) {
#pragma unroll
        for (int i = b; i < b + at_once; i++) {
#pragma unroll
          for (int part = 0; part < 2 * token_tiles; part++) {
            const uint32_t k = unit * unit_columns + i * block_columns;
            const bf16 *from = x[part / 2];
            pieces[i][part % 2][part / 2] =
                from && k < p.cols ? *reinterpret_cast<const uint2 *>(from + k + part % 2 * 16) : make_uint2(0, 0);
          }
        }
      }
#pragma unroll
      for (int g = 0; g < F::groups; g++) {
#pragma unroll
        for (int t = 0; t < token_tiles; t++) {
          float x_sums[4] = {};
          if constexpr (F::needs_sum) {
#pragma unroll
            for (int half = g; half < (F::groups == 2 ? g + 1 : 2); half++) {
              const uint2 piece = pieces[b][half][t];
              multiply_tile<bf16>(x_sums, ones, ones, ones, ones, piece.x, piece.y);
            }
          }
#pragma unroll
          for (int m = 0; m < tiles; m++) {
            float products[4] = {};
#pragma unroll
            for (int half = g; half < (F::groups == 2 ? g + 1 : 2); half++) {
              uint32_t a[4];
              now[m].fragment(b, half, 0, &a[0], &a[2]);
              now[m].fragment(b, half, 1, &a[1], &a[3]);
              const uint2 piece = pieces[b][half][t];
              multiply_tile<bf16>(products, a[0], a[1], a[2], a[3], piece.x, piece.y);
            }
            add_scaled<F>(sums[m][t], products, x_sums, now[m].scale(b, g, 0), now[m].scale(b, g, 1), offset);
          }
        }
      }
    }
  }
#pragma unroll
  for (int m = 0; m < tiles; m++) {
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        partial[warp][t * 8 + quad * 2 + i % 2][m * tile_rows + group + i / 2 * 8] = sums[m][t][i];
      }
    }
  }
  __syncthreads();
  store<tiles, token_tiles>(p, place, partial);
}

uint32_t blocks_of(const product &p, uint32_t tiles) {
  if (is_gated(p.output)) return ceil_div(p.segments[0].rows, tile_rows);
  uint32_t blocks = 0;
  for (uint32_t s = 0; s < p.segment_count; s++) blocks += ceil_div(p.segments[s].rows, tiles * tile_rows);
  return blocks;
}

template <typename F, int tiles> mk_status run(mk_stream *stream, const product &p, float offset) {
  const uint32_t blocks = blocks_of(p, tiles);
  return p.rows > 8 ? launch(stream, quantized_kernel<F, tiles, 2>, blocks, warps * 32, 0, p, offset)
                    : launch(stream, quantized_kernel<F, tiles, 1>, blocks, warps * 32, 0, p, offset);
}

template <mk_dtype dtype> mk_status run(mk_stream *stream, const product &p) {
  constexpr packed_format format = packed_format_of(dtype);
  using F = layout<format.bits, format.groups, format.has_minimum>;
  const float offset = format.bits == 4 ? 128 + format.centre : 0;
  // Two tiles share what is read of x; one gives more blocks.
  const bool is_wide = is_gated(p.output) || blocks_of(p, 1) >= 4 * (uint32_t)stream->multiprocessors;
  return is_wide ? run<F, 2>(stream, p, offset) : run<F, 1>(stream, p, offset);
}

} // namespace

bool quantized_product_fits(const product *p) {
  return is_quantized(p->dtype) && p->rows <= most_quantized_rows && p->x_dtype == MK_BF16 && (uintptr_t)p->x % 8 == 0 &&
         p->x_stride % 4 == 0;
}

mk_status quantized_product(mk_stream *stream, const product *p) {
  product part = *p;
  for (uint32_t row = 0; row < p->rows; row += most_tokens) {
    part.x = static_cast<const bf16 *>(p->x) + (size_t)row * p->x_stride;
    part.y = static_cast<uint8_t *>(p->y) + (size_t)row * p->y_stride * (p->y_dtype == MK_F32 ? 4 : 2);
    part.rows = p->rows - row < most_tokens ? p->rows - row : most_tokens;
    mk_status status = MK_UNSUPPORTED;
    with_quantized(p->dtype, [&](auto dtype) { status = run<decltype(dtype)::value>(stream, part); });
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
