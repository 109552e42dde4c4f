/// Products with up to 8 rows of x, or 16 where the weights are small, bound by the read of the weights, on tensor
/// cores.
///
/// A block owns 16 outputs; its warps split the reduced dimension in chunks of 128 and their partial sums are added in
/// a fixed order, so that a result depends on the weights' shape only. A thread reads 16 bytes of a weight row at a
/// time: the order of the reduced dimension within a tile is arbitrary as long as both operands agree on it, so each four
/// consecutive columns serve as the fragments of a tile.
///
/// A gated product pairs eight gate rows with their up rows in one tile. A norm between two products needs no pass of
/// its own: a tile leaves the squares of its outputs, and what follows divides its sums by their mean's root. FP8 weights are
/// widened to bf16 in registers; their scales multiply the sums.
#include "fp8.cuh"
#include "gated.cuh"
#include "products.h"

namespace {

constexpr int warps = 8, steps = 4, tile_rows = 16;

/// A code of FP8 weights.
struct fp8_code {
  uint8_t bits;
};
/// What weights of type W are multiplied as, and how many of them 16 bytes hold.
template <typename W> using operand = std::conditional_t<std::is_same_v<W, fp8_code>, bf16, W>;
template <typename W> constexpr uint32_t columns_of = 16 / sizeof(W);

/// The operands of columns 4 * i ... 4 * i + 3 among 16 bytes of a weight row.
template <typename W> __device__ __forceinline__ uint2 operands(uint4 bits, int i) {
  if constexpr (std::is_same_v<W, fp8_code>) {
    return widen_codes(i == 0 ? bits.x : i == 1 ? bits.y : i == 2 ? bits.z : bits.w);
  } else {
    return i == 0 ? make_uint2(bits.x, bits.y) : make_uint2(bits.z, bits.w);
  }
}

__device__ __forceinline__ uint4 load_once(const void *address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

/// Eight neighbouring values of x as they lie in memory.
template <typename X> struct eight;
template <> struct eight<float> {
  float4 low, high;
  __device__ __forceinline__ void load(const float *from) {
    low = reinterpret_cast<const float4 *>(from)[0];
    high = reinterpret_cast<const float4 *>(from)[1];
  }
  __device__ __forceinline__ void clear() { low = high = make_float4(0, 0, 0, 0); }
  template <typename T> __device__ __forceinline__ uint4 fragment() const {
    return make_uint4(pack_pair<T>(low.x, low.y), pack_pair<T>(low.z, low.w), pack_pair<T>(high.x, high.y),
                      pack_pair<T>(high.z, high.w));
  }
};
template <> struct eight<bf16> {
  uint4 bits;
  __device__ __forceinline__ void load(const bf16 *from) { bits = *reinterpret_cast<const uint4 *>(from); }
  __device__ __forceinline__ void clear() { bits = make_uint4(0, 0, 0, 0); }
  template <typename T> __device__ __forceinline__ uint4 fragment() const {
    if constexpr (std::is_same_v<T, bf16>) return bits;
    const auto converted = [](uint32_t pair) {
      const float2 two = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(&pair));
      return pack_pair<T>(two.x, two.y);
    };
    return make_uint4(converted(bits.x), converted(bits.y), converted(bits.z), converted(bits.w));
  }
};

template <> struct eight<__half> {
  uint4 bits;
  __device__ __forceinline__ void load(const __half *from) { bits = *reinterpret_cast<const uint4 *>(from); }
  __device__ __forceinline__ void clear() { bits = make_uint4(0, 0, 0, 0); }
  template <typename T> __device__ __forceinline__ uint4 fragment() const { return bits; }
};

/// The tiles of a product and where their rows lie.
struct tile_place {
  uint32_t segment, first_row;
};
__device__ __forceinline__ uint32_t outputs_per_tile(const product &p) {
  return p.output >= MK_OUTPUT_SILU ? tile_rows / 2 : tile_rows;
}
__device__ __forceinline__ tile_place place_of(const product &p, uint32_t tile) {
  uint32_t s = 0;
  while (p.output < MK_OUTPUT_SILU && s + 1 < p.segment_count &&
         tile >= (p.segments[s].rows + tile_rows - 1) / tile_rows) {
    tile -= (p.segments[s++].rows + tile_rows - 1) / tile_rows;
  }
  return {s, tile * outputs_per_tile(p)};
}
/// A thread's row of half tile i: eight rows of the segment, of gates and ups in a gated product. Rows past the last
/// repeat it and are not stored.
template <typename W> __device__ __forceinline__ const W *row_of(const product &p, tile_place place, int i) {
  const bool pairs_rows = p.output >= MK_OUTPUT_SILU;
  const uint32_t group = threadIdx.x % 32 / 4;
  const uint32_t row = min(place.first_row + (pairs_rows ? 0 : i * 8) + group, p.segments[place.segment].rows - 1);
  const void *w = p.segments[pairs_rows ? i : place.segment].w;
  return static_cast<const W *>(w) + (size_t)row * p.cols;
}

/// The warps' sums of a tile, [warp][token][row].
template <int tile_tokens> using tile_sums = float[warps][tile_tokens][tile_rows + 1];

/// What a deferred norm multiplies the results of each token with.
template <int tile_tokens> using token_factors = float[tile_tokens];

/// The factor of a token, by a warp. Its reads come behind those of the weights: ahead they would take registers.
__device__ __forceinline__ float factor_of(const product &p, uint32_t token) {
  const uint32_t count = square_parts(p.cols);
  float sum = 0;
  for (uint32_t i = threadIdx.x % 32 * 4; i < count; i += 128) {
    const float4 four = *reinterpret_cast<const float4 *>(p.squares + (size_t)token * count + i);
    sum += four.x + four.y + four.z + four.w;
  }
  return 1.0f / sqrtf(warp_sum(sum) / p.cols + p.epsilon);
}

/// Adds the warps' sums and stores the tile.
template <typename W, int tile_tokens>
__device__ __forceinline__ void store_tile(const product &p, tile_place place, const tile_sums<tile_tokens> &sums,
                                           const token_factors<tile_tokens> &factors) {
  const product_segment segment = p.segments[place.segment];
  const bool pairs_rows = p.output >= MK_OUTPUT_SILU;
  const uint32_t outputs = outputs_per_tile(p);
  for (uint32_t i = threadIdx.x; i < outputs * tile_tokens; i += warps * 32) {
    const uint32_t row = i % outputs, token = i / outputs;
    if (token >= p.rows || place.first_row + row >= segment.rows) continue;
    const auto total = [&](uint32_t of, const product_segment &from) {
      float sum = 0;
#pragma unroll
      for (int w = 0; w < warps; w++) sum += sums[w][token][of];
      if constexpr (std::is_same_v<W, fp8_code>) sum *= from.scales[place.first_row + row];
      if (p.squares) sum *= factors[token];
      return sum + (from.bias ? from.bias[place.first_row + row] : 0);
    };
    const size_t at = (size_t)token * p.y_stride + segment.offset + place.first_row + row;
    float value = total(row, segment);
    if (pairs_rows) {
      value = activate(value, p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH) * total(row + 8, p.segments[1]);
    }
    if (p.output == MK_OUTPUT_ADD) value += static_cast<const float *>(p.y)[at];
    store_activation(p.y, p.y_dtype, at, value);
    if (!p.next_norm_weight) continue;
    // The tile is full: sixteen neighbouring lanes have a token.
    const uint32_t output = place.first_row + row, lanes = 0xffffu << (threadIdx.x % 32 / tile_rows * tile_rows);
    p.next_x[(size_t)token * segment.rows + output] = from_float<bf16>(value * p.next_norm_weight[output]);
    float square = value * value;
#pragma unroll
    for (int offset = tile_rows / 2; offset > 0; offset /= 2) square += __shfl_xor_sync(lanes, square, offset);
    if (row == 0) p.next_squares[(size_t)token * square_parts(segment.rows) + output / tile_rows] = square;
  }
}

/// Where a thread reads a step's columns: 16 bytes of two weight rows, and as many columns of a row of x per tile of
/// tokens.
template <typename W, typename X, int token_tiles> struct streams {
  static constexpr uint32_t columns = columns_of<W>;
  const W *w[2];           ///< the thread's row of each half tile
  const X *x[token_tiles]; ///< NULL past the last row of x
  uint32_t cols, weight_cols;

  struct weights {
    uint4 rows[2];
  };
  struct activations {
    eight<X> parts[token_tiles][columns / 8];
  };
  /// From here on weights are those of the tile, or none.
  __device__ __forceinline__ void set_tile(const product &p, tile_place place, bool is_there) {
    w[0] = row_of<W>(p, place, 0);
    w[1] = row_of<W>(p, place, 1);
    weight_cols = is_there ? p.cols : 0;
  }
  __device__ __forceinline__ void load(uint32_t k, weights &step) const {
#pragma unroll
    for (int i = 0; i < 2; i++) step.rows[i] = k < weight_cols ? load_once(w[i] + k) : make_uint4(0, 0, 0, 0);
  }
  __device__ __forceinline__ void load(uint32_t k, activations &step) const {
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
#pragma unroll
      for (uint32_t part = 0; part < columns / 8; part++) {
        if (x[t] && k < cols) {
          step.parts[t][part].load(x[t] + k + part * 8);
        } else {
          step.parts[t][part].clear();
        }
      }
    }
  }
  /// Adds a step's products.
  static __device__ __forceinline__ void multiply(float (&sums)[token_tiles][4], const weights &a,
                                                  const activations &b) {
    using T = operand<W>;
#pragma unroll
    for (uint32_t part = 0; part < columns / 8; part++) {
      const uint2 low[2] = {operands<W>(a.rows[0], 2 * part), operands<W>(a.rows[0], 2 * part + 1)},
                  high[2] = {operands<W>(a.rows[1], 2 * part), operands<W>(a.rows[1], 2 * part + 1)};
#pragma unroll
      for (int t = 0; t < token_tiles; t++) {
        const uint4 x = b.parts[t][part].template fragment<T>();
        multiply_tile<T>(sums[t], low[0].x, high[0].x, low[0].y, high[0].y, x.x, x.y);
        multiply_tile<T>(sums[t], low[1].x, high[1].x, low[1].y, high[1].y, x.z, x.w);
      }
    }
  }
};

template <typename W, int blocks> constexpr bool takes_several = sizeof(W) == 1 && blocks < 3;

/// `blocks` of them share a multiprocessor. Weights are loaded `steps` steps ahead, x `x_steps`. Tiles of FP8 weights are
/// short: a block takes several, and the next one's weights are on their way before the last one's sums are added. Three
/// blocks have no registers for that.
template <typename W, typename X, int token_tiles, int x_steps, int blocks>
__global__ void __launch_bounds__(warps * 32, blocks) streaming_kernel(const product p, uint32_t tiles) {
  using source = streams<W, X, token_tiles>;
  constexpr uint32_t step_columns = 4 * columns_of<W>, chunk_columns = steps * step_columns;
  constexpr bool takes_more = takes_several<W, blocks>;
  static_assert(steps % x_steps == 0);
  __shared__ tile_sums<8 * token_tiles> partial[takes_more ? 2 : 1];
  __shared__ token_factors<8 * token_tiles> factors;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  tile_place place = place_of(p, blockIdx.x);
  source from;
  from.set_tile(p, place, true);
#pragma unroll
  for (int t = 0; t < token_tiles; t++) {
    const uint32_t row = t * 8 + group;
    from.x[t] = row < p.rows ? static_cast<const X *>(p.x) + (size_t)row * p.x_stride : nullptr;
  }
  from.cols = p.cols;
  // A warp's chunks of columns; each step is loaded again as soon as it is used.
  const uint32_t first_column = warp * chunk_columns + quad * columns_of<W>;
  const uint32_t chunks = (p.cols + chunk_columns - 1) / chunk_columns;
  typename source::weights w[steps];
  typename source::activations x[x_steps];
  if (p.weights_are_fresh) wait_for_predecessor();
  // Constant weights are on their way while the predecessor drains.
#pragma unroll
  for (int i = 0; i < steps; i++) from.load(first_column + i * step_columns, w[i]);
  wait_for_predecessor();
  if (!takes_more) release_successor();
#pragma unroll
  for (int i = 0; i < x_steps; i++) from.load(first_column + i * step_columns, x[i]);
  // Only products that defer have squares: eight tokens in bf16, one to a warp.
  constexpr bool may_defer = token_tiles == 1 && std::is_same_v<X, bf16> && !std::is_same_v<W, __half>;
  bool has_squares = may_defer && p.squares && warp < p.rows;
  uint32_t buffer = 0;
  for (uint32_t tile = blockIdx.x;;) {
    float sums[token_tiles][4] = {};
    const tile_place here = place;
    tile += gridDim.x;
    if (takes_more && tile < tiles) place = place_of(p, tile);
    // Blocks of the next kernel would crowd on the multiprocessors that are free first.
    if (takes_more && tile >= tiles) release_successor();
    uint32_t column = first_column;
    for (uint32_t chunk = warp; chunk < chunks; chunk += warps) {
      uint32_t next = column + warps * chunk_columns;
      if (takes_more && chunk + warps >= chunks) {
        from.set_tile(p, place, tile < tiles);
        next = first_column;
      }
#pragma unroll
      for (int i = 0; i < steps; i++) {
        source::multiply(sums, w[i], x[i % x_steps]);
        from.load(next + i * step_columns, w[i]);
        const int ahead = i + x_steps;
        from.load(ahead < steps ? column + ahead * step_columns : next + (ahead - steps) * step_columns,
                  x[i % x_steps]);
      }
      column = next;
    }
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        partial[buffer][warp][t * 8 + quad * 2 + i % 2][group + i / 2 * 8] = sums[t][i];
      }
    }
    if (has_squares) {
      const float factor = factor_of(p, warp);
      if (lane == 0) factors[warp] = factor;
      has_squares = false;
    }
    __syncthreads();
    store_tile<W, 8 * token_tiles>(p, here, partial[buffer], factors);
    if (!takes_more || tile >= tiles) return;
    buffer ^= 1;
  }
}

uint32_t tiles_of(const product *p) {
  if (is_gated(p->output)) return ceil_div(p->segments[0].rows, tile_rows / 2);
  uint32_t tiles = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) tiles += ceil_div(p->segments[s].rows, tile_rows);
  return tiles;
}

template <typename W, typename X> mk_status run(mk_stream *stream, const product *p) {
  const uint32_t tiles = tiles_of(p), slots = (uint32_t)stream->multiprocessors;
  // A step of FP8 weights has twice the columns: all its x would leave too few registers.
  constexpr int few_steps = sizeof(W) == 1 ? 2 : steps;
  const uint32_t blocks = takes_several<W, 2> && tiles > 2 * slots ? 2 * slots : tiles;
  if (p->rows > 8) return launch(stream, streaming_kernel<W, X, 2, few_steps, 2>, blocks, warps * 32, 0, *p, tiles);
  // Three blocks to a multiprocessor save a second wave, also beside blocks of the predecessor; x in floats leaves them
  // few registers for loads in flight.
  if (tiles <= 3 * slots && tiles > (sizeof(X) == 2 ? slots : 2 * slots)) {
    return launch(stream, streaming_kernel<W, X, 1, few_steps, 3>, tiles, warps * 32, 0, *p, tiles);
  }
  return launch(stream, streaming_kernel<W, X, 1, steps, 2>, blocks, warps * 32, 0, *p, tiles);
}

template <typename T> mk_status choose(mk_stream *stream, const product *p) {
  if (p->x_dtype == MK_F16) return run<__half, __half>(stream, p);
  return p->x_dtype == MK_BF16 ? run<T, bf16>(stream, p) : run<T, float>(stream, p);
}

} // namespace

bool streaming_product_fits(const product *p) {
  const bool is_narrow = p->dtype == MK_F8_E4M3;
  if (is_narrow ? p->x_dtype != MK_BF16 : p->dtype != MK_BF16 && p->dtype != MK_F16) return false;
  if (p->cols % (is_narrow ? 16 : 8) != 0) return false;
  if ((uintptr_t)p->x % 16 != 0 || p->x_stride % (p->x_dtype == MK_F32 ? 4 : 8) != 0) return false;
  if (p->x_dtype == MK_F16 && p->dtype != MK_F16) return false;
  if (p->rows > 16) return false;
  for (uint32_t s = 0; s < p->segment_count; s++) {
    if ((uintptr_t)p->segments[s].w % 16 != 0) return false;
  }
  return true;
}

bool streaming_rows_pay(mk_dtype dtype, uint32_t rows, uint64_t weights) {
  // Every block reads all of x: more rows pay only where there are few blocks. Other products of FP8 weights have x to
  // quantise first.
  const uint64_t small_weights = dtype == MK_F8_E4M3 ? 24 << 20 : 8 << 20;
  return rows <= 8 || (rows <= 16 && weights <= small_weights);
}

bool streaming_product_pays(const product *p) {
  uint64_t weights = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) weights += (uint64_t)p->segments[s].rows * p->cols;
  return streaming_product_fits(p) && streaming_rows_pay(p->dtype, p->rows, weights);
}

bool streaming_product_defers(const product *p) {
  if (!streaming_product_pays(p) || p->rows > 8 || p->dtype == MK_F16) return false;
  if (p->squares && p->x_dtype != MK_BF16) return false;
  return !p->next_norm_weight ||
         (p->output == MK_OUTPUT_ADD && p->segment_count == 1 && p->segments[0].rows % 64 == 0);
}

mk_status streaming_product(mk_stream *stream, const product *p) {
  if (p->dtype == MK_F8_E4M3) return run<fp8_code, bf16>(stream, p);
  return p->dtype == MK_BF16 ? choose<bf16>(stream, p) : choose<__half>(stream, p);
}
