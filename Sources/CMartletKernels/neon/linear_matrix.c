/// `linear` for Arm processors with products of byte matrices (i8mm; servers and laptops since about 2021): one
/// instruction multiplies two rows by two tokens over eight columns.
///
/// In a group's activations the codes of tokens 2i and 2i + 1 alternate, eight columns of one and eight of the other; the
/// last token of an odd group keeps its plain order and takes dot products.
#if defined(__aarch64__)
#include "tile.h"

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

#include "dot_products.h"

static void quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_quantize_group(x, stride, cols, count, out);
  for (uint32_t b = 0; b < cols / MK_BLOCK; b++, out += (size_t)count * MK_TOKEN_BLOCK_BYTES) {
    for (uint32_t t = 0; t + 1 < count; t += 2) {
      uint8_t *pair = out + MK_BLOCK * t;
      const uint64x2_t low = vreinterpretq_u64_u8(vld1q_u8(pair)), high = vreinterpretq_u64_u8(vld1q_u8(pair + 16));
      const uint64x2_t next_low = vreinterpretq_u64_u8(vld1q_u8(pair + 32));
      const uint64x2_t next_high = vreinterpretq_u64_u8(vld1q_u8(pair + 48));
      vst1q_u8(pair, vreinterpretq_u8_u64(vtrn1q_u64(low, next_low)));
      vst1q_u8(pair + 16, vreinterpretq_u8_u64(vtrn2q_u64(low, next_low)));
      vst1q_u8(pair + 32, vreinterpretq_u8_u64(vtrn1q_u64(high, next_high)));
      vst1q_u8(pair + 48, vreinterpretq_u8_u64(vtrn2q_u64(high, next_high)));
    }
  }
}

/// Eight columns of rows 0 and 1 of vectors j and j + 1.
INLINE int8x16_t upper_rows(const int8x16_t *w, int j) {
  return vreinterpretq_s8_s32(vzip1q_s32(vreinterpretq_s32_s8(w[j]), vreinterpretq_s32_s8(w[j + 1])));
}
/// The same of rows 2 and 3.
INLINE int8x16_t lower_rows(const int8x16_t *w, int j) {
  return vreinterpretq_s8_s32(vzip2q_s32(vreinterpretq_s32_s8(w[j]), vreinterpretq_s32_s8(w[j + 1])));
}

INLINE void add_products(uint8_t bits, uint32_t n, const int8x16_t *w, int first, int end, const uint8_t *x,
                         int32x4_t *dots) {
  (void)bits;
  UNROLL for (uint32_t t = 0; t + 1 < n; t += 2) {
    int32x4_t upper = vdupq_n_s32(0), lower = vdupq_n_s32(0);
    UNROLL for (int j = first; j < end; j += 2) {
      const int8x16_t columns = vreinterpretq_s8_u8(vld1q_u8(x + MK_BLOCK * t + 8 * j));
      upper = vmmlaq_s32(upper, upper_rows(w, j), columns);
      lower = vmmlaq_s32(lower, lower_rows(w, j), columns);
    }
    dots[t] = vaddq_s32(dots[t], vuzp1q_s32(upper, lower));
    dots[t + 1] = vaddq_s32(dots[t + 1], vuzp2q_s32(upper, lower));
  }
  if (n % 2) dots[n - 1] = add_dot_products(dots[n - 1], w, first, end, x + MK_BLOCK * (n - 1));
}

#include "tile_kernels.h"

#pragma clang attribute pop

mk_status mk_neon_matrix_linear(mk_stream *stream, const mk_linear_args *args) {
  return mk_strips_linear(stream, args, &strip_variant);
}
#endif
