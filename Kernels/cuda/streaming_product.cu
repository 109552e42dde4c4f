/// Products with up to 16 rows of x, bound by the read of the weights, on tensor cores.
///
/// A block owns 16 (or 32) outputs; its warps split the reduced dimension in chunks of 128 and their partial sums are added
/// in a fixed order, so that a result depends on the weights' shape only. A thread reads 16 bytes of a weight row at a
/// time: the order of the reduced dimension within a tile is arbitrary as long as both operands agree on it, so eight
/// consecutive columns serve as the fragments of two tiles.
#include "device.cuh"
#include "products.h"

namespace {

constexpr int warps = 8, steps = 4, step_columns = 32, chunk_columns = steps * step_columns;

__device__ __forceinline__ uint4 load_once(const void *address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

/// Eight columns of x in T.
template <typename T> __device__ __forceinline__ uint4 load_activations(const float *x) {
  const float4 low = *reinterpret_cast<const float4 *>(x), high = *reinterpret_cast<const float4 *>(x + 4);
  return make_uint4(pack_pair<T>(low.x, low.y), pack_pair<T>(low.z, low.w), pack_pair<T>(high.x, high.y),
                    pack_pair<T>(high.z, high.w));
}

template <typename T, int row_tiles> struct weight_chunk {
  uint4 rows[row_tiles][2][steps];

  /// `w` points at the thread's first row of each half tile; columns from `column` on.
  __device__ __forceinline__ void load(const T *const w[row_tiles][2], uint32_t column, uint32_t cols) {
#pragma unroll
    for (int step = 0; step < steps; step++) {
#pragma unroll
      for (int tile = 0; tile < row_tiles; tile++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const uint32_t k = column + step * step_columns;
          rows[tile][half][step] = k < cols ? load_once(w[tile][half] + k) : make_uint4(0, 0, 0, 0);
        }
      }
    }
  }
};

template <typename T, int row_tiles, int token_tiles>
__global__ void __launch_bounds__(warps * 32, row_tiles == 1 ? 3 : 2) streaming_kernel(const product p) {
  constexpr int tile_rows = 16 * row_tiles, tile_tokens = 8 * token_tiles;
  __shared__ float partial[warps][tile_tokens][tile_rows + 1];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  uint32_t tile = blockIdx.x, s = 0;
  while (s + 1 < p.segment_count && tile >= (p.segments[s].rows + tile_rows - 1) / tile_rows) {
    tile -= (p.segments[s++].rows + tile_rows - 1) / tile_rows;
  }
  const product_segment segment = p.segments[s];
  const uint32_t first_row = tile * tile_rows;
  const T *w[row_tiles][2];
#pragma unroll
  for (int i = 0; i < row_tiles * 2; i++) {
    // Rows past the last repeat it and are not stored.
    const uint32_t row = min(first_row + i * 8 + group, segment.rows - 1);
    w[i / 2][i % 2] = static_cast<const T *>(segment.w) + (size_t)row * p.cols;
  }
  uint32_t column = warp * chunk_columns + quad * 8;
  weight_chunk<T, row_tiles> chunk;
  if (p.weights_are_fresh) wait_for_predecessor();
  // Constant weights are on their way while the predecessor drains.
  chunk.load(w, column, p.cols);
  wait_for_predecessor();
  release_successor();
  float sums[row_tiles][token_tiles][4] = {};
  while (column - quad * 8 < p.cols) {
#pragma unroll
    for (int step = 0; step < steps; step++) {
      const uint32_t k = column + step * step_columns;
#pragma unroll
      for (int t = 0; t < token_tiles; t++) {
        const uint32_t token = t * 8 + group;
        uint4 x = make_uint4(0, 0, 0, 0);
        if (token < p.rows && k < p.cols) x = load_activations<T>(p.x + (size_t)token * p.x_stride + k);
#pragma unroll
        for (int tile = 0; tile < row_tiles; tile++) {
          const uint4 a = chunk.rows[tile][0][step], b = chunk.rows[tile][1][step];
          multiply_tile<T>(sums[tile][t], a.x, b.x, a.y, b.y, x.x, x.y);
          multiply_tile<T>(sums[tile][t], a.z, b.z, a.w, b.w, x.z, x.w);
        }
      }
    }
    column += warps * chunk_columns;
    chunk.load(w, column, p.cols);
  }
#pragma unroll
  for (int tile = 0; tile < row_tiles; tile++) {
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        partial[warp][t * 8 + quad * 2 + i % 2][tile * 16 + group + i / 2 * 8] = sums[tile][t][i];
      }
    }
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < tile_rows * tile_tokens; i += warps * 32) {
    const uint32_t row = i % tile_rows, token = i / tile_rows;
    if (token >= p.rows || first_row + row >= segment.rows) continue;
    float sum = segment.bias ? segment.bias[first_row + row] : 0;
#pragma unroll
    for (int from = 0; from < warps; from++) sum += partial[from][token][row];
    p.y[(size_t)token * p.y_stride + segment.offset + first_row + row] = sum;
  }
}

template <typename T, int row_tiles, int token_tiles> mk_status run(mk_stream *stream, const product *p) {
  uint32_t tiles = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) tiles += ceil_div(p->segments[s].rows, 16 * row_tiles);
  return launch(stream, streaming_kernel<T, row_tiles, token_tiles>, tiles, warps * 32, 0, *p);
}

template <typename T> mk_status choose(mk_stream *stream, const product *p) {
  return p->rows <= 8 ? run<T, 1, 1>(stream, p) : run<T, 1, 2>(stream, p);
}

} // namespace

bool streaming_product_fits(const product *p) {
  if (p->rows > 16 || (p->dtype != MK_BF16 && p->dtype != MK_F16) || p->cols % 8 != 0) return false;
  if ((uintptr_t)p->x % 16 != 0 || p->x_stride % 4 != 0) return false;
  for (uint32_t s = 0; s < p->segment_count; s++) {
    if ((uintptr_t)p->segments[s].w % 16 != 0) return false;
  }
  return true;
}

mk_status streaming_product(mk_stream *stream, const product *p) {
  return p->dtype == MK_BF16 ? choose<bf16>(stream, p) : choose<__half>(stream, p);
}
