/// `linear` for Arm processors with dot products of bytes (Armv8.2 and later), on the same strips as AVX-512: a strip is
/// four quarters of 4 rows, each a register.
#if defined(__aarch64__)
#include "../linear/strips.h"
#include "../ops/codes.h"

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

mk_status mk_neon_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  return mk_strips_packed_bytes(dtype, rows, cols, bytes);
}

mk_status mk_neon_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_strips_pack(stream, source, destination, out);
}

static void quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count,
                           uint8_t *out) {
  mk_quantize_group(x, stride, cols, first, count, out);
}

static void encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count, uint8_t *out) {
  mk_encode_group(x, stride, cols, first, count, out);
}

/// Byte i is all ones where bit i is set, else 0.
INLINE uint8x16_t spread_bits(const uint8_t *from) {
  static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return vtstq_u8(vcombine_u8(vdup_n_u8(from[0]), vdup_n_u8(from[1])), vld1q_u8(bits));
}

/// Eight vectors of codes of one quarter from the planes, see packed.h. Codes of 8 bits come out less 128, all others
/// without an offset: both fit signed bytes.
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
    UNROLL for (int j = 0; j < 8; j++) {
      const uint8x16_t four = vld1q_u8(from + 64 * (j % 2));
      const uint8x16_t two = vandq_u8(vshlq_u8(four, vdupq_n_s8((int8_t)-(j / 2 * 2))), vdupq_n_u8(3));
      codes[j] = shift ? vorrq_u8(codes[j], vshlq_n_u8(two, 4)) : two;
    }
    from += 128;
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    const uint8_t *masks = from - 16 * quarter + 2 * quarter;
    UNROLL for (int j = 0; j < 8; j++) {
      codes[j] = vorrq_u8(codes[j], vandq_u8(spread_bits(masks + 8 * j), vdupq_n_u8((uint8_t)(1 << shift))));
    }
  }
  UNROLL for (int j = 0; j < 8; j++) w[j] = vreinterpretq_s8_u8(codes[j]);
}

typedef struct {
  float32x4_t scale[2], minimum[2];
} vector_scales;

INLINE float32x4_t load_halves(const uint8_t *from) {
  return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from)));
}

INLINE float32x4_t load_signed(const uint8_t *from) {
  int32_t four;
  memcpy(&four, from, 4);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

/// Scales of one quarter of a block. Sub-minima stay below 128, so that reading them as signed bytes fits all formats.
INLINE vector_scales load_scales(const mk_format format, const uint8_t *halves, const uint8_t *subs, int quarter) {
  vector_scales out;
  out.scale[0] = out.scale[1] = load_halves(halves + 8 * quarter);
  out.minimum[0] = out.minimum[1] = format.minimum ? load_halves(halves + 32 + 8 * quarter) : vdupq_n_f32(0);
  if (!format.super) return out;
  const float32x4_t minimum = vnegq_f32(out.minimum[0]);
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    out.scale[h] = vmulq_f32(out.scale[h], load_signed(subs + 4 * quarter + 16 * h));
    if (!format.minimum) continue;
    out.minimum[h] = vmulq_f32(minimum, load_signed(subs + 4 * quarter + 16 * (format.sub_blocks + h)));
  }
  return out;
}

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

/// sums[t] gains the block's share, in the order of operations of the reference.
INLINE void add_block(const mk_format format, uint32_t n, const int8x16_t *w, const vector_scales scales,
                      const uint8_t *x, float32x4_t *sums) {
  const uint8_t *fields = x + 32 * n, *negated = fields + 8 * n, *halves = negated + 4 * n, *zeros = halves + 8 * n;
  const int whole = format.sub_blocks == 1;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    const int first = whole ? 0 : 4 * h, end = whole ? 8 : 4 * h + 4;
    const uint8_t *minus = whole ? negated : halves + 4 * n * h;
    int32x4_t code_sum = vdupq_n_s32(0);
    UNROLL for (int j = first; j < end; j++) code_sum = vdotq_s32(code_sum, w[j], vdupq_n_s8(1));
    UNROLL for (uint32_t t = 0; t < n; t++) {
      // Less the offset, unless unpacking has taken it off.
      const int32_t offset = format.bits == 8 ? 0 : load_integer(minus + 4 * t) * format.offset;
      int32x4_t dot = vmlaq_n_s32(vdupq_n_s32(offset), code_sum, load_integer(zeros + 4 * t));
      UNROLL for (int j = first; j < end; j++) {
        dot = vdotq_s32(dot, w[j], vreinterpretq_s8_s32(vdupq_n_s32(load_integer(x + 32 * t + 4 * j))));
      }
      const float32x4_t scale = vmulq_n_f32(scales.scale[h], load_float(fields + 4 * t));
      sums[t] = vfmaq_f32(sums[t], scale, vcvtq_f32_s32(dot));
    }
  }
  if (!format.minimum) return;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    UNROLL for (uint32_t t = 0; t < n; t++) {
      float sum = load_float(fields + 4 * n + 4 * t);
      if (!whole) sum = load_float(fields + 4 * t) * (float)-load_integer(halves + 4 * (n * h + t));
      sums[t] = vfmaq_n_f32(sums[t], scales.minimum[h], sum);
    }
  }
}

INLINE void store_quarter(const mk_tile *tile, uint32_t n, uint32_t quarter, const float32x4_t *sums) {
  const uint32_t lanes = tile->lanes > 4 * quarter ? tile->lanes - 4 * quarter : 0, count = lanes < 4 ? lanes : 4;
  UNROLL for (uint32_t t = 0; t < n; t++) {
    float values[4];
    vst1q_f32(values, sums[t]);
    float *y = tile->y + (size_t)t * tile->y_stride + 4 * quarter;
    for (uint32_t i = 0; i < count; i++) y[i] = tile->bias ? values[i] + tile->bias[4 * quarter + i] : values[i];
  }
}

INLINE void quantized_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  const mk_format format = mk_formats[dtype];
  const mk_strip_shape shape = mk_strip_shape_of(&format, 256);
  const uint32_t blocks = tile->cols / MK_BLOCK, per_unit = format.super ? 8 : 1;
  for (int quarter = 0; quarter < 4; quarter++) {
    const uint8_t *at = tile->strip, *x = tile->group;
    float32x4_t sums[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = vdupq_n_f32(0);
    for (uint32_t first = 0; first < blocks; first += per_unit) {
      const uint8_t *halves = at;
      at += shape.unit_header;
      for (uint32_t block = 0; block < per_unit; block++, at += shape.block, x += n * MK_TOKEN_BLOCK_BYTES) {
        int8x16_t w[8];
        unpack(format.bits, at + shape.block_scales, quarter, w);
        add_block(format, n, w, load_scales(format, halves, at, quarter), x, sums);
      }
    }
    store_quarter(tile, n, (uint32_t)quarter, sums);
  }
}

INLINE void float_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  for (uint32_t quarter = 0; quarter < 4; quarter++) {
    const float *strip = (const float *)(const void *)tile->strip + 4 * quarter;
    float32x4_t sums[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = vdupq_n_f32(0);
    for (uint32_t k = 0; k < tile->cols; k++, strip += MK_STRIP) {
      const float32x4_t w = vld1q_f32(strip);
      UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = vfmaq_n_f32(sums[t], w, tile->x[(size_t)t * tile->x_stride + k]);
    }
    store_quarter(tile, n, quarter, sums);
  }
}

/// A block's products are exact; the blocks are added in order, each with its activations' scale.
INLINE void coded_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  for (uint32_t quarter = 0; quarter < 4; quarter++) {
    const uint8_t *at = tile->strip + MK_CODED_SCALES + 16 * quarter, *x = tile->group;
    float32x4_t sums[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = vdupq_n_f32(0);
    for (uint32_t k = 0; k < tile->cols; k += MK_BLOCK, at += MK_CODED_BLOCK, x += n * MK_CODED_TOKEN_BLOCK_BYTES) {
      int32x4_t dots[MK_GROUP_MAX];
      UNROLL for (uint32_t t = 0; t < n; t++) dots[t] = vdupq_n_s32(0);
      UNROLL for (int p = 0; p < MK_BLOCK / 2; p++) {
        const int16x4x2_t pair = vld2_s16((const int16_t *)(const void *)(at + 64 * p));
        UNROLL for (uint32_t t = 0; t < n; t++) {
          const int32_t both = load_integer(x + 64 * t + 4 * p);
          dots[t] = vmlal_n_s16(dots[t], pair.val[0], (int16_t)both);
          dots[t] = vmlal_n_s16(dots[t], pair.val[1], (int16_t)(both >> 16));
        }
      }
      UNROLL for (uint32_t t = 0; t < n; t++) {
        sums[t] = vfmaq_n_f32(sums[t], vcvtq_f32_s32(dots[t]), load_float(x + 64 * n + 4 * t));
      }
    }
    const float32x4_t scale = vld1q_f32((const float *)(const void *)tile->strip + 4 * quarter);
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = vmulq_f32(sums[t], scale);
    store_quarter(tile, n, quarter, sums);
  }
}

#define KERNEL(D, N, KIND) \
  static void tile_##D##_##N(const mk_tile *tile) { KIND##_tile(MK_##D, N, tile); }
#define KERNELS(D, KIND)                                                                          \
  KERNEL(D, 1, KIND) KERNEL(D, 2, KIND) KERNEL(D, 3, KIND) KERNEL(D, 4, KIND) KERNEL(D, 5, KIND)    \
  KERNEL(D, 6, KIND) KERNEL(D, 7, KIND) KERNEL(D, 8, KIND)
#define ENTRY(D)                                                                                   \
  [MK_##D] = {tile_##D##_1, tile_##D##_2, tile_##D##_3, tile_##D##_4, tile_##D##_5, tile_##D##_6,   \
              tile_##D##_7, tile_##D##_8}

KERNELS(F32, float)
KERNELS(F16, coded)
KERNELS(BF16, coded)
KERNELS(Q4_0, quantized)
KERNELS(Q4_1, quantized)
KERNELS(Q5_0, quantized)
KERNELS(Q5_1, quantized)
KERNELS(Q8_0, quantized)
KERNELS(Q2_K, quantized)
KERNELS(Q3_K, quantized)
KERNELS(Q4_K, quantized)
KERNELS(Q5_K, quantized)
KERNELS(Q6_K, quantized)

#pragma clang attribute pop

mk_status mk_neon_linear(mk_stream *stream, const mk_linear_args *args) {
  static const mk_strip_variant variant = {
      .group = 8,
      .quantize_group = quantize_group,
      .encode_group = encode_group,
      .kernels = {ENTRY(F32), ENTRY(F16), ENTRY(BF16), ENTRY(Q4_0), ENTRY(Q4_1), ENTRY(Q5_0), ENTRY(Q5_1),
                  ENTRY(Q8_0), ENTRY(Q2_K), ENTRY(Q3_K), ENTRY(Q4_K), ENTRY(Q5_K), ENTRY(Q6_K)},
  };
  return mk_strips_linear(stream, args, &variant);
}
#endif
