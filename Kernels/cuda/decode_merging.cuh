/// Shares of all sequences' tiles for warps that work alone, and how what they keep of cut heads is merged.
#pragma once
#include "decode_runs.cuh"

namespace tile_attention {
namespace decode_runs {

/// Neighbouring floats of a lane.
template <int count> struct lane_floats {
  float x[count];
  __device__ __forceinline__ void load(const float *from) {
    if constexpr (count == 4) {
      const float4 four = __ldcg(reinterpret_cast<const float4 *>(from));
      x[0] = four.x, x[1] = four.y, x[2] = four.z, x[3] = four.w;
    } else {
      const float2 two = __ldcg(reinterpret_cast<const float2 *>(from));
      x[0] = two.x, x[1] = two.y;
    }
  }
};

/// Outputs [decode_tile][dim], then maxima and sums, that a warp keeps of a run.
template <int dim> __device__ __forceinline__ float *partial_of(const attention_parameters &p, uint32_t slot) {
  return p.partial + (size_t)slot * decode_tile * (dim + 2);
}

__device__ __forceinline__ void store_pair(void *y, size_t at, float low, float high) {
  *reinterpret_cast<uint32_t *>(static_cast<bf16 *>(y) + at) = pack_pair<bf16>(low, high);
}

/// Merges a head's runs: four rows at a time, the lanes over the runs for their weights and over the columns for the
/// outputs.
template <int dim>
__device__ __forceinline__ void merge(const attention_parameters &p, const head_run &run, const cuts &c) {
  constexpr int own = dim / 32, at_once = 4;
  const uint32_t lane = threadIdx.x % 32, rows = run.work.sequence.row_count * (p.heads / p.kv.kv_heads);
  const uint32_t runs = c.runs_of(run.head_tiles);
#pragma unroll 1
  for (uint32_t row = 0; row < rows; row += at_once) {
    float largest[at_once], total[at_once], sums[at_once][own] = {};
#pragma unroll
    for (int r = 0; r < at_once; r++) largest[r] = -CUDART_INF_F, total[r] = 0;
    for (uint32_t base = 0; base < runs; base += 32) {
      const bool is_there = base + lane < runs;
      const uint32_t unit = run.first_unit + c.start_of(is_there ? base + lane : 0, run.head_tiles, runs),
                     here = min(32u, runs - base);
      const float *partial = partial_of<dim>(p, c.slot_of(unit)) + row * dim;
      const float *maxima = partial + (decode_tile - row) * dim + row;
      float weight[at_once], of_lane[at_once];
#pragma unroll
      for (int r = 0; r < at_once; r++) {
        const bool is_row = is_there && row + r < rows;
        weight[r] = is_row ? __ldcg(maxima + r) : -CUDART_INF_F;
        of_lane[r] = is_row ? __ldcg(maxima + decode_tile + r) : 0;
      }
#pragma unroll
      for (int r = 0; r < at_once; r++) {
        const float next = fmaxf(largest[r], warp_max(weight[r])), level = next == -CUDART_INF_F ? 0 : next;
        const float shrink = fast_exp2(largest[r] - level);
        weight[r] = fast_exp2(weight[r] - level);
        largest[r] = next;
        total[r] = total[r] * shrink + warp_sum(weight[r] * of_lane[r]);
#pragma unroll
        for (int i = 0; i < own; i++) sums[r][i] *= shrink;
      }
#pragma unroll 2
      for (uint32_t from = 0; from < here; from++) {
        const auto address = __shfl_sync(~0u, (unsigned long long)(uintptr_t)partial, from);
        const float *values = reinterpret_cast<const float *>((uintptr_t)address) + lane * own;
#pragma unroll
        for (int r = 0; r < at_once; r++) {
          const float factor = __shfl_sync(~0u, weight[r], from);
          lane_floats<own> part;
          part.load(values + r * dim);
          // Rows that are not there, and runs that saw nothing, have no weight.
#pragma unroll
          for (int i = 0; i < own; i++) sums[r][i] += factor > 0 ? factor * part.x[i] : 0;
        }
      }
    }
#pragma unroll
    for (int r = 0; r < at_once; r++) {
      if (row + r >= rows) break;
      const size_t y = output_of(p, run.work, row + r) + lane * own;
      const float inverse = 1 / total[r];
#pragma unroll
      for (int i = 0; i < own; i += 2) {
        store_pair(p.y, y + i, sums[r][i] * inverse, sums[r][i + 1] * inverse);
      }
    }
  }
}

/// Stores a run that is all of its head, or leaves it for the warp that arrives last, which merges.
template <int dim> __device__ __forceinline__ void finish(const decode_parameters &d, const head_run &run,
                                                          accumulator<dim> &acc, const cuts &c) {
  const attention_parameters &p = d.attention;
  const uint32_t lane = threadIdx.x % 32, rows = run.work.sequence.row_count * (p.heads / p.kv.kv_heads);
  const bool is_whole = run.tiles == run.head_tiles;
  float *partial = partial_of<dim>(p, c.slot_of(run.unit));
#pragma unroll
  for (int h = 0; h < 2; h++) {
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 1);
    acc.total[h] += __shfl_xor_sync(~0u, acc.total[h], 2);
    const uint32_t row = lane / 4 + 8 * h;
    if (row >= rows) continue;
    if (is_whole) {
      const size_t y = output_of(p, run.work, row) + lane % 4 * 2;
      const float inverse = 1 / acc.total[h];
#pragma unroll
      for (int n = 0; n < dim / 8; n++) {
        store_pair(p.y, y + n * 8, acc.output[n][2 * h] * inverse, acc.output[n][2 * h + 1] * inverse);
      }
    } else {
      float *to = partial + row * dim + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < dim / 8; n++) {
        *reinterpret_cast<float2 *>(to + n * 8) = make_float2(acc.output[n][2 * h], acc.output[n][2 * h + 1]);
      }
      if (lane % 4 == 0) {
        partial[decode_tile * dim + row] = acc.largest[h];
        partial[decode_tile * (dim + 1) + row] = acc.total[h];
      }
    }
  }
  if (is_whole) return;
  __threadfence();
  __syncwarp();
  uint32_t is_last = 0;
  if (lane == 0) {
    is_last = atomicAdd(d.arrived + run.head_index, run.tiles) + run.tiles == run.head_tiles;
    if (is_last) d.arrived[run.head_index] = 0;
  }
  if (!__shfl_sync(~0u, is_last, 0)) return;
  __threadfence();
  merge<dim>(p, run, c);
}

/// A worker's share of all sequences' tiles, counted by running_sums into `ends`.
__device__ __forceinline__ cuts cut(const attention_parameters &p, const uint32_t *ends, uint32_t workers) {
  return {ends, (ends[p.sequence_count - 1] * p.kv.kv_heads + workers - 1) / workers};
}
/// Where the runs of worker `worker` begin; those of the last end at `workers`.
__device__ __forceinline__ uint32_t first_run(const attention_parameters &p, const cuts &c, uint32_t worker,
                                              uint32_t workers) {
  const uint64_t units = c.ends[p.sequence_count - 1] * p.kv.kv_heads;
  return run_start(p, c, (uint32_t)(worker * units / workers));
}

} // namespace decode_runs
} // namespace tile_attention
