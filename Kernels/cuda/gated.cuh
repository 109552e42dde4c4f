/// Gated activations, for their own kernel and for the products that end in them.
#pragma once
#include "device.cuh"

__device__ __forceinline__ float activate(float x, uint32_t activation) {
  if (activation == MK_SILU) return __fdividef(x, 1 + __expf(-x));
  const float root = 0.7978845608f; // sqrt(2 / pi)
  return 0.5f * x * (1 + tanhf(root * (x + 0.044715f * x * x * x)));
}

/// y[row, j] = act(x[row, j]) * x[row, n + j]; strides in elements.
struct gated_parameters {
  const void *x;
  void *y;
  mk_dtype x_dtype, y_dtype;
  uint32_t rows, n, x_stride, y_stride, activation;
};
mk_status gate(mk_stream *stream, const gated_parameters &p);
