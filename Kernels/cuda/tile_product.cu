/// Products with up to 128 rows of x at a time on Hopper's warpgroup instructions, bound by the read of the weights.
///
/// A block owns a few outputs, so many that the blocks of all multiprocessors end together, and all of the reduced
/// dimension: nothing is added up between blocks, and the results of a row do not depend on the others. Weights and x
/// come through a ring of stages that two threads keep the copy engine filling, weights before the predecessor has
/// ended. One or two warpgroups multiply, 64 rows each.
///
/// In a gated product half of a block's outputs are gates and half their ups, so that both of a pair come to rest in one
/// thread.
#include "gated.cuh"
#include "hopper.cuh"
#include "products.h"
#include "tensor_map.h"

#include <algorithm>

namespace {

using namespace hopper;

/// The copy engine swizzles rows of 128 bytes, 64 columns; a stage has one or two such parts, by its outputs.
constexpr uint32_t part_columns = 64, row_bytes = part_columns * 2, group_rows = 64, most_stages = 32;
constexpr uint32_t parts_of(uint32_t outputs) { return outputs > 128 ? 1 : 2; }
constexpr uint32_t ring_bytes = 224 << 10;

struct tile_parameters {
  CUtensorMap w, up, x;
  product p;
  uint32_t outputs;      ///< of all segments
  uint32_t tiles, steps; ///< pieces of the outputs, and stages of the reduced dimension
  uint32_t stages;
  uint32_t x_rows;      ///< of x in a stage, zero past its last
  uint32_t sums_offset; ///< of a tile's sums in shared memory: behind the ring, or in it where a block has one tile
  bool stores_fours;    ///< fours of neighbours in y are aligned to their size
  bool has_bias;        ///< of some segment
};

template <int n> __device__ __forceinline__ uint32_t part_bytes(const tile_parameters &t) {
  return (n + t.x_rows) * row_bytes;
}

/// Calls `copy(column, tile, stage)` for each stage to be filled, once its former contents have been read.
template <int n, typename Copy> __device__ __forceinline__ void fill(const tile_parameters &t, uint32_t empty, Copy copy) {
  ring_place place = {0, 1};
  for (uint32_t tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
    for (uint32_t step = 0; step < t.steps; step++) {
      barrier_wait(empty + place.stage * 8, place.parity);
      copy(step * parts_of(n) * part_columns, tile, place.stage);
      place.advance(t.stages);
    }
  }
}

/// The copies of weights, by one thread. Constant ones do not wait for the predecessor.
template <int n> __device__ __forceinline__ void fill_weights(const tile_parameters &t, uint32_t base, uint32_t full,
                                                              uint32_t empty) {
  const bool is_gated = t.p.output >= MK_OUTPUT_SILU;
  if (t.p.weights_are_fresh) wait_for_predecessor();
  fill<n>(t, empty, [&](uint32_t column, uint32_t tile, uint32_t stage) {
    const uint32_t barrier = full + stage * 8;
    barrier_expect(barrier, parts_of(n) * part_bytes<n>(t));
#pragma unroll
    for (uint32_t part = 0; part < parts_of(n); part++) {
      const uint32_t to = base + (stage * parts_of(n) + part) * part_bytes<n>(t);
      const int32_t from = (int32_t)(column + part * part_columns);
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
  fill<n>(t, empty, [&](uint32_t column, uint32_t, uint32_t stage) {
#pragma unroll
    for (uint32_t part = 0; part < parts_of(n); part++) {
      copy_tile(base + (stage * parts_of(n) + part) * part_bytes<n>(t) + n * row_bytes, &t.x, full + stage * 8,
                (int32_t)(column + part * part_columns), 0);
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

/// Adds the biases of up to four outputs.
template <typename Bias> __device__ __forceinline__ void add_biases(float4 &v, uint32_t count, Bias bias) {
  v.x += bias(0);
  if (count > 1) v.y += bias(1);
  if (count > 2) v.z += bias(2);
  if (count > 3) v.w += bias(3);
}

/// Up to four neighbouring outputs of a row.
__device__ __forceinline__ void store_values(const tile_parameters &t, size_t at, uint32_t count, float4 v) {
  const product &p = t.p;
  const bool adds = p.output == MK_OUTPUT_ADD;
  if (t.stores_fours && count >= 4) {
    if (adds) {
      add_four(static_cast<float *>(p.y) + at, v);
    } else if (p.y_dtype == MK_BF16) {
      store_four(static_cast<bf16 *>(p.y) + at, v);
    } else {
      store_four(static_cast<float *>(p.y) + at, v);
    }
    return;
  }
  const float values[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (uint32_t i = 0; i < 4; i++) {
    if (i >= count) break;
    store_activation(p.y, p.y_dtype, at + i, values[i] + (adds ? static_cast<const float *>(p.y)[at + i] : 0));
  }
}

constexpr uint32_t consumers_barrier = 1;
/// Floats between rows of a tile's sums in shared memory: the lanes that write them meet in no bank.
constexpr uint32_t sums_stride(uint32_t outputs) { return outputs + 8; }
constexpr uint32_t sums_bytes(uint32_t outputs, uint32_t groups) {
  return groups * group_rows * sums_stride(outputs) * 4;
}

/// Stores a tile by way of shared memory. The weights have passed through the caches since this code ran last: it is
/// kept short, and its loops are not unrolled. Lanes must not meet in it (as in a shuffle): in the compiler's eyes all of
/// the kernel would diverge, and lose its uniform registers.
template <int n, int groups>
__device__ __forceinline__ void store(const tile_parameters &t, const float (&d)[n / 2], uint32_t tile, float *sums) {
  constexpr uint32_t threads = groups * 128, stride = sums_stride(n);
  const product &p = t.p;
  const uint32_t lane = threadIdx.x % 32;
  // Others may still read what lay there.
  named_barrier(consumers_barrier, threads);
  float *own = sums + (threadIdx.x / 32 * 16 + lane / 4) * stride + lane % 4 * 2;
#pragma unroll
  for (int j = 0; j < n / 8; j++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      *reinterpret_cast<float2 *>(own + h * 8 * stride + j * 8) = make_float2(d[4 * j + 2 * h], d[4 * j + 2 * h + 1]);
    }
  }
  named_barrier(consumers_barrier, threads);
  const bool gates = is_gated(p.output);
  const uint32_t width = gates ? n / 2 : n, outputs = gates ? t.outputs / 2 : t.outputs;
  const uint32_t activation = p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH;
#pragma unroll 1
  for (uint32_t i = threadIdx.x; i < p.rows * (width / 4); i += threads) {
    const uint32_t row = gates ? i / (n / 8) : i / (n / 4), at = i * 4 - row * width, output = tile * width + at;
    if (output >= outputs) continue;
    const uint32_t count = outputs - output;
    const float *from = sums + row * stride + at;
    float4 v = *reinterpret_cast<const float4 *>(from);
    if (gates) {
      float4 up = *reinterpret_cast<const float4 *>(from + n / 2);
      if (t.has_bias) {
        add_biases(v, count, [&](uint32_t j) { return p.segments[0].bias ? p.segments[0].bias[output + j] : 0; });
        add_biases(up, count, [&](uint32_t j) { return p.segments[1].bias ? p.segments[1].bias[output + j] : 0; });
      }
      v = make_float4(activate(v.x, activation) * up.x, activate(v.y, activation) * up.y,
                      activate(v.z, activation) * up.z, activate(v.w, activation) * up.w);
    } else if (t.has_bias) {
      add_biases(v, count, [&](uint32_t j) { return bias_of(p, output + j); });
    }
    store_values(t, (size_t)row * p.y_stride + output, count, v);
  }
}

/// What multiplies: all tiles of a block. Descriptors move along as sums of what is the same for all threads, so that
/// the compiler keeps them in uniform registers and the instructions follow each other at once.
template <typename T, int n, int groups> __device__ __forceinline__ void
consume(const tile_parameters &t, uint32_t base, float *sums, uint32_t full, uint32_t empty) {
  const uint32_t group = __shfl_sync(~0u, threadIdx.x / 128, 0), part_step = part_bytes<n>(t) / 16;
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
      const uint32_t stage = place.stage * parts_of(n) * part_step;
      pin(d);
      products_begin();
#pragma unroll
      for (uint32_t k = 0; k < parts_of(n) * part_columns / 16; k++) {
        const uint32_t at = stage + k / 4 * part_step + k % 4 * 2;
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
    store<n, groups>(t, d, tile, sums);
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
    consume<T, n, groups>(t, base, reinterpret_cast<float *>(shared + (base - address_of(shared)) + t.sums_offset), full,
                          empty);
  }
}

template <typename T, int n, int groups> mk_status run(mk_stream *stream, tile_parameters *t) {
  const uint32_t stage_bytes = parts_of(n) * (n + t->x_rows) * row_bytes, slots = (uint32_t)stream->multiprocessors;
  constexpr uint32_t least_stages = 2; // a stage is released when the next is under way
  static_assert(least_stages * parts_of(n) * (n + groups * group_rows) * row_bytes + sums_bytes(n, groups) + 1024 <=
                ring_bytes);
  // Products read whole groups of rows: past the last stage too.
  const uint32_t slack = 1024 + (groups * group_rows - t->x_rows) * row_bytes;
  const bool has_one_tile = t->tiles <= slots;
  const uint32_t behind = has_one_tile ? slack : std::max(slack, 1024 + sums_bytes(n, groups));
  t->stages = std::min(most_stages, (ring_bytes - behind) / stage_bytes);
  t->sums_offset = has_one_tile ? 0 : t->stages * stage_bytes;
  const uint32_t bytes = std::max(t->stages * stage_bytes + behind, 1024 + sums_bytes(n, groups));
  static const cudaError_t prepared = cudaFuncSetAttribute(
      tile_kernel<T, n, groups>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)ring_bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch(stream, tile_kernel<T, n, groups>, std::min(t->tiles, slots), groups * 128 + 64, bytes, *t);
}

template <typename T, int n> mk_status run(mk_stream *stream, tile_parameters *t) {
  const product &p = t->p;
  const uint32_t parts = is_gated(p.output) ? 2 : 1, each = n / parts, outputs = t->outputs / parts;
  t->tiles = ceil_div(outputs, each);
  t->steps = ceil_div(p.cols, parts_of(n) * part_columns);
  const tensor_shape rows = {2, {p.cols, p.rows}, {(uint64_t)p.x_stride * 2}, {part_columns, t->x_rows}};
  if (!make_tensor_map(p.x, p.dtype, rows, &t->x)) return MK_UNSUPPORTED;
  const tensor_shape weights = {2, {p.cols, outputs}, {(uint64_t)p.cols * 2}, {part_columns, each}};
  if (!make_tensor_map(p.segments[0].w, p.dtype, weights, &t->w)) return MK_UNSUPPORTED;
  if (parts == 2 && !make_tensor_map(p.segments[1].w, p.dtype, weights, &t->up)) return MK_UNSUPPORTED;
  return p.rows <= group_rows ? run<T, n, 1>(stream, t) : run<T, n, 2>(stream, t);
}

/// Outputs of a tile: as many as make all multiprocessors end together. Wide ones read x less often, which pays where
/// there are many. The choice depends on the weights alone.
uint32_t outputs_of_tile(const tile_parameters &t, uint32_t slots) {
  constexpr uint32_t overhead = 28;
  uint32_t best = 0, least = ~0u;
  for (uint32_t n : {16u, 32u, 48u, 64u, 96u, 128u, 160u, 224u}) {
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
  case 96: return run<T, 96>(stream, t);
  case 128: return run<T, 128>(stream, t);
  case 160: return run<T, 160>(stream, t);
  default: return run<T, 224>(stream, t);
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
  const size_t y_width = all->y_dtype == MK_F32 ? 4 : 2;
  t.stores_fours = all->y_stride % 4 == 0 && (uintptr_t)all->y % (4 * y_width) == 0;
  for (uint32_t s = 0; s < all->segment_count; s++) t.has_bias |= all->segments[s].bias != nullptr;
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
