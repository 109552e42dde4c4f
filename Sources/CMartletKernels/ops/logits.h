/// Passes over a row of logits that sampling and log-probabilities share. Logits that are not finite count as -inf.
#pragma once
#include "lanes.h"

#include <float.h>

/// Sixteen logits; -0 becomes +0, so that equal values have equal bits.
MK_INLINE mk_f32x16 load_logits(const float *x, uint32_t i, uint32_t count) {
  const mk_f32x16 v = count - i >= LANES ? mk_load(x + i) : mk_load_part(x + i, count - i, -INFINITY);
  return (v <= mk_splat(FLT_MAX) ? v : mk_splat(-INFINITY)) + mk_splat(0.0f);
}

MK_INLINE float largest_logit(const float *x, uint32_t count) {
  mk_f32x16 best = mk_splat(-INFINITY);
  for (uint32_t i = 0; i < count; i += LANES) best = mk_max(best, load_logits(x, i, count));
  return mk_max_lanes(best);
}
