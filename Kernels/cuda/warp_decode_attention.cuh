/// Attention of many decoding sequences on Hopper in one launch: every warp works for itself.
///
/// The work is the list of all tiles of all sequences, by sequence, KV head and position, cut into equal shares of
/// neighbouring ones, one for a warp. Heads of more tiles than a share are cut into runs of equal length, the others are
/// runs as they are, and a warp takes the runs that start in its share. A run that is all of its head is stored; the
/// others leave their outputs in the workspace, and the warp that arrives last merges them in order.
#pragma once
#include "decode_merging.cuh"

#include <algorithm>

namespace tile_attention {
namespace warp_decode {

using namespace decode_runs;

constexpr uint32_t warps = 8, threads = warps * 32;
/// Tiles that are worth a warp.
constexpr uint32_t least_share = 2;

template <typename T, int dim> __global__ void __launch_bounds__(threads, 1)
    warp_decode_kernel(const __grid_constant__ parameters t) {
  using L = layout<dim>;
  extern __shared__ __align__(128) uint8_t dynamic[];
  __shared__ __align__(8) uint64_t barriers[warps * stages];
  __shared__ head_run runs[warps * open_runs];
  uint8_t *shared = dynamic + (1024 - hopper::address_of(dynamic) % 1024) % 1024;
  uint32_t *ends = reinterpret_cast<uint32_t *>(shared + L::ends(warps));
  const attention_parameters &p = t.decode.attention;
  if (threadIdx.x < warps * stages) hopper::barrier_init(hopper::address_of(barriers + threadIdx.x), 1);
  hopper::barriers_ready();
  running_sums(p.sequence_count, ends, [&](uint32_t s) { return span_of<dim>(p, p.sequences[s]).count; });
  const uint32_t units = ends[p.sequence_count - 1] * p.kv.kv_heads;
  const uint32_t wanted = (units + gridDim.x * least_share - 1) / (gridDim.x * least_share);
  const uint32_t active = wanted < 1 ? 1 : min(wanted, warps), warp = threadIdx.x / 32;
  if (warp >= active || units == 0) {
    wait_for_predecessor();
    release_successor();
    return;
  }
  const uint32_t workers = gridDim.x * active, worker = blockIdx.x * active + warp;
  const cuts c = cut(p, ends, workers);
  const uint32_t edge = first_run(p, c, threadIdx.x % 32 == 0 ? worker : worker + 1, workers);
  work_through<T, dim>(
      t,
      warp_tools<T>{shared + warp * L::ring_bytes, reinterpret_cast<T *>(shared + L::rooms(warps) + warp * L::room_bytes),
                    runs + warp * open_runs, hopper::address_of(barriers + warp * stages), true},
      __shfl_sync(~0u, edge, 0), __shfl_sync(~0u, edge, 1), [&](uint32_t unit) { return find_run<dim>(p, c, unit); },
      [&](const head_run &run, accumulator<dim> &acc) { finish<dim>(t.decode, run, acc, c); });
}

/// `runs`: room for what is kept of them.
template <typename T, int dim> mk_status run(mk_stream *stream, const parameters &t, uint64_t runs) {
  using L = layout<dim>;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(warp_decode_kernel<T, dim>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           (int)L::shared_bytes(warps, most_sequences));
  if (prepared != cudaSuccess) return status_of(prepared);
  // Slots are less than two to a warp, and one.
  const uint64_t blocks = std::min<uint64_t>((runs - 1) / (2 * warps), stream->multiprocessors);
  if (blocks == 0) return MK_INVALID_ARGUMENT;
  return launch(stream, warp_decode_kernel<T, dim>, (uint32_t)blocks, threads,
                L::shared_bytes(warps, t.decode.attention.sequence_count), t);
}

} // namespace warp_decode
} // namespace tile_attention
