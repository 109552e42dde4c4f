/// Attention of prompts on Hopper: warpgroup products fed by the copy engine, over a bf16 paged KV (after
/// FlashAttention-3, Shah et al., 2024).
///
/// A block owns rows that are the query heads of a KV head packed, 64 for each of two or three warpgroups, and goes
/// through their positions downward in tiles of 128. A warp beside them keeps three tiles of keys and of values on their
/// way, 16 positions of a page at a time. A warpgroup issues the next tile's scores together with the last tile's
/// outputs and computes weights while these and the others' products run; they take turns at issuing.
#include "hopper.cuh"
#include "sequences.cuh"
#include "tensor_map.h"

namespace {

using namespace hopper;

constexpr uint32_t tile = 128, stages = 3;
/// From barrier 2 on the warpgroups' turns, from 5 on those among a warpgroup's threads.
constexpr uint32_t turn_barrier = 2, group_barrier = 5;

template <int dim> struct layout {
  /// Warpgroups that multiply, 64 rows each: three where registers allow.
  static constexpr uint32_t groups = dim == 64 ? 3 : 2, rows = 64 * groups;
  static constexpr uint32_t consumers = 128 * groups, threads = consumers + 128;
  static constexpr int producer_registers = groups == 3 ? 32 : 40, consumer_registers = groups == 3 ? 160 : 232;
  static constexpr uint32_t query_block_bytes = rows * 128, block_bytes = tile * 128; ///< 64 dims of rows, of a tile
  static constexpr uint32_t tile_bytes = block_bytes * (dim / 64);
  static constexpr uint32_t keys = query_block_bytes * (dim / 64), values = keys + stages * tile_bytes;
  static constexpr size_t shared_bytes = 1024 + values + (size_t)stages * tile_bytes;
};

struct prompt_parameters {
  CUtensorMap kv; ///< [all rows of all pages][dim]
  attention_parameters attention;
};

struct prompt_work {
  mk_attention_sequence sequence;
  uint32_t kv_head, first_row, begin, end, tiles; ///< tiles of positions, the last of which ends at or behind `end`
};

/// Whether a sequence is left to the kernel for decoding.
__device__ __forceinline__ bool is_small(const attention_parameters &p, const mk_attention_sequence &s) {
  return !p.is_deterministic && (uint64_t)s.row_count * (p.heads / p.kv.kv_heads) <= decode_tile;
}

__device__ __forceinline__ uint32_t position_of(const attention_parameters &p, const mk_attention_sequence &s,
                                                uint32_t row) {
  return s.kv_length - s.row_count + min(row / (p.heads / p.kv.kv_heads), s.row_count - 1);
}

/// The block's item of a round; false behind the list's end. All lanes call it together. Items get shorter along the
/// list: every other round runs the other way, so that no block gets the longest of all.
template <int dim>
__device__ __forceinline__ bool find_work(const attention_parameters &p, uint32_t round, prompt_work *out) {
  constexpr uint32_t rows = layout<dim>::rows;
  const uint32_t item = round * gridDim.x + (round % 2 ? gridDim.x - 1 - blockIdx.x : blockIdx.x);
  const uint32_t per_kv = p.heads / p.kv.kv_heads;
  const auto tiles_of = [&](uint32_t s) {
    const mk_attention_sequence sequence = p.sequences[s];
    if (!is_valid_sequence(sequence, p.fault) || is_small(p, sequence)) return 0u;
    return (uint32_t)(((uint64_t)sequence.row_count * per_kv + rows - 1) / rows);
  };
  const work_item found = find_item(p.sequence_count, item, [&](uint32_t s) { return tiles_of(s) * p.kv.kv_heads; });
  if (!found.found) return false;
  out->sequence = p.sequences[found.sequence];
  out->kv_head = found.index % p.kv.kv_heads;
  // The last tiles see the most: they go first.
  out->first_row = (tiles_of(found.sequence) - 1 - found.index / p.kv.kv_heads) * rows;
  out->begin = first_visible(p.window, position_of(p, out->sequence, out->first_row)) / tile * tile;
  out->end = position_of(p, out->sequence, out->first_row + rows - 1) + 1;
  out->tiles = (out->end - out->begin + tile - 1) / tile;
  return true;
}

template <int dim>
__device__ __forceinline__ void produce(const prompt_parameters &t, uint32_t base, uint32_t full, uint32_t empty) {
  using L = layout<dim>;
  constexpr uint32_t groups = tile / 16, pieces = groups * (dim / 64);
  const attention_parameters &p = t.attention;
  const uint32_t lane = threadIdx.x % 32, group = lane % groups, block = lane / groups;
  ring_place place[2];
  prompt_work work;
  for (uint32_t round = 0; find_work<dim>(p, round, &work); round++) {
    const int32_t *pages = p.page_table + work.sequence.page_offset;
    // The lane's group of keys of a tile. Groups behind the last position repeat its group: they are not seen.
    const auto keys_of = [&](uint32_t index) {
      const uint32_t position = min(work.begin + index * tile + group * 16, (work.sequence.kv_length - 1) / 16 * 16);
      return (page_of(p, pages, position) * p.kv.kv_heads + work.kv_head) * 2 * p.kv.page_size +
             position % p.kv.page_size;
    };
    const auto send = [&](uint32_t row, uint32_t is_value) {
      ring_place &at = place[is_value];
      const uint32_t barrier = (is_value * stages + at.stage) * 8;
      barrier_wait(empty + barrier, at.parity ^ 1);
      if (lane == 0) barrier_expect(full + barrier, L::tile_bytes);
      __syncwarp();
      if (lane < pieces) {
        const uint32_t to = base + (is_value ? L::values : L::keys) + at.stage * L::tile_bytes +
                            block * L::block_bytes + group * 16 * 128;
        hopper::copy_tile(to, &t.kv, full + barrier, (int32_t)(block * 64), (int32_t)(row + is_value * p.kv.page_size));
      }
      at.advance(stages);
    };
    // Scores run one tile ahead of outputs, and pages are looked up one tile ahead of those.
    uint32_t row = keys_of(work.tiles - 1), next = work.tiles > 1 ? keys_of(work.tiles - 2) : 0;
    send(row, 0);
    for (uint32_t i = work.tiles; i-- > 0;) {
      const uint32_t following = i > 1 ? keys_of(i - 2) : 0;
      if (i > 0) send(next, 0);
      send(row, 1);
      row = next;
      next = following;
    }
  }
}

/// A warpgroup's 64 rows of queries to shared memory in bf16.
template <int dim> __device__ __forceinline__ void load_queries(const attention_parameters &p, const prompt_work &work,
                                                                uint8_t *queries, uint32_t group) {
  constexpr uint32_t pieces = dim / 8;
  const uint32_t per_kv = p.heads / p.kv.kv_heads;
#pragma unroll
  for (uint32_t j = 0; j < pieces / 2; j++) {
    const uint32_t i = j * 128 + threadIdx.x % 128, row = group * 64 + i / pieces, piece = i % pieces, packed = work.first_row + row,
                   token = packed / per_kv;
    uint4 bits = make_uint4(0, 0, 0, 0);
    if (token < work.sequence.row_count) {
      const size_t from = (size_t)(work.sequence.row_start + token) * p.q_stride +
                          (size_t)(work.kv_head * per_kv + packed % per_kv) * dim + piece * 8;
      if (p.q_dtype == MK_BF16) {
        bits = *reinterpret_cast<const uint4 *>(static_cast<const bf16 *>(p.q) + from);
      } else {
        const float4 low = load_four(static_cast<const float *>(p.q) + from),
                     high = load_four(static_cast<const float *>(p.q) + from + 4);
        bits = make_uint4(pack_pair<bf16>(low.x, low.y), pack_pair<bf16>(low.z, low.w), pack_pair<bf16>(high.x, high.y),
                          pack_pair<bf16>(high.z, high.w));
      }
    }
    *reinterpret_cast<uint4 *>(queries + piece / 8 * layout<dim>::query_block_bytes + row * 128 +
                               ((piece % 8) ^ (row % 8)) * 16) = bits;
  }
}

/// What a thread knows of its two rows, `lane / 4` and 8 below in its warp's 16.
template <int dim> struct rows_state {
  float output[dim / 2], largest[2], total[2];
  uint32_t first[2], last[2]; ///< positions that a row sees
};

template <int dim>
__device__ __forceinline__ void issue_scores(float (&scores)[tile / 2], uint32_t queries, uint32_t keys) {
#pragma unroll
  for (uint32_t k = 0; k < dim / 16; k++) {
    using L = layout<dim>;
    warpgroup_product<bf16, tile>::run(scores, rows_descriptor(queries + k / 4 * L::query_block_bytes + k % 4 * 32),
                                       rows_descriptor(keys + k / 4 * L::block_bytes + k % 4 * 32), k > 0);
  }
}

template <int dim> __device__ __forceinline__ void issue_outputs(float (&output)[dim / 2],
                                                                 const uint32_t (&weights)[tile / 4], uint32_t values) {
#pragma unroll
  for (uint32_t k = 0; k < tile / 16; k++) {
    const uint32_t a[4] = {weights[4 * k], weights[4 * k + 1], weights[4 * k + 2], weights[4 * k + 3]};
    warpgroup_product<bf16, dim>::run(output, a, columns_descriptor(values + k * 16 * 128, layout<dim>::block_bytes));
  }
}

/// Turns scores to weights, in place; returns what the outputs so far shrink by. Weights are relative to a maximum that
/// follows the largest score only when that has risen by more than 2^8: outputs seldom shrink.
template <int dim> __device__ __forceinline__ float2 weigh(float (&scores)[tile / 2], rows_state<dim> &state,
                                                           uint32_t start, bool is_masked, float factor) {
  if (is_masked) {
    const uint32_t quad = threadIdx.x % 4;
#pragma unroll
    for (uint32_t i = 0; i < tile / 2; i++) {
      const uint32_t position = start + i / 4 * 8 + quad * 2 + i % 2, h = i / 2 % 2;
      if (position < state.first[h] || position > state.last[h]) scores[i] = -CUDART_INF_F;
    }
  }
  float largest[2][2] = {{scores[0], scores[1]}, {scores[2], scores[3]}};
#pragma unroll
  for (uint32_t i = 4; i < tile / 2; i++) largest[i / 2 % 2][i % 2] = fmaxf(largest[i / 2 % 2][i % 2], scores[i]);
  float base[2], shrink[2], total[2][2] = {};
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float found = fmaxf(largest[h][0], largest[h][1]);
    found = fmaxf(found, __shfl_xor_sync(~0u, found, 1));
    found = fmaxf(found, __shfl_xor_sync(~0u, found, 2));
    const float rise = (found - state.largest[h]) * factor;
    shrink[h] = 1;
    if (rise > 8) {
      shrink[h] = fast_exp2(-rise);
      state.largest[h] = found;
    }
    // A row that has seen nothing yet keeps weights of 0.
    base[h] = state.largest[h] == -CUDART_INF_F ? 0 : state.largest[h] * factor;
  }
#pragma unroll
  for (uint32_t i = 0; i < tile / 2; i++) {
    const int h = i / 2 % 2;
    scores[i] = fast_exp2(scores[i] * factor - base[h]);
    total[h][i % 2] += scores[i];
  }
#pragma unroll
  for (int h = 0; h < 2; h++) state.total[h] = state.total[h] * shrink[h] + (total[h][0] + total[h][1]);
  // Never true: a branch that needs the weights keeps the wait that follows behind them.
  if (state.total[0] < 0 || state.total[1] < 0) asm volatile("trap;");
  return make_float2(shrink[0], shrink[1]);
}

__device__ __forceinline__ void pack(const float (&scores)[tile / 2], uint32_t (&weights)[tile / 4]) {
#pragma unroll
  for (uint32_t i = 0; i < tile / 4; i++) weights[i] = pack_pair<bf16>(scores[2 * i], scores[2 * i + 1]);
}

/// Zeroes values behind the sequence's end, which may be anything, where a weight of 0 would not undo a NaN.
template <int dim> __device__ __forceinline__ void clear_values(uint8_t *values, uint32_t from, uint32_t group) {
  for (uint32_t i = threadIdx.x % 128; i < (tile - from) * (dim / 8); i += 128) {
    const uint32_t row = from + i / (dim / 8), piece = i % (dim / 8);
    *reinterpret_cast<uint4 *>(values + piece / 8 * layout<dim>::block_bytes + row * 128 + piece % 8 * 16) =
        make_uint4(0, 0, 0, 0);
  }
  fence_shared();
  named_barrier(group_barrier + group, 128);
}

template <int dim> __device__ __forceinline__ void store(const attention_parameters &p, const prompt_work &work,
                                                         const rows_state<dim> &state, uint32_t group) {
  const uint32_t lane = threadIdx.x % 32, per_kv = p.heads / p.kv.kv_heads;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float total = state.total[h];
    total += __shfl_xor_sync(~0u, total, 1);
    total += __shfl_xor_sync(~0u, total, 2);
    const uint32_t row = work.first_row + group * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4 + 8 * h;
    const uint32_t token = row / per_kv;
    if (token >= work.sequence.row_count) continue;
    const size_t y =
        ((size_t)(work.sequence.row_start + token) * p.heads + work.kv_head * per_kv + row % per_kv) * dim +
        lane % 4 * 2;
    const float inverse = 1 / total;
#pragma unroll
    for (int n = 0; n < dim / 8; n++) {
      store_activation_pair(p.y, p.y_dtype, y + n * 8, state.output[4 * n + 2 * h] * inverse,
                            state.output[4 * n + 2 * h + 1] * inverse);
    }
  }
}

template <int dim> __device__ __forceinline__ void consume(const prompt_parameters &t, uint8_t *shared, uint32_t base,
                                                           uint32_t full, uint32_t empty) {
  using L = layout<dim>;
  const attention_parameters &p = t.attention;
  // The same for a whole warp, and known to be so.
  const uint32_t group = __shfl_sync(~0u, threadIdx.x / 128, 0), lane = threadIdx.x % 32;
  const float factor = p.scale * 1.44269504f;
  const uint32_t queries = base + group * 64 * 128;
  ring_place key_place, value_place;
  const auto release = [&](uint32_t is_value, const ring_place &at) {
    if (lane == 0) barrier_arrive(empty + (is_value * stages + at.stage) * 8);
  };
  const auto keys_at = [&](const ring_place &at) { return base + L::keys + at.stage * L::tile_bytes; };
  const auto values_at = [&](const ring_place &at) { return base + L::values + at.stage * L::tile_bytes; };
  const uint32_t next_turn = turn_barrier + (group + 1 == L::groups ? 0 : group + 1);
  const auto take_turn = [&] { named_barrier(turn_barrier + group, 256); };
  const auto pass_turn = [&] { asm volatile("bar.arrive %0, 256;" ::"r"(next_turn) : "memory"); };
  if (group == L::groups - 1) pass_turn();
  // What a warpgroup without rows does: it keeps the others' order, and reads nothing.
  const auto pass_by = [&](uint32_t tiles) {
    for (uint32_t left = tiles;; left--) {
      if (left > 0) barrier_wait(full + key_place.stage * 8, key_place.parity);
      if (left < tiles) barrier_wait(full + (stages + value_place.stage) * 8, value_place.parity);
      if (left > 0) {
        take_turn();
        pass_turn();
        release(0, key_place);
        key_place.advance(stages);
      }
      if (left < tiles) {
        release(1, value_place);
        value_place.advance(stages);
      }
      if (left == 0) break;
    }
  };
  prompt_work work;
  for (uint32_t round = 0; find_work<dim>(p, round, &work); round++) {
    const uint64_t rows = (uint64_t)work.sequence.row_count * (p.heads / p.kv.kv_heads);
    const uint32_t group_row = work.first_row + group * 64;
    if (group_row >= rows) {
      pass_by(work.tiles);
      continue;
    }
    load_queries<dim>(p, work, shared, group);
    fence_shared();
    named_barrier(group_barrier + group, 128);
    rows_state<dim> state;
#pragma unroll
    for (int i = 0; i < dim / 2; i++) state.output[i] = 0;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const uint32_t row = group_row + threadIdx.x % 128 / 32 * 16 + lane / 4 + 8 * h;
      state.largest[h] = -CUDART_INF_F;
      state.total[h] = 0;
      state.last[h] = position_of(p, work.sequence, row);
      state.first[h] = first_visible(p.window, state.last[h]);
    }
    // Between these all of the warpgroup's rows see every position.
    const uint32_t lowest = position_of(p, work.sequence, group_row),
                   open_begin = first_visible(p.window, position_of(p, work.sequence, group_row + 63)),
                   open_end = lowest + 1;
    const auto is_masked = [&](uint32_t start) { return start < open_begin || start + tile > open_end; };
    float scores[tile / 2];
    uint32_t weights[tile / 4] = {};
    // A warp without rows keeps weights of 0.
    const bool has_rows = __shfl_sync(~0u, group_row + threadIdx.x % 128 / 32 * 16, 0) < rows;
    uint32_t start = work.begin + (work.tiles - 1) * tile;
#pragma unroll
    for (uint32_t i = 0; i < tile / 2; i++) scores[i] = 0;
    barrier_wait(full + key_place.stage * 8, key_place.parity);
    take_turn();
    pin(scores);
    products_begin();
    issue_scores<dim>(scores, queries, keys_at(key_place));
    products_commit();
    pass_turn();
    products_wait<0>();
    pin(scores);
    release(0, key_place);
    key_place.advance(stages);
    if (has_rows) {
      weigh<dim>(scores, state, start, is_masked(start), factor);
      pack(scores, weights);
    }
    for (uint32_t left = work.tiles - 1;; left--) {
      const uint32_t value_barrier = full + (stages + value_place.stage) * 8;
      if (left > 0) barrier_wait(full + key_place.stage * 8, key_place.parity);
      barrier_wait(value_barrier, value_place.parity);
      if (start + tile > work.sequence.kv_length) {
        clear_values<dim>(shared + (values_at(value_place) - base), work.sequence.kv_length - start, group);
      }
      if (left == 0) break;
      take_turn();
      pin(scores);
      pin(state.output);
      products_begin();
      issue_scores<dim>(scores, queries, keys_at(key_place));
      products_commit();
      issue_outputs<dim>(state.output, weights, values_at(value_place));
      products_commit();
      pass_turn();
      products_wait<1>();
      pin(scores);
      release(0, key_place);
      key_place.advance(stages);
      start -= tile;
      float2 shrink = {1, 1};
      if (has_rows) shrink = weigh<dim>(scores, state, start, is_masked(start), factor);
      products_wait<0>();
      pin(state.output);
      release(1, value_place);
      value_place.advance(stages);
      if (__any_sync(~0u, shrink.x != 1 || shrink.y != 1)) {
#pragma unroll
        for (int i = 0; i < dim / 2; i++) state.output[i] *= i / 2 % 2 ? shrink.y : shrink.x;
      }
      if (has_rows) pack(scores, weights);
    }
    pin(state.output);
    products_begin();
    issue_outputs<dim>(state.output, weights, values_at(value_place));
    products_commit();
    products_wait<0>();
    pin(state.output);
    release(1, value_place);
    value_place.advance(stages);
    store<dim>(p, work, state, group);
    // The next item's queries take these ones' place.
    named_barrier(group_barrier + group, 128);
  }
}

template <int dim> __global__ void __launch_bounds__(layout<dim>::threads, 1)
    prompt_kernel(const __grid_constant__ prompt_parameters t) {
  using L = layout<dim>;
  extern __shared__ __align__(128) uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[4 * stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  const uint32_t full = address_of(barriers), empty = full + 2 * stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < 2 * stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, L::consumers / 32);
    }
    barriers_ready();
  }
  __syncthreads();
  wait_for_predecessor();
  release_successor();
  if (threadIdx.x >= L::consumers) {
    registers_fall<L::producer_registers>();
    if (threadIdx.x < L::consumers + 32) produce<dim>(t, base, full, empty);
  } else {
    registers_rise<L::consumer_registers>();
    consume<dim>(t, shared + (base - address_of(shared)), base, full, empty);
  }
}

template <int dim> mk_status run(mk_stream *stream, const prompt_parameters &t) {
  constexpr size_t bytes = layout<dim>::shared_bytes;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(prompt_kernel<dim>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch(stream, prompt_kernel<dim>, stream->multiprocessors, layout<dim>::threads, bytes, t);
}

} // namespace

mk_status prompt_attention(mk_stream *stream, const attention_parameters *p) {
  const uint32_t dim = p->kv.head_dim, width = p->q_dtype == MK_BF16 ? 2 : 4;
  const uint64_t kv_rows = (uint64_t)p->kv.pages * p->kv.kv_heads * 2 * p->kv.page_size;
  if (stream->compute_capability != 90 || p->kv.dtype != MK_BF16 || (dim != 64 && dim != 128) || p->soft_cap > 0 ||
      (uint64_t)p->q_stride * width % 16 != 0 || (uintptr_t)p->q % 16 != 0 || kv_rows > INT32_MAX) {
    return MK_UNSUPPORTED;
  }
  prompt_parameters t = {};
  t.attention = *p;
  const tensor_shape shape = {2, {dim, kv_rows}, {(uint64_t)dim * 2}, {64, 16}};
  if (!make_tensor_map(p->kv.data, MK_BF16, shape, &t.kv)) return MK_UNSUPPORTED;
  return dim == 64 ? run<64>(stream, t) : run<128>(stream, t);
}
