/// Products of few rows of x with quantised weights in the layout of packed.cuh, bound by the read of the weights.
///
/// A block owns one or two tiles of 16 outputs; its warps take the units of 128 columns in turn, each copied ahead to a
/// ring of the warp's own in shared memory, and their partial sums are added in a fixed order, so that a result depends
/// on the weights' shape only. Codes become bf16 by putting them
/// into the mantissa of a constant: 128 + code for 4 bits, and for 8 bits the low seven bits less 128 or, by the sign,
/// 256. Tensor cores multiply them, exact as they are; scales are applied in float to the sums of each group of
/// columns, and what the constant and the minimum add is a multiple of the group's sum of x, which a tile of ones gives.
#include "gated.cuh"
#include "packed.cuh"
#include "products.h"

namespace {

constexpr int warps = 8;
constexpr uint32_t most_tokens = 32;

/// 16 bytes to shared memory, as part of the thread's next group of copies.
__device__ __forceinline__ void copy_ahead(uint32_t to, const uint8_t *from) {
  asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}
__device__ __forceinline__ void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Until all groups but the last `pending` have arrived.
template <int pending> __device__ __forceinline__ void wait_for_group() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// A layout of packed.cuh; the centre is part of the kernel's argument. A warp has up to `stages` units of each tile on
/// their way.
template <int bits_, int groups_, bool has_minimum_, int stages_> struct layout {
  static constexpr packed_format format = {bits_, 0, groups_, has_minimum_};
  static constexpr int bits = bits_, groups = groups_;
  static constexpr bool has_minimum = has_minimum_, needs_sum = bits_ == 4 || has_minimum_;
  static constexpr int stages = stages_;
};

/// What a lane holds of a unit: its codes of rows g and g + 8, and those rows' scales.
template <typename F> struct unit_data {
  uint4 codes[2][F::bits / 4];
  uint32_t scales[2][scale_bytes(F::format) / 4];

  __device__ __forceinline__ void load(const uint8_t *unit) {
    const uint32_t lane = threadIdx.x % 32;
    const uint4 *from = reinterpret_cast<const uint4 *>(unit) + lane;
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int v = 0; v < F::bits / 4; v++) codes[i][v] = from[(i * (F::bits / 4) + v) * 32];
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const uint8_t *row = unit + code_bytes(F::format) + (lane / 4 + 8 * i) * scale_bytes(F::format);
#pragma unroll
      for (uint32_t v = 0; v < scale_bytes(F::format) / 8; v++) {
        const uint2 pair = reinterpret_cast<const uint2 *>(row)[v];
        scales[i][2 * v] = pair.x;
        scales[i][2 * v + 1] = pair.y;
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

/// A warp's ring of units in shared memory.
template <typename F, int tiles> struct unit_ring {
  static constexpr uint32_t stage_bytes = tiles * unit_bytes(F::format), bytes = F::stages * stage_bytes;
  const uint8_t *w[tiles]; ///< the tiles' first units
  uint8_t *memory;
  uint32_t address, units;

  /// Starts the copy of a unit of each tile; past the last one an empty group.
  __device__ __forceinline__ void start(uint32_t unit, uint32_t stage) const {
    if (unit < units) {
#pragma unroll
      for (int m = 0; m < tiles; m++) {
        const uint8_t *from = w[m] + (size_t)unit * unit_bytes(F::format);
        const uint32_t to = address + stage * stage_bytes + m * unit_bytes(F::format);
#pragma unroll
        for (uint32_t first = 0; first < unit_bytes(F::format); first += 512) {
          const uint32_t at = first + threadIdx.x % 32 * 16;
          if (at < unit_bytes(F::format)) copy_ahead(to + at, from + at);
        }
      }
    }
    end_group();
  }
};

/// x of a block of 32 columns, as fragments of two tiles.
template <int token_tiles> struct x_block {
  uint2 halves[2][token_tiles];

  __device__ __forceinline__ void load(const bf16 *const x[token_tiles], uint32_t k, uint32_t cols) {
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        halves[half][t] =
            x[t] && k < cols ? *reinterpret_cast<const uint2 *>(x[t] + k + half * 16) : make_uint2(0, 0);
      }
    }
  }
};

/// sums += the products of block `b` of the tiles' units.
template <typename F, int tiles, int token_tiles>
__device__ __forceinline__ void multiply_block(float sums[tiles][token_tiles][4], const unit_data<F> data[tiles], int b,
                                               const x_block<token_tiles> &x, float offset) {
  constexpr uint32_t ones = 0x3f803f80;
#pragma unroll
  for (int g = 0; g < F::groups; g++) {
    constexpr int halves = F::groups == 2 ? 1 : 2;
    float x_sums[token_tiles][4] = {};
    if constexpr (F::needs_sum) {
#pragma unroll
      for (int t = 0; t < token_tiles; t++) {
#pragma unroll
        for (int half = g; half < g + halves; half++) {
          const uint2 piece = x.halves[half][t];
          multiply_tile<bf16>(x_sums[t], ones, ones, ones, ones, piece.x, piece.y);
        }
      }
    }
#pragma unroll
    for (int m = 0; m < tiles; m++) {
      float products[token_tiles][4] = {};
#pragma unroll
      for (int half = g; half < g + halves; half++) {
        uint32_t a[4];
        data[m].fragment(b, half, 0, &a[0], &a[2]);
        data[m].fragment(b, half, 1, &a[1], &a[3]);
#pragma unroll
        for (int t = 0; t < token_tiles; t++) {
          const uint2 piece = x.halves[half][t];
          multiply_tile<bf16>(products[t], a[0], a[1], a[2], a[3], piece.x, piece.y);
        }
      }
      const float2 low = data[m].scale(b, g, 0), high = data[m].scale(b, g, 1);
#pragma unroll
      for (int t = 0; t < token_tiles; t++) add_scaled<F>(sums[m][t], products[t], x_sums[t], low, high, offset);
    }
  }
}

/// `offset` is what codes are too large by.
template <typename F, int tiles, int token_tiles>
__global__ void __launch_bounds__(warps * 32, 2) quantized_kernel(const product p, float offset) {
  extern __shared__ __align__(16) uint8_t shared[];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  const tile_place place = place_of<tiles>(p, blockIdx.x);
  unit_ring<F, tiles> ring;
  ring.units = (p.cols + unit_columns - 1) / unit_columns;
  ring.memory = shared + warp * ring.bytes;
  ring.address = (uint32_t)__cvta_generic_to_shared(ring.memory);
#pragma unroll
  for (uint32_t m = 0; m < tiles; m++) {
    const product_segment &segment = p.segments[is_gated(p.output) ? m : place.segment];
    // A tile past the last repeats it and is not stored.
    const uint32_t tile = min(place.tile + (is_gated(p.output) ? 0 : m), (segment.rows - 1) / tile_rows);
    ring.w[m] = static_cast<const uint8_t *>(segment.w) + (size_t)tile * ring.units * unit_bytes(F::format);
  }
  const bf16 *x[token_tiles];
#pragma unroll
  for (int t = 0; t < token_tiles; t++) {
    const uint32_t row = t * 8 + group;
    x[t] = row < p.rows ? static_cast<const bf16 *>(p.x) + (size_t)row * p.x_stride + quad * 4 : nullptr;
  }
  // Constant weights are on their way while the predecessor drains.
#pragma unroll
  for (int i = 0; i < F::stages - 1; i++) ring.start(warp + i * warps, i);
  wait_for_predecessor();
  release_successor();
  float sums[tiles][token_tiles][4] = {};
  x_block<token_tiles> blocks[2];
  blocks[0].load(x, warp * unit_columns, p.cols);
  uint32_t stage = 0;
  for (uint32_t unit = warp; unit < ring.units; unit += warps) {
    ring.start(unit + (F::stages - 1) * warps, (stage + F::stages - 1) % F::stages);
    wait_for_group<F::stages - 1>();
    __syncwarp();
    unit_data<F> data[tiles];
#pragma unroll
    for (int m = 0; m < tiles; m++) data[m].load(ring.memory + stage * ring.stage_bytes + m * unit_bytes(F::format));
#pragma unroll
    for (int b = 0; b < (int)unit_blocks; b++) {
      const uint32_t next = b + 1 < (int)unit_blocks ? unit * unit_columns + (b + 1) * block_columns
                                                     : (unit + warps) * unit_columns;
      blocks[(b + 1) % 2].load(x, next, p.cols);
      multiply_block<F, tiles, token_tiles>(sums, data, b, blocks[b % 2], offset);
    }
    stage = (stage + 1) % F::stages;
    __syncwarp();
  }
  // The ring's memory takes the sums.
  __syncthreads();
  auto &partial = *reinterpret_cast<warp_sums<tiles, token_tiles> *>(shared);
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

template <typename F, int tiles, int token_tiles>
mk_status start(mk_stream *stream, const product &p, float offset) {
  const auto kernel = quantized_kernel<F, tiles, token_tiles>;
  constexpr size_t ring = warps * unit_ring<F, tiles>::bytes, sums = sizeof(warp_sums<tiles, token_tiles>);
  constexpr size_t bytes = ring > sums ? ring : sums;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch(stream, kernel, blocks_of(p, tiles), warps * 32, bytes, p, offset);
}

template <typename F, int tiles> mk_status run(mk_stream *stream, const product &p, float offset) {
  if (p.rows > 16) return start<F, tiles, 4>(stream, p, offset);
  return p.rows > 8 ? start<F, tiles, 2>(stream, p, offset) : start<F, tiles, 1>(stream, p, offset);
}

template <typename F> mk_status run(mk_stream *stream, const product &p, float offset) {
  // Two tiles share what is read of x; one gives more blocks.
  const bool is_wide = is_gated(p.output) || blocks_of(p, 1) >= 4 * (uint32_t)stream->multiprocessors;
  return is_wide ? run<F, 2>(stream, p, offset) : run<F, 1>(stream, p, offset);
}

template <mk_dtype dtype> mk_status choose(mk_stream *stream, const product &p) {
  constexpr packed_format format = packed_format_of(dtype);
  if constexpr (format.bits == 4) {
    return run<layout<4, format.groups, format.has_minimum, 4>>(stream, p, 128 + format.centre);
  }
  // Three stages of two tiles take up to 108 KiB, which GPUs for desktops do not have.
  int most = 0;
  const cudaError_t error = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream->device);
  if (error != cudaSuccess) return status_of(error);
  return most >= 112 << 10 ? run<layout<8, format.groups, format.has_minimum, 3>>(stream, p, 0)
                           : run<layout<8, format.groups, format.has_minimum, 2>>(stream, p, 0);
}

} // namespace

bool quantized_product_fits(const product *p) {
  return is_quantized(p->dtype) && p->dtype != MK_F8_E4M3 && p->rows <= most_quantized_rows && p->x_dtype == MK_BF16 &&
         (uintptr_t)p->x % 8 == 0 && p->x_stride % 4 == 0;
}

mk_status quantized_product(mk_stream *stream, const product *p) {
  product part = *p;
  for (uint32_t row = 0; row < p->rows; row += most_tokens) {
    part.x = static_cast<const bf16 *>(p->x) + (size_t)row * p->x_stride;
    part.y = static_cast<uint8_t *>(p->y) + (size_t)row * p->y_stride * (p->y_dtype == MK_F32 ? 4 : 2);
    part.rows = p->rows - row < most_tokens ? p->rows - row : most_tokens;
    mk_status status = MK_UNSUPPORTED;
    with_quantized(p->dtype, [&](auto dtype) { status = choose<decltype(dtype)::value>(stream, part); });
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
