/// `linear` for processors with tiles (AMX) beside AVX-512: products of bfloat16 weights are made on tiles, all else is
/// AVX-512's.
///
/// The weights stay as they are, each activation is the sum of two bfloat16 numbers, and products are added in float, in an
/// order that only the number of columns decides. Products of bytes stay with AVX-512: the sums of each block of 32 columns
/// must leave the tiles for their scales, and to store a tile takes as long as to fill it.
#if defined(__x86_64__)
#include "avx512.h"
#include "tiles.h"

mk_status mk_amx_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_tiles_pack(stream, source, destination, out);
}

#pragma clang attribute push(__attribute__((target(MK_AVX512_TARGET MK_TILES_TARGET))), apply_to = function)

enum { TOKENS = MK_SPLIT_GROUP, ROW = 64, TILE = 16 * ROW };
_Static_assert(TOKENS == MK_GROUP_MAX, "a tile holds a full group");

/// Blocks of a range, which the first-level cache holds twice: it is multiplied while the next is fetched.
enum { RANGE_BLOCKS = 4 };

/// Half a block of a split group and of two strips, and the sums of their products.
enum { SPLIT, WEIGHTS_0, WEIGHTS_1, SUMS_0, SUMS_1, TILES };

static void begin_tiles(void) {
  mk_tile_shapes shapes = {.palette = 1};
  for (int t = 0; t < TILES; t++) {
    shapes.rows[t] = TILE / ROW;
    shapes.row_bytes[t] = ROW;
  }
  mk_tiles_begin(&shapes);
}

static void end_tiles(void) { mk_tiles_end(); }

/// Sixteen values in halves, which add up to all but the lowest bits: the upper 16 bits, and what they lack, rounded to the
/// nearest. Infinities and NaN make a part NaN.
INLINE void split(__m512 x, uint8_t *upper, uint8_t *rest) {
  const __m512i bits = _mm512_castps_si512(x), high = _mm512_srli_epi32(bits, 16);
  const __m512i lacking = _mm512_castps_si512(_mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(high, 16))));
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(lacking, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(lacking, _mm512_set1_epi32(0x7FFF)), odd);
  _mm256_storeu_si256((__m256i *)(void *)upper, _mm512_cvtepi32_epi16(high));
  _mm256_storeu_si256((__m256i *)(void *)rest, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

static void split_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  for (uint32_t start = 0; start < cols; start += MK_CODED_COLUMNS, out += MK_SPLIT_BLOCK_BYTES) {
    const uint32_t left = cols - start;
    const __mmask64 there = left < MK_CODED_COLUMNS ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
    for (uint32_t t = 0; t < TOKENS; t++) {
      const float *from = x + (size_t)t * stride + start;
      UNROLL for (uint32_t i = 0; i < MK_CODED_COLUMNS / 16; i++) {
        uint8_t *to = out + TILE * (i / 2) + ROW * t + 32 * (i % 2);
        const __mmask16 lanes = t < count ? (__mmask16)(there >> 16 * i) : 0;
        const __m512 values = lanes ? _mm512_maskz_loadu_ps(lanes, from + 16 * i) : _mm512_setzero_ps();
        split(values, to, to + TOKENS * ROW);
      }
    }
  }
}

/// `count` strips (one or two) of bfloat16 times a group of n tokens, over a range of blocks; the sums of a range are added
/// to those of the ranges before it.
INLINE void bfloat_range(int count, uint32_t n, const mk_tile *tile, float *partial) {
  const size_t first = tile->first;
  const uint8_t *x = tile->group + first * MK_SPLIT_BLOCK_BYTES, *at[MK_PAIR];
  UNROLL for (int s = 0; s < count; s++) at[s] = tile->strips[s].data + MK_CODED_SCALES + first * MK_CODED_BLOCK;
  mk_tile_zero(SUMS_0);
  mk_tile_zero(SUMS_1);
  for (uint32_t block = tile->first; block < tile->end; block++, x += MK_SPLIT_BLOCK_BYTES) {
    if (n > 1) {
      UNROLL for (int s = 0; s < count; s++) mk_fetch_ahead(tile, at[s], MK_CODED_BLOCK);
    }
    UNROLL for (int half = 0; half < 2; half++) {
      mk_tile_load(SPLIT, x + TILE * half, ROW);
      mk_tile_load(WEIGHTS_0, at[0] + TILE * half, ROW);
      mk_tile_add_bfloat_products(SUMS_0, SPLIT, WEIGHTS_0);
      if (count > 1) {
        mk_tile_load(WEIGHTS_1, at[1] + TILE * half, ROW);
        mk_tile_add_bfloat_products(SUMS_1, SPLIT, WEIGHTS_1);
      }
    }
    UNROLL for (int s = 0; s < count; s++) at[s] += MK_CODED_BLOCK;
  }
  _Alignas(64) float parts[MK_PAIR][2][TOKENS][MK_STRIP];
  mk_tile_store(SUMS_0, parts[0][0], ROW);
  if (count > 1) mk_tile_store(SUMS_1, parts[1][0], ROW);
  const bool ends = tile->end == mk_blocks_of(tile->cols, MK_CODED_COLUMNS), adds = tile->adds;
  const size_t stride = tile->y_stride;
  UNROLL for (int s = 0; s < count; s++) {
    const mk_tile_strip strip = tile->strips[s];
    UNROLL for (uint32_t t = 0; t < n; t++) {
      float *before = partial + MK_STRIP * (MK_PAIR * t + (uint32_t)s);
      __m512 sum = _mm512_add_ps(_mm512_load_ps(parts[s][0][t]), _mm512_load_ps(parts[s][1][t]));
      if (first > 0) sum = _mm512_add_ps(_mm512_loadu_ps(before), sum);
      if (ends) {
        store(&strip, t * stride, adds, sum);
      } else {
        _mm512_storeu_ps(before, sum);
      }
    }
  }
}

/// A strip alone meets its blocks in the ranges of a pair.
INLINE void bfloat_strip(uint32_t n, const mk_tile *tile) {
  float partial[MK_PAIR * TOKENS * MK_STRIP];
  const uint32_t blocks = mk_blocks_of(tile->cols, MK_CODED_COLUMNS), step = mk_range_of(blocks, RANGE_BLOCKS);
  mk_tile range = *tile;
  for (range.first = 0; range.first < blocks; range.first = range.end) {
    range.end = range.first + step < blocks ? range.first + step : blocks;
    bfloat_range(1, n, &range, partial);
  }
}

#define BFLOATS(N)                                                             \
  static void bfloat_pair_##N(const mk_tile *tile) { bfloat_range(2, N, tile, tile->partial); } \
  static void bfloat_strip_##N(const mk_tile *tile) { bfloat_strip(N, tile); }
#define ENTRIES(KIND) {KIND##_1, KIND##_2, KIND##_3, KIND##_4, KIND##_5, KIND##_6, KIND##_7, KIND##_8}

BFLOATS(1)
BFLOATS(2)
BFLOATS(3)
BFLOATS(4)
BFLOATS(5)
BFLOATS(6)
BFLOATS(7)
BFLOATS(8)
static const mk_tile_kernel bfloat_pairs[MK_GROUP_MAX] = ENTRIES(bfloat_pair);
static const mk_tile_kernel bfloat_strips[MK_GROUP_MAX] = ENTRIES(bfloat_strip);

#pragma clang attribute pop

mk_status mk_amx_linear(mk_stream *stream, const mk_linear_args *args) {
  static const mk_strip_variant variant = {
      .group = TOKENS,
      .groups_for_panels = MK_AVX512_GROUPS_FOR_PANELS,
      .pair_blocks = {[MK_F16] = MK_AVX512_PAIR_BLOCKS, [MK_BF16] = RANGE_BLOCKS},
      .fused = &mk_avx512_fused_ops,
      .quantize_group = mk_avx512_quantize_group,
      .encode_group = mk_avx512_encode_group,
      .kernels = {MK_AVX512_KERNELS, [MK_BF16] = bfloat_strips},
      .expand = mk_avx512_expand,
      .pair_kernels = {MK_AVX512_PAIR_KERNELS, [MK_BF16] = bfloat_pairs},
      .split_group = split_group,
      .begin_tiles = begin_tiles,
      .end_tiles = end_tiles,
  };
  return mk_strips_linear(stream, args, &variant);
}
#endif
