/// Attention of decoding sequences on Hopper in one launch, over a bf16 paged KV: a team of warps for each head, some or
/// all of a block or of a cluster of blocks, which share its tiles and merge through shared memory.
///
/// No plan, no search and no memory between blocks: the way from the predecessor's end to the result is short. Where
/// one sequence is much longer than the others, which only the device sees, warps take equal shares of all tiles
/// instead, as in warp_decode_attention.cuh.
#pragma once
#include "decode_merging.cuh"

#include <algorithm>

namespace tile_attention {
namespace cluster_decode {

using namespace decode_runs;
using hopper::address_of;

constexpr uint32_t block_warps = 4, block_threads = block_warps * 32;

struct cluster_parameters {
  parameters common;
  uint32_t split; ///< blocks of a head's cluster; 1 where a block has several heads
  uint32_t room;  ///< runs of which something can be kept
  /// Whether the next kernel may start beside this one. Its blocks crowd on what multiprocessors are free first: only
  /// where many are.
  bool releases;
};

/// What a warp leaves of a head at its ring's start: outputs [decode_tile][dim], then {maximum, sum, -, -} of each row.
template <int dim> constexpr uint32_t maxima_offset = decode_tile * dim * 4;

template <int dim> __device__ __forceinline__ void leave_part(uint8_t *ring, accumulator<dim> &acc, uint32_t rows) {
  const uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 1);
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 2);
    const uint32_t row = lane / 4 + 8 * h;
    if (row >= rows) continue;
    float *to = reinterpret_cast<float *>(ring) + row * dim + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < dim / 8; n++) {
      *reinterpret_cast<float2 *>(to + n * 8) = make_float2(acc.output[n][2 * h], acc.output[n][2 * h + 1]);
    }
    if (lane % 4 == 0) {
      reinterpret_cast<float4 *>(ring + maxima_offset<dim>)[row] = make_float4(acc.largest[h], acc.total[h], 0, 0);
    }
  }
}

/// Merges what a head's warps left, four columns to a thread: `warps` from `first` on in each block of the cluster.
template <int dim, uint32_t warps>
__device__ __forceinline__ void merge_parts(const attention_parameters &p, const block_work &work, const uint8_t *rings,
                                            uint32_t first, uint32_t split, uint32_t rank) {
  using L = layout<dim>;
  const uint32_t rows = work.sequence.row_count * (p.heads / p.kv.kv_heads);
  constexpr uint32_t threads = warps * 32;
  for (uint32_t i = rank * threads + threadIdx.x % threads; i < rows * (dim / 4); i += split * threads) {
    const uint32_t row = i / (dim / 4), column = i % (dim / 4) * 4;
    float largest = -CUDART_INF_F, total = 0, sums[4] = {};
#pragma unroll 4
    for (uint32_t w = 0; w < split * warps; w++) {
      const uint32_t ring = address_of(rings) + (first + w % warps) * L::ring_bytes;
      const float4 extent = hopper::load_cluster(ring + maxima_offset<dim> + row * 16, w / warps),
                   part = hopper::load_cluster(ring + (row * dim + column) * 4, w / warps);
      const float next = fmaxf(largest, extent.x), level = next == -CUDART_INF_F ? 0 : next;
      const float shrink = fast_exp2(largest - level), weight = fast_exp2(extent.x - level);
      largest = next;
      total = total * shrink + weight * extent.y;
      // Warps that saw nothing left nothing else.
      sums[0] = sums[0] * shrink + (weight > 0 ? weight * part.x : 0);
      sums[1] = sums[1] * shrink + (weight > 0 ? weight * part.y : 0);
      sums[2] = sums[2] * shrink + (weight > 0 ? weight * part.z : 0);
      sums[3] = sums[3] * shrink + (weight > 0 ? weight * part.w : 0);
    }
    const float inverse = 1 / total;
    store_four(static_cast<bf16 *>(p.y) + output_of(p, work, row) + column,
               make_float4(sums[0] * inverse, sums[1] * inverse, sums[2] * inverse, sums[3] * inverse));
  }
}

/// Tiles of all sequences per KV head, and of the longest. All lanes of a warp call it together.
struct tile_counts {
  uint32_t all, most;
};
template <int dim> __device__ __forceinline__ tile_counts count_tiles(const attention_parameters &p) {
  tile_counts counts = {0, 0};
  for (uint32_t s = threadIdx.x % 32; s < p.sequence_count; s += 32) {
    const uint32_t tiles = span_of<dim>(p, p.sequences[s]).count;
    counts.all += tiles;
    counts.most = max(counts.most, tiles);
  }
  return {__reduce_add_sync(~0u, counts.all), __reduce_max_sync(~0u, counts.most)};
}

/// `teams`: heads of a block.
template <typename T, int dim, uint32_t teams> __global__ void __launch_bounds__(block_threads, 2)
    cluster_decode_kernel(const __grid_constant__ cluster_parameters t) {
  using L = layout<dim>;
  extern __shared__ __align__(128) uint8_t dynamic[];
  __shared__ __align__(8) uint64_t barriers[block_warps * stages];
  __shared__ head_run runs[block_warps * open_runs];
  uint8_t *shared = dynamic + (1024 - address_of(dynamic) % 1024) % 1024;
  uint32_t *ends = reinterpret_cast<uint32_t *>(shared + L::ends(block_warps));
  const decode_parameters &d = t.common.decode;
  const attention_parameters &p = d.attention;
  constexpr uint32_t team_warps = block_warps / teams;
  const uint32_t warp = threadIdx.x / 32, team = warp / team_warps, rank = blockIdx.x % t.split;
  const uint32_t head_index = blockIdx.x / t.split * teams + team;
  if (threadIdx.x < block_warps * stages) hopper::barrier_init(address_of(barriers + threadIdx.x), 1);
  hopper::barriers_ready();
  block_work work = {};
  if (teams == 1 || head_index < p.sequence_count * p.kv.kv_heads) {
    work.sequence = p.sequences[head_index / p.kv.kv_heads];
  }
  work.kv_head = head_index % p.kv.kv_heads;
  const tile_counts counts = count_tiles<dim>(p);
  const uint32_t workers = min(gridDim.x * block_warps, (t.room - 1) / 2), of_head = t.split * team_warps;
  // The longest head's share of a warp against everybody's.
  constexpr uint32_t bearable = 16;
  const bool is_shared = counts.most / of_head <= 2 * (counts.all * p.kv.kv_heads / workers) + bearable;
  const tile_span span = span_of<dim>(p, work.sequence);
  uint32_t unit = 0, end = 0;
  cuts c = {};
  if (is_shared) {
    const uint32_t member = rank * team_warps + warp % team_warps;
    unit = member * span.count / of_head;
    end = (member + 1) * span.count / of_head;
    __syncthreads();
  } else {
    running_sums(p.sequence_count, ends,
                 [&](uint32_t s) { return span_of<dim>(p, p.sequences[s]).count; });
    c = cut(p, ends, workers);
    const uint32_t worker = blockIdx.x * block_warps + warp;
    if (worker < workers) {
      unit = first_run(p, c, worker, workers);
      end = first_run(p, c, worker + 1, workers);
    }
  }
  const auto find = [&](uint32_t from) {
    if (!is_shared) return find_run<dim>(p, c, from);
    head_run run = {};
    run.work = work;
    run.start = span.begin + from * L::tile;
    run.tiles = end - from;
    const mk_attention_sequence &s = work.sequence;
    run.work.begin = max(first_visible(p.window, s.kv_length - s.row_count), run.start);
    run.work.end = min(s.kv_length, run.start + run.tiles * L::tile);
    return run;
  };
  uint8_t *ring = shared + warp * L::ring_bytes;
  const uint32_t rows = work.sequence.row_count * (p.heads / p.kv.kv_heads);
  const uint32_t begun = unit, ended = end;
  work_through<T, dim>(
      t.common,
      warp_tools<T>{ring, reinterpret_cast<T *>(shared + L::rooms(block_warps) + warp * L::room_bytes),
                                 runs + warp * open_runs, address_of(barriers + warp * stages), t.releases},
      unit, end, find, [&](const head_run &run, accumulator<dim> &acc) {
        if (is_shared) {
          leave_part<dim>(ring, acc, rows);
        } else {
          finish<dim>(d, run, acc, c);
        }
      });
  if (!is_shared || span.count == 0) return;
  if (begun == ended && threadIdx.x % 32 < decode_tile) {
    reinterpret_cast<float4 *>(ring + maxima_offset<dim>)[threadIdx.x % 32] = make_float4(-CUDART_INF_F, 0, 0, 0);
  }
  hopper::cluster_barrier();
  merge_parts<dim, team_warps>(p, work, shared, team * team_warps, t.split, rank);
  // Nobody leaves while others read its shared memory.
  hopper::cluster_barrier();
}

constexpr uint32_t most_sequences = 512;

template <typename T, int dim, uint32_t teams> mk_status start(mk_stream *stream, cluster_parameters t) {
  using L = layout<dim>;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(cluster_decode_kernel<T, dim, teams>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           (int)L::shared_bytes(block_warps, most_sequences));
  if (prepared != cudaSuccess) return status_of(prepared);
  const attention_parameters &p = t.common.decode.attention;
  const uint32_t blocks = ceil_div((uint64_t)p.sequence_count * p.kv.kv_heads, teams) * t.split;
  t.releases = blocks <= (uint32_t)stream->multiprocessors;
  return launch_clusters(stream, cluster_decode_kernel<T, dim, teams>, blocks, block_threads,
                         L::shared_bytes(block_warps, p.sequence_count), t.split, t);
}

/// `runs`: room for what is kept of them.
template <typename T, int dim> mk_status run(mk_stream *stream, const parameters &common, uint64_t runs) {
  constexpr uint32_t most_split = 8;
  const attention_parameters &p = common.decode.attention;
  const uint32_t heads = p.sequence_count * p.kv.kv_heads, slots = (uint32_t)stream->multiprocessors;
  // Two blocks fit on a multiprocessor; a second wave costs more than the plan that this kernel goes without.
  if (p.sequence_count > most_sequences || heads > 4 * slots || runs < 3) return MK_UNSUPPORTED;
  cluster_parameters t = {common, 1, (uint32_t)std::min<uint64_t>(runs, UINT32_MAX), true};
  while (t.split < most_split && heads * t.split * 2 <= slots) t.split *= 2;
  return heads <= 2 * slots ? start<T, dim, 1>(stream, t) : start<T, dim, 2>(stream, t);
}

} // namespace cluster_decode
} // namespace tile_attention
