/// Products with up to 128 rows of x at a time on Hopper's warpgroup instructions, bound by the read of the weights.
///
/// A tile is 128 outputs and all rows; its reduced dimension is cut in chunks of 64 columns. The chunks of all tiles are
/// dealt to one block per multiprocessor in equal shares (Osama et al., 2023, "Stream-K"), by a rule that knows the
/// weights' shape only. A block that has a part of a tile leaves its sums in scratch, and the one that arrives last adds
/// the parts in order: results do not depend on the number of rows or on timing. One warp keeps the copy engine busy
/// through a ring of stages, starting with weights while the predecessor drains; two warpgroups multiply.
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
constexpr size_t ring_bytes = 208 << 10;

template <int tokens> struct ring {
  static constexpr uint32_t stage_bytes = w_bytes + tokens * chunk * 2;
  static constexpr uint32_t stages = ring_bytes / stage_bytes < 12 ? ring_bytes / stage_bytes : 12;
  static constexpr size_t shared_bytes = 1024 + stages * stage_bytes;
};

struct tile_parameters {
  CUtensorMap w, x;
  product p;
  uint32_t outputs, tiles, chunks;
  float *partial;
  uint32_t *arrived; ///< [tile]: chunks whose sums have arrived; zero between launches
};

struct chunk_shares {
  uint64_t chunks, blocks;
  __device__ __forceinline__ uint32_t start(uint64_t block) const { return (uint32_t)(block * chunks / blocks); }
  __device__ __forceinline__ uint32_t owner(uint64_t at) const { return (uint32_t)(((at + 1) * blocks - 1) / chunks); }
};

__device__ __forceinline__ float bias_of(const product &p, uint32_t output) {
  uint32_t s = 0;
  while (s + 1 < p.segment_count && output >= p.segments[s].rows) output -= p.segments[s++].rows;
  return p.segments[s].bias ? p.segments[s].bias[output] : 0;
}

template <typename T, int tokens>
__device__ __forceinline__ void produce(const tile_parameters &t, uint32_t base, uint32_t full, uint32_t empty,
                                        uint32_t begin, uint32_t end) {
  using R = ring<tokens>;
  const bool is_gated = t.p.output >= MK_OUTPUT_SILU;
  const auto copy_weights = [&](uint32_t i, uint32_t stage) {
    const uint32_t tile = (begin + i) / t.chunks, k = (begin + i) % t.chunks * chunk, to = base + stage * R::stage_bytes;
    barrier_expect(full + stage * 8, R::stage_bytes);
    if (is_gated) {
      copy_tile(to, &t.w, full + stage * 8, (int32_t)k, 0, 0, (int32_t)(tile * 8));
    } else {
      copy_tile(to, &t.w, full + stage * 8, (int32_t)k, (int32_t)(tile * tile_outputs));
    }
  };
  const auto copy_rows = [&](uint32_t i, uint32_t stage) {
    copy_tile(base + stage * R::stage_bytes + w_bytes, &t.x, full + stage * 8,
              (int32_t)((begin + i) % t.chunks * chunk), 0);
  };
  const uint32_t count = end - begin, ahead = count < R::stages ? count : R::stages;
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

/// Leaves a part's sums; true for the block that arrives last, whose `d` then holds the whole sums.
template <int count>
__device__ bool merge(const tile_parameters &t, const chunk_shares &all, float (&d)[count], uint32_t tile,
                      uint32_t first_chunk, uint32_t part_chunks) {
  __shared__ bool is_last;
  constexpr uint32_t slot_floats = count * consumers;
  const auto slot = [&](uint32_t block, bool starts_tile) {
    return t.partial + (size_t)(2 * block + starts_tile) * slot_floats + threadIdx.x * 4;
  };
  float *own = slot(blockIdx.x, first_chunk == 0);
#pragma unroll
  for (int i = 0; i < count; i += 4) {
    __stcg(reinterpret_cast<float4 *>(own + i * consumers), make_float4(d[i], d[i + 1], d[i + 2], d[i + 3]));
  }
  __threadfence();
  named_barrier(1, consumers);
  if (threadIdx.x == 0) {
    is_last = atomicAdd(t.arrived + tile, part_chunks) + part_chunks == t.chunks;
    if (is_last) t.arrived[tile] = 0;
  }
  named_barrier(1, consumers);
  if (!is_last) return false;
  __threadfence();
  const uint32_t tile_start = tile * t.chunks, tile_end = tile_start + t.chunks;
#pragma unroll
  for (int i = 0; i < count; i++) d[i] = 0;
  for (uint32_t at = tile_start; at < tile_end;) {
    const uint32_t block = all.owner(at);
    const float *from = slot(block, at == tile_start);
#pragma unroll
    for (int i = 0; i < count; i += 4) {
      const float4 part = __ldcg(reinterpret_cast<const float4 *>(from + i * consumers));
      d[i] += part.x;
      d[i + 1] += part.y;
      d[i + 2] += part.z;
      d[i + 3] += part.w;
    }
    at = all.start(block + 1);
  }
  return true;
}

template <int count> __device__ __forceinline__ void store(const tile_parameters &t, const float (&d)[count],
                                                           uint32_t tile) {
  const product &p = t.p;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (p.output >= MK_OUTPUT_SILU) {
    const uint32_t n = t.outputs / 2, output = tile * (tile_outputs / 2) + warp * 8 + lane / 4;
    if (output >= n) return;
    const float gate_bias = p.segments[0].bias ? p.segments[0].bias[output] : 0;
    const float up_bias = p.segments[1].bias ? p.segments[1].bias[output] : 0;
    const uint32_t activation = p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH;
#pragma unroll
    for (int i = 0; i < count; i += 4) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const uint32_t token = i * 2 + lane % 4 * 2 + j;
        if (token >= p.rows) continue;
        store_activation(p.y, p.y_dtype, (size_t)token * p.y_stride + output,
                         activate(d[i + j] + gate_bias, activation) * (d[i + 2 + j] + up_bias));
      }
    }
    return;
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t output = tile * tile_outputs + warp * 16 + lane / 4 + h * 8;
    if (output >= t.outputs) continue;
    const float bias = bias_of(p, output);
#pragma unroll
    for (int i = 0; i < count; i += 4) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const uint32_t token = i * 2 + lane % 4 * 2 + j;
        if (token >= p.rows) continue;
        const size_t at = (size_t)token * p.y_stride + output;
        float value = d[i + 2 * h + j] + bias;
        if (p.output == MK_OUTPUT_ADD) value += static_cast<const float *>(p.y)[at];
        store_activation(p.y, p.y_dtype, at, value);
      }
    }
  }
}

template <typename T, int tokens> __device__ __forceinline__ void
consume(const tile_parameters &t, const chunk_shares &all, uint32_t base, uint32_t full, uint32_t empty, uint32_t begin,
        uint32_t end) {
  using R = ring<tokens>;
  const uint32_t group = threadIdx.x / 128;
  uint32_t stage = 0, parity = 0;
  float d[tokens / 2] = {};
  for (uint32_t at = begin; at < end;) {
    const uint32_t tile = at / t.chunks, first_chunk = at % t.chunks, left = t.chunks - first_chunk;
    const uint32_t part = left < end - at ? left : end - at;
    uint32_t previous = stage;
    for (uint32_t i = 0; i < part; i++) {
      barrier_wait(full + stage * 8, parity);
      const uint32_t w = base + stage * R::stage_bytes + group * (w_bytes / 2), x = base + stage * R::stage_bytes + w_bytes;
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
        if (threadIdx.x % 128 == 0) barrier_arrive(empty + previous * 8);
      }
      previous = stage;
      if (++stage == R::stages) {
        stage = 0;
        parity ^= 1;
      }
    }
    products_wait<0>();
    pin(d);
    if (threadIdx.x % 128 == 0) barrier_arrive(empty + previous * 8);
    if (part == t.chunks || merge(t, all, d, tile, first_chunk, part)) store(t, d, tile);
    at += part;
  }
}

template <typename T, int tokens>
__global__ void __launch_bounds__(threads, 1) tile_kernel(const __grid_constant__ tile_parameters t) {
  using R = ring<tokens>;
  extern __shared__ uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[2 * R::stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  const uint32_t full = address_of(barriers), empty = full + R::stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < R::stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, consumers / 128);
    }
    barriers_ready();
  }
  __syncthreads();
  const chunk_shares all = {(uint64_t)t.tiles * t.chunks, gridDim.x};
  const uint32_t begin = all.start(blockIdx.x), end = all.start(blockIdx.x + 1);
  if (threadIdx.x >= consumers) {
    if (threadIdx.x == consumers) produce<T, tokens>(t, base, full, empty, begin, end);
  } else {
    wait_for_predecessor();
    release_successor();
    consume<T, tokens>(t, all, base, full, empty, begin, end);
  }
}

/// The weights as the copy engine sees them: of a gated product [eight rows][gate, up][8][cols].
bool map_weights(const product *p, uint32_t outputs, CUtensorMap *out) {
  const uint64_t row_bytes = (uint64_t)p->cols * 2;
  const auto *w = static_cast<const uint8_t *>(p->segments[0].w);
  if (is_gated(p->output)) {
    const auto *up = static_cast<const uint8_t *>(p->segments[1].w);
    if (up <= w || p->segments[0].rows % 8 != 0) return false;
    const tensor_shape shape = {4,
                                {p->cols, 8, 2, p->segments[0].rows / 8},
                                {row_bytes, (uint64_t)(up - w), 8 * row_bytes},
                                {chunk, 8, 2, 8}};
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

template <typename T, int tokens> mk_status run(mk_stream *stream, tile_parameters *t) {
  using R = ring<tokens>;
  const uint32_t blocks = (uint32_t)stream->multiprocessors;
  const size_t slot_bytes = (size_t)tokens / 2 * consumers * 4, half = stream->scratch_bytes / 2;
  if (slot_bytes * 2 * blocks > half || (size_t)t->tiles * 4 > counter_bytes) return MK_UNSUPPORTED;
  t->partial = reinterpret_cast<float *>(static_cast<uint8_t *>(stream->scratch) + half);
  t->arrived = static_cast<uint32_t *>(counters_of(stream));
  const product &p = t->p;
  const tensor_shape shape = {2, {p.cols, p.rows}, {(uint64_t)p.x_stride * 2}, {chunk, tokens}};
  if (!make_tensor_map(p.x, p.dtype, shape, &t->x)) return MK_UNSUPPORTED;
  static const cudaError_t prepared = cudaFuncSetAttribute(
      tile_kernel<T, tokens>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)R::shared_bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch(stream, tile_kernel<T, tokens>, blocks, threads, R::shared_bytes, *t);
}

template <typename T> mk_status choose(mk_stream *stream, tile_parameters *t) {
  if (t->p.rows <= 16) return run<T, 16>(stream, t);
  if (t->p.rows <= 32) return run<T, 32>(stream, t);
  return t->p.rows <= 64 ? run<T, 64>(stream, t) : run<T, 128>(stream, t);
}

} // namespace

mk_status tile_product(mk_stream *stream, const product *all) {
  if (stream->compute_capability != 90 || all->norm_weight || all->x_dtype != all->dtype || all->cols % 8 != 0 ||
      (all->dtype != MK_BF16 && all->dtype != MK_F16)) {
    return MK_UNSUPPORTED;
  }
  tile_parameters t = {};
  for (uint32_t s = 0; s < all->segment_count; s++) t.outputs += all->segments[s].rows;
  t.tiles = ceil_div(t.outputs, tile_outputs);
  t.chunks = ceil_div(all->cols, chunk);
  if ((uint64_t)t.tiles * t.chunks > INT32_MAX || !map_weights(all, t.outputs, &t.w)) return MK_UNSUPPORTED;
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
