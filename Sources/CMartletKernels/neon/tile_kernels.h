/// The tiles of `linear` for NEON, included once for each kind of product. The including file defines `quantize_group`,
/// and for vectors [first, end) of a quarter `code_sum`, the sums of its rows' codes, and `add_products`, which adds to
/// dots[t] the products of its rows with token t.
#include "tile.h"

static void encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_encode_group(x, stride, cols, count, out);
}

/// sums[t] gains the block's share, in the order of operations of the reference.
INLINE void add_block(const mk_format format, uint32_t n, const int8x16_t *w, const vector_scales scales,
                      const uint8_t *x, float32x4_t *sums) {
  const uint8_t *fields = x + MK_BLOCK * n, *pairs = fields + 8 * n, *halves = pairs + 4 * n;
  const bool whole = format.sub_blocks == 1;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    const int first = whole ? 0 : 4 * h, end = whole ? 8 : 4 * h + 4;
    const uint8_t *of_half = whole ? pairs : halves + 4 * n * h;
    const int32x4_t codes = code_sum(w, first, end);
    int32x4_t dots[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) {
      // Unpacking has taken the offset off codes of 8 bits.
      const int32_t pair = load_integer(of_half + 4 * t);
      const int32_t offset = format.bits == 8 ? 0 : -format.offset * mk_pair_sum(pair, whole ? 32 : 16);
      dots[t] = vmlaq_n_s32(vdupq_n_s32(offset), codes, mk_pair_zero(pair));
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
      if (!whole) sum = load_float(fields + 4 * t) * (float)mk_pair_sum(load_integer(halves + 4 * (n * h + t)), 16);
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
    const uint8_t *at = tile->strips[0].data, *x = tile->group;
    float32x4_t sums[4][MK_GROUP_MAX];
    UNROLL for (int q = 0; q < span; q++) {
      UNROLL for (uint32_t t = 0; t < n; t++) sums[q][t] = vdupq_n_f32(0);
    }
    for (uint32_t first = 0; first < blocks; first += per_unit) {
      const uint8_t *halves = at;
      at += shape.unit_header;
      for (uint32_t block = 0; block < per_unit; block++, at += shape.block, x += n * MK_TOKEN_BLOCK_BYTES) {
        if (base == 0) mk_fetch_ahead(tile, at, shape.block);
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

INLINE void float_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  const int span = quarters_at_once(n);
  for (int base = 0; base < 4; base += span) {
    const float *column = (const float *)(const void *)tile->strips[0].data + 4 * base;
    float32x4_t sums[4][MK_GROUP_MAX];
    UNROLL for (int q = 0; q < span; q++) {
      UNROLL for (uint32_t t = 0; t < n; t++) sums[q][t] = vdupq_n_f32(0);
    }
    for (uint32_t k = 0; k < tile->cols; k++, column += MK_STRIP) {
      if (n > 1 && base == 0 && k % MK_BLOCK == 0) mk_fetch_ahead(tile, (const uint8_t *)column, 64 * MK_BLOCK);
      UNROLL for (int q = 0; q < span; q++) {
        const float32x4_t w = vld1q_f32(column + 4 * q);
        UNROLL for (uint32_t t = 0; t < n; t++) {
          sums[q][t] = vfmaq_n_f32(sums[q][t], w, tile->x[(size_t)t * tile->x_stride + k]);
        }
      }
    }
    UNROLL for (int q = 0; q < span; q++) store_quarter(tile, n, base + q, sums[q]);
  }
}

/// dots of eight rows gain their products with columns [2 * P, 2 * P + 2) of one token.
#define ADD_PAIR(P)                                                                            \
  dots[t][0] = vmlal_laneq_s16(dots[t][0], vget_low_s16(w[P].val[0]), codes, 2 * (P));          \
  dots[t][1] = vmlal_high_laneq_s16(dots[t][1], w[P].val[0], codes, 2 * (P));                   \
  dots[t][0] = vmlal_laneq_s16(dots[t][0], vget_low_s16(w[P].val[1]), codes, 2 * (P) + 1);      \
  dots[t][1] = vmlal_high_laneq_s16(dots[t][1], w[P].val[1], codes, 2 * (P) + 1);

/// Matrices of 16-bit codes: a block's products are exact; the blocks are added in order, each with its activations'
/// scale. A pass over the strip takes half of its rows.
INLINE void coded_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  for (int half = 0; half < 2; half++) {
    const uint8_t *at = tile->strips[0].data + MK_CODED_SCALES + 32 * half, *x = tile->group;
    float32x4_t sums[2][MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) sums[0][t] = sums[1][t] = vdupq_n_f32(0);
    for (uint32_t k = 0; k < tile->cols; k += MK_CODED_COLUMNS, at += MK_CODED_BLOCK, x += n * MK_CODED_TOKEN_BLOCK_BYTES) {
      if (n > 1 && half == 0) mk_fetch_ahead(tile, at, MK_CODED_BLOCK);
      int32x4_t dots[MK_GROUP_MAX][2];
      UNROLL for (uint32_t t = 0; t < n; t++) dots[t][0] = dots[t][1] = vdupq_n_s32(0);
      for (int part = 0; part < MK_CODED_COLUMNS / 8; part++) {
        // Even and odd columns of eight rows, four times.
        int16x8x2_t w[4];
        UNROLL for (int p = 0; p < 4; p++) w[p] = vld2q_s16((const int16_t *)(const void *)(at + 64 * (4 * part + p)));
        UNROLL for (uint32_t t = 0; t < n; t++) {
          const int16x8_t codes = vreinterpretq_s16_u8(vld1q_u8(x + MK_CODED_TOKEN_BYTES * t + 16 * part));
          ADD_PAIR(0)
          ADD_PAIR(1)
          ADD_PAIR(2)
          ADD_PAIR(3)
        }
      }
      UNROLL for (uint32_t t = 0; t < n; t++) {
        const float scale = load_float(x + MK_CODED_TOKEN_BYTES * n + 4 * t);
        UNROLL for (int q = 0; q < 2; q++) sums[q][t] = vfmaq_n_f32(sums[q][t], vcvtq_f32_s32(dots[t][q]), scale);
      }
    }
    UNROLL for (int q = 0; q < 2; q++) {
      const float32x4_t scale = vld1q_f32((const float *)(const void *)tile->strips[0].data + 4 * (2 * half + q));
      UNROLL for (uint32_t t = 0; t < n; t++) sums[q][t] = vmulq_f32(sums[q][t], scale);
      store_quarter(tile, n, 2 * half + q, sums[q]);
    }
  }
}

#define KERNEL(D, N, KIND) \
  static void tile_##D##_##N(const mk_tile *tile) { KIND##_tile(MK_##D, N, tile); }
#define KERNELS(D, KIND)                                                                        \
  KERNEL(D, 1, KIND) KERNEL(D, 2, KIND) KERNEL(D, 3, KIND) KERNEL(D, 4, KIND) KERNEL(D, 5, KIND) \
  KERNEL(D, 6, KIND) KERNEL(D, 7, KIND) KERNEL(D, 8, KIND)
#define ENTRY(D) [MK_##D] = TILES(D)
#define TILES(D)                                                                          \
  (const mk_tile_kernel[]) {                                                              \
    tile_##D##_1, tile_##D##_2, tile_##D##_3, tile_##D##_4, tile_##D##_5, tile_##D##_6,     \
        tile_##D##_7, tile_##D##_8                                                        \
  }

KERNELS(F32, float)
KERNELS(F16, coded)
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
    .fused = &mk_neon_fused_ops,
    .quantize_group = quantize_group,
    .encode_group = encode_group,
    .kernels = {ENTRY(F32), ENTRY(F16), [MK_BF16] = TILES(F16), ENTRY(Q4_0), ENTRY(Q4_1), ENTRY(Q5_0), ENTRY(Q5_1),
                ENTRY(Q8_0), ENTRY(Q2_K), ENTRY(Q3_K), ENTRY(Q4_K), ENTRY(Q5_K), ENTRY(Q6_K)},
};
