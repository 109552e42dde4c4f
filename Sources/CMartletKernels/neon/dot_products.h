/// Sums by dot products of bytes, for the variants that have them.
#include "tile.h"

INLINE int32x4_t code_sum(const int8x16_t *w, int first, int end) {
  int32x4_t sum = vdupq_n_s32(0);
  UNROLL for (int j = first; j < end; j++) sum = vdotq_s32(sum, w[j], vdupq_n_s8(1));
  return sum;
}

/// Vectors [first, end) of four rows times one token's codes, sixteen columns at a time.
INLINE int32x4_t add_dot_products(int32x4_t sum, const int8x16_t *w, int first, int end, const uint8_t *x) {
  UNROLL for (int j = first; j < end; j += 4) {
    const int8x16_t columns = vreinterpretq_s8_u8(vld1q_u8(x + 4 * j));
    sum = vdotq_laneq_s32(sum, w[j], columns, 0);
    sum = vdotq_laneq_s32(sum, w[j + 1], columns, 1);
    sum = vdotq_laneq_s32(sum, w[j + 2], columns, 2);
    sum = vdotq_laneq_s32(sum, w[j + 3], columns, 3);
  }
  return sum;
}
