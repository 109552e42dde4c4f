/// Flash attention (Dao, 2023) over the paged KV on tensor cores, with the query heads of a KV head packed as rows.
///
/// Prefill here: a block owns 64 packed rows, 16 per warp, and all their positions. Decode is in decode_attention.cuh.
/// Keys and values pass through two stages of shared memory whose 16-byte pieces are permuted against bank conflicts.
#pragma once
#include "sequences.cuh"

#include <type_traits>

namespace tile_attention {

constexpr int warps = 4, threads = warps * 32;

/// What elements of the KV are multiplied as: codes of 8 bits pass through shared memory as they are, and a warp widens
/// those that it loads to bf16.
template <typename E> using operand = std::conditional_t<sizeof(E) == 1, bf16, E>;

template <typename E, int dim, bool is_decode> struct shape {
  /// Positions of a stage. Prefill of wide heads is short of registers for more scores.
  static constexpr int tile = dim == 256 && !is_decode ? 32 : 64;
  static constexpr int positions = is_decode ? tile / warps : tile; ///< that one warp scores
  static constexpr int rows = is_decode ? 16 : 16 * warps;
  static constexpr int pieces = dim * sizeof(E) / 16; ///< of 16 bytes in a row
  static constexpr size_t stage_bytes = (size_t)tile * pieces * 16; ///< of keys, or of values
  static constexpr size_t shared_bytes = 4 * stage_bytes;
};

__device__ __forceinline__ void copy_async(uint32_t to, const void *from, bool is_there) {
  const int bytes = is_there ? 16 : 0; // the rest of the 16 is zeroed
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes));
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;"); }
template <int left> __device__ __forceinline__ void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left));
}

__device__ __forceinline__ void load_matrices(uint32_t address, uint32_t r[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
__device__ __forceinline__ void load_transposed(uint32_t address, uint32_t r[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

/// Byte offset of piece `piece` of row `row` of a stage, in whose rows are `pieces`: those of eight rows, one of each,
/// lie in different banks.
template <int pieces> __device__ __forceinline__ uint32_t piece_at(uint32_t row, uint32_t piece) {
  static_assert(pieces == 4 || pieces % 8 == 0);
  return (row * pieces + (piece ^ (pieces == 4 ? row / 2 & 3 : row & 7))) * 16;
}

/// What a block works on: packed rows [first_row, first_row + rows) of a sequence, positions [begin, end).
struct block_work {
  mk_attention_sequence sequence;
  uint32_t kv_head, first_row, begin, end;
};

/// A thread's rows are `group` and `group + 8` of its warp's 16.
template <int dim> struct accumulator {
  float output[dim / 8][4], largest[2], total[2];
};

/// Starts copies of a tile's keys and values. Each warp brings its share of the positions: in decode those that it scores.
template <typename E, int dim, bool is_decode> __device__ __forceinline__ void
copy_tile(const attention_parameters &p, const block_work &work, uint32_t start, uint32_t keys, uint32_t values) {
  using S = shape<E, dim, is_decode>;
  constexpr uint32_t pieces = S::pieces, share = S::tile / warps, step = 32 / pieces;
  static_assert(16 % share == 0 && share % step == 0 && 32 % pieces == 0);
  const E *data = static_cast<const E *>(p.kv.data);
  const int32_t *pages = p.page_table + work.sequence.page_offset;
  const uint32_t lane = threadIdx.x % 32, first = threadIdx.x / 32 * share, piece = lane % pieces;
  // A page holds whole groups of 16 positions. A group outside the work reads nothing, at any address.
  const uint32_t group = start + first / 16 * 16,
                 position = group < work.end && group + 16 > work.begin ? group : work.end - 1;
  const uint32_t offset = position % p.kv.page_size / 16 * 16;
  const E *group_keys =
      data + key_index(p.kv, page_of(p, pages, position), offset, work.kv_head) + piece * (16 / sizeof(E));
#pragma unroll
  for (uint32_t i = 0; i < share; i += step) {
    const uint32_t row = first + i + lane / pieces;
    const bool is_there = start + row < work.end && start + row >= work.begin;
    const E *key = group_keys + row % 16 * dim;
    const uint32_t at = piece_at<pieces>(row, piece);
    copy_async(keys + at, key, is_there);
    copy_async(values + at, key + value_offset(p.kv), is_there);
  }
  commit_copies();
}

/// Position of a packed row's token; rows past the last take the last token's.
__device__ __forceinline__ uint32_t position_of(const attention_parameters &p, const mk_attention_sequence &s,
                                                uint32_t row) {
  const uint32_t token = row / (p.heads / p.kv.kv_heads);
  return s.kv_length - s.row_count + min(token, s.row_count - 1);
}

/// Queries as fragments. Their 16 dims at a time are in the order in which `multiply_keys` finds keys.
template <typename E, int dim> __device__ __forceinline__ void
load_queries(const attention_parameters &p, const block_work &work, uint32_t warp_row, uint32_t q[dim / 16][4]) {
  using T = operand<E>;
  const uint32_t group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4, per_kv = p.heads / p.kv.kv_heads;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t row = work.first_row + warp_row + group + 8 * h, token = row / per_kv;
    const bool is_there = token < work.sequence.row_count;
    const uint32_t head = work.kv_head * per_kv + row % per_kv;
    const size_t from = (size_t)(work.sequence.row_start + (is_there ? token : 0)) * p.q_stride + (size_t)head * dim +
                        quad * (sizeof(E) == 1 ? 4 : 2);
#pragma unroll
    for (int k = 0; k < dim / 16; k++) {
      const float2 low = load_activation_pair(p.q, p.q_dtype, from + k * 16),
                   high = load_activation_pair(p.q, p.q_dtype, from + k * 16 + (sizeof(E) == 1 ? 2 : 8));
      q[k][h] = sizeof(E) == 1 ? pack_pair<T>(low.x, high.x) : pack_pair<T>(low.x, low.y);
      q[k][2 + h] = sizeof(E) == 1 ? pack_pair<T>(low.y, high.y) : pack_pair<T>(high.x, high.y);
    }
  }
}

/// scores += queries * keys, for a warp's 16 rows: place(row, piece) is where 16 bytes of keys lie in shared memory.
///
/// Four 8-bit keys of a word, which a thread gets of each 16, widen to the first and third and the second and fourth: a
/// fragment's dims 2 quad, 2 quad + 1, 2 quad + 8, 2 quad + 9 are the keys' 4 quad + 0, 2, 1, 3.
template <typename E, int dim, int positions, typename Place> __device__ __forceinline__ void
multiply_keys(const uint32_t q[dim / 16][4], Place place, float (&scores)[positions / 8][4]) {
  using T = operand<E>;
  const uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < shape<E, dim, false>::pieces; k += 2) {
#pragma unroll
    for (int j = 0; j < positions / 16; j++) {
      // Of positions 0 to 7 of 16 piece k, then k + 1; then of the others.
      uint32_t b[4];
      load_matrices(place(j * 16 + lane / 16 * 8 + lane % 8, k + lane / 8 % 2), b);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float *of = scores[2 * j + i];
        if constexpr (sizeof(E) == 1) {
          const uint2 first = widen_codes(b[2 * i]), second = widen_codes(b[2 * i + 1]);
          multiply_tile<T>(of, q[k][0], q[k][1], q[k][2], q[k][3], first.x, first.y);
          multiply_tile<T>(of, q[k + 1][0], q[k + 1][1], q[k + 1][2], q[k + 1][3], second.x, second.y);
        } else {
          multiply_tile<T>(of, q[k / 2][0], q[k / 2][1], q[k / 2][2], q[k / 2][3], b[2 * i], b[2 * i + 1]);
        }
      }
    }
  }
}

/// output += weights * values, for 16 positions whose values begin with row `row` of `place`.
///
/// A word of 8-bit values has two dims of two positions, which widen to a pair of positions of each: of 16 dims the even
/// ones come first. `for_pairs` knows.
template <typename E, int dim, typename Place> __device__ __forceinline__ void
multiply_values(const uint32_t (&weights)[4], Place place, uint32_t row, float (&output)[dim / 8][4]) {
  using T = operand<E>;
  const uint32_t lane = threadIdx.x % 32;
  const auto multiply = [&](float (&of)[4], uint32_t b0, uint32_t b1) {
    multiply_tile<T>(of, weights[0], weights[1], weights[2], weights[3], b0, b1);
  };
#pragma unroll
  for (int n = 0; n < shape<E, dim, false>::pieces; n += 2) {
    // Of piece n positions 0 to 7, then the others; then of piece n + 1.
    uint32_t b[4];
    load_transposed(place(row + lane / 8 % 2 * 8 + lane % 8, n + lane / 16), b);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      if constexpr (sizeof(E) == 1) {
        const uint2 low = widen_codes(b[2 * i]), high = widen_codes(b[2 * i + 1]);
        multiply(output[2 * (n + i)], low.x, high.x);
        multiply(output[2 * (n + i) + 1], low.y, high.y);
      } else {
        multiply(output[n + i], b[2 * i], b[2 * i + 1]);
      }
    }
  }
}

/// Calls action(column, x, y) with a thread's outputs in `column` and `column` + 1 of row `group` + 8 h, pair by pair.
template <typename E, int dim, typename Action>
__device__ __forceinline__ void for_pairs(const accumulator<dim> &acc, int h, Action action) {
  const uint32_t quad = threadIdx.x % 4;
#pragma unroll
  for (int n = 0; n < dim / 8; n++) {
    if constexpr (sizeof(E) == 1) {
      const int even = n / 2 * 2, of = 2 * h + n % 2;
      action(even * 8 + quad * 4 + n % 2 * 2, acc.output[even][of], acc.output[even + 1][of]);
    } else {
      action(n * 8 + quad * 2, acc.output[n][2 * h], acc.output[n][2 * h + 1]);
    }
  }
}

/// Scores, their softmax so far, and their part of the output, for a warp's 16 rows and `positions` from `start` on:
/// place(row, piece) is where 16 bytes of keys lie in shared memory, the values' `values` bytes further.
template <typename E, int dim, int positions, typename Place> __device__ __forceinline__ void
attend_tile(const attention_parameters &p, const uint32_t q[dim / 16][4], Place place, uint32_t values, uint32_t start,
            bool is_masked, const uint32_t first[2], const uint32_t last[2], accumulator<dim> &acc) {
  using T = operand<E>;
  const uint32_t quad = threadIdx.x % 4;
  float scores[positions / 8][4] = {};
  multiply_keys<E, dim, positions>(q, place, scores);
  constexpr float log2e = 1.44269504f;
  const float factor = p.soft_cap > 0 ? p.scale / p.soft_cap : p.scale * log2e, cap = p.soft_cap * log2e;
  float largest[2] = {acc.largest[0], acc.largest[1]};
  const auto for_scores = [&](auto action) {
#pragma unroll
    for (int j = 0; j < positions / 8; j++) {
#pragma unroll
      for (int i = 0; i < 4; i++) action(scores[j][i], j, i);
    }
  };
  for_scores([&](float &score, int, int) { score *= factor; });
  if (p.soft_cap > 0) for_scores([&](float &score, int, int) { score = cap * tanhf(score); });
  if (is_masked) {
    for_scores([&](float &score, int j, int i) {
      const uint32_t position = start + j * 8 + quad * 2 + i % 2;
      if (position < first[i / 2] || position > last[i / 2]) score = -CUDART_INF_F;
    });
  }
  for_scores([&](float &score, int, int i) { largest[i / 2] = fmaxf(largest[i / 2], score); });
  float shrink[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    largest[h] = fmaxf(largest[h], __shfl_xor_sync(~0u, largest[h], 1));
    largest[h] = fmaxf(largest[h], __shfl_xor_sync(~0u, largest[h], 2));
    // A row that has seen nothing yet keeps weights of 0.
    const float base = largest[h] == -CUDART_INF_F ? 0 : largest[h];
    shrink[h] = fast_exp2(acc.largest[h] - base);
    acc.largest[h] = largest[h];
    largest[h] = base;
    acc.total[h] *= shrink[h];
  }
#pragma unroll
  for (int j = 0; j < positions / 8; j++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      scores[j][i] = fast_exp2(scores[j][i] - largest[i / 2]);
      acc.total[i / 2] += scores[j][i];
    }
  }
  if (__any_sync(~0u, shrink[0] != 1 || shrink[1] != 1)) {
#pragma unroll
    for (int n = 0; n < dim / 8; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) acc.output[n][i] *= shrink[i / 2];
    }
  }
#pragma unroll
  for (int j = 0; j < positions / 16; j++) {
    const uint32_t a[4] = {pack_pair<T>(scores[2 * j][0], scores[2 * j][1]),
                           pack_pair<T>(scores[2 * j][2], scores[2 * j][3]),
                           pack_pair<T>(scores[2 * j + 1][0], scores[2 * j + 1][1]),
                           pack_pair<T>(scores[2 * j + 1][2], scores[2 * j + 1][3])};
    multiply_values<E, dim>(
        a, [=](uint32_t row, uint32_t piece) { return place(row, piece) + values; }, j * 16, acc.output);
  }
}

/// The tile loop over [work.begin, work.end).
template <typename E, int dim> __device__ __forceinline__ void
attend(const attention_parameters &p, const block_work &work, uint8_t *shared, accumulator<dim> &acc) {
  using S = shape<E, dim, false>;
  const uint32_t warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4;
  const uint32_t warp_row = warp * 16;
  const uint32_t base = (uint32_t)__cvta_generic_to_shared(shared);
  uint32_t q[dim / 16][4], first[2], last[2];
  load_queries<E, dim>(p, work, warp_row, q);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const uint32_t position = position_of(p, work.sequence, work.first_row + warp_row + group + 8 * h);
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
  // Between these all rows of the block see every position.
  const uint32_t lowest = position_of(p, work.sequence, work.first_row);
  const uint32_t highest = position_of(p, work.sequence, work.first_row + S::rows - 1);
  const uint32_t open_begin = max(first_visible(p.window, highest), work.begin), open_end = min(lowest + 1, work.end);
  const uint32_t per_kv = p.heads / p.kv.kv_heads;
  const bool has_rows = work.first_row + warp_row < (uint64_t)work.sequence.row_count * per_kv;
  uint32_t start = work.begin / S::tile * S::tile, stage = 0;
  copy_tile<E, dim, false>(p, work, start, base, base + S::stage_bytes);
  for (; start < work.end; start += S::tile, stage ^= 1) {
    const uint32_t keys = base + stage * 2 * S::stage_bytes, other = base + (stage ^ 1) * 2 * S::stage_bytes;
    if (start + S::tile < work.end) {
      copy_tile<E, dim, false>(p, work, start + S::tile, other, other + S::stage_bytes);
      await_copies<1>();
    } else {
      await_copies<0>();
    }
    __syncthreads();
    const bool is_masked = start < open_begin || start + S::tile > open_end;
    if (has_rows) {
      attend_tile<E, dim, S::positions>(
          p, q, [=](uint32_t row, uint32_t piece) { return keys + piece_at<S::pieces>(row, piece); }, S::stage_bytes,
          start, is_masked, first, last, acc);
    }
    __syncthreads();
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 1);
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 2);
  }
}

/// Where in y a packed row's output goes; no_output for rows past the last.
constexpr size_t no_output = SIZE_MAX;
__device__ __forceinline__ size_t output_of(const attention_parameters &p, const block_work &work, uint32_t row) {
  const uint32_t per_kv = p.heads / p.kv.kv_heads, token = row / per_kv;
  if (token >= work.sequence.row_count) return no_output;
  return ((size_t)(work.sequence.row_start + token) * p.heads + work.kv_head * per_kv + row % per_kv) * p.kv.head_dim;
}

__device__ __forceinline__ bool is_decoding(const attention_parameters &p, const mk_attention_sequence &s) {
  return !p.is_deterministic && (uint64_t)s.row_count * (p.heads / p.kv.kv_heads) <= decode_tile;
}

template <typename E, int dim> __global__ void __launch_bounds__(threads) prefill_kernel(const attention_parameters p) {
  using S = shape<E, dim, false>;
  extern __shared__ __align__(128) uint8_t shared[];
  wait_for_predecessor();
  release_successor();
  const uint32_t per_kv = p.heads / p.kv.kv_heads;
  const auto tiles_of = [&](uint32_t s) {
    const mk_attention_sequence sequence = p.sequences[s];
    if (!is_valid_sequence(sequence, p.fault) || is_decoding(p, sequence)) return 0u;
    return (uint32_t)(((uint64_t)sequence.row_count * per_kv + S::rows - 1) / S::rows);
  };
  for (uint32_t item = blockIdx.x;; item += gridDim.x) {
    const work_item found = find_item(p.sequence_count, item, [&](uint32_t s) { return tiles_of(s) * p.kv.kv_heads; });
    if (!found.found) return;
    block_work work;
    work.sequence = p.sequences[found.sequence];
    work.kv_head = found.index % p.kv.kv_heads;
    // The last tiles see the most: they go first.
    work.first_row = (tiles_of(found.sequence) - 1 - found.index / p.kv.kv_heads) * S::rows;
    work.begin = first_visible(p.window, position_of(p, work.sequence, work.first_row));
    work.end = position_of(p, work.sequence, work.first_row + S::rows - 1) + 1;
    accumulator<dim> acc;
    attend<E, dim>(p, work, shared, acc);
    const uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const size_t y = output_of(p, work, work.first_row + threadIdx.x / 32 * 16 + lane / 4 + 8 * h);
      if (y == no_output) continue;
      const float inverse = 1 / acc.total[h];
      for_pairs<E>(acc, h, [&](uint32_t column, float low, float high) {
        store_activation_pair(p.y, p.y_dtype, y + column, low * inverse, high * inverse);
      });
    }
  }
}

template <typename E, int dim> mk_status prefill(mk_stream *stream, const attention_parameters *p) {
  constexpr size_t bytes = shape<E, dim, false>::shared_bytes;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(prefill_kernel<E, dim>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch(stream, prefill_kernel<E, dim>, stream->multiprocessors * 2, threads, bytes, *p);
}

} // namespace tile_attention
