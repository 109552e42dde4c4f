/// RMS norm, plain or fused with the residual's addition. One block per row; the row stays in registers when it fits.
#include "device.cuh"
#include "ops.h"

namespace {

constexpr int threads = 512, kept = 16; // rows of up to 8192 columns are read once

struct norm_parameters {
  const float *x;
  float *residual;
  const float *weight;
  float *y;
  uint32_t cols, mode;
  float epsilon;
};

/// The value that is normalised at column i; stores the new residual on the way.
__device__ __forceinline__ float load(const norm_parameters &p, size_t start, uint32_t i) {
  float value = p.x[start + i];
  if (p.mode == MK_NORM_ADD_FIRST) {
    value += p.residual[start + i];
    p.residual[start + i] = value;
  }
  return value;
}

__device__ __forceinline__ void store(const norm_parameters &p, size_t start, uint32_t i, float value) {
  if (p.mode == MK_NORM_ADD_AFTER) {
    p.residual[start + i] += value;
  } else {
    p.y[start + i] = value;
  }
}

__global__ void __launch_bounds__(threads) norm_kernel(const norm_parameters p) {
  float weights[kept], values[kept];
  // Weights are constant: they are read while the predecessor drains.
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * threads + threadIdx.x;
    weights[j] = i < p.cols ? p.weight[i] : 0;
  }
  wait_for_predecessor();
  release_successor();
  const size_t start = (size_t)blockIdx.x * p.cols;
  float squares = 0;
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * threads + threadIdx.x;
    values[j] = i < p.cols ? load(p, start, i) : 0;
    squares += values[j] * values[j];
  }
  for (uint32_t i = kept * threads + threadIdx.x; i < p.cols; i += threads) {
    const float value = load(p, start, i);
    squares += value * value;
  }
  const float factor = 1.0f / sqrtf(block_sum(squares) / p.cols + p.epsilon);
#pragma unroll
  for (int j = 0; j < kept; j++) {
    const uint32_t i = j * threads + threadIdx.x;
    if (i < p.cols) store(p, start, i, values[j] * factor * weights[j]);
  }
  for (uint32_t i = kept * threads + threadIdx.x; i < p.cols; i += threads) {
    const float value = p.mode == MK_NORM_ADD_FIRST ? p.residual[start + i] : p.x[start + i];
    store(p, start, i, value * factor * p.weight[i]);
  }
}

} // namespace

mk_status cuda_norm(mk_stream *stream, const mk_norm_args *args) {
  if (!stream || !args || args->cols == 0 || args->mode > MK_NORM_ADD_AFTER) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->weight) return MK_INVALID_ARGUMENT;
  if ((args->mode == MK_NORM_PLAIN) != (args->residual == nullptr)) return MK_INVALID_ARGUMENT;
  if (args->mode != MK_NORM_ADD_AFTER && !args->y) return MK_INVALID_ARGUMENT;
  const norm_parameters p = {args->x, args->residual, args->weight, args->y, args->cols, args->mode, args->epsilon};
  return launch(stream, norm_kernel, args->rows, threads, 0, p);
}
