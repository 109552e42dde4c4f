/// Rows of a weight matrix as floats.
#include "fp8.cuh"
#include "ops.h"
#include "packed.cuh"

namespace {

constexpr int threads = 128;

struct embedding_parameters {
  const uint8_t *table;
  const int32_t *ids;
  uint32_t table_rows, cols;
  float scale;
  float *y;
  int32_t *fault;
};

/// Whether this block's id is in the table; the fault is set where it is not.
__device__ __forceinline__ bool find_row(const embedding_parameters &p, uint32_t *row) {
  const int32_t id = p.ids[blockIdx.x];
  *row = (uint32_t)id;
  if (id >= 0 && (uint32_t)id < p.table_rows) return true;
  if (threadIdx.x == 0 && blockIdx.y == 0) *p.fault = 1;
  return false;
}

template <typename T> __global__ void embedding_kernel(const embedding_parameters p) {
  wait_for_predecessor();
  release_successor();
  uint32_t row;
  const uint32_t i = blockIdx.y * threads + threadIdx.x;
  if (!find_row(p, &row) || i >= p.cols) return;
  const T *table = reinterpret_cast<const T *>(p.table);
  p.y[(size_t)blockIdx.x * p.cols + i] = p.scale * to_float(table[(size_t)row * p.cols + i]);
}

/// Four neighbours per thread, aligned.
template <typename T> __global__ void embedding_vector_kernel(const embedding_parameters p) {
  wait_for_predecessor();
  release_successor();
  uint32_t row;
  const uint32_t i = (blockIdx.y * threads + threadIdx.x) * 4;
  if (!find_row(p, &row) || i >= p.cols) return;
  const float4 four = load_four(reinterpret_cast<const T *>(p.table) + (size_t)row * p.cols + i);
  store_four(p.y + (size_t)blockIdx.x * p.cols + i,
             make_float4(p.scale * four.x, p.scale * four.y, p.scale * four.z, p.scale * four.w));
}

template <mk_dtype dtype> __global__ void quantized_embedding_kernel(const embedding_parameters p) {
  wait_for_predecessor();
  release_successor();
  uint32_t row;
  const uint32_t block = blockIdx.y * threads + threadIdx.x;
  if (!find_row(p, &row) || block >= p.cols / block_columns) return;
  float values[block_columns];
  read_packed<dtype>(p.table, row, block, p.cols, values);
  float *y = p.y + (size_t)blockIdx.x * p.cols + block * block_columns;
  for (uint32_t i = 0; i < block_columns; i++) y[i] = p.scale * values[i];
}

__global__ void fp8_embedding_kernel(const embedding_parameters p, const float *scales) {
  wait_for_predecessor();
  release_successor();
  uint32_t row;
  const uint32_t i = blockIdx.y * threads + threadIdx.x;
  if (!find_row(p, &row) || i >= p.cols) return;
  __nv_fp8_e4m3 code;
  code.__x = p.table[(size_t)row * fp8_stride(p.cols) + fp8_place(i)];
  p.y[(size_t)blockIdx.x * p.cols + i] = p.scale * (scales[row] * (float)code);
}

} // namespace

mk_status cuda_embedding(mk_stream *stream, const mk_embedding_args *args) {
  if (!stream || !args || !is_valid_matrix(args->table)) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->ids || !args->y) return MK_INVALID_ARGUMENT;
  const mk_matrix *table = args->table;
  const embedding_parameters p = {static_cast<const uint8_t *>(table->data),
                                  args->ids,
                                  table->rows,
                                  table->cols,
                                  args->scale,
                                  args->y,
                                  stream->fault};
  mk_status status = MK_UNSUPPORTED;
  if (with_quantized(table->dtype, [&](auto dtype) {
        const dim3 grid(args->rows, ceil_div(table->cols / block_columns, threads));
        status = launch(stream, quantized_embedding_kernel<decltype(dtype)::value>, grid, threads, 0, p);
      })) {
    return status;
  }
  if (table->dtype == MK_BF16 && table->cols % 4 == 0 && (uintptr_t)table->data % 8 == 0 &&
      (uintptr_t)args->y % 16 == 0) {
    const dim3 quarter(args->rows, ceil_div(table->cols, 4 * threads));
    return launch(stream, embedding_vector_kernel<bf16>, quarter, threads, 0, p);
  }
  const dim3 grid(args->rows, ceil_div(table->cols, threads));
  switch (table->dtype) {
  case MK_F32: return launch(stream, embedding_kernel<float>, grid, threads, 0, p);
  case MK_F16: return launch(stream, embedding_kernel<__half>, grid, threads, 0, p);
  case MK_F8_E4M3: return launch(stream, fp8_embedding_kernel, grid, threads, 0, p, fp8_scales(*table));
  default: return launch(stream, embedding_kernel<bf16>, grid, threads, 0, p);
  }
}
