/// What the NEON variants of `linear` share: a strip's codes and scales in registers.
///
/// A vector of 64 bytes of a strip (packed.h) is four registers, one for each quarter of the strip: four rows of four
/// columns.
#pragma once
#include "../linear/strips.h"
#include "../ops/codes.h"

#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE int32_t load_integer(const uint8_t *from) {
  int32_t value;
  memcpy(&value, from, 4);
  return value;
}

INLINE float load_float(const uint8_t *from) {
  float value;
  memcpy(&value, from, 4);
  return value;
}

/// Byte i is all ones where bit i is set, else 0.
INLINE uint8x16_t spread_bits(const uint8_t *from) {
  const uint8x8_t bits = vcreate_u8(0x8040201008040201u);
  return vtstq_u8(vcombine_u8(vdup_n_u8(from[0]), vdup_n_u8(from[1])), vcombine_u8(bits, bits));
}

/// Eight vectors of codes of one quarter from the planes. Codes of 8 bits come out less their offset of 128, all others
/// as they are: both fit signed bytes.
INLINE void unpack(uint8_t bits, const uint8_t *planes, int quarter, int8x16_t *w) {
  const uint8_t *from = planes + 16 * quarter;
  if (bits == 8) {
    UNROLL for (int j = 0; j < 8; j++) w[j] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(from + 64 * j), vdupq_n_u8(128)));
    return;
  }
  uint8x16_t codes[8];
  uint8_t shift = 0;
  if (bits >= 4) {
    UNROLL for (int p = 0; p < 4; p++) {
      const uint8x16_t both = vld1q_u8(from + 64 * p);
      codes[p] = vandq_u8(both, vdupq_n_u8(15));
      codes[p + 4] = vshrq_n_u8(both, 4);
    }
    from += 256;
    shift = 4;
  }
  if (bits == 2 || bits == 3 || bits == 6) {
    const uint8x16_t pair = vdupq_n_u8((uint8_t)(3 << shift));
    UNROLL for (int j = 0; j < 8; j++) {
      const uint8x16_t four = vld1q_u8(from + 64 * (j % 2));
      const uint8x16_t high = vandq_u8(vshlq_u8(four, vdupq_n_s8((int8_t)(shift - j / 2 * 2))), pair);
      codes[j] = shift ? vorrq_u8(codes[j], high) : high;
    }
    from += 128;
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    const uint8_t *masks = from - 16 * quarter + 2 * quarter;
    UNROLL for (int j = 0; j < 8; j++) {
      const uint8x16_t high = vandq_u8(spread_bits(masks + 8 * j), vdupq_n_u8((uint8_t)(1 << shift)));
      codes[j] = vorrq_u8(codes[j], high);
    }
  }
  UNROLL for (int j = 0; j < 8; j++) w[j] = vreinterpretq_s8_u8(codes[j]);
}

typedef struct {
  float32x4_t scale[2], minimum[2];
} vector_scales;

INLINE float32x4_t load_halves(const uint8_t *from) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from))); }

INLINE float32x4_t load_signed(const uint8_t *from) {
  const int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(load_integer(from)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}

/// Scales of one quarter of a block. Sub-minima stay below 128, so that reading them as signed bytes fits all formats.
INLINE vector_scales load_scales(const mk_format format, const uint8_t *halves, const uint8_t *subs, int quarter) {
  vector_scales out;
  out.scale[0] = out.scale[1] = load_halves(halves + 8 * quarter);
  out.minimum[0] = out.minimum[1] = format.minimum ? load_halves(halves + 32 + 8 * quarter) : vdupq_n_f32(0);
  if (!format.super) return out;
  subs += 4 * quarter;
  const float32x4_t minimum = vnegq_f32(out.minimum[0]);
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    out.scale[h] = vmulq_f32(out.scale[h], load_signed(subs + 16 * h));
    if (format.minimum) out.minimum[h] = vmulq_f32(minimum, load_signed(subs + 16 * (format.sub_blocks + h)));
  }
  return out;
}

/// The first `count` values of a quarter that the matrix ends in.
static __attribute__((noinline)) void store_part(float *y, float32x4_t sums, const float *bias, bool adds,
                                                 uint32_t count) {
  float values[4];
  vst1q_f32(values, sums);
  for (uint32_t i = 0; i < count; i++) {
    const float sum = bias ? values[i] + bias[i] : values[i];
    y[i] = adds ? y[i] + sum : sum;
  }
}

INLINE void store_quarter(const mk_tile *tile, uint32_t n, int quarter, const float32x4_t *sums) {
  const uint32_t first = 4 * (uint32_t)quarter;
  if (tile->strips[0].lanes <= first) return;
  const float *bias = tile->strips[0].bias ? tile->strips[0].bias + first : NULL;
  UNROLL for (uint32_t t = 0; t < n; t++) {
    float *y = tile->strips[0].y + (size_t)t * tile->y_stride + first;
    if (tile->strips[0].lanes - first < 4) {
      store_part(y, sums[t], bias, tile->adds, tile->strips[0].lanes - first);
    } else {
      const float32x4_t sum = bias ? vaddq_f32(sums[t], vld1q_f32(bias)) : sums[t];
      vst1q_f32(y, tile->adds ? vaddq_f32(vld1q_f32(y), sum) : sum);
    }
  }
}
