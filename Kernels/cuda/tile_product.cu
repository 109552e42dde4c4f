/// Products with up to 128 rows of x at a time on Hopper's warpgroup instructions, bound by the read of the weights.
///
/// A block owns a few outputs, so many that the blocks of all multiprocessors end together, and all of the reduced
/// dimension: nothing is added up between blocks, and the results of a row do not depend on the others. Weights and x
/// come through a ring of stages of 128 columns that two threads keep the copy engine filling, weights before the
/// predecessor has ended. One or two warpgroups multiply, 64 rows each.
///
/// In a gated product half of a block's outputs are gates and half their ups, so that both of a pair come to rest in one
/// thread.
#include "gated.cuh"
#include "hopper.cuh"
#include "products.h"
#include "tensor_map.h"

namespace {

using namespace hopper;

/// The copy engine swizzles rows of 128 bytes, 64 columns; a stage has two such halves.
constexpr uint32_t half_columns = 64, row_bytes = half_columns * 2, halves = 2, group_rows = 64, most_stages = 32;
constexpr uint32_t ring_bytes = 216 << 10;

struct tile_parameters {
  CUtensorMap w, up, x;
  product p;
  uint32_t outputs;      ///< of all segments
  uint32_t tiles, steps; ///< pieces of the outputs and of the reduced dimension
  uint32_t stages;
  uint32_t x_rows;   ///< of x in a stage, zero past its last
  bool stores_pairs; ///< neighbours in y are aligned to their size
};

template <int n> __device__ __forceinline__ uint32_t half_bytes(const tile_parameters &t) {
  return (n + t.x_rows) * row_bytes;
}

/// A walk over the stages of a ring; `parity` is that of the phase to wait for.
struct ring_place {
  uint32_t stage, parity;
  __device__ __forceinline__ void advance(uint32_t stages) {
    if (++stage == stages) {
      stage = 0;
      parity ^= 1;
    }
  }
};

/// Calls `copy(column, tile, stage)` for each stage to be filled, once its former contents have been read.
template <typename Copy> __device__ __forceinline__ void fill(const tile_parameters &t, uint32_t empty, Copy copy) {
  // The first round finds the stages empty, as if a phase of the other parity had ended.
  ring_place place = {0, 1};
  for (uint32_t tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
    for (uint32_t step = 0; step < t.steps; step++) {
      barrier_wait(empty + place.stage * 8, place.parity);
      copy(step * halves * half_columns, tile, place.stage);
      place.advance(t.stages);
    }
  }
}

/// The copies of weights, by one thread. Constant ones do not wait for the predecessor.
template <int n> __device__ __forceinline__ void fill_weights(const tile_parameters &t, uint32_t base, uint32_t full,
                                                              uint32_t empty) {
  const bool is_gated = t.p.output >= MK_OUTPUT_SILU;
  if (t.p.weights_are_fresh) wait_for_predecessor();
  fill(t, empty, [&](uint32_t column, uint32_t tile, uint32_t stage) {
    const uint32_t barrier = full + stage * 8;
    barrier_expect(barrier, halves * half_bytes<n>(t));
#pragma unroll
    for (uint32_t half = 0; half < halves; half++) {
      const uint32_t to = base + (stage * halves + half) * half_bytes<n>(t);
      const int32_t from = (int32_t)(column + half * half_columns);
      copy_tile(to, &t.w, barrier, from, (int32_t)(tile * (is_gated ? n / 2 : n)));
      if (is_gated) copy_tile(to + n / 2 * row_bytes, &t.up, barrier, from, (int32_t)(tile * (n / 2)));
    }
  });
  wait_for_predecessor();
}

/// The copies of x, by one thread.
template <int n> __device__ __forceinline__ void fill_rows(const tile_parameters &t, uint32_t base, uint32_t full,
                                                           uint32_t empty) {
  wait_for_predecessor();
  fill(t, empty, [&](uint32_t column, uint32_t, uint32_t stage) {
#pragma unroll
    for (uint32_t half = 0; half < halves; half++) {
      copy_tile(base + (stage * halves + half) * half_bytes<n>(t) + n * row_bytes, &t.x, full + stage * 8,
                (int32_t)(column + half * half_columns), 0);
    }
  });
}

/// d[64 rows of x][n outputs] += x * w, 16 columns of each, in pieces that have an instruction; x and w are descriptors.
template <typename T, int n>
__device__ __forceinline__ void multiply_outputs(float *d, uint64_t x, uint64_t w, bool adds) {
  constexpr int piece = n >= 128 ? 128 : n >= 64 ? 64 : n >= 32 ? 32 : 16;
  warpgroup_product<T, piece>::run(*reinterpret_cast<float(*)[piece / 2]>(d), x, w, adds);
  if constexpr (n > piece) multiply_outputs<T, n - piece>(d + piece / 2, x, w + piece * row_bytes / 16, adds);
}

__device__ __forceinline__ float bias_of(const product &p, uint32_t output) {
  uint32_t s = 0;
  while (s + 1 < p.segment_count && output >= p.segments[s].rows) output -= p.segments[s++].rows;
  return p.segments[s].bias ? p.segments[s].bias[output] : 0;
}

/// One or two neighbouring outputs of a row.
__device__ __forceinline__ void store_pair(const tile_parameters &t, uint32_t row, uint32_t column, bool has_second,
                                           float first, float second) {
  const product &p = t.p;
  const size_t at = (size_t)row * p.y_stride + column;
  const bool as_pair = t.stores_pairs && has_second;
  if (p.output == MK_OUTPUT_ADD) {
    const float *y = static_cast<const float *>(p.y) + at;
    const float2 old = as_pair ? *reinterpret_cast<const float2 *>(y) : make_float2(y[0], has_second ? y[1] : 0);
    first += old.x;
    second += old.y;
  }
  if (as_pair) {
    store_activation_pair(p.y, p.y_dtype, at, first, second);
    return;
  }
  store_activation(p.y, p.y_dtype, at, first);
  if (has_second) store_activation(p.y, p.y_dtype, at + 1, second);
}

/// A thread's share of a tile: pairs of outputs of two rows.
template <int n>
__device__ __forceinline__ void store(const tile_parameters &t, const float (&d)[n / 2], uint32_t tile) {
  const product &p = t.p;
  const uint32_t lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * 16 + lane / 4;
  if (p.output >= MK_OUTPUT_SILU) {
    const uint32_t outputs = t.outputs / 2, activation = p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH;
#pragma unroll
    for (int j = 0; j < n / 16; j++) {
      const uint32_t output = tile * (n / 2) + j * 8 + lane % 4 * 2;
      if (output >= outputs) continue;
      const bool has_second = output + 1 < outputs;
#pragma unroll
      for (int h = 0; h < 2; h++) {
        if (first_row + h * 8 >= p.rows) continue;
        float values[2];
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const uint32_t own = has_second ? output + i : output;
          const float gate = d[4 * j + 2 * h + i] + (p.segments[0].bias ? p.segments[0].bias[own] : 0);
          const float up = d[4 * (j + n / 16) + 2 * h + i] + (p.segments[1].bias ? p.segments[1].bias[own] : 0);
          values[i] = activate(gate, activation) * up;
        }
        store_pair(t, first_row + h * 8, output, has_second, values[0], values[1]);
      }
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < n / 8; j++) {
    const uint32_t output = tile * n + j * 8 + lane % 4 * 2;
    if (output >= t.outputs) continue;
    const bool has_second = output + 1 < t.outputs;
    const float first_bias = bias_of(p, output), second_bias = has_second ? bias_of(p, output + 1) : 0;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      if (first_row + h * 8 >= p.rows) continue;
      store_pair(t, first_row + h * 8, output, has_second, d[4 * j + 2 * h] + first_bias,
                 d[4 * j + 2 * h + 1] + second_bias);
    }
  }
}

/// What multiplies: all tiles of a block. Descriptors move along as sums of what is the same for all threads, so that
/// the compiler keeps them in uniform registers and the instructions follow each other at once.
template <typename T, int n>
__device__ __forceinline__ void consume(const tile_parameters &t, uint32_t base, uint32_t full, uint32_t empty) {
  const uint32_t group = __shfl_sync(~0u, threadIdx.x / 128, 0), half_step = half_bytes<n>(t) / 16;
  const uint64_t w = rows_descriptor(base), x = rows_descriptor(base + (n + group * group_rows) * row_bytes);
  const auto release = [&](uint32_t stage) {
    if (threadIdx.x % 32 == 0) barrier_arrive(empty + stage * 8);
  };
  ring_place place = {0, 0};
  for (uint32_t tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
    float d[n / 2] = {};
    uint32_t previous = 0;
    for (uint32_t step = 0; step < t.steps; step++) {
      barrier_wait(full + place.stage * 8, place.parity);
      const uint32_t stage = place.stage * halves * half_step;
      pin(d);
      products_begin();
#pragma unroll
      for (uint32_t k = 0; k < halves * half_columns / 16; k++) {
        const uint32_t at = stage + k / 4 * half_step + k % 4 * 2;
        multiply_outputs<T, n>(d, x + at, w + at, step > 0 || k > 0);
      }
      products_commit();
      pin(d);
      if (step > 0) {
        // The stage before is no longer read.
        products_wait<1>();
        release(previous);
      }
      previous = place.stage;
      place.advance(t.stages);
    }
    products_wait<0>();
    pin(d);
    release(previous);
    store<n>(t, d, tile);
  }
}

/// `groups` warpgroups that multiply, then a warp for each kind of copy.
template <typename T, int n, int groups> __global__ void __launch_bounds__(groups * 128 + 64)
    tile_kernel(const __grid_constant__ tile_parameters t) {
  extern __shared__ __align__(128) uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[2 * most_stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  const uint32_t full = address_of(barriers), empty = full + most_stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < t.stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, groups * 4);
    }
    barriers_ready();
  }
  __syncthreads();
  release_successor();
  if (threadIdx.x == groups * 128) {
    fill_weights<n>(t, base, full, empty);
  } else if (threadIdx.x == groups * 128 + 32) {
    fill_rows<n>(t, base, full, empty);
  } else if (threadIdx.x < groups * 128) {
    wait_for_predecessor();
    consume<T, n>(t, base, full, empty);
  }
}

template <typename T, int n, int groups> mk_status run(mk_stream *stream, tile_parameters *t) {
  const uint32_t stage_bytes = halves * (n + t->x_rows) * row_bytes;
  // Products read whole groups of rows: past the last stage too.
  const uint32_t slack = 1024 + (groups * group_rows - t->x_rows) * row_bytes;
  const uint32_t stages = (ring_bytes - slack) / stage_bytes;
  static_assert((ring_bytes - 1024) / (halves * (n + groups * group_rows) * row_bytes) >= 2,
                "a stage is released when the next is under way");
  t->stages = stages < most_stages ? stages : most_stages;
  static const cudaError_t prepared = cudaFuncSetAttribute(
      tile_kernel<T, n, groups>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)ring_bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  const uint32_t slots = (uint32_t)stream->multiprocessors;
  return launch(stream, tile_kernel<T, n, groups>, t->tiles < slots ? t->tiles : slots, groups * 128 + 64,
                t->stages * stage_bytes + slack, *t);
}

template <typename T, int n> mk_status run(mk_stream *stream, tile_parameters *t) {
  const product &p = t->p;
  const uint32_t parts = is_gated(p.output) ? 2 : 1, each = n / parts, outputs = t->outputs / parts;
  t->tiles = ceil_div(outputs, each);
  const tensor_shape rows = {2, {p.cols, p.rows}, {(uint64_t)p.x_stride * 2}, {half_columns, t->x_rows}};
  if (!make_tensor_map(p.x, p.dtype, rows, &t->x)) return MK_UNSUPPORTED;
  const tensor_shape weights = {2, {p.cols, outputs}, {(uint64_t)p.cols * 2}, {half_columns, each}};
  if (!make_tensor_map(p.segments[0].w, p.dtype, weights, &t->w)) return MK_UNSUPPORTED;
  if (parts == 2 && !make_tensor_map(p.segments[1].w, p.dtype, weights, &t->up)) return MK_UNSUPPORTED;
  return p.rows <= group_rows ? run<T, n, 1>(stream, t) : run<T, n, 2>(stream, t);
}

/// Outputs of a tile: as many as make all multiprocessors end together. Wide ones read x less often, which pays where
/// there are many. The choice depends on the weights alone.
uint32_t outputs_of_tile(const tile_parameters &t, uint32_t slots) {
  constexpr uint32_t overhead = 16, many_rounds = 12;
  if (ceil_div(ceil_div(t.outputs, 64), slots) >= many_rounds) return 128;
  uint32_t best = 0, least = ~0u;
  for (uint32_t n : {16u, 32u, 48u, 64u}) {
    const uint32_t cost = ceil_div(ceil_div(t.outputs, n), slots) * (n + overhead);
    if (cost > least) continue;
    least = cost;
    best = n;
  }
  return best;
}

template <typename T> mk_status choose(mk_stream *stream, tile_parameters *t) {
  switch (outputs_of_tile(*t, (uint32_t)stream->multiprocessors)) {
  case 16: return run<T, 16>(stream, t);
  case 32: return run<T, 32>(stream, t);
  case 48: return run<T, 48>(stream, t);
  case 64: return run<T, 64>(stream, t);
  default: return run<T, 128>(stream, t);
  }
}

/// Whether all segments lie in memory as one.
bool are_joined(const product *p) {
  const auto *end = static_cast<const uint8_t *>(p->segments[0].w);
  for (uint32_t s = 0; s < p->segment_count; s++) {
    if (p->segments[s].w != end) return false;
    end += (size_t)p->segments[s].rows * p->cols * 2;
  }
  return true;
}

} // namespace

mk_status tile_product(mk_stream *stream, const product *all) {
  if (stream->compute_capability != 90 || all->x_dtype != all->dtype || all->cols % 8 != 0 ||
      (all->dtype != MK_BF16 && all->dtype != MK_F16) || (!is_gated(all->output) && !are_joined(all))) {
    return MK_UNSUPPORTED;
  }
  tile_parameters t = {};
  for (uint32_t s = 0; s < all->segment_count; s++) t.outputs += all->segments[s].rows;
  t.steps = ceil_div(all->cols, halves * half_columns);
  const size_t y_width = all->y_dtype == MK_F32 ? 4 : 2;
  t.stores_pairs = all->y_stride % 2 == 0 && (uintptr_t)all->y % (2 * y_width) == 0;
  for (uint32_t row = 0; row < all->rows; row += most_tile_rows) {
    t.p = *all;
    t.p.rows = all->rows - row < most_tile_rows ? all->rows - row : most_tile_rows;
    t.p.x = static_cast<const uint8_t *>(all->x) + (size_t)row * all->x_stride * 2;
    t.p.y = static_cast<uint8_t *>(all->y) + (size_t)row * all->y_stride * y_width;
    t.x_rows = t.p.rows <= 16 ? 16 : t.p.rows <= 32 ? 32 : t.p.rows <= 64 ? 64 : 128;
    const mk_status status = all->dtype == MK_BF16 ? choose<bf16>(stream, &t) : choose<__half>(stream, &t);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
