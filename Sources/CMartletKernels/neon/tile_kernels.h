/// The tiles of `linear` for NEON, included once for each kind of product. The including file defines `quantize_group`,
/// and for vectors [first, end) of a quarter `code_sum`, the sums of its rows' codes, and `add_products`, which adds to
/// dots[t] the products of its rows with token t.
#include "tile.h"

/// sums[t] gains the block's share, in the order of operations of the reference.
INLINE void add_block(const mk_format format, uint32_t n, const int8x16_t *w, const vector_scales scales,
                      const uint8_t *x, float32x4_t *sums) {
  const uint8_t *fields = x + MK_BLOCK * n, *negated = fields + 8 * n, *halves = negated + 4 * n, *zeros = halves + 8 * n;
  const bool whole = format.sub_blocks == 1;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    const int first = whole ? 0 : 4 * h, end = whole ? 8 : 4 * h + 4;
    const uint8_t *minus = whole ? negated : halves + 4 * n * h;
    const int32x4_t codes = code_sum(w, first, end);
    int32x4_t dots[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) {
      // Unpacking has taken the offset off codes of 8 bits.
      const int32_t offset = format.bits == 8 ? 0 : load_integer(minus + 4 * t) * format.offset;
      dots[t] = vmlaq_n_s32(vdupq_n_s32(offset), codes, load_integer(zeros + 4 * t));
    }
    add_products(format.bits, n, w, first, end, x, dots);
    UNROLL for (uint32_t t = 0; t < n; t++) {
      const float32x4_t scale = vmulq_n_f32(scales.scale[h], load_float(fields + 4 * t));
      sums[t] = vfmaq_f32(sums[t], scale, vcvtq_f32_s32(dots[t]));
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

/// Quarters whose sums stay in registers together: a pass over the strip takes so many.
INLINE int quarters_at_once(uint32_t n) { return n > 4 ? 2 : 4; }

INLINE void quantized_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  const mk_format format = mk_formats[dtype];
  const mk_strip_shape shape = mk_strip_shape_of(&format, 256);
  const uint32_t blocks = tile->cols / MK_BLOCK, per_unit = format.super ? 8 : 1;
  const int span = quarters_at_once(n);
  for (int base = 0; base < 4; base += span) {
    const uint8_t *at = tile->strip, *x = tile->group;
    float32x4_t sums[4][MK_GROUP_MAX];
    UNROLL for (int q = 0; q < span; q++) {
      UNROLL for (uint32_t t = 0; t < n; t++) sums[q][t] = vdupq_n_f32(0);
    }
    for (uint32_t first = 0; first < blocks; first += per_unit) {
      const uint8_t *halves = at;
      at += shape.unit_header;
      for (uint32_t block = 0; block < per_unit; block++, at += shape.block, x += n * MK_TOKEN_BLOCK_BYTES) {
        UNROLL for (int q = 0; q < span; q++) {
          int8x16_t w[8];
          unpack(format.bits, at + shape.block_scales, base + q, w);
          add_block(format, n, w, load_scales(format, halves, at, base + q), x, sums[q]);
        }
      }
    }
    UNROLL for (int q = 0; q < span; q++) store_quarter(tile, n, base + q, sums[q]);
  }
}

INLINE float32x4_t load_floats(mk_dtype dtype, const uint8_t *column, int quarter) {
  if (dtype == MK_F32) return vld1q_f32((const float *)(const void *)column + 4 * quarter);
  const uint16x4_t bits = vld1_u16((const uint16_t *)(const void *)column + 4 * quarter);
  return dtype == MK_F16 ? vcvt_f32_f16(vreinterpret_f16_u16(bits)) : vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
}

INLINE void float_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  const int span = quarters_at_once(n);
  for (int base = 0; base < 4; base += span) {
    const uint8_t *column = tile->strip;
    float32x4_t sums[4][MK_GROUP_MAX];
    UNROLL for (int q = 0; q < span; q++) {
      UNROLL for (uint32_t t = 0; t < n; t++) sums[q][t] = vdupq_n_f32(0);
    }
    for (uint32_t k = 0; k < tile->cols; k++, column += (size_t)MK_STRIP * mk_formats[dtype].bytes) {
      UNROLL for (int q = 0; q < span; q++) {
        const float32x4_t w = load_floats(dtype, column, base + q);
        UNROLL for (uint32_t t = 0; t < n; t++) {
          sums[q][t] = vfmaq_n_f32(sums[q][t], w, tile->x[(size_t)t * tile->x_stride + k]);
        }
      }
    }
    UNROLL for (int q = 0; q < span; q++) store_quarter(tile, n, base + q, sums[q]);
  }
}

#define KERNEL(D, N, KIND) \
  static void tile_##D##_##N(const mk_tile *tile) { KIND##_tile(MK_##D, N, tile); }
#define KERNELS(D, KIND)                                                                        \
  KERNEL(D, 1, KIND) KERNEL(D, 2, KIND) KERNEL(D, 3, KIND) KERNEL(D, 4, KIND) KERNEL(D, 5, KIND) \
  KERNEL(D, 6, KIND) KERNEL(D, 7, KIND) KERNEL(D, 8, KIND)
#define ENTRY(D)                                                                                 \
  [MK_##D] = {tile_##D##_1, tile_##D##_2, tile_##D##_3, tile_##D##_4, tile_##D##_5, tile_##D##_6, \
              tile_##D##_7, tile_##D##_8}

KERNELS(F32, float)
KERNELS(F16, float)
KERNELS(BF16, float)
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

static const mk_strip_variant strip_variant = {
    .group = MK_GROUP_MAX,
    .quantize_group = quantize_group,
    .kernels = {ENTRY(F32), ENTRY(F16), ENTRY(BF16), ENTRY(Q4_0), ENTRY(Q4_1), ENTRY(Q5_0), ENTRY(Q5_1),
                ENTRY(Q8_0), ENTRY(Q2_K), ENTRY(Q3_K), ENTRY(Q4_K), ENTRY(Q5_K), ENTRY(Q6_K)},
};
