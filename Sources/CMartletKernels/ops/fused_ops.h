/// What `linear` takes from other ops of its variant: the norm of what it reads and the gate of what it makes.
#pragma once
#include "../internal.h"

typedef struct mk_fused_ops {
  /// factors[t] of the norm of row t of x[count][stride].
  void (*norm_factors)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, float epsilon, float *factors);
  /// y[count][y_stride] = the normed rows of x; x, weight and y begin at any column.
  void (*norm_columns)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, const float *weight,
                       const float *factors, float *y, uint32_t y_stride);
  /// y[count][y_stride] = act(gate) * up, both [count][stride]; `activation` is MK_SILU or MK_GELU_TANH.
  void (*gate)(uint32_t activation, const float *gate, const float *up, uint32_t stride, uint32_t cols, uint32_t count,
               float *y, uint32_t y_stride);
} mk_fused_ops;

extern const mk_fused_ops mk_avx2_fused_ops, mk_avx512_fused_ops, mk_neon_fused_ops;
