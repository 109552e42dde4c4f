/// `linear` for processors with tiles (AMX) beside AVX-512: products of panels and of bfloat16 weights are made on tiles, all
/// else is AVX-512's.
///
/// Panels give AVX-512's bits: the integers are exact, and they meet the scales in the same order. bfloat16 weights stay as
/// they are, each activation is the sum of two bfloat16 numbers, and products are added in float, in an order that only the
/// number of columns decides.
#if defined(__x86_64__)
#include "avx512.h"
#include "tiles.h"

mk_status mk_amx_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_tiles_pack(stream, source, destination, out);
}

#pragma clang attribute push(__attribute__((target(MK_AVX512_TARGET MK_TILES_TARGET))), apply_to = function)

/// From so many groups on tiles gain more than a panel costs.
#ifndef GROUPS_FOR_PANELS
#define GROUPS_FOR_PANELS 4
#endif

enum { TOKENS = MK_SPLIT_GROUP, ROW = 64 };
_Static_assert(TOKENS == MK_GROUP_MAX, "a tile holds a full group");

/// Tiles of panels: a sub-block of a group's codes, of the weights of two strips, and their products.
enum { CODES, WEIGHTS_0, WEIGHTS_1, PRODUCTS_0, PRODUCTS_1, PANEL_TILES };

/// Tiles of bfloat16: a block of a split group and of two strips, and sums of the products of even and odd blocks, which
/// do not wait for one another.
enum { SPLIT, BFLOATS_0, BFLOATS_1, EVEN_0, EVEN_1, ODD_0, ODD_1, BFLOAT_TILES };

static void begin_pairs(mk_dtype dtype) {
  const mk_format *format = &mk_formats[dtype];
  mk_tile_shapes shapes = {.palette = 1};
  if (dtype == MK_BF16) {
    for (int t = 0; t < BFLOAT_TILES; t++) {
      shapes.rows[t] = 16;
      shapes.row_bytes[t] = ROW;
    }
  } else if (format->quantized) {
    const uint8_t width = (uint8_t)(MK_BLOCK / format->sub_blocks);
    for (int t = 0; t < PANEL_TILES; t++) {
      shapes.rows[t] = t == WEIGHTS_0 || t == WEIGHTS_1 ? width / 4 : TOKENS;
      shapes.row_bytes[t] = t == CODES ? width : ROW;
    }
  } else {
    return;
  }
  mk_tiles_begin(&shapes);
}

static void end_pairs(void) { mk_tiles_end(); }

/// Products of a block: [sub-block][strip][token][row of the strip].
typedef struct {
  _Alignas(64) int32_t of[2][MK_PAIR][TOKENS][MK_STRIP];
} block_products;

/// Multiplies a block of a panel with a full group's codes.
INLINE void multiply_block(uint8_t sub_blocks, const uint8_t *panel, const uint8_t *codes, block_products *out) {
  enum { STEP = ROW * MK_PAIR };
  UNROLL for (int h = 0; h < sub_blocks; h++) {
    const uint8_t *weights = panel + (size_t)(8 / sub_blocks * h) * STEP;
    mk_tile_zero(PRODUCTS_0);
    mk_tile_zero(PRODUCTS_1);
    mk_tile_load(CODES, codes + MK_BLOCK / sub_blocks * h, MK_BLOCK);
    mk_tile_load(WEIGHTS_0, weights, STEP);
    mk_tile_add_byte_products(PRODUCTS_0, CODES, WEIGHTS_0);
    mk_tile_load(WEIGHTS_1, weights + ROW, STEP);
    mk_tile_add_byte_products(PRODUCTS_1, CODES, WEIGHTS_1);
    mk_tile_store(PRODUCTS_0, out->of[h][0], ROW);
    mk_tile_store(PRODUCTS_1, out->of[h][1], ROW);
  }
}

/// Adds a block's products to the sums of eight tokens, in the order of operations of AVX-512's panels; `headers` are the
/// panel's, `fields` the group's.
INLINE void add_products(uint8_t sub_blocks, bool minimum, const uint8_t *headers, const uint8_t *fields,
                         const block_products *products, __m512 *sums) {
  enum { S = MK_PAIR, STEP = ROW * S, N = TOKENS };
  UNROLL for (int h = 0; h < sub_blocks; h++) {
    const uint8_t *header = headers + STEP * (minimum ? 3 * h : 2 * h);
    const uint8_t *pairs = fields + 4 * N * (sub_blocks == 1 ? 2 : 3 + h);
    UNROLL for (uint32_t i = 0; i < S * N; i++) {
      const __m512i pair = _mm512_load_si512(header + STEP + ROW * (i % S));
      const __m512i products_of_codes = _mm512_load_si512(products->of[h][i % S][i / S]);
      const __m512i dots = add_pairs(products_of_codes, pair, broadcast_integer(pairs + 4 * (i / S)));
      const __m512 scale = _mm512_mul_ps(_mm512_load_ps(header + ROW * (i % S)), broadcast_float(fields + 4 * (i / S)));
      sums[i] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(dots), sums[i]);
    }
  }
  if (!minimum) return;
  UNROLL for (int h = 0; h < sub_blocks; h++) {
    UNROLL for (uint32_t i = 0; i < S * N; i++) {
      const __m512 sum = token_sum(sub_blocks, N, fields + 4 * (i / S), h);
      sums[i] = _mm512_fmadd_ps(_mm512_load_ps(headers + STEP * (3 * h + 2) + ROW * (i % S)), sum, sums[i]);
    }
  }
}

/// A panel times a full group: the products of a block are added while the tiles multiply the next.
INLINE void panel_tile(uint8_t sub_blocks, bool minimum, const mk_tile *tile) {
  enum { CODED = TOKENS * MK_BLOCK, GROUP_BLOCK = TOKENS * MK_TOKEN_BLOCK_BYTES, HEADERS = 8 * ROW * MK_PAIR };
  const mk_format format = {.sub_blocks = sub_blocks, .minimum = minimum};
  const size_t step = mk_panel_block_bytes(&format);
  const uint8_t *at = tile->panel, *x = tile->group + (size_t)tile->first * GROUP_BLOCK;
  block_products products[2];
  __m512 sums[MK_PAIR * TOKENS];
  begin_panel(tile, 0, TOKENS, sums);
  multiply_block(sub_blocks, at, x, &products[0]);
  const uint32_t count = tile->end - tile->first;
  for (uint32_t i = 0; i < count; i++, at += step, x += GROUP_BLOCK) {
    if (i + 1 < count) multiply_block(sub_blocks, at + step, x + GROUP_BLOCK, &products[(i + 1) % 2]);
    add_products(sub_blocks, minimum, at + HEADERS, x + CODED, &products[i % 2], sums);
  }
  end_panel(tile, 0, TOKENS, sums);
}

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
  for (uint32_t start = 0; start < cols; start += MK_BLOCK, out += MK_SPLIT_BLOCK_BYTES) {
    const uint32_t left = cols - start;
    const __mmask32 there = left < MK_BLOCK ? (1u << left) - 1 : 0xFFFFFFFF;
    for (uint32_t t = 0; t < TOKENS; t++) {
      const float *from = x + (size_t)t * stride + start;
      UNROLL for (uint32_t half = 0; half < 2; half++) {
        uint8_t *to = out + ROW * t + 32 * half;
        const __mmask16 lanes = t < count ? (__mmask16)(there >> 16 * half) : 0;
        const __m512 values = lanes ? _mm512_maskz_loadu_ps(lanes, from + 16 * half) : _mm512_setzero_ps();
        split(values, to, to + TOKENS * ROW);
      }
    }
  }
}

/// Two strips of bfloat16 times a group of n tokens, over a range of blocks; the sums of a range are added in float to those
/// of the ranges before it.
INLINE void bfloat_pair(uint32_t n, const mk_tile *tile) {
  const uint8_t *x = tile->group + (size_t)tile->first * MK_SPLIT_BLOCK_BYTES, *at[MK_PAIR];
  UNROLL for (int s = 0; s < MK_PAIR; s++) {
    at[s] = tile->strips[s].data + MK_CODED_SCALES + (size_t)tile->first * MK_CODED_BLOCK;
  }
  mk_tile_zero(EVEN_0);
  mk_tile_zero(EVEN_1);
  mk_tile_zero(ODD_0);
  mk_tile_zero(ODD_1);
  for (uint32_t block = tile->first; block < tile->end; block += 2, x += 2 * MK_SPLIT_BLOCK_BYTES) {
    UNROLL for (int s = 0; s < MK_PAIR; s++) mk_fetch_ahead(tile, at[s], 2 * MK_CODED_BLOCK);
    mk_tile_load(SPLIT, x, ROW);
    mk_tile_load(BFLOATS_0, at[0], ROW);
    mk_tile_add_bfloat_products(EVEN_0, SPLIT, BFLOATS_0);
    mk_tile_load(BFLOATS_1, at[1], ROW);
    mk_tile_add_bfloat_products(EVEN_1, SPLIT, BFLOATS_1);
    if (block + 1 == tile->end) break;
    mk_tile_load(SPLIT, x + MK_SPLIT_BLOCK_BYTES, ROW);
    mk_tile_load(BFLOATS_0, at[0] + MK_CODED_BLOCK, ROW);
    mk_tile_add_bfloat_products(ODD_0, SPLIT, BFLOATS_0);
    mk_tile_load(BFLOATS_1, at[1] + MK_CODED_BLOCK, ROW);
    mk_tile_add_bfloat_products(ODD_1, SPLIT, BFLOATS_1);
    UNROLL for (int s = 0; s < MK_PAIR; s++) at[s] += 2 * MK_CODED_BLOCK;
  }
  _Alignas(64) float parts[MK_PAIR][2][2 * TOKENS][MK_STRIP];
  mk_tile_store(EVEN_0, parts[0][0], ROW);
  mk_tile_store(EVEN_1, parts[1][0], ROW);
  mk_tile_store(ODD_0, parts[0][1], ROW);
  mk_tile_store(ODD_1, parts[1][1], ROW);
  __m512 sums[MK_PAIR * TOKENS];
  begin_panel(tile, 0, n, sums);
  UNROLL for (uint32_t i = 0; i < MK_PAIR * n; i++) {
    const uint32_t s = i % MK_PAIR, t = i / MK_PAIR;
    const __m512 upper = _mm512_add_ps(_mm512_load_ps(parts[s][0][t]), _mm512_load_ps(parts[s][1][t]));
    const __m512 rest =
        _mm512_add_ps(_mm512_load_ps(parts[s][0][t + TOKENS]), _mm512_load_ps(parts[s][1][t + TOKENS]));
    sums[i] = _mm512_add_ps(sums[i], _mm512_add_ps(upper, rest));
  }
  end_panel(tile, 0, n, sums);
}

/// A strip alone, as a pair of which one stores nothing.
INLINE void bfloat_strip(uint32_t n, const mk_tile *tile) {
  float partial[MK_PAIR * TOKENS * MK_STRIP];
  const uint32_t blocks = (tile->cols + MK_BLOCK - 1) / MK_BLOCK, step = mk_range_of(blocks, MK_CODED_BLOCKS);
  mk_tile pair = *tile;
  pair.strips[1] = pair.strips[0];
  pair.strips[1].lanes = 0;
  pair.partial = partial;
  for (pair.first = 0; pair.first < blocks; pair.first = pair.end) {
    pair.end = pair.first + step < blocks ? pair.first + step : blocks;
    bfloat_pair(n, &pair);
  }
}

/// A group that is not full is AVX-512's.
#define REST(S, M, N) \
  static void panel_##S##_##M##_##N(const mk_tile *tile) { mk_avx512_panels[S - 1][M][N - 1](tile); }
#define PANELS(S, M)                                                                                   \
  REST(S, M, 1) REST(S, M, 2) REST(S, M, 3) REST(S, M, 4) REST(S, M, 5) REST(S, M, 6) REST(S, M, 7)     \
  static void panel_##S##_##M##_8(const mk_tile *tile) { panel_tile(S, M, tile); }                     \
  static const mk_tile_kernel panels_##S##_##M[MK_GROUP_MAX] = ENTRIES(panel_##S##_##M);
#define BFLOATS(N)                                                             \
  static void bfloat_pair_##N(const mk_tile *tile) { bfloat_pair(N, tile); }   \
  static void bfloat_strip_##N(const mk_tile *tile) { bfloat_strip(N, tile); }
#define ENTRIES(KIND) {KIND##_1, KIND##_2, KIND##_3, KIND##_4, KIND##_5, KIND##_6, KIND##_7, KIND##_8}

PANELS(1, 0)
PANELS(1, 1)
PANELS(2, 0)
PANELS(2, 1)
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
      .groups_for_panels = GROUPS_FOR_PANELS,
      .fused = &mk_avx512_fused_ops,
      .quantize_group = mk_avx512_quantize_group,
      .encode_group = mk_avx512_encode_group,
      .split_group = split_group,
      .kernels = {MK_AVX512_KERNELS, [MK_BF16] = bfloat_strips},
      .expand = mk_avx512_expand,
      .pair_kernels = {[MK_F16] = mk_avx512_coded_pairs, [MK_BF16] = bfloat_pairs, [MK_Q4_0] = panels_1_0,
                       [MK_Q4_1] = panels_1_1, [MK_Q5_0] = panels_1_0, [MK_Q5_1] = panels_1_1, [MK_Q8_0] = panels_1_0,
                       [MK_Q2_K] = panels_2_1, [MK_Q3_K] = panels_2_0, [MK_Q4_K] = panels_1_1, [MK_Q5_K] = panels_1_1,
                       [MK_Q6_K] = panels_2_0},
      .begin_pairs = begin_pairs,
      .end_pairs = end_pairs,
  };
  return mk_strips_linear(stream, args, &variant);
}
#endif
