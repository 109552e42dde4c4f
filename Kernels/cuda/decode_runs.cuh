/// How a warp attends to runs of tiles of decoding sequences on Hopper, over a bf16 paged KV: what the kernels for few
/// and for many sequences share.
///
/// The copy engine keeps the warp's ring of tiles full across the borders between runs. Sequences, pages and keys older
/// than the step are read ahead of the predecessor's end. The warp whose run holds the step's own key and value turns
/// them, and writes them to the cache and over what was copied of their tile.
///
/// In a step the weights have passed through the cache since the layer before, and with them went this code: it is kept
/// small, each part in one place.
#pragma once
#include "decode_parameters.cuh"
#include "hopper.cuh"
#include "tensor_map.h"

namespace tile_attention {
namespace decode_runs {

constexpr uint32_t stages = 3, group_positions = 16;
/// Runs that a warp may have begun to copy and not finished.
constexpr uint32_t open_runs = stages + 1;

template <int dim> struct layout {
  /// Positions of a tile: as many as fill 8 KiB with their keys and values.
  static constexpr uint32_t tile = 2048 / dim, groups = tile / group_positions;
  static constexpr uint32_t half_bytes = group_positions * 128; ///< 64 dims of a group's keys or values
  static constexpr uint32_t keys_bytes = half_bytes * (dim / 64), group_bytes = 2 * keys_bytes;
  static constexpr uint32_t stage_bytes = groups * group_bytes;
  /// A warp's room holds eight queries, then the step's own key and value.
  static constexpr uint32_t room_stride = dim + 8; ///< elements between them: no bank conflicts
  static constexpr uint32_t ring_bytes = stages * stage_bytes, room_bytes = 10 * room_stride * 2;

  /// A block's shared memory: the warps' rings, their rooms, then the running number of tiles [sequences].
  static constexpr uint32_t rooms(uint32_t warps) { return warps * ring_bytes; }
  static constexpr uint32_t ends(uint32_t warps) { return rooms(warps) + warps * room_bytes; }
  static constexpr size_t shared_bytes(uint32_t warps, uint32_t sequences) {
    return 1024 + ends(warps) + (size_t)sequences * 4;
  }

  /// Where 16 bytes of a row of keys lie in a stage; its values are `keys_bytes` further. The copy engine permutes the
  /// pieces of 128 bytes.
  static __device__ __forceinline__ uint32_t piece_at(uint32_t row, uint32_t piece) {
    return row / group_positions * group_bytes + piece / 8 * half_bytes + row % group_positions * 128 +
           ((piece % 8) ^ (row % 8)) * 16;
  }
};

struct parameters {
  CUtensorMap kv; ///< [page, head, key or value][64 dims][offset][64]
  decode_parameters decode;
};

/// How the list of tiles is cut.
struct cuts {
  const uint32_t *ends; ///< running number of tiles per KV head [sequences]
  uint32_t share;       ///< the most tiles of a run

  /// Runs of a head with so many tiles, and where run i starts in it.
  __device__ __forceinline__ uint32_t runs_of(uint32_t tiles) const { return (tiles + share - 1) / share; }
  static __device__ __forceinline__ uint32_t start_of(uint32_t i, uint32_t tiles, uint32_t runs) {
    return i * tiles / runs;
  }
  /// Runs of heads that are cut hold at least half a share: one of them starts in each of these.
  __device__ __forceinline__ uint32_t slot_of(uint32_t unit) const { return unit / ((share + 1) / 2); }
};

/// Some or all tiles of one head.
struct head_run {
  block_work work;                    ///< positions [begin, end)
  uint32_t start, tiles;              ///< first position of the first tile, a multiple of the tile
  uint32_t unit, first_unit;          ///< its first tile and that of its head, in the list of all
  uint32_t head_tiles, head_index;
};

/// The tiles of a decoding sequence, per KV head.
struct tile_span {
  uint32_t begin, count;
};
template <int dim> __device__ __forceinline__ tile_span span_of(const attention_parameters &p,
                                                                const mk_attention_sequence &s) {
  if (!is_valid_sequence(s, p.fault) || !is_decoding(p, s)) return {0, 0};
  constexpr uint32_t tile = layout<dim>::tile;
  const uint32_t begin = first_visible(p.window, s.kv_length - s.row_count) / tile * tile;
  return {begin, (s.kv_length - begin + tile - 1) / tile};
}

/// The first tile at or behind `unit` with which a run starts.
__device__ __forceinline__ uint32_t run_start(const attention_parameters &p, const cuts &c, uint32_t unit) {
  const uint32_t s = first_end_behind(c.ends, p.sequence_count, unit / p.kv.kv_heads);
  const uint32_t before = s > 0 ? c.ends[s - 1] : 0, tiles = c.ends[s] - before;
  if (unit >= c.ends[s] * p.kv.kv_heads) return unit;
  const uint32_t at = (unit - before * p.kv.kv_heads) % tiles, runs = c.runs_of(tiles);
  return unit - at + c.start_of((at * runs + tiles - 1) / tiles, tiles, runs);
}

/// The run that starts with tile `unit`.
template <int dim>
__device__ __forceinline__ head_run find_run(const attention_parameters &p, const cuts &c, uint32_t unit) {
  constexpr uint32_t tile = layout<dim>::tile;
  const uint32_t kv_heads = p.kv.kv_heads;
  const uint32_t s = first_end_behind(c.ends, p.sequence_count, unit / kv_heads);
  const uint32_t before = s > 0 ? c.ends[s - 1] : 0, at = unit - before * kv_heads;
  head_run run;
  run.work.sequence = p.sequences[s];
  run.work.first_row = 0;
  run.head_tiles = c.ends[s] - before;
  run.work.kv_head = at / run.head_tiles;
  run.head_index = s * kv_heads + run.work.kv_head;
  const uint32_t skipped = at % run.head_tiles, runs = c.runs_of(run.head_tiles);
  uint32_t i = skipped * runs / run.head_tiles;
  if (c.start_of(i, run.head_tiles, runs) < skipped) i++;
  run.unit = unit;
  run.first_unit = unit - skipped;
  run.tiles = c.start_of(i + 1, run.head_tiles, runs) - skipped;
  const tile_span span = span_of<dim>(p, run.work.sequence);
  run.start = span.begin + skipped * tile;
  run.work.begin = max(first_visible(p.window, run.work.sequence.kv_length - run.work.sequence.row_count), run.start);
  run.work.end = min(run.work.sequence.kv_length, run.start + run.tiles * tile);
  return run;
}

/// The side of a warp that keeps copies on their way: a place in its runs, some tiles ahead of what is computed.
template <int dim> struct copier {
  using L = layout<dim>;
  uint32_t tile, tiles, group, kv_head; ///< next tile of the run and its first group
  uint32_t pages_from;                  ///< the group whose page lane 0 holds
  int32_t page;                         ///< of group pages_from + lane; -1 outside the run

  __device__ __forceinline__ void load_pages(const attention_parameters &p, const head_run &run) {
    const uint32_t position = (group + threadIdx.x % 32) * group_positions;
    pages_from = group;
    page = position < run.work.end && position + group_positions > run.work.begin
               ? (int32_t)page_of(p, p.page_table + run.work.sequence.page_offset, position)
               : -1;
  }
  /// Copies the next tile. Groups of positions outside the run stay as they are.
  __device__ __forceinline__ void send(const parameters &t, uint32_t stage, uint32_t barrier) {
    const attention_parameters &p = t.decode.attention;
    int32_t of_group[L::groups];
    uint32_t bytes = 0;
#pragma unroll
    for (uint32_t i = 0; i < L::groups; i++) {
      of_group[i] = __shfl_sync(~0u, page, group + i - pages_from);
      if (of_group[i] >= 0) bytes += L::group_bytes;
    }
    if (threadIdx.x % 32 == 0) {
      hopper::barrier_expect(barrier, bytes);
#pragma unroll
      for (uint32_t i = 0; i < L::groups; i++) {
        if (of_group[i] < 0) continue;
        hopper::copy_tile(stage + i * L::group_bytes, &t.kv, barrier, 0,
                          (int32_t)((group + i) * group_positions % p.kv.page_size), 0,
                          (int32_t)(((uint32_t)of_group[i] * p.kv.kv_heads + kv_head) * 2));
      }
    }
    group += L::groups;
    tile++;
  }
};

/// Brings heads of a row to the warp's room, from `place` on: a lane's part of each, on its way when this returns.
template <typename T, int dim> __device__ __forceinline__ void
bring_heads(const rope_parameters &rope, uint32_t row, uint32_t head, uint32_t step, uint32_t count, T *place) {
  constexpr uint32_t bytes = dim / 16, per = dim / 32;
  const auto *from = static_cast<const T *>(rope.qkv) + (size_t)row * rope.stride + threadIdx.x % 32 * per;
  uint32_t to = hopper::address_of(place + threadIdx.x % 32 * per);
#pragma unroll 1
  for (uint32_t i = 0; i < count; i++, head += step, to += layout<dim>::room_stride * 2) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(to), "l"(from + (size_t)head * dim), "n"(bytes)
                 : "memory");
  }
}

/// Turns heads that were brought, in place.
template <typename T, int dim> __device__ __forceinline__ void
turn_heads(const rope_parameters &rope, uint32_t row, uint32_t head, uint32_t step, uint32_t count, T *place) {
  constexpr int per = dim / 32;
#pragma unroll 1
  for (uint32_t i = 0; i < count; i++, head += step, place += layout<dim>::room_stride) {
    T *own = place + threadIdx.x % 32 * per;
    whole_head<per> raw;
#pragma unroll
    for (int j = 0; j < per; j++) raw.x[j] = to_float(own[j]);
    store_pairs<T, per>(own, raw.turned(rope, row, head).x);
  }
}

/// Queries of a sequence's only row as fragments, and its own key and value at the end of the warp's room, all turned.
template <typename T, int dim>
__device__ __forceinline__ void turn_row(const decode_parameters &d, const block_work &work, T *room, bool has_own,
                                         uint32_t q[dim / 16][4]) {
  using L = layout<dim>;
  const attention_parameters &p = d.attention;
  const uint32_t lane = threadIdx.x % 32, rows = p.heads / p.kv.kv_heads, row = work.sequence.row_start;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if (8 * h < rows) {
      const uint32_t count = min(rows - 8 * h, 8u), head = work.kv_head * rows + 8 * h;
      const uint32_t own_head = p.heads + work.kv_head, own_count = h == 0 && has_own ? 2 : 0;
      T *own = room + 8 * L::room_stride;
      bring_heads<T, dim>(d.rope, row, head, 1, count, room);
      bring_heads<T, dim>(d.rope, row, own_head, p.kv.kv_heads, own_count, own);
      asm volatile("cp.async.wait_all;" ::: "memory");
      turn_heads<T, dim>(d.rope, row, head, 1, count, room);
      turn_heads<T, dim>(d.rope, row, own_head, p.kv.kv_heads, own_count, own);
      __syncwarp();
    }
    const bool is_there = lane / 4 + 8 * h < rows;
    const T *from = room + lane / 4 * L::room_stride + lane % 4 * 2;
#pragma unroll
    for (int k = 0; k < dim / 16; k++) {
      q[k][h] = is_there ? *reinterpret_cast<const uint32_t *>(from + k * 16) : 0;
      q[k][2 + h] = is_there ? *reinterpret_cast<const uint32_t *>(from + k * 16 + 8) : 0;
    }
    __syncwarp();
  }
}

/// Writes the row's own key and value to the cache, and over the copy of their tile.
template <typename T, int dim> __device__ __forceinline__ void
write_own(const decode_parameters &d, const block_work &work, uint32_t start, uint8_t *stage, const T *own) {
  using L = layout<dim>;
  constexpr uint32_t per = dim / 32;
  const uint32_t element = threadIdx.x % 32 * per;
  const mk_attention_sequence &s = work.sequence;
  T *slot = slot_of<T>(d.rope, s.row_start, work.kv_head, false);
  if (!slot) return;
  uint8_t *piece = stage + L::piece_at(s.kv_length - 1 - start, element / 8) + element % 8 * 2;
#pragma unroll
  for (uint32_t is_value = 0; is_value < 2; is_value++) {
    const T *from = own + is_value * L::room_stride + element;
#pragma unroll
    for (uint32_t j = 0; j < per; j += 2) {
      const uint32_t two = *reinterpret_cast<const uint32_t *>(from + j);
      *reinterpret_cast<uint32_t *>(slot + is_value * value_offset(d.rope.kv) + element + j) = two;
      *reinterpret_cast<uint32_t *>(piece + is_value * L::keys_bytes + j * 2) = two;
    }
  }
}

/// Zeroes the tile's values outside [begin, end), which may be anything, where a weight of 0 would not undo a NaN.
template <int dim> __device__ __forceinline__ void clear_values(uint8_t *stage, uint32_t start, uint32_t begin,
                                                                uint32_t end) {
  using L = layout<dim>;
  constexpr uint32_t pieces = dim / 8;
#pragma unroll 1
  for (uint32_t i = threadIdx.x % 32; i < L::tile * pieces; i += 32) {
    const uint32_t row = i / pieces, position = start + row;
    if (position >= begin && position < end) continue;
    *reinterpret_cast<uint4 *>(stage + L::piece_at(row, i % pieces) + L::keys_bytes) = make_uint4(0, 0, 0, 0);
  }
}

/// What a warp works with: its ring and room in shared memory, a place for the runs it has begun, its stages' barriers.
template <typename T> struct warp_tools {
  uint8_t *ring;
  T *room;
  head_run *runs;
  uint32_t barriers;
  bool releases; ///< whether the next kernel may start beside this one
};

/// Tiles [unit, end): find(unit) is the run that starts there, and finish(run, acc) is called behind each.
template <typename T, int dim, typename Find, typename Finish>
__device__ __forceinline__ void work_through(const parameters &t, const warp_tools<T> &tools, uint32_t unit,
                                             uint32_t end, Find find, Finish finish) {
  using L = layout<dim>;
  const decode_parameters &d = t.decode;
  const attention_parameters &p = d.attention;
  const uint32_t lane = threadIdx.x % 32, barriers = tools.barriers;
  uint8_t *const ring = tools.ring;
  T *const room = tools.room;
  head_run *const runs = tools.runs;
  if (!d.turns) wait_for_predecessor();
  copier<dim> copies = {};
  uint32_t sent = unit, stage = 0, parity = 0, sent_stage = 0, begun = 0, done = 0, tile = 0;
  bool is_first = true;
  const auto start_work = [&] {
    if (d.turns) wait_for_predecessor();
    if (tools.releases) release_successor();
    is_first = false;
  };
  head_run run = {};
  accumulator<dim> acc;
  uint32_t q[dim / 16][4], first[2], last[2];
  while (unit < end) {
#pragma unroll 1
    while (sent < end && sent - unit < stages) {
      if (copies.tile == copies.tiles) {
        const head_run next = find(sent);
        if (lane == 0) runs[begun % open_runs] = next;
        begun++;
        copies.tile = 0;
        copies.tiles = next.tiles;
        copies.group = next.start / group_positions;
        copies.kv_head = next.work.kv_head;
        copies.load_pages(p, next);
        __syncwarp();
      } else if (copies.group - copies.pages_from >= 32) {
        copies.load_pages(p, runs[(begun - 1) % open_runs]);
      }
      copies.send(t, hopper::address_of(ring + sent_stage * L::stage_bytes), barriers + sent_stage * 8);
      if (++sent_stage == stages) sent_stage = 0;
      sent++;
    }
    if (is_first) start_work();
    if (tile == run.tiles) {
      run = runs[done++ % open_runs];
      tile = 0;
      if (d.turns) {
        turn_row<T, dim>(d, run.work, room, run.work.end == run.work.sequence.kv_length, q);
      } else {
        load_queries<T, dim>(p, run.work, 0, q);
      }
#pragma unroll
      for (int h = 0; h < 2; h++) {
        last[h] = position_of(p, run.work.sequence, lane / 4 + 8 * h);
        first[h] = first_visible(p.window, last[h]);
        acc.largest[h] = -CUDART_INF_F;
        acc.total[h] = 0;
      }
#pragma unroll
      for (int n = 0; n < dim / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) acc.output[n][i] = 0;
      }
    }
    const mk_attention_sequence &s = run.work.sequence;
    const uint32_t oldest = s.kv_length - s.row_count, start = run.start + tile * L::tile;
    uint8_t *here = ring + stage * L::stage_bytes;
    hopper::barrier_wait(barriers + stage * 8, parity);
    const bool is_cut = start < run.work.begin || start + L::tile > run.work.end;
    const bool has_own = d.turns && start + L::tile > oldest;
    if (is_cut) clear_values<dim>(here, start, run.work.begin, run.work.end);
    if (has_own) write_own<T, dim>(d, run.work, start, here, room + 8 * L::room_stride);
    if (is_cut || has_own) __syncwarp();
    const uint32_t keys = hopper::address_of(here);
    // Between these all rows see every position.
    const uint32_t open_begin = first_visible(p.window, s.kv_length - 1), open_end = oldest + 1;
    attend_tile<T, dim, L::tile>(
        p, q, [=](uint32_t row, uint32_t piece) { return keys + L::piece_at(row, piece); }, L::keys_bytes, start,
        start < open_begin || start + L::tile > open_end, first, last, acc);
    if (is_cut || has_own) hopper::fence_shared();
    __syncwarp();
    if (++stage == stages) {
      stage = 0;
      parity ^= 1;
    }
    unit++;
    if (++tile == run.tiles) finish(run, acc);
  }
  if (is_first) start_work();
}

/// Sequences in one launch, whose running numbers of tiles lie in shared memory.
constexpr uint32_t most_sequences = 2048;

/// Whether these kernels do; `*t` is filled in then.
template <int dim> bool prepare(const mk_stream *stream, const decode_parameters &d, parameters *t) {
  const attention_parameters &p = d.attention;
  const mk_kv_layer &kv = p.kv;
  const uint64_t rows = (uint64_t)kv.pages * kv.kv_heads * 2, row_bytes = dim * 2;
  if (stream->compute_capability != 90 || p.sequence_count > most_sequences || rows > INT32_MAX ||
      p.q_dtype != MK_BF16 || p.y_dtype != MK_BF16 || kv.dtype != MK_BF16 ||
      (d.turns && (!d.turns_whole || !p.has_single_rows || d.rope.stride % 4 != 0))) {
    return false;
  }
  t->decode = d;
  const tensor_shape shape = {
      4, {64, kv.page_size, dim / 64, rows}, {row_bytes, 128, kv.page_size * row_bytes}, {64, group_positions, dim / 64, 2}};
  return make_tensor_map(kv.data, kv.dtype, shape, &t->kv);
}

} // namespace decode_runs
} // namespace tile_attention
