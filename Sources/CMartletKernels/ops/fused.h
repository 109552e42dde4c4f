/// The parts of ops that `linear` takes in, included once for each instruction set, behind norm.h and gated.h.
#include "fused_ops.h"

static void fused_norm_factors(const float *x, uint32_t stride, uint32_t cols, uint32_t count, float epsilon,
                               float *factors) {
  for (uint32_t t = 0; t < count; t++) factors[t] = norm_factor(x + (size_t)t * stride, cols, epsilon);
}

static void fused_norm_columns(const float *x, uint32_t stride, uint32_t cols, uint32_t count, const float *weight,
                               const float *factors, float *y, uint32_t y_stride) {
  for (uint32_t t = 0; t < count; t++) {
    apply_norm(x + (size_t)t * stride, weight, factors[t], y + (size_t)t * y_stride, cols, 0);
  }
}

static void fused_gate(uint32_t activation, const float *gate, const float *up, uint32_t stride, uint32_t cols,
                       uint32_t count, float *y, uint32_t y_stride) {
  for (uint32_t t = 0; t < count; t++) {
    gate_row(activation, gate + (size_t)t * stride, up + (size_t)t * stride, y + (size_t)t * y_stride, 0, cols);
  }
}

const mk_fused_ops MK_NAME(fused_ops) = {
    .norm_factors = fused_norm_factors, .norm_columns = fused_norm_columns, .gate = fused_gate};
