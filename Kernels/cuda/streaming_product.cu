/// Products with up to 16 rows of x, bound by the read of the weights, on tensor cores.
///
/// A block owns 16 (or 32) outputs; its warps split the reduced dimension in chunks of 128 and their partial sums are
/// added in a fixed order, so that a result depends on the weights' shape only. A thread reads 16 bytes of a weight row
/// at a time: the order of the reduced dimension within a tile is arbitrary as long as both operands agree on it, so
/// eight consecutive columns serve as the fragments of two tiles.
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

/// What a thread holds of 32 columns: eight of two rows per tile of weights, and eight of a row of x per tile of
/// tokens.
template <int row_tiles, int token_tiles> struct step_data {
  uint4 w[row_tiles][2];
  float4 x[token_tiles][2];
};

template <typename T, int row_tiles, int token_tiles> struct streams {
  const T *w[row_tiles][2];    ///< the thread's first row of each half tile
  const float *x[token_tiles]; ///< NULL past the last row of x
  uint32_t cols;

  __device__ __forceinline__ void load_weights(uint32_t k, step_data<row_tiles, token_tiles> &step) const {
#pragma unroll
    for (int i = 0; i < row_tiles * 2; i++)
      step.w[i / 2][i % 2] = k < cols ? load_once(w[i / 2][i % 2] + k) : make_uint4(0, 0, 0, 0);
  }
  __device__ __forceinline__ void load_activations(uint32_t k, step_data<row_tiles, token_tiles> &step) const {
#pragma unroll
    for (int t = 0; t < token_tiles; t++) {
      const bool is_there = x[t] && k < cols;
      step.x[t][0] = is_there ? *reinterpret_cast<const float4 *>(x[t] + k) : make_float4(0, 0, 0, 0);
      step.x[t][1] = is_there ? *reinterpret_cast<const float4 *>(x[t] + k + 4) : make_float4(0, 0, 0, 0);
    }
  }
};

template <typename T, int row_tiles, int token_tiles> __device__ __forceinline__ void
multiply_step(const step_data<row_tiles, token_tiles> &step, float sums[row_tiles][token_tiles][4]) {
#pragma unroll
  for (int t = 0; t < token_tiles; t++) {
    const float4 low = step.x[t][0], high = step.x[t][1];
    const uint32_t x[4] = {pack_pair<T>(low.x, low.y), pack_pair<T>(low.z, low.w), pack_pair<T>(high.x, high.y),
                           pack_pair<T>(high.z, high.w)};
#pragma unroll
    for (int tile = 0; tile < row_tiles; tile++) {
      const uint4 a = step.w[tile][0], b = step.w[tile][1];
      multiply_tile<T>(sums[tile][t], a.x, b.x, a.y, b.y, x[0], x[1]);
      multiply_tile<T>(sums[tile][t], a.z, b.z, a.w, b.w, x[2], x[3]);
    }
  }
}

/// `blocks` of them share a multiprocessor.
template <typename T, int row_tiles, int token_tiles, int blocks> __global__ void __launch_bounds__(warps * 32, blocks)
    streaming_kernel(const product p) {
  constexpr int tile_rows = 16 * row_tiles, tile_tokens = 8 * token_tiles;
  __shared__ float partial[warps][tile_tokens][tile_rows + 1];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  uint32_t tile = blockIdx.x, s = 0;
  while (s + 1 < p.segment_count && tile >= (p.segments[s].rows + tile_rows - 1) / tile_rows) {
    tile -= (p.segments[s++].rows + tile_rows - 1) / tile_rows;
  }
  const product_segment segment = p.segments[s];
  const uint32_t first_row = tile * tile_rows;
  streams<T, row_tiles, token_tiles> from;
  from.cols = p.cols;
#pragma unroll
  for (int i = 0; i < row_tiles * 2; i++) {
    // Rows past the last repeat it and are not stored.
    const uint32_t row = min(first_row + i * 8 + group, segment.rows - 1);
    from.w[i / 2][i % 2] = static_cast<const T *>(segment.w) + (size_t)row * p.cols;
  }
#pragma unroll
  for (int t = 0; t < token_tiles; t++) {
    from.x[t] = t * 8 + group < p.rows ? p.x + (size_t)(t * 8 + group) * p.x_stride : nullptr;
  }
  // A warp's chunks of columns; each step is loaded again as soon as it is used.
  uint32_t column = warp * chunk_columns + quad * 8;
  const uint32_t chunks = (p.cols + chunk_columns - 1) / chunk_columns;
  step_data<row_tiles, token_tiles> data[steps];
  if (p.weights_are_fresh) wait_for_predecessor();
    // Constant weights are on their way while the predecessor drains.
#pragma unroll
  for (int i = 0; i < steps; i++) from.load_weights(column + i * step_columns, data[i]);
  wait_for_predecessor();
  release_successor();
#pragma unroll
  for (int i = 0; i < steps; i++) from.load_activations(column + i * step_columns, data[i]);
  float sums[row_tiles][token_tiles][4] = {};
  for (uint32_t chunk = warp; chunk < chunks; chunk += warps) {
    column += warps * chunk_columns;
#pragma unroll
    for (int i = 0; i < steps; i++) {
      multiply_step<T, row_tiles, token_tiles>(data[i], sums);
      from.load_weights(column + i * step_columns, data[i]);
      from.load_activations(column + i * step_columns, data[i]);
    }
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

template <typename T> mk_status choose(mk_stream *stream, const product *p) {
  uint32_t tiles = 0;
  for (uint32_t s = 0; s < p->segment_count; s++) tiles += ceil_div(p->segments[s].rows, 16);
  if (p->rows > 8) return launch(stream, streaming_kernel<T, 1, 2, 2>, tiles, warps * 32, 0, *p);
  // Three blocks to a multiprocessor leave few registers for loads in flight, but save a second wave.
  const uint32_t slots = (uint32_t)stream->multiprocessors;
  return launch(stream,
                tiles > 2 * slots && tiles <= 3 * slots ? streaming_kernel<T, 1, 1, 3> : streaming_kernel<T, 1, 1, 2>,
                tiles, warps * 32, 0, *p);
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
