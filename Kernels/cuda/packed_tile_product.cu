/// Products of up to 64 rows of x at a time with weights in the layout of packed.cuh, on Hopper's warpgroup
/// instructions.
///
/// A warpgroup owns 64 outputs, a tile of 16 for each warp, and multiplies them by all rows of x: the weights are the
/// left operand, which a warp makes of codes straight in registers, in the places where the instruction wants them. x
/// and codes come through a ring of stages of a unit's 128 columns, which two threads keep the copy engine filling,
/// codes before the predecessor has ended. While the products of some warpgroups run, others turn codes.
///
/// A block has four warpgroups, for as many outputs or for fewer, whose stages they then take in turn; a cluster of
/// blocks may share the reduced dimension as well. Sums are added in a fixed order, and which depends on the weights'
/// shape alone: the results of a row do not depend on the others.
#include "gated.cuh"
#include "hopper.cuh"
#include "packed.cuh"
#include "products.h"
#include "tensor_map.h"

namespace {

using namespace hopper;

/// The copy engine swizzles rows of 128 bytes, 64 columns; a stage of x has two such halves.
constexpr uint32_t half_columns = unit_columns / 2, row_bytes = half_columns * 2;
/// Rows that read the weights once: the sums of more leave no registers to turn codes with.
constexpr uint32_t most_rows = 64;
constexpr uint32_t group_outputs = 64, group_tiles = group_outputs / tile_rows, consumers = 4;
constexpr uint32_t consumer_threads = consumers * 128, threads = consumer_threads + 128;
/// What the threads' shares of 96 registers, the most that a block of so many may have, are turned to.
constexpr int producer_registers = 32, consumer_registers = 112;
static_assert(128 * producer_registers + consumer_threads * consumer_registers <= threads * 96);
constexpr uint32_t most_stages = 32, ring_bytes = 224 << 10, consumers_barrier = 1;
constexpr uint32_t most_split = 4;
/// Floats between rows of a warpgroup's sums in shared memory: the lanes that write them meet in no bank.
constexpr uint32_t sums_stride = group_outputs + 4;

struct packed_parameters {
  CUtensorMap x;
  product p;
  uint32_t units;  ///< columns of units
  uint32_t groups; ///< of 64 outputs of a block: 1, 2 or 4
  uint32_t split;  ///< blocks of a cluster, up to `most_split`
  uint32_t stages, stage_bytes;
  float centre;      ///< what codes are too large by once they are floats
  bool stores_fours; ///< neighbours in y are aligned to their size
};

/// A layout of packed.cuh; the centre is part of the kernel's argument.
template <int bits_, int groups_, bool has_minimum_> struct layout {
  static constexpr packed_format format = {bits_, 0, groups_, has_minimum_};
  static constexpr int bits = bits_, groups = groups_;
  static constexpr bool has_minimum = has_minimum_;
};

/// What a block multiplies: outputs from `first` on of a segment, or of the gates and of the ups alike.
struct block_place {
  uint32_t segment, first;
};

/// Outputs of a block in y.
__device__ __forceinline__ uint32_t width_of(const packed_parameters &t) {
  return t.groups * (is_gated(t.p.output) ? group_outputs / 2 : group_outputs);
}

__device__ __forceinline__ block_place place_of(const packed_parameters &t) {
  const uint32_t width = width_of(t);
  uint32_t index = blockIdx.x / t.split;
  if (is_gated(t.p.output)) return {0, index * width};
  uint32_t s = 0;
  while (s + 1 < t.p.segment_count) {
    const uint32_t blocks = (t.p.segments[s].rows + width - 1) / width;
    if (index < blocks) break;
    index -= blocks;
    s++;
  }
  return {s, index * width};
}

/// The columns of units that are the block's.
struct unit_range {
  uint32_t begin, end;
};
__device__ __forceinline__ unit_range units_of(const packed_parameters &t) {
  const uint32_t rank = blockIdx.x % t.split;
  return {t.units * rank / t.split, t.units * (rank + 1) / t.split};
}

/// A walk over the stages of a ring, `step` at a time; `parity` is that of the phase to wait for.
struct strided_place {
  uint32_t stage, parity;
  __device__ __forceinline__ void advance(uint32_t step, uint32_t stages) {
    stage += step;
    if (stage >= stages) {
      stage -= stages;
      parity ^= 1;
    }
  }
};

/// Calls `copy(unit, stage)` for each stage to be filled, once its former contents have been read.
template <typename Copy> __device__ __forceinline__ void fill(const packed_parameters &t, uint32_t empty, Copy copy) {
  // The first round finds the stages empty, as if a phase of the other parity had ended.
  strided_place place = {0, 1};
  const unit_range range = units_of(t);
  for (uint32_t unit = range.begin; unit < range.end; unit++) {
    barrier_wait(empty + place.stage * 8, place.parity);
    copy(unit, place.stage);
    place.advance(1, t.stages);
  }
}

/// The copies of codes, by one thread. They are constant, and do not wait for the predecessor.
template <typename F, int n>
__device__ __forceinline__ void fill_codes(const packed_parameters &t, uint32_t base, uint32_t full, uint32_t empty) {
  constexpr uint32_t bytes = unit_bytes(F::format);
  const product &p = t.p;
  const block_place place = place_of(t);
  const uint32_t parts = is_gated(p.output) ? 2 : 1, tiles = t.groups * group_tiles / parts;
  const uint32_t last_tile = (p.segments[place.segment].rows - 1) / tile_rows;
  fill(t, empty, [&](uint32_t unit, uint32_t stage) {
    const uint32_t barrier = full + stage * 8;
    uint32_t to = base + stage * t.stage_bytes + 2 * n * row_bytes;
    barrier_expect(barrier, 2 * n * row_bytes + parts * tiles * bytes);
    for (uint32_t part = 0; part < parts; part++) {
      const auto *w = static_cast<const uint8_t *>(p.segments[place.segment + part].w);
      for (uint32_t i = 0; i < tiles; i++) {
        // A tile past the last repeats it and is not stored.
        const uint32_t tile = min(place.first / tile_rows + i, last_tile);
        copy_bytes(to, w + ((size_t)tile * t.units + unit) * bytes, bytes, barrier);
        to += bytes;
      }
    }
  });
  wait_for_predecessor();
}

/// The copies of x, by one thread.
template <int n> __device__ __forceinline__ void fill_rows(const packed_parameters &t, uint32_t base, uint32_t full,
                                                           uint32_t empty) {
  wait_for_predecessor();
  fill(t, empty, [&](uint32_t unit, uint32_t stage) {
#pragma unroll
    for (uint32_t half = 0; half < 2; half++) {
      copy_tile(base + stage * t.stage_bytes + half * n * row_bytes, &t.x, full + stage * 8,
                (int32_t)(unit * unit_columns + half * half_columns), 0);
    }
  });
}

/// What a lane needs of its warp's unit to make the left operand of 64 columns: rows g and g + 8, and of each block of
/// 32 columns {2 * q, 2 * q + 1} and those 8, 16 and 24 on. They lie with two of the layout's lanes, q / 2 and 2 + q / 2
/// of a row's four, both times as pair q % 2.
template <typename F> struct lane_codes {
  static constexpr uint32_t scale_words = scale_bytes(F::format) / 8; ///< of a row's 64 columns
  uint4 codes[2][2];                                                  ///< [row][layout's lane]
  uint32_t scales[2][scale_words];

  /// Codes of 4 bits come with the first half, for both.
  __device__ __forceinline__ void load(const uint8_t *unit, uint32_t half) {
    const uint32_t lane = threadIdx.x % 32, first = lane / 4 * 4 + lane % 4 / 2;
#pragma unroll
    for (uint32_t i = 0; i < 2; i++) {
      if (F::bits == 8 || half == 0) {
        const uint4 *from = reinterpret_cast<const uint4 *>(unit) + (F::bits == 8 ? i * 2 + half : i) * 32 + first;
        codes[i][0] = from[0];
        codes[i][1] = from[2];
      }
      const uint8_t *row = unit + code_bytes(F::format) + (lane / 4 + 8 * i) * scale_bytes(F::format);
      using piece = std::conditional_t<scale_words == 1, uint32_t, std::conditional_t<scale_words == 2, uint2, uint4>>;
      static_assert(sizeof(piece) == scale_words * 4);
      const piece all = reinterpret_cast<const piece *>(row)[half];
#pragma unroll
      for (uint32_t v = 0; v < scale_words; v++) scales[i][v] = reinterpret_cast<const uint32_t *>(&all)[v];
    }
  }
  /// {scale, minimum} of row i in group `g` of block `b` of the half.
  __device__ __forceinline__ float2 scale(uint32_t i, uint32_t b, uint32_t g) const {
    const uint32_t at = b * F::groups + g;
    if constexpr (F::has_minimum) return __half22float2(*reinterpret_cast<const __half2 *>(&scales[i][at]));
    return {__half2float(__ushort_as_half((unsigned short)(scales[i][at / 2] >> (at % 2 * 16)))), 0};
  }
  /// Two codes of row i in 16 columns `k` of `half`, with `j` those 8 columns on, as floats that are `centre` too large:
  /// a code's byte goes to the mantissa of a constant, where it counts in ones: of 128 for 4 bits, of 32768 for 8.
  __device__ __forceinline__ float2 pair(uint32_t i, uint32_t j, uint32_t half, uint32_t k) const {
    const uint32_t own = threadIdx.x % 2;
    uint32_t first, second;
    if constexpr (F::bits == 4) {
      const uint32_t bytes = (&codes[i][j].x)[2 * half + k / 2] >> (4 * own) & 0x0f0f0f0f;
      first = __byte_perm(bytes, 0x43000000, 0x7044 | k % 2 << 8);
      second = __byte_perm(bytes, 0x43000000, 0x7244 | k % 2 << 8);
    } else {
      const uint32_t bytes = (&codes[i][j].x)[k] ^ 0x80808080;
      first = __byte_perm(bytes, 0x47000000, 0x7504 | own << 4);
      second = __byte_perm(bytes, 0x47000000, 0x7524 | own << 4);
    }
    return {__uint_as_float(first), __uint_as_float(second)};
  }
  /// The left operands of 16 columns each.
  __device__ __forceinline__ void convert(uint32_t half, float centre, uint32_t (&a)[4][4]) const {
#pragma unroll
    for (uint32_t k = 0; k < 4; k++) {
#pragma unroll
      for (uint32_t i = 0; i < 2; i++) {
        const float2 own = scale(i, k / 2, F::groups == 2 ? k % 2 : 0);
        const float offset = fmaf(-centre, own.x, own.y);
#pragma unroll
        for (uint32_t j = 0; j < 2; j++) {
          const float2 two = pair(i, j, half, k);
          a[k][i + 2 * j] = pack_pair<bf16>(fmaf(two.x, own.x, offset), fmaf(two.y, own.x, offset));
        }
      }
    }
  }
};

/// Registers that products under way read are not used for anything else before.
__device__ __forceinline__ void keep(const uint32_t (&a)[4][4]) {
#pragma unroll
  for (int k = 0; k < 4; k++) asm volatile("" ::"r"(a[k][0]), "r"(a[k][1]), "r"(a[k][2]), "r"(a[k][3]) : "memory");
}

/// A warpgroup's sums of its steps: d[64 outputs][n rows of x]; false, and nothing, where it has none.
template <typename F, int n>
__device__ __forceinline__ bool multiply(const packed_parameters &t, const uint8_t *memory, uint32_t full,
                                         uint32_t empty, float (&d)[n / 2]) {
  const uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0), group = warp / 4 % t.groups;
  const uint32_t step = consumers / t.groups, first = warp / 4 / t.groups;
  const uint64_t x = rows_descriptor(address_of(memory));
  const uint8_t *codes = memory + 2 * n * row_bytes + (group * group_tiles + warp % 4) * unit_bytes(F::format);
  const unit_range range = units_of(t);
  const uint32_t begin = range.begin + first;
  strided_place place = {first, 0};
  uint32_t previous = 0;
  uint32_t a[2][4][4] = {};
  lane_codes<F> data;
  for (uint32_t unit = begin; unit < range.end; unit += step) {
    barrier_wait(full + place.stage * 8, place.parity);
    const uint32_t stage = place.stage * t.stage_bytes;
#pragma unroll
    for (uint32_t half = 0; half < 2; half++) {
      uint32_t(&own)[4][4] = a[half];
      data.load(codes + stage, half);
      // The products that read these operands have ended.
      products_wait<1>();
      pin(d);
      keep(own);
      if (half == 1 && unit != begin && threadIdx.x % 32 == 0) {
        // And with them all of the stage before.
        barrier_arrive(empty + previous * 8);
      }
      data.convert(half, t.centre, own);
      pin(d);
      products_begin();
#pragma unroll
      for (uint32_t k = 0; k < 4; k++) {
        warpgroup_product<bf16, n>::template run<0>(d, own[k], x + stage / 16 + half * (n * row_bytes / 16) + k * 2,
                                                  unit != begin || half > 0 || k > 0);
      }
      products_commit();
      pin(d);
    }
    previous = place.stage;
    place.advance(step, t.stages);
  }
  products_wait<0>();
  pin(d);
  keep(a[0]);
  keep(a[1]);
  return begin < range.end;
}

/// Sums of four neighbouring outputs of the block, `at` the first, over the warpgroups and the cluster's blocks, whose
/// parts are on their way together.
template <int n>
__device__ __forceinline__ float4 total(const packed_parameters &t, const float *sums, uint32_t row, uint32_t at) {
  float4 sum = {};
  for (uint32_t w = at / group_outputs; w < consumers; w += t.groups) {
    const float *from = sums + (w * n + row) * sums_stride + at % group_outputs;
    float4 parts[most_split];
    if (t.split == 1) parts[0] = *reinterpret_cast<const float4 *>(from);
#pragma unroll
    for (uint32_t rank = 0; rank < most_split; rank++) {
      if (t.split > 1 && rank < t.split) parts[rank] = load_cluster(address_of(from), rank);
    }
#pragma unroll
    for (uint32_t rank = 0; rank < most_split; rank++) {
      if (rank >= t.split) continue;
      sum.x += parts[rank].x;
      sum.y += parts[rank].y;
      sum.z += parts[rank].z;
      sum.w += parts[rank].w;
    }
  }
  return sum;
}

/// Up to four neighbouring outputs of a row.
__device__ __forceinline__ void store_values(const packed_parameters &t, size_t at, uint32_t count, float (&v)[4]) {
  const product &p = t.p;
  const bool adds = p.output == MK_OUTPUT_ADD;
  if (t.stores_fours && count == 4) {
    float4 value = make_float4(v[0], v[1], v[2], v[3]);
    if (adds) {
      const float4 old = load_four(static_cast<const float *>(p.y) + at);
      value = make_float4(value.x + old.x, value.y + old.y, value.z + old.z, value.w + old.w);
    }
    if (p.y_dtype == MK_BF16) {
      store_four(static_cast<bf16 *>(p.y) + at, value);
    } else {
      store_four(static_cast<float *>(p.y) + at, value);
    }
    return;
  }
#pragma unroll
  for (uint32_t i = 0; i < 4; i++) {
    if (i >= count) break;
    store_activation(p.y, p.y_dtype, at + i, v[i] + (adds ? static_cast<const float *>(p.y)[at + i] : 0));
  }
}

/// The block's share of its cluster's outputs.
template <int n> __device__ __forceinline__ void store(const packed_parameters &t, const float *sums) {
  const product &p = t.p;
  const block_place place = place_of(t);
  const product_segment &segment = p.segments[place.segment];
  const uint32_t width = width_of(t), fours = width / 4, rank = blockIdx.x % t.split;
  for (uint32_t i = rank * consumer_threads + threadIdx.x; i < p.rows * fours; i += t.split * consumer_threads) {
    const uint32_t row = i / fours, at = i % fours * 4, output = place.first + at;
    if (output >= segment.rows) continue;
    const uint32_t count = min(segment.rows - output, 4u);
    const auto biased = [&](uint32_t from, const float *bias, float (&v)[4]) {
      const float4 sum = total<n>(t, sums, row, from);
      v[0] = sum.x;
      v[1] = sum.y;
      v[2] = sum.z;
      v[3] = sum.w;
#pragma unroll
      for (uint32_t j = 0; j < 4; j++) {
        if (bias && j < count) v[j] += bias[output + j];
      }
    };
    float v[4];
    biased(at, segment.bias, v);
    if (is_gated(p.output)) {
      float ups[4];
      biased(width + at, p.segments[1].bias, ups);
#pragma unroll
      for (uint32_t j = 0; j < 4; j++) {
        v[j] = activate(v[j], p.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH) * ups[j];
      }
    }
    store_values(t, (size_t)row * p.y_stride + segment.offset + output, count, v);
  }
}

/// Four warpgroups that multiply, then one with a warp for each kind of copy.
template <typename F, int n> __global__ void __launch_bounds__(threads, 1)
    packed_tile_kernel(const __grid_constant__ packed_parameters t) {
  extern __shared__ __align__(128) uint8_t shared[];
  __shared__ __align__(8) uint64_t barriers[2 * most_stages];
  const uint32_t base = (address_of(shared) + 1023) & ~1023u;
  uint8_t *memory = shared + (base - address_of(shared));
  const uint32_t full = address_of(barriers), empty = full + most_stages * 8;
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < t.stages; i++) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, t.groups * 4);
    }
    barriers_ready();
  }
  __syncthreads();
  release_successor();
  if (threadIdx.x >= consumer_threads) {
    registers_fall<producer_registers>();
    if (threadIdx.x == consumer_threads) fill_codes<F, n>(t, base, full, empty);
    if (threadIdx.x == consumer_threads + 32) fill_rows<n>(t, base, full, empty);
    if (t.split > 1) {
      __syncwarp();
      cluster_barrier();
      cluster_barrier();
    }
    return;
  }
  registers_rise<consumer_registers>();
  wait_for_predecessor();
  // The first product sets all of them: other instructions that did would part products under way from each other.
  float d[n / 2];
  const bool has_sums = multiply<F, n>(t, memory, full, empty, d);
  // The ring's memory takes the sums, once all have read it.
  named_barrier(consumers_barrier, consumer_threads);
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float *sums = reinterpret_cast<float *>(memory);
  float *own = sums + (warp / 4 * n + lane % 4 * 2) * sums_stride + warp % 4 * tile_rows + lane / 4;
#pragma unroll
  for (int i = 0; i < n / 2; i++) own[(i / 4 * 8 + i % 2) * sums_stride + i % 4 / 2 * 8] = has_sums ? d[i] : 0;
  if (t.split > 1) {
    cluster_barrier();
  } else {
    named_barrier(consumers_barrier, consumer_threads);
  }
  store<n>(t, sums);
  // Nobody leaves while others read its shared memory.
  if (t.split > 1) cluster_barrier();
}

/// How many blocks of `groups` times 64 outputs there are.
uint32_t blocks_of(const product &p, uint32_t groups) {
  if (is_gated(p.output)) return ceil_div(p.segments[0].rows, groups * group_outputs / 2);
  uint32_t blocks = 0;
  for (uint32_t s = 0; s < p.segment_count; s++) blocks += ceil_div(p.segments[s].rows, groups * group_outputs);
  return blocks;
}

/// The shape of blocks and clusters that ends first: wide blocks read x less often, clusters make more blocks. In the
/// time of one output and unit; the choice depends on the weights alone.
void choose_shape(packed_parameters *t, uint32_t multiprocessors) {
  constexpr uint64_t x_cost = 64, block_cost = 640, rank_cost = 64;
  uint64_t least = ~0ull;
  for (uint32_t groups : {4u, 2u, 1u}) {
    for (uint32_t split = 1; split <= most_split; split *= 2) {
      // Clusters lie within parts of the GPU whose multiprocessors they may not fill.
      const uint32_t slots = split < 4 ? multiprocessors / split : (multiprocessors - 4) / split;
      const uint64_t rounds = ceil_div(blocks_of(t->p, groups), slots ? slots : 1);
      const uint64_t cost =
          rounds * ((groups * group_outputs + x_cost) * ceil_div(t->units, split) + block_cost + split * rank_cost);
      if (cost >= least) continue;
      least = cost;
      t->groups = groups;
      t->split = split;
    }
  }
}

template <typename F, int n> mk_status start(mk_stream *stream, packed_parameters *t) {
  const product &p = t->p;
  const tensor_shape rows = {2, {p.cols, p.rows}, {(uint64_t)p.x_stride * 2}, {half_columns, (uint32_t)n}};
  if (!make_tensor_map(p.x, MK_BF16, rows, &t->x)) return MK_UNSUPPORTED;
  constexpr uint32_t sums_bytes = consumers * n * sums_stride * 4;
  constexpr uint32_t room = ring_bytes - 1024, x_bytes = 2 * n * row_bytes + 1023;
  constexpr uint32_t group_bytes = group_tiles * unit_bytes(F::format);
  static_assert(sums_bytes <= room);
  static_assert(room / (x_bytes + group_bytes) > 4 && room / (x_bytes + 2 * group_bytes) > 2 &&
                    room / (x_bytes + 4 * group_bytes) > 1,
                "warpgroups that take turns keep a stage each when they wait for the next");
  t->stage_bytes = (2 * n * row_bytes + t->groups * group_tiles * unit_bytes(F::format) + 1023) / 1024 * 1024;
  const uint32_t stages = room / t->stage_bytes;
  t->stages = stages < most_stages ? stages : most_stages;
  const uint32_t bytes = t->stages * t->stage_bytes;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(packed_tile_kernel<F, n>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)ring_bytes);
  if (prepared != cudaSuccess) return status_of(prepared);
  return launch_clusters(stream, packed_tile_kernel<F, n>, blocks_of(p, t->groups) * t->split, threads,
                         1024 + (bytes > sums_bytes ? bytes : sums_bytes), t->split, *t);
}

template <typename F> mk_status run(mk_stream *stream, packed_parameters *t) {
  if (t->p.rows <= 16) return start<F, 16>(stream, t);
  if (t->p.rows <= 32) return start<F, 32>(stream, t);
  return start<F, most_rows>(stream, t);
}

template <mk_dtype dtype> mk_status choose(mk_stream *stream, packed_parameters *t) {
  constexpr packed_format format = packed_format_of(dtype);
  t->centre = format.bits == 4 ? 128 + format.centre : 32768 + 128;
  return run<layout<format.bits, format.groups, format.has_minimum>>(stream, t);
}

} // namespace

mk_status packed_tile_product(mk_stream *stream, const product *all) {
  if (stream->compute_capability != 90 || all->x_dtype != MK_BF16 || all->cols % block_columns != 0) {
    return MK_UNSUPPORTED;
  }
  packed_parameters t = {};
  const uint32_t y_width = all->y_dtype == MK_F32 ? 4 : 2;
  t.stores_fours = all->y_stride % 4 == 0 && (uintptr_t)all->y % (4 * y_width) == 0;
  for (uint32_t s = 0; s < all->segment_count; s++) {
    if ((uintptr_t)all->segments[s].w % 16 != 0) return MK_UNSUPPORTED;
    if (!is_gated(all->output)) t.stores_fours &= all->segments[s].offset % 4 == 0;
  }
  t.p = *all;
  t.units = ceil_div(all->cols, unit_columns);
  choose_shape(&t, (uint32_t)stream->multiprocessors);
  for (uint32_t row = 0; row < all->rows; row += most_rows) {
    t.p.rows = all->rows - row < most_rows ? all->rows - row : most_rows;
    t.p.x = static_cast<const uint8_t *>(all->x) + (size_t)row * all->x_stride * 2;
    t.p.y = static_cast<uint8_t *>(all->y) + (size_t)row * all->y_stride * y_width;
    mk_status status = MK_UNSUPPORTED;
    with_quantized(all->dtype, [&](auto dtype) { status = choose<decltype(dtype)::value>(stream, &t); });
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
