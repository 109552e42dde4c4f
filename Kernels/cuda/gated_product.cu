/// Products of many rows that end in their gates, on Hopper's warpgroup instructions: bound by these, and by the power
/// that they take.
///
/// A tile is 128 rows of x by 128 gates and their 128 ups. Two blocks of a cluster take neighbouring rows and share the
/// weights: one brings the gates for both, the other the ups. Stages of 64 columns come through a ring that one thread
/// keeps the copy engine filling; two warpgroups multiply, 64 rows each, so that a gate and its up come to rest in one
/// thread. Blocks stay for all of the work, and walk through tiles so that those under way share rows and weights in
/// the L2 cache.
///
/// A tile's sums are kept as bf16 in registers. They become results, which leave through shared memory, under the
/// products of the next tile.
#include "gated.cuh"
#include "hopper.cuh"
#include "products.h"
#include "tensor_map.h"

namespace {

using namespace hopper;

constexpr uint32_t stage_columns = 64, row_bytes = stage_columns * 2, stages = 4;
constexpr uint32_t tile_rows = 128, tile_outputs = 128, group_rows = 64, cluster = 2;
constexpr uint32_t x_bytes = tile_rows * row_bytes, weight_bytes = tile_outputs * row_bytes,
                   stage_bytes = x_bytes + 2 * weight_bytes;
/// A warpgroup's results leave in two pieces of 64 outputs.
constexpr uint32_t piece_outputs = 64, piece_bytes = group_rows * piece_outputs * 2, group_bytes = 2 * piece_bytes;
constexpr uint32_t shared_bytes = 1024 + stages * stage_bytes + 2 * group_bytes;
constexpr uint32_t consumers = 256, threads = consumers + 128;
constexpr int producer_registers = 24, consumer_registers = 240;
/// Results are made in so many parts, of sixteen outputs, under the first stages of the next tile.
constexpr uint32_t parts = tile_outputs / 16;
/// Tiles of so many pairs of rows are walked through together, output by output.
constexpr uint32_t band = 8;
/// From barrier 1 on those among a warpgroup's threads.
constexpr uint32_t group_barrier = 1;

struct gated_product_parameters {
  CUtensorMap x, gate, up, y;
  uint32_t pairs, tiles_across, steps; ///< pieces of the rows, of the outputs and of the reduced dimension
};

/// Where a tile lies: its pair of row tiles and its outputs, in tiles.
struct tile_place {
  uint32_t pair, across;
};
__device__ __forceinline__ tile_place place_of(const gated_product_parameters &t, uint32_t tile) {
  const uint32_t first = tile / (band * t.tiles_across) * band, left = t.pairs - first,
                 size = left < band ? left : band, within = tile - first * t.tiles_across;
  return {first + within % size, within / size};
}

/// All copies, by one thread of each block.
__device__ __forceinline__ void produce(const gated_product_parameters &t, uint32_t base, uint32_t full,
                                        uint32_t empty) {
  const uint32_t rank = cluster_rank();
  ring_place place = {0, 1};
  for (uint32_t tile = blockIdx.x / cluster; tile < t.pairs * t.tiles_across; tile += gridDim.x / cluster) {
    const tile_place at = place_of(t, tile);
    const int32_t row = (int32_t)((at.pair * cluster + rank) * tile_rows), output = (int32_t)(at.across * tile_outputs);
    for (uint32_t step = 0; step < t.steps; step++) {
      const uint32_t barrier = full + place.stage * 8, to = base + place.stage * stage_bytes;
      const int32_t column = (int32_t)(step * stage_columns);
      barrier_wait(empty + place.stage * 8, place.parity);
      barrier_expect(barrier, stage_bytes);
      copy_tile(to, &t.x, barrier, column, row);
      copy_tile_to_all(to + x_bytes + rank * weight_bytes, rank ? &t.up : &t.gate, barrier, column, output,
                       (1 << cluster) - 1);
      place.advance(stages);
    }
  }
}

/// A warpgroup's tile whose results are still to be made: pairs of sums as bf16, of columns 8 j + lane % 4 * 2 and the
/// next, of row lane / 4 in values[2 j] and of row lane / 4 + 8 in values[2 j + 1]; gates, then ups.
struct held_tile {
  uint32_t values[tile_outputs / 2];
  int32_t row, output;

  __device__ __forceinline__ void take(const float (&d)[tile_outputs], int32_t at_row, int32_t at_output) {
#pragma unroll
    for (uint32_t i = 0; i < tile_outputs / 2; i++) values[i] = pack_pair<bf16>(d[2 * i], d[2 * i + 1]);
    row = at_row;
    output = at_output;
  }
  template <uint32_t activation> __device__ __forceinline__ uint32_t result(uint32_t i) const {
    const uint32_t gate = values[i], up = values[i + tile_outputs / 4];
    const auto low = [](uint32_t pair) { return __uint_as_float(pair << 16); };
    const auto high = [](uint32_t pair) { return __uint_as_float(pair & 0xffff0000); };
    return pack_pair<bf16>(activate(low(gate), activation) * low(up), activate(high(gate), activation) * high(up));
  }
  /// Makes a part of the results, and sends a piece once its last part is there. `shared` is the warpgroup's.
  template <uint32_t activation>
  __device__ __forceinline__ void finish(uint32_t part, const CUtensorMap *y, uint32_t shared, uint32_t group) const {
    constexpr uint32_t each = parts / 2;
    const uint32_t lane = threadIdx.x % 32, own_row = threadIdx.x % 128 / 32 * 16 + lane % 16, j = 2 * part,
                   piece = shared + part / each * piece_bytes;
    const bool leads = threadIdx.x % 128 == 0;
    if (part % each == 0) {
      if (leads) stores_read<1>();
      named_barrier(group_barrier + group, 128);
    }
    // The upper lanes place the second eight columns.
    store_matrices(piece + own_row * 128 + ((j % 8 + lane / 16) ^ (own_row % 8)) * 16, result<activation>(2 * j),
                   result<activation>(2 * j + 1), result<activation>(2 * j + 2), result<activation>(2 * j + 3));
    if (part % each != each - 1) return;
    fence_shared();
    named_barrier(group_barrier + group, 128);
    if (!leads) return;
    store_tile(y, piece, output + (int32_t)(part / each * piece_outputs), row);
    stores_commit();
  }
};

/// What multiplies. Descriptors are sums of what is the same for all threads, so that the compiler keeps them in
/// uniform registers and the instructions follow each other at once.
template <uint32_t activation> __device__ __forceinline__ void consume(const gated_product_parameters &t, uint32_t base,
                                                                       uint32_t full, uint32_t empty) {
  const uint32_t group = __shfl_sync(~0u, threadIdx.x / 128, 0), lane = threadIdx.x % 32, rank = cluster_rank(),
                 results = base + stages * stage_bytes + group * group_bytes;
  const uint64_t x = rows_descriptor(base + group * group_rows * row_bytes), w = rows_descriptor(base + x_bytes);
  ring_place place = {0, 0};
  uint32_t previous = 0;
  float d[tile_outputs] = {};
  held_tile held = {};
  bool holds = false;
  const auto issue = [&](bool is_first) {
    barrier_wait(full + place.stage * 8, place.parity);
    const uint32_t stage = place.stage * (stage_bytes / 16);
    pin(d);
    products_begin();
#pragma unroll
    for (uint32_t k = 0; k < stage_columns / 16; k++) {
      warpgroup_product<bf16, 2 * tile_outputs>::run(d, x + (stage + k * 2), w + (stage + k * 2), !is_first || k > 0);
    }
    products_commit();
    pin(d);
  };
  // The weights of a stage are both blocks' to overwrite.
  const auto release = [&](uint32_t stage) {
    if (lane < cluster) barrier_arrive_at(empty + stage * 8, lane);
  };
  const auto move_on = [&](bool is_first) {
    if (!is_first) {
      // The stage before is no longer read.
      products_wait<1>();
      release(previous);
    }
    previous = place.stage;
    place.advance(stages);
  };
  for (uint32_t tile = blockIdx.x / cluster; tile < t.pairs * t.tiles_across; tile += gridDim.x / cluster) {
#pragma unroll
    for (uint32_t part = 0; part < parts; part++) {
      issue(part == 0);
      if (holds) held.finish<activation>(part, &t.y, results, group);
      move_on(part == 0);
    }
    for (uint32_t step = parts; step < t.steps; step++) {
      issue(false);
      move_on(false);
    }
    products_wait<0>();
    pin(d);
    release(previous);
    const tile_place at = place_of(t, tile);
    held.take(d, (int32_t)((at.pair * cluster + rank) * tile_rows + group * group_rows),
              (int32_t)(at.across * tile_outputs));
    holds = true;
  }
#pragma unroll
  for (uint32_t part = 0; part < parts; part++) held.finish<activation>(part, &t.y, results, group);
  if (threadIdx.x % 128 == 0) stores_read<0>();
}

template <uint32_t activation> __global__ void __launch_bounds__(threads, 1)
    gated_product_kernel(const __grid_constant__ gated_product_parameters t) {
  extern __shared__ __align__(128) uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[2 * stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  const uint32_t full = address_of(barriers), empty = full + stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, cluster * consumers / 32);
    }
    barriers_ready();
  }
  cluster_barrier();
  wait_for_predecessor();
  release_successor();
  if (threadIdx.x >= consumers) {
    registers_fall<producer_registers>();
    if (threadIdx.x == consumers) produce(t, base, full, empty);
    __syncwarp();
  } else {
    registers_rise<consumer_registers>();
    consume<activation>(t, base, full, empty);
  }
  // A block's shared memory stays until the other has written and arrived there for the last time.
  cluster_barrier();
}

/// Clusters that are on the device at once; 0 on an error.
template <uint32_t activation> uint32_t clusters_at_once() {
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = cluster;
  configuration.blockDim = threads;
  configuration.dynamicSmemBytes = shared_bytes;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = cluster;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  configuration.attrs = &attribute;
  configuration.numAttrs = 1;
  const auto kernel = gated_product_kernel<activation>;
  int count = 0;
  const bool ok =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes) == cudaSuccess &&
      cudaOccupancyMaxActiveClusters(&count, kernel, &configuration) == cudaSuccess;
  return ok ? (uint32_t)count : 0;
}

/// Every cluster has a tile.
template <uint32_t activation> mk_status run(mk_stream *stream, const gated_product_parameters &t) {
  static const uint32_t most_clusters = clusters_at_once<activation>();
  if (most_clusters == 0) return MK_UNSUPPORTED;
  const uint32_t tiles = t.pairs * t.tiles_across, clusters = tiles < most_clusters ? tiles : most_clusters;
  return launch_clusters(stream, gated_product_kernel<activation>, clusters * cluster, threads, shared_bytes, cluster,
                         t);
}

} // namespace

bool gated_product_pays(const mk_stream *stream, const product *p) {
  constexpr uint32_t least_rows = 512;
  if (stream->compute_capability != 90 || p->rows < least_rows) return false;
  // Multiprocessors that are idle in the last round, and rows and outputs that fill no tile, are paid for.
  const uint32_t clusters = (uint32_t)stream->multiprocessors / cluster, outputs = p->segments[0].rows,
                 tiles = ceil_div(p->rows, cluster * tile_rows) * ceil_div(outputs, tile_outputs);
  const uint64_t paid = (uint64_t)ceil_div(tiles, clusters) * clusters * cluster * tile_rows * tile_outputs;
  return (uint64_t)p->rows * outputs * 100 >= paid * 80;
}

mk_status gated_product(mk_stream *stream, const product *p) {
  if (stream->compute_capability != 90 || p->dtype != MK_BF16 || p->x_dtype != MK_BF16 || p->y_dtype != MK_BF16 ||
      !is_gated(p->output) || p->segments[0].bias || p->segments[1].bias) {
    return MK_UNSUPPORTED;
  }
  const uint32_t outputs = p->segments[0].rows;
  gated_product_parameters t = {};
  t.pairs = ceil_div(p->rows, cluster * tile_rows);
  t.tiles_across = ceil_div(outputs, tile_outputs);
  t.steps = ceil_div(p->cols, stage_columns);
  if (t.steps < parts) return MK_UNSUPPORTED;
  const tensor_shape x = {2, {p->cols, p->rows}, {(uint64_t)p->x_stride * 2}, {stage_columns, tile_rows}},
                     w = {2, {p->cols, outputs}, {(uint64_t)p->cols * 2}, {stage_columns, tile_outputs}},
                     y = {2, {outputs, p->rows}, {(uint64_t)p->y_stride * 2}, {piece_outputs, group_rows}};
  if (!make_tensor_map(p->x, MK_BF16, x, &t.x) || !make_tensor_map(p->segments[0].w, MK_BF16, w, &t.gate) ||
      !make_tensor_map(p->segments[1].w, MK_BF16, w, &t.up) || !make_tensor_map(p->y, MK_BF16, y, &t.y)) {
    return MK_UNSUPPORTED;
  }
  return p->output == MK_OUTPUT_SILU ? run<MK_SILU>(stream, t) : run<MK_GELU_TANH>(stream, t);
}
