/// Gated activations, for their own kernel and for the products that end in them.
#pragma once
#include "device.cuh"

/// x over 1 + e^-u: (1 + tanh(u / 2)) / 2, by which GELU multiplies, is the same as what SiLU does.
__device__ __forceinline__ float activate(float x, uint32_t activation) {
  const float root = 0.7978845608f; // sqrt(2 / pi)
  const float u = activation == MK_SILU ? x : 2 * root * (x + 0.044715f * x * x * x);
  return x * fast_reciprocal(1 + fast_exp2(-1.44269504f * u));
}

/// y[row, j] = act(x[row, j]) * x[row, n + j]; strides in elements.
struct gated_parameters {
  const void *x;
  void *y;
  mk_dtype x_dtype, y_dtype;
  uint32_t rows, n, x_stride, y_stride, activation;
};
mk_status gate(mk_stream *stream, const gated_parameters &p);
