/// Attention of decoding sequences in one launch, over a 16-bit or FP8 paged KV, where the kernels for Hopper do not do.
///
/// The work is the list of all tiles of 64 positions, by sequence, KV head and position, and every block takes an equal
/// share of it, so that the grid depends on the device only. A share is cut into runs, one for each sequence and head
/// it touches. Where a share would be a few tiles, heads are cut into pieces of a few instead, one for a block. A run
/// that is all of its head is stored; the others leave their outputs in the workspace, and the block that arrives last
/// merges them in order. Each warp of a block copies and scores a quarter of a tile, apart from the others.
///
/// Sequences, pages and keys older than the step are read ahead of the predecessor's end. The step's own keys and
/// values are turned and written first by the block whose run holds them.
#pragma once
#include "cluster_decode_attention.cuh"
#include "warp_decode_attention.cuh"

namespace tile_attention {

constexpr uint32_t decode_positions = 64;

template <typename E, int dim> struct decode_layout {
  /// The stages' place, where what the warps leave of a run lies afterwards: outputs, maxima and sums of 16 rows each.
  static constexpr size_t stages = shape<E, dim, true>::shared_bytes;
  static constexpr size_t left = (size_t)warps * 16 * (dim + 2) * sizeof(float);
  static constexpr size_t queries = stages > left ? stages : left;         ///< 16-bit [decode_tile][dim]
  static constexpr size_t heads = queries + (size_t)decode_tile * dim * 2; ///< float [warps][dim]
  static constexpr size_t ends = heads + (size_t)warps * dim * 4;          ///< running number of tiles [sequences]
};

/// The tiles of a decoding sequence, per KV head.
struct tile_span {
  uint32_t begin, count; ///< first position, a multiple of 64; tiles
};
__device__ __forceinline__ tile_span span_of(const attention_parameters &p, const mk_attention_sequence &s) {
  if (!is_valid_sequence(s, p.fault) || !is_decoding(p, s)) return {0, 0};
  const uint32_t begin = first_visible(p.window, s.kv_length - s.row_count) / decode_positions * decode_positions;
  return {begin, (s.kv_length - begin + decode_positions - 1) / decode_positions};
}

/// ends[s] = units per KV head of sequences 0 to s; a unit is up to `piece` tiles of one head.
__device__ __forceinline__ void find_ends(const attention_parameters &p, uint32_t piece, uint32_t *ends) {
  running_sums(p.sequence_count, ends,
               [&](uint32_t s) { return (span_of(p, p.sequences[s]).count + piece - 1) / piece; });
}

/// Chooses the unit and finds the ends; all units' number comes back.
__device__ __forceinline__ uint32_t plan_units(const attention_parameters &p, uint32_t *ends) {
  constexpr uint32_t largest_piece = 8;
  const auto all = [&] { return ends[p.sequence_count - 1] * p.kv.kv_heads; };
  find_ends(p, 1, ends);
  const uint32_t tiles = all(), blocks = gridDim.x;
  if (tiles <= blocks || tiles > 4 * blocks) return tiles;
  for (uint32_t piece = (tiles + blocks - 1) / blocks; piece <= largest_piece; piece++) {
    find_ends(p, piece, ends);
    if (all() <= blocks) return all();
  }
  find_ends(p, 1, ends);
  return tiles;
}

/// How all units are shared among blocks: the first `extra` take one more than `each`.
struct shares {
  uint32_t each, extra;
  __device__ __forceinline__ shares(uint32_t units, uint32_t blocks)
      : each(units / blocks), extra(units % blocks) {}
  __device__ __forceinline__ uint32_t start(uint32_t block) const { return block * each + min(block, extra); }
  /// The block that has a unit.
  __device__ __forceinline__ uint32_t owner(uint32_t unit) const {
    const uint32_t longer = extra * (each + 1);
    return unit < longer ? unit / (each + 1) : extra + (unit - longer) / each;
  }
};

template <typename E, int dim>
__device__ __forceinline__ void load_turned_queries(const operand<E> *queries, uint32_t q[dim / 16][4]) {
  const uint32_t group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const operand<E> *from = queries + (group + 8 * h) * dim + quad * (sizeof(E) == 1 ? 4 : 2);
#pragma unroll
    for (int k = 0; k < dim / 16; k++) {
      if constexpr (sizeof(E) == 1) {
        const uint2 four = *reinterpret_cast<const uint2 *>(from + k * 16);
        q[k][h] = __byte_perm(four.x, four.y, 0x5410);
        q[k][2 + h] = __byte_perm(four.x, four.y, 0x7632);
      } else {
        q[k][h] = *reinterpret_cast<const uint32_t *>(from + k * 16);
        q[k][2 + h] = *reinterpret_cast<const uint32_t *>(from + k * 16 + 8);
      }
    }
  }
}

/// The queries of the run in shared memory, and the run's share of the step's keys and values in the cache.
template <typename E, int dim> __device__ __forceinline__ void turn(const decode_parameters &d, const block_work &work,
                                                                    operand<E> *queries, float *heads) {
  using T = operand<E>;
  const attention_parameters &p = d.attention;
  const mk_attention_sequence &s = work.sequence;
  const uint32_t warp = threadIdx.x / 32, per_kv = p.heads / p.kv.kv_heads;
  float *x = heads + warp * dim;
  const uint32_t rows = s.row_count * per_kv, oldest = s.kv_length - s.row_count;
  // Per token two more: its key and its value.
  for (uint32_t i = warp; i < rows + 2 * s.row_count; i += warps) {
    const uint32_t token = i < rows ? i / per_kv : (i - rows) / 2, row = s.row_start + token;
    if (i < rows) {
      const uint32_t head = work.kv_head * per_kv + i % per_kv;
      if (d.turns_whole) {
        const whole_head<dim / 32> whole(d.rope, row, head);
        store_pairs<T, dim / 32>(queries + i * dim + threadIdx.x % 32 * (dim / 32), whole.turned(d.rope, row, head).x);
      } else {
        turn_head(d.rope, row, head, x, [&](uint32_t j, float value) { queries[i * dim + j] = from_float<T>(value); });
      }
    } else if (oldest + token >= work.begin && oldest + token < work.end) {
      const bool is_value = (i - rows) % 2;
      if (d.turns_whole) {
        const uint32_t head = p.heads + (is_value ? p.kv.kv_heads : 0) + work.kv_head;
        const whole_head<dim / 32> whole(d.rope, row, head);
        E *to = slot_of<E>(d.rope, row, work.kv_head, is_value);
        const auto turned = whole.turned(d.rope, row, head);
        if (to) store_pairs<E, dim / 32>(to + threadIdx.x % 32 * (dim / 32), turned.x);
      } else {
        write_key_and_value<E>(d.rope, row, work.kv_head, is_value, x);
      }
    }
  }
  for (uint32_t i = rows * dim + threadIdx.x; i < decode_tile * dim; i += threads) queries[i] = from_float<T>(0);
}

/// Outputs, maxima and sums of the block's rows over its run: the warps' quarters merged, by element.
template <int dim> struct merged_run {
  const float *outputs, *maxima, *totals;
  float largest, total, sum;
  __device__ __forceinline__ merged_run(const float *shared, uint32_t row, uint32_t column)
      : outputs(shared), maxima(outputs + warps * 16 * dim), totals(maxima + warps * 16) {
    largest = -CUDART_INF_F;
    for (int w = 0; w < warps; w++) largest = fmaxf(largest, maxima[w * 16 + row]);
    // Some row of a run may see none of its positions.
    const float base = largest == -CUDART_INF_F ? 0 : largest;
    total = sum = 0;
    for (int w = 0; w < warps; w++) {
      const float weight = fast_exp2(maxima[w * 16 + row] - base);
      total += weight * totals[w * 16 + row];
      sum += weight * outputs[(w * 16 + row) * dim + column];
    }
  }
};

template <typename E, int dim> __device__ __forceinline__ void leave(const accumulator<dim> &acc, float *shared) {
  float *outputs = shared, *maxima = outputs + warps * 16 * dim, *totals = maxima + warps * 16;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t row = lane / 4 + 8 * h;
    float *to = outputs + (warp * 16 + row) * dim;
    for_pairs<E>(acc, h, [&](uint32_t column, float low, float high) {
      *reinterpret_cast<float2 *>(to + column) = make_float2(low, high);
    });
    if (lane % 4 == 0) {
      maxima[warp * 16 + row] = acc.largest[h];
      totals[warp * 16 + row] = acc.total[h];
    }
  }
}

/// Where a block keeps a run: every block cuts at most two heads, one at its share's start and one at its end.
template <int dim>
__device__ __forceinline__ float *partial_of(const attention_parameters &p, uint32_t block, bool starts_head) {
  return p.partial + (size_t)(2 * block + starts_head) * decode_tile * (dim + 2);
}

/// Merges the runs of a head whose units are [first, first + count) of all: a warp per row, its lanes over the runs for
/// their weights and over the columns for the outputs.
template <int dim> __device__ __forceinline__ void merge_head(const attention_parameters &p, const block_work &work,
                                                              const shares &all, uint32_t first, uint32_t count) {
  constexpr int own = dim / 32;
  const uint32_t lane = threadIdx.x % 32, rows = work.sequence.row_count * (p.heads / p.kv.kv_heads);
  const uint32_t first_block = all.owner(first), last_block = all.owner(first + count - 1);
  for (uint32_t row = threadIdx.x / 32; row < rows; row += warps) {
    float largest = -CUDART_INF_F, total = 0, sums[own] = {};
    for (uint32_t base = first_block; base <= last_block; base += 32) {
      const uint32_t block = base + lane, here = min(32u, last_block - base + 1);
      const bool is_there = block <= last_block;
      const float *partial = partial_of<dim>(p, is_there ? block : first_block, all.start(block) <= first);
      const float maximum = is_there ? __ldcg(partial + decode_tile * dim + row) : -CUDART_INF_F;
      const float of_lane = is_there ? __ldcg(partial + decode_tile * (dim + 1) + row) : 0;
      const float next = fmaxf(largest, warp_max(maximum)), level = next == -CUDART_INF_F ? 0 : next;
      const float shrink = fast_exp2(largest - level), weight = fast_exp2(maximum - level);
      largest = next;
      total = total * shrink + warp_sum(weight * of_lane);
#pragma unroll
      for (int i = 0; i < own; i++) sums[i] *= shrink;
#pragma unroll 16
      for (uint32_t from = 0; from < here; from++) {
        const float factor = __shfl_sync(~0u, weight, from);
        const auto address = __shfl_sync(~0u, (unsigned long long)(uintptr_t)(partial + row * dim), from);
        // Runs that are not there, and those that saw nothing, have no weight.
        const float *values = reinterpret_cast<const float *>((uintptr_t)address) + lane;
#pragma unroll
        for (int i = 0; i < own; i++) sums[i] += factor > 0 ? factor * __ldcg(values + i * 32) : 0;
      }
    }
    const size_t y = output_of(p, work, row) + lane;
#pragma unroll
    for (int i = 0; i < own; i++) store_activation(p.y, p.y_dtype, y + i * 32, sums[i] / total);
  }
}

/// Stores a run that is all of its head, or leaves it for the block that arrives last, which merges.
template <int dim> __device__ __forceinline__ void finish_run(const decode_parameters &d, const block_work &work,
                                                              uint8_t *shared, const shares &all, uint32_t head_start,
                                                              uint32_t head_units, uint32_t first_unit,
                                                              uint32_t run_units, uint32_t head_index) {
  __shared__ bool is_last;
  const attention_parameters &p = d.attention;
  const uint32_t rows = work.sequence.row_count * (p.heads / p.kv.kv_heads);
  const bool is_whole = run_units == head_units;
  float *partial = partial_of<dim>(p, blockIdx.x, first_unit == 0);
  for (uint32_t i = threadIdx.x; i < rows * dim; i += threads) {
    const uint32_t row = i / dim, column = i % dim;
    const merged_run<dim> run(reinterpret_cast<const float *>(shared), row, column);
    if (is_whole) {
      store_activation(p.y, p.y_dtype, output_of(p, work, row) + column, run.sum / run.total);
    } else {
      partial[row * dim + column] = run.sum;
      if (column == 0) {
        partial[decode_tile * dim + row] = run.largest;
        partial[decode_tile * (dim + 1) + row] = run.total;
      }
    }
  }
  if (is_whole) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    is_last = atomicAdd(d.arrived + head_index, run_units) + run_units == head_units;
    if (is_last) d.arrived[head_index] = 0;
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  merge_head<dim>(p, work, all, head_start, head_units);
}

/// The tile loop of a run. The first tile is on its way when `is_started`.
template <typename E, int dim>
__device__ __forceinline__ void attend_run(const attention_parameters &p, const block_work &work,
                                           const uint32_t q[dim / 16][4], uint8_t *shared, bool is_started,
                                           accumulator<dim> &acc) {
  using S = shape<E, dim, true>;
  static_assert(S::tile == decode_positions);
  const uint32_t warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, stage_row = warp * S::positions;
  const uint32_t base = (uint32_t)__cvta_generic_to_shared(shared);
  uint32_t first[2], last[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t position = position_of(p, work.sequence, group + 8 * h);
    last[h] = min(position, work.end - 1);
    first[h] = max(first_visible(p.window, position), work.begin);
    acc.largest[h] = -CUDART_INF_F;
    acc.total[h] = 0;
  }
#pragma unroll
  for (int n = 0; n < dim / 8; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) acc.output[n][i] = 0;
  }
  // Between these all rows see every position.
  const uint32_t lowest = position_of(p, work.sequence, 0), highest = position_of(p, work.sequence, decode_tile - 1);
  const uint32_t open_begin = max(first_visible(p.window, highest), work.begin), open_end = min(lowest + 1, work.end);
  uint32_t start = work.begin / S::tile * S::tile, stage = 0;
  if (!is_started) copy_tile<E, dim, true>(p, work, start, base, base + S::stage_bytes);
  for (; start < work.end; start += S::tile, stage ^= 1) {
    const uint32_t keys = base + stage * 2 * S::stage_bytes, other = base + (stage ^ 1) * 2 * S::stage_bytes;
    if (start + S::tile < work.end) {
      copy_tile<E, dim, true>(p, work, start + S::tile, other, other + S::stage_bytes);
      await_copies<1>();
    } else {
      await_copies<0>();
    }
    __syncwarp();
    const bool is_masked = start < open_begin || start + S::tile > open_end;
    attend_tile<E, dim, S::positions>(
        p, q, [=](uint32_t row, uint32_t piece) { return keys + piece_at<S::pieces>(stage_row + row, piece); },
        S::stage_bytes, start + stage_row, is_masked, first, last, acc);
    __syncwarp();
  }
  // What a warp leaves of the run lies where others' tiles were.
  __syncthreads();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 1);
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 2);
  }
}

template <typename E, int dim> __global__ void __launch_bounds__(threads)
    decode_kernel(const __grid_constant__ decode_parameters d) {
  using L = decode_layout<E, dim>;
  extern __shared__ __align__(128) uint8_t shared[];
  auto *queries = reinterpret_cast<operand<E> *>(shared + L::queries);
  float *heads = reinterpret_cast<float *>(shared + L::heads);
  uint32_t *ends = reinterpret_cast<uint32_t *>(shared + L::ends);
  const attention_parameters &p = d.attention;
  const uint32_t kv_heads = p.kv.kv_heads;
  const shares all(plan_units(p, ends), gridDim.x);
  uint32_t unit = all.start(blockIdx.x);
  const uint32_t end = all.start(blockIdx.x + 1);
  bool is_first = true;
  while (unit < end) {
    const uint32_t s = first_end_behind(ends, p.sequence_count, unit / kv_heads);
    const uint32_t before = s > 0 ? ends[s - 1] : 0, head_units = ends[s] - before;
    const uint32_t at = unit - before * kv_heads, first_unit = at % head_units;
    const uint32_t run_units = min(head_units - first_unit, end - unit);
    block_work work;
    work.sequence = p.sequences[s];
    work.kv_head = at / head_units;
    work.first_row = 0;
    const tile_span span = span_of(p, work.sequence);
    const uint32_t oldest = work.sequence.kv_length - work.sequence.row_count;
    const uint32_t first_tile = first_unit * span.count / head_units,
                   end_tile = (first_unit + run_units) * span.count / head_units;
    work.begin = max(first_visible(p.window, oldest), span.begin + first_tile * decode_positions);
    work.end = min(work.sequence.kv_length, span.begin + end_tile * decode_positions);
    // A tile of old positions does not depend on the predecessor.
    const uint32_t start = work.begin / decode_positions * decode_positions;
    const bool is_started = start + decode_positions <= oldest;
    if (is_started) {
      const uint32_t base = (uint32_t)__cvta_generic_to_shared(shared);
      copy_tile<E, dim, true>(p, work, start, base, base + shape<E, dim, true>::stage_bytes);
    }
    if (is_first) {
      wait_for_predecessor();
      release_successor();
      is_first = false;
    }
    uint32_t q[dim / 16][4];
    if (d.turns) {
      turn<E, dim>(d, work, queries, heads);
      __syncthreads();
      load_turned_queries<E, dim>(queries, q);
    } else {
      load_queries<E, dim>(p, work, 0, q);
    }
    accumulator<dim> acc;
    attend_run<E, dim>(p, work, q, shared, is_started, acc);
    leave<E, dim>(acc, reinterpret_cast<float *>(shared));
    __syncthreads();
    finish_run<dim>(d, work, shared, all, unit - first_unit, head_units, first_unit, run_units,
                    s * kv_heads + work.kv_head);
    unit += run_units;
    // The next run's copies go where this one's results lie.
    __syncthreads();
  }
  if (is_first) {
    wait_for_predecessor();
    release_successor();
  }
}

/// Sequences in one launch, whose running numbers of tiles lie in shared memory.
constexpr uint32_t most_sequences = 4096;

template <typename E, int dim> mk_status decode(mk_stream *stream, decode_parameters d, uint64_t blocks_with_room) {
  const uint32_t count = d.attention.sequence_count;
  if (count > most_sequences) return MK_UNSUPPORTED;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(decode_kernel<E, dim>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           (int)(decode_layout<E, dim>::ends + most_sequences * 4));
  if (prepared != cudaSuccess) return status_of(prepared);
  static const int per_multiprocessor = [] {
    int blocks = 1;
    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, decode_kernel<E, dim>, threads,
                                                  decode_layout<E, dim>::ends + 1024);
    return blocks < 1 ? 1 : blocks;
  }();
  uint64_t blocks = (uint64_t)stream->multiprocessors * per_multiprocessor;
  if (blocks > blocks_with_room) blocks = blocks_with_room;
  return launch(stream, decode_kernel<E, dim>, (uint32_t)blocks, threads,
                decode_layout<E, dim>::ends + (size_t)count * 4, d);
}

/// Prompts and what decodes, in up to two launches. What `rope` does, if anything, is done before by decoding
/// sequences: there must be no others then.
template <typename E, int dim>
mk_status run(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope) {
  mk_status status = MK_OK;
  if (p->has_prompts) status = prompt_attention(stream, p);
  if (status == MK_UNSUPPORTED) status = prefill<E, dim>(stream, p);
  if (status != MK_OK || p->is_deterministic) return status;
  decode_parameters d = {};
  d.attention = *p;
  d.turns = rope != nullptr;
  if (rope) {
    d.rope = *rope;
    d.turns_whole = turns_whole(*rope);
  }
  d.arrived = reinterpret_cast<uint32_t *>(counters_of(stream));
  if ((uint64_t)p->sequence_count * p->kv.kv_heads * 4 > counter_bytes) return MK_UNSUPPORTED;
  const uint64_t runs = p->partial_bytes / (decode_tile * (dim + 2) * sizeof(float));
  if (runs < 2) return MK_INVALID_ARGUMENT;
  if constexpr (dim <= 128 && std::is_same_v<E, bf16>) {
    // So many dims of keys per position keep single warps busy, and blocks would pay for their merging.
    constexpr uint64_t many = 64 * 8 * 128;
    const bool has_many = (uint64_t)p->sequence_count * p->kv.kv_heads * dim >= many;
    decode_runs::parameters t = {};
    if (decode_runs::prepare<dim>(stream, d, &t)) {
      status = cluster_decode::run<E, dim>(stream, t, runs);
      if (status == MK_UNSUPPORTED && has_many) status = warp_decode::run<E, dim>(stream, t, runs);
      if (status != MK_UNSUPPORTED) return status;
    }
  }
  return decode<E, dim>(stream, d, runs / 2);
}

template <typename E> mk_status run(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope) {
  switch (p->kv.head_dim) {
  case 64: return run<E, 64>(stream, p, rope);
  case 128: return run<E, 128>(stream, p, rope);
  case 256: return run<E, 256>(stream, p, rope);
  default: return MK_UNSUPPORTED;
  }
}

} // namespace tile_attention
