/// Products with up to 128 rows of x at a time on Hopper's warpgroup instructions, bound by the read of the weights.
///
/// A tile is 128 outputs and all rows. Where there are fewer tiles than multiprocessors, a cluster of blocks shares a
/// tile's reduced dimension, and each of its blocks adds a part of their sums, in order, through shared memory: results
/// do not depend on the number of rows or on timing. One warp keeps the copy engine busy through a ring of stages of 64
/// columns, starting with weights while the predecessor drains; two warpgroups multiply.
///
/// In a gated product each 16 outputs of a tile are eight gate rows and their up rows, so that both of a pair come to
/// rest in one thread.
#include "gated.cuh"
#include "hopper.cuh"
#include "products.h"
#include "tensor_map.h"

namespace {

using namespace hopper;

constexpr uint32_t tile_outputs = 128, chunk = 64, consumers = 256, threads = consumers + 32;
constexpr uint32_t w_bytes = tile_outputs * chunk * 2;

/// A shallow ring leaves a multiprocessor room for two blocks, so that a kernel's ring fills while its predecessor's
/// empties; that pays where a block has few chunks.
template <int tokens, bool is_deep> struct ring {
  static constexpr size_t ring_bytes = (is_deep ? 208 : 96) << 10;
  static constexpr uint32_t stage_bytes = w_bytes + tokens * chunk * 2;
  static constexpr uint32_t stages = ring_bytes / stage_bytes;
  static constexpr size_t shared_bytes = 1024 + stages * stage_bytes;
};

struct tile_parameters {
  CUtensorMap w, x;
  product p;
  uint32_t outputs, tiles, chunks;
  uint32_t split; ///< blocks that share a tile, a cluster
};

/// A block's chunks of every tile it takes.
struct chunk_range {
  uint32_t begin, end;
};
__device__ __forceinline__ chunk_range range_of(const tile_parameters &t) {
  const uint32_t rank = blockIdx.x % t.split;
  return {rank * t.chunks / t.split, (rank + 1) * t.chunks / t.split};
}

__device__ __forceinline__ float bias_of(const product &p, uint32_t output) {
  uint32_t s = 0;
  while (s + 1 < p.segment_count && output >= p.segments[s].rows) output -= p.segments[s++].rows;
  return p.segments[s].bias ? p.segments[s].bias[output] : 0;
}

template <typename T, int tokens, bool is_deep>
__device__ __forceinline__ void produce(const tile_parameters &t, uint32_t base, uint32_t full, uint32_t empty) {
  using R = ring<tokens, is_deep>;
  const bool is_gated = t.p.output >= MK_OUTPUT_SILU;
  const chunk_range range = range_of(t);
  const uint32_t each = range.end - range.begin, step = gridDim.x / t.split, first = blockIdx.x / t.split;
  const uint32_t count = first < t.tiles ? (t.tiles - first + step - 1) / step * each : 0;
  const auto copy_weights = [&](uint32_t i, uint32_t stage) {
    const uint32_t tile = first + i / each * step, to = base + stage * R::stage_bytes;
    const int32_t k = (int32_t)((range.begin + i % each) * chunk);
    barrier_expect(full + stage * 8, R::stage_bytes);
    if (is_gated) {
      copy_tile(to, &t.w, full + stage * 8, k, 0, 0, (int32_t)(tile * 8));
    } else {
      copy_tile(to, &t.w, full + stage * 8, k, (int32_t)(tile * tile_outputs));
    }
  };
  const auto copy_rows = [&](uint32_t i, uint32_t stage) {
    copy_tile(base + stage * R::stage_bytes + w_bytes, &t.x, full + stage * 8,
              (int32_t)((range.begin + i % each) * chunk), 0);
  };
  const uint32_t ahead = count < R::stages ? count : R::stages;
  if (t.p.weights_are_fresh) wait_for_predecessor();
  for (uint32_t i = 0; i < ahead; i++) copy_weights(i, i);
  wait_for_predecessor();
  for (uint32_t i = 0; i < ahead; i++) copy_rows(i, i);
  uint32_t stage = 0, round = 0;
  for (uint32_t i = ahead; i < count; i++) {
    barrier_wait(empty + stage * 8, round & 1);
    copy_weights(i, stage);
    copy_rows(i, stage);
    if (++stage == R::stages) {
      stage = 0;
      round++;
    }
  }
}

/// Stores group `g` of a thread's sums: two tokens of the two outputs that lie eight rows apart.
__device__ __forceinline__ void store(const tile_parameters &t, const float (&d)[4], uint32_t tile, uint32_t g) {
  const product &p = t.p;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, token = g * 8 + lane % 4 * 2;
  if (p.output >= MK_OUTPUT_SILU) {
    const uint32_t output = tile * (tile_outputs / 2) + warp * 8 + lane / 4;
    if (output >= t.outputs / 2) return;
    const float gate_bias = p.segments[0].bias ? p.segments[0].bias[output] : 0;
    const float up_bias = p.segments[1].bias ? p.segments[1].bias[output] : 0;
    const uint32_t activation = p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH;
#pragma unroll
    for (int j = 0; j < 2; j++) {
      if (token + j >= p.rows) continue;
      store_activation(p.y, p.y_dtype, (size_t)(token + j) * p.y_stride + output,
                       activate(d[j] + gate_bias, activation) * (d[2 + j] + up_bias));
    }
    return;
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t output = tile * tile_outputs + warp * 16 + lane / 4 + h * 8;
    if (output >= t.outputs) continue;
    const float bias = bias_of(p, output);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      if (token + j >= p.rows) continue;
      const size_t at = (size_t)(token + j) * p.y_stride + output;
      float value = d[2 * h + j] + bias;
      if (p.output == MK_OUTPUT_ADD) value += static_cast<const float *>(p.y)[at];
      store_activation(p.y, p.y_dtype, at, value);
    }
  }
}

/// Sums of one tile over the block's chunks, in d.
template <typename T, int tokens, bool is_deep>
__device__ __forceinline__ void multiply(const tile_parameters &t, uint32_t count, uint32_t base, uint32_t full,
                                         uint32_t empty, uint32_t *stage, uint32_t *parity, float (&d)[tokens / 2]) {
  using R = ring<tokens, is_deep>;
  const uint32_t group = threadIdx.x / 128;
  uint32_t previous = *stage;
  for (uint32_t i = 0; i < count; i++) {
    barrier_wait(full + *stage * 8, *parity);
    const uint32_t w = base + *stage * R::stage_bytes + group * (w_bytes / 2),
                   x = base + *stage * R::stage_bytes + w_bytes;
    pin(d);
    products_begin();
#pragma unroll
    for (uint32_t k = 0; k < chunk / 16; k++) {
      warpgroup_product<T, tokens>::run(d, rows_descriptor(w + k * 32), rows_descriptor(x + k * 32), i > 0 || k > 0);
    }
    products_commit();
    pin(d);
    if (i > 0) {
      // The stage before is no longer read.
      products_wait<1>();
      if (threadIdx.x % 32 == 0) barrier_arrive(empty + previous * 8);
    }
    previous = *stage;
    if (++*stage == R::stages) {
      *stage = 0;
      *parity ^= 1;
    }
  }
  products_wait<0>();
  pin(d);
  if (threadIdx.x % 32 == 0) barrier_arrive(empty + previous * 8);
}

template <typename T, int tokens, bool is_deep> __global__ void __launch_bounds__(threads, is_deep ? 1 : 2)
    tile_kernel(const __grid_constant__ tile_parameters t) {
  using R = ring<tokens, is_deep>;
  constexpr int groups = tokens / 8;
  extern __shared__ __align__(128) uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[2 * R::stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  const uint32_t full = address_of(barriers), empty = full + R::stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < R::stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, consumers / 32);
    }
    barriers_ready();
  }
  __syncthreads();
  const bool multiplies = threadIdx.x < consumers;
  if (!multiplies) {
    if (threadIdx.x == consumers) produce<T, tokens, is_deep>(t, base, full, empty);
    __syncwarp();
  } else {
    wait_for_predecessor();
    release_successor();
  }
  const chunk_range range = range_of(t);
  const uint32_t step = gridDim.x / t.split, rank = blockIdx.x % t.split;
  uint32_t stage = 0, parity = 0;
  for (uint32_t tile = blockIdx.x / t.split; tile < t.tiles; tile += step) {
    float d[tokens / 2] = {};
    if (multiplies) multiply<T, tokens, is_deep>(t, range.end - range.begin, base, full, empty, &stage, &parity, d);
    if (t.split == 1) {
#pragma unroll
      for (int g = 0; g < groups; g++) {
        const float four[4] = {d[4 * g], d[4 * g + 1], d[4 * g + 2], d[4 * g + 3]};
        if (multiplies) store(t, four, tile, g);
      }
      continue;
    }
    // A cluster has one tile only: all copies have been read, and the sums take their place.
    named_barrier(0, threads);
    float4 *sums = reinterpret_cast<float4 *>(shared) + threadIdx.x;
#pragma unroll
    for (int g = 0; g < groups && multiplies; g++) {
      sums[g * consumers] = make_float4(d[4 * g], d[4 * g + 1], d[4 * g + 2], d[4 * g + 3]);
    }
    cluster_barrier();
    for (uint32_t g = rank; g < groups && multiplies; g += t.split) {
      float four[4] = {};
      for (uint32_t from = 0; from < t.split; from++) {
        const float4 part = load_cluster(address_of(sums + g * consumers), from);
        four[0] += part.x;
        four[1] += part.y;
        four[2] += part.z;
        four[3] += part.w;
      }
      store(t, four, tile, g);
    }
    // Nobody leaves while others read its shared memory.
    cluster_barrier();
  }
}

/// The weights as the copy engine sees them: of a gated product [eight rows][gate, up][8][cols].
bool map_weights(const product *p, uint32_t outputs, CUtensorMap *out) {
  const uint64_t row_bytes = (uint64_t)p->cols * 2;
  const auto *w = static_cast<const uint8_t *>(p->segments[0].w);
  if (is_gated(p->output)) {
    const auto *up = static_cast<const uint8_t *>(p->segments[1].w);
    if (up <= w || p->segments[0].rows % 8 != 0) return false;
    const tensor_shape shape = {
        4, {p->cols, 8, 2, p->segments[0].rows / 8}, {row_bytes, (uint64_t)(up - w), 8 * row_bytes}, {chunk, 8, 2, 8}};
    return make_tensor_map(w, p->dtype, shape, out);
  }
  uint64_t at = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) {
    if (static_cast<const uint8_t *>(p->segments[s].w) != w + at) return false;
    at += p->segments[s].rows * row_bytes;
  }
  const tensor_shape shape = {2, {p->cols, outputs}, {row_bytes}, {chunk, tile_outputs}};
  return make_tensor_map(w, p->dtype, shape, out);
}

template <typename T, int tokens, bool is_deep> mk_status run(mk_stream *stream, const tile_parameters &t) {
  using R = ring<tokens, is_deep>;
  static const cudaError_t prepared = cudaFuncSetAttribute(
      tile_kernel<T, tokens, is_deep>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)R::shared_bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  // Whole rounds: every block takes as many tiles as any other.
  const uint32_t rounds = ceil_div(t.tiles, stream->multiprocessors),
                 blocks = t.split > 1 ? t.tiles * t.split : ceil_div(t.tiles, rounds);
  return launch_clusters(stream, tile_kernel<T, tokens, is_deep>, blocks, threads, R::shared_bytes, t.split, t);
}

template <typename T, int tokens> mk_status choose(mk_stream *stream, tile_parameters *t) {
  const product &p = t->p;
  const tensor_shape shape = {2, {p.cols, p.rows}, {(uint64_t)p.x_stride * 2}, {chunk, tokens}};
  if (!make_tensor_map(p.x, p.dtype, shape, &t->x)) return MK_UNSUPPORTED;
  const uint32_t slots = (uint32_t)stream->multiprocessors;
  t->split = 1;
  while (t->split < 8 && t->tiles * t->split * 2 <= slots && t->chunks >= t->split * 2) t->split *= 2;
  constexpr uint32_t few_chunks = 24;
  if constexpr (tokens <= 64) {
    if (ceil_div(t->tiles, slots) * (t->chunks / t->split) <= few_chunks) return run<T, tokens, false>(stream, *t);
  }
  return run<T, tokens, true>(stream, *t);
}

template <typename T> mk_status choose(mk_stream *stream, tile_parameters *t) {
  if (t->p.rows <= 16) return choose<T, 16>(stream, t);
  if (t->p.rows <= 32) return choose<T, 32>(stream, t);
  return t->p.rows <= 64 ? choose<T, 64>(stream, t) : choose<T, 128>(stream, t);
}

} // namespace

mk_status tile_product(mk_stream *stream, const product *all) {
  if (stream->compute_capability != 90 || all->x_dtype != all->dtype || all->cols % 8 != 0 ||
      (all->dtype != MK_BF16 && all->dtype != MK_F16)) {
    return MK_UNSUPPORTED;
  }
  tile_parameters t = {};
  for (uint32_t s = 0; s < all->segment_count; s++) t.outputs += all->segments[s].rows;
  t.tiles = ceil_div(t.outputs, tile_outputs);
  t.chunks = ceil_div(all->cols, chunk);
  if (!map_weights(all, t.outputs, &t.w)) return MK_UNSUPPORTED;
  for (uint32_t row = 0; row < all->rows; row += most_tile_rows) {
    t.p = *all;
    t.p.rows = all->rows - row < most_tile_rows ? all->rows - row : most_tile_rows;
    t.p.x = static_cast<const uint8_t *>(all->x) + (size_t)row * all->x_stride * 2;
    t.p.y = static_cast<uint8_t *>(all->y) + (size_t)row * all->y_stride * (all->y_dtype == MK_F32 ? 4 : 2);
    const mk_status status = all->dtype == MK_BF16 ? choose<bf16>(stream, &t) : choose<__half>(stream, &t);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
