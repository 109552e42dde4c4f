/// `linear` for processors with AVX-512 (F, BW, DQ, VL) and VNNI. A vector holds
/// a value of each of the 16 rows of a strip.
#if defined(__x86_64__)
#include "avx512.h"

mk_status mk_avx512_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  return mk_strips_packed_bytes(dtype, rows, cols, bytes);
}

mk_status mk_avx512_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_strips_pack(stream, source, destination, out);
}

#pragma clang attribute push(__attribute__((target(MK_AVX512_TARGET))), apply_to = function)

/// Tokens that meet a panel at a time, so that their sums stay in registers.
enum { TOKENS = 4 };

#include "activations_avx512.h"

void mk_avx512_quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  for (uint32_t b = 0; b < cols / MK_BLOCK; b++, out += (size_t)count * MK_TOKEN_BLOCK_BYTES) {
    quantize_block_of_group(x + (size_t)b * MK_BLOCK, stride, count, out);
  }
}

#include "../ops/codes.h"

void mk_avx512_encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_encode_group(x, stride, cols, count, out);
}

/// Planes of a block to eight vectors of unsigned bytes; see packed.h.
INLINE void unpack(uint8_t bits, const uint8_t *planes, __m512i *w) {
  if (bits == 8) {
    UNROLL for (int j = 0; j < 8; j++) w[j] = _mm512_loadu_si512(planes + 64 * j);
    return;
  }
  uint8_t shift = 0;
  if (bits >= 4) {
    const __m512i nibble = _mm512_set1_epi8(15);
    UNROLL for (int p = 0; p < 4; p++) {
      const __m512i both = _mm512_loadu_si512(planes + 64 * p);
      w[p] = _mm512_and_si512(both, nibble);
      w[p + 4] = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
    }
    planes += 256;
    shift = 4;
  }
  if (bits == 2 || bits == 3 || bits == 6) {
    const __m512i pair = _mm512_set1_epi8((char)(3 << shift));
    UNROLL for (int j = 0; j < 8; j++) {
      const __m512i four = _mm512_loadu_si512(planes + 64 * (j % 2));
      const int right = j / 2 * 2 - shift;
      const __m512i moved =
          right >= 0 ? _mm512_srli_epi16(four, (unsigned)right) : _mm512_slli_epi16(four, (unsigned)-right);
      const __m512i high = _mm512_and_si512(moved, pair);
      w[j] = shift ? _mm512_or_si512(w[j], high) : high;
    }
    planes += 128;
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    const __m512i one = _mm512_set1_epi8((char)(1 << shift));
    UNROLL for (int j = 0; j < 8; j++) {
      __mmask64 mask;
      memcpy(&mask, planes + 8 * j, 8);
      w[j] = _mm512_mask_add_epi8(w[j], mask, w[j], one);
    }
  }
}

/// What a block's tokens need beside its codes: a vector for each sub-block.
typedef struct {
  __m512 scale[2], minimum[2];
  __m512i pair[2];
} block_header;

INLINE __m512 load_halves(const uint8_t *from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

INLINE __m512 load_signed(const uint8_t *from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from)));
}

/// Scales of one block. Sub-minima stay below 128, so that reading them as signed bytes fits all formats.
INLINE block_header load_scales(const mk_format format, const uint8_t *halves, const uint8_t *subs) {
  block_header out;
  out.scale[0] = out.scale[1] = load_halves(halves);
  out.minimum[0] = out.minimum[1] = format.minimum ? load_halves(halves + 32) : _mm512_setzero_ps();
  if (!format.super) return out;
  const __m512 sign = _mm512_set1_ps(-0.0f);
  const __m512 minimum = _mm512_xor_ps(out.minimum[0], sign);
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    out.scale[h] = _mm512_mul_ps(out.scale[h], load_signed(subs + 16 * h));
    if (format.minimum) out.minimum[h] = _mm512_mul_ps(minimum, load_signed(subs + 16 * (format.sub_blocks + h)));
  }
  return out;
}

/// The weights' side of a pair (activations.h) over vectors [first, end). Vectors are added in 8 bits as far as they
/// cannot overflow: 8 of up to 5 bits, 4 of 6 bits. Sums of 8-bit codes are `stored` in the strip.
INLINE __m512i code_pair(const mk_format format, const __m512i *w, int first, int end, const uint8_t *stored) {
  const int run = format.bits <= 5 ? 8 : 4;
  __m512i sum = _mm512_setzero_si512();
  if (format.bits == 8) {
    sum = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)stored));
  } else {
    UNROLL for (int start = first; start < end; start += run) {
      __m512i bytes = w[start];
      UNROLL for (int j = start + 1; j < end && j < start + run; j++) bytes = _mm512_add_epi8(bytes, w[j]);
      sum = _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi8(1));
    }
  }
  if (!format.offset) return sum;
  const __m512i centred = _mm512_sub_epi32(sum, _mm512_set1_epi32(4 * (end - first) * format.offset));
  return _mm512_mask_blend_epi16(0xAAAAAAAA, centred, _mm512_set1_epi16((int16_t)-format.offset));
}

INLINE block_header make_header(const mk_format format, const __m512i *w, const uint8_t *halves, const uint8_t *subs,
                                const uint8_t *code_sums) {
  block_header out = load_scales(format, halves, subs);
  const int vectors = 8 / format.sub_blocks;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    out.pair[h] = code_pair(format, w, vectors * h, vectors * (h + 1), code_sums);
  }
  return out;
}

/// Exact dot products over vectors [first, end): sum of (code - offset) * (x + zero) for each token.
INLINE void dot(uint32_t n, const __m512i *w, int first, int end, __m512i pair, const uint8_t *x, const uint8_t *pairs,
                __m512i *dots) {
  UNROLL for (uint32_t t = 0; t < n; t++) {
    dots[t] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), pair, broadcast_integer(pairs + 4 * t));
  }
  UNROLL for (int j = first; j < end; j++) {
    UNROLL for (uint32_t t = 0; t < n; t++) {
      dots[t] = _mm512_dpbusd_epi32(dots[t], w[j], broadcast_integer(x + 32 * t + 4 * j));
    }
  }
}

/// sums[t] gains the block's share, in the order of operations of the reference.
INLINE void add_block(const mk_format format, uint32_t n, const __m512i *w, const block_header header,
                      const uint8_t *x, __m512 *sums) {
  const uint8_t *fields = x + 32 * n, *pairs = fields + 8 * n, *halves = pairs + 4 * n;
  __m512i dots[MK_GROUP_MAX];
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    const bool whole = format.sub_blocks == 1;
    dot(n, w, whole ? 0 : 4 * h, whole ? 8 : 4 * h + 4, header.pair[h], x, whole ? pairs : halves + 4 * n * h, dots);
    UNROLL for (uint32_t t = 0; t < n; t++) {
      const __m512 scale = _mm512_mul_ps(header.scale[h], broadcast_float(fields + 4 * t));
      sums[t] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(dots[t]), sums[t]);
    }
  }
  if (!format.minimum) return;
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    UNROLL for (uint32_t t = 0; t < n; t++) {
      sums[t] = _mm512_fmadd_ps(header.minimum[h], token_sum(format.sub_blocks, n, fields + 4 * t, h), sums[t]);
    }
  }
}

INLINE void store_all(const mk_tile *tile, uint32_t n, const __m512 *sums) {
  // Stores to y might else change them.
  const mk_tile_strip strip = tile->strips[0];
  const size_t stride = tile->y_stride;
  const bool adds = tile->adds;
  UNROLL for (uint32_t t = 0; t < n; t++) store(&strip, t * stride, adds, sums[t]);
}

/// Vectors of weights are read once and meet n tokens.
INLINE void quantized_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  const mk_format format = mk_formats[dtype];
  const mk_strip_shape shape = mk_strip_shape_of(&format, 256);
  const uint32_t blocks = tile->cols / MK_BLOCK, per_unit = format.super ? 8 : 1;
  const uint8_t *at = tile->strips[0].data, *x = tile->group;
  __m512 sums[MK_GROUP_MAX];
  UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm512_setzero_ps();
  for (uint32_t first = 0; first < blocks; first += per_unit) {
    const uint8_t *halves = at;
    at += shape.unit_header;
    for (uint32_t block = 0; block < per_unit; block++, at += shape.block, x += n * MK_TOKEN_BLOCK_BYTES) {
      mk_fetch_ahead(tile, at, shape.block);
      __m512i w[8];
      unpack(format.bits, at + shape.block_scales, w);
      add_block(format, n, w, make_header(format, w, halves, at, at + shape.code_sums), x, sums);
    }
  }
  store_all(tile, n, sums);
}

/// One strip after the other, since memory delivers one stream best.
INLINE void expand(mk_dtype dtype, const mk_tile *tile, uint8_t *panel) {
  enum { STEP = 64 * MK_PAIR };
  const mk_format format = mk_formats[dtype];
  const mk_strip_shape shape = mk_strip_shape_of(&format, 256);
  for (int s = 0; s < MK_PAIR; s++) {
    const uint8_t *strip = tile->strips[s].data;
    uint8_t *to = panel + 64 * s;
    for (uint32_t block = tile->first; block < tile->end; block++) {
      const uint8_t *at = strip + mk_strip_block(&shape, block);
      __m512i w[8];
      unpack(format.bits, at + shape.block_scales, w);
      const block_header header = make_header(format, w, strip + mk_strip_halves(&shape, block), at, at + shape.code_sums);
      UNROLL for (int j = 0; j < 8; j++, to += STEP) _mm512_store_si512(to, w[j]);
      UNROLL for (int h = 0; h < format.sub_blocks; h++, to += STEP * (format.minimum ? 3 : 2)) {
        _mm512_store_ps(to, header.scale[h]);
        _mm512_store_si512(to + STEP, header.pair[h]);
        if (format.minimum) _mm512_store_ps(to + 2 * STEP, header.minimum[h]);
      }
    }
  }
}

/// A panel times tokens [first, first + count) of a group of n, in the order of operations of add_block.
INLINE void panel_part(uint8_t sub_blocks, bool minimum, uint32_t n, uint32_t first, const uint32_t count,
                       const mk_tile *tile) {
  enum { S = MK_PAIR, STEP = 64 * S };
  const mk_format format = {.sub_blocks = sub_blocks, .minimum = minimum};
  const int vectors = 8 / sub_blocks;
  const uint8_t *at = tile->panel, *x = tile->group + (size_t)tile->first * n * MK_TOKEN_BLOCK_BYTES + MK_BLOCK * first;
  __m512 sums[S * TOKENS];
  begin_panel(tile, first, count, sums);
  for (uint32_t block = tile->first; block < tile->end; block++, x += n * MK_TOKEN_BLOCK_BYTES) {
    const uint8_t *fields = x + MK_BLOCK * (n - first) + 4 * first, *headers = at + 8 * STEP;
    UNROLL for (int h = 0; h < sub_blocks; h++) {
      const uint8_t *header = headers + STEP * (minimum ? 3 * h : 2 * h);
      const uint8_t *pairs = fields + 4 * n * (sub_blocks == 1 ? 2 : 3 + h);
      __m512i dots[S * TOKENS];
      UNROLL for (uint32_t i = 0; i < S * count; i++) {
        const __m512i pair = _mm512_load_si512(header + STEP + 64 * (i % S));
        dots[i] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), pair, broadcast_integer(pairs + 4 * (i / S)));
      }
      UNROLL for (int j = vectors * h; j < vectors * (h + 1); j++) {
        UNROLL for (uint32_t i = 0; i < S * count; i++) {
          const __m512i w = _mm512_load_si512(at + STEP * j + 64 * (i % S));
          dots[i] = _mm512_dpbusd_epi32(dots[i], w, broadcast_integer(x + MK_BLOCK * (i / S) + 4 * j));
        }
      }
      UNROLL for (uint32_t i = 0; i < S * count; i++) {
        const __m512 scale = _mm512_mul_ps(_mm512_load_ps(header + 64 * (i % S)), broadcast_float(fields + 4 * (i / S)));
        sums[i] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(dots[i]), sums[i]);
      }
    }
    at += mk_panel_block_bytes(&format);
    if (!minimum) continue;
    UNROLL for (int h = 0; h < sub_blocks; h++) {
      UNROLL for (uint32_t i = 0; i < S * count; i++) {
        const __m512 sum = token_sum(sub_blocks, n, fields + 4 * (i / S), h);
        sums[i] = _mm512_fmadd_ps(_mm512_load_ps(headers + STEP * (3 * h + 2) + 64 * (i % S)), sum, sums[i]);
      }
    }
  }
  end_panel(tile, first, count, sums);
}

/// Two strips of 16-bit codes times a group, in the order of operations of coded_tile. The sums of blocks stand in memory, so
/// that products of sixteen pairs of a strip and a token have registers.
INLINE void coded_pair(uint32_t n, const mk_tile *tile) {
  // So many lines are fetched at a time; many at once hold up the loads.
  enum { S = MK_PAIR, STEPS = 8 };
  const uint32_t blocks = mk_blocks_of(tile->cols, MK_CODED_COLUMNS);
  const uint8_t *x = tile->group + (size_t)tile->first * n * MK_CODED_TOKEN_BLOCK_BYTES, *at[S];
  UNROLL for (int s = 0; s < S; s++) {
    at[s] = tile->strips[s].data + MK_CODED_SCALES + (size_t)tile->first * MK_CODED_BLOCK;
  }
  float *sums = tile->partial;
  if (tile->first == 0) memset(sums, 0, sizeof(float) * MK_STRIP * S * n);
  for (uint32_t block = tile->first; block < tile->end; block++, x += n * MK_CODED_TOKEN_BLOCK_BYTES) {
    __m512i dots[S * MK_GROUP_MAX];
    UNROLL for (uint32_t i = 0; i < S * n; i++) dots[i] = _mm512_setzero_si512();
    for (int start = 0; start < MK_CODED_COLUMNS / 2; start += STEPS) {
      UNROLL for (int s = 0; s < S; s++) mk_fetch_ahead(tile, at[s] + 64 * start, 64 * STEPS);
      // Two at a time: all are more code than is decoded in time.
      _Pragma("clang loop unroll_count(2)") for (int p = start; p < start + STEPS; p++) {
        UNROLL for (uint32_t i = 0; i < S * n; i++) {
          const __m512i w = _mm512_loadu_si512(at[i % S] + 64 * p);
          dots[i] = add_pairs(dots[i], w, broadcast_integer(x + MK_CODED_TOKEN_BYTES * (i / S) + 4 * p));
        }
      }
    }
    UNROLL for (uint32_t i = 0; i < S * n; i++) {
      float *sum = sums + MK_STRIP * i;
      const __m512 scale = broadcast_float(x + MK_CODED_TOKEN_BYTES * n + 4 * (i / S));
      _mm512_storeu_ps(sum, _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i]), scale, _mm512_loadu_ps(sum)));
    }
    UNROLL for (int s = 0; s < S; s++) at[s] += MK_CODED_BLOCK;
  }
  if (tile->end < blocks) return;
  UNROLL for (int s = 0; s < S; s++) {
    const mk_tile_strip strip = tile->strips[s];
    const size_t stride = tile->y_stride;
    const bool adds = tile->adds;
    const __m512 scale = _mm512_loadu_ps(strip.data);
    UNROLL for (uint32_t t = 0; t < n; t++) {
      store(&strip, t * stride, adds, _mm512_mul_ps(_mm512_loadu_ps(sums + MK_STRIP * (S * t + s)), scale));
    }
  }
}

INLINE void float_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  const uint8_t *strip = tile->strips[0].data;
  __m512 sums[MK_GROUP_MAX];
  UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm512_setzero_ps();
  for (uint32_t k = 0; k < tile->cols; k++, strip += 64) {
    if (n > 1 && k % MK_BLOCK == 0) mk_fetch_ahead(tile, strip, 64 * MK_BLOCK);
    const __m512 w = _mm512_loadu_ps(strip);
    UNROLL for (uint32_t t = 0; t < n; t++) {
      sums[t] = _mm512_fmadd_ps(w, _mm512_set1_ps(tile->x[(size_t)t * tile->x_stride + k]), sums[t]);
    }
  }
  store_all(tile, n, sums);
}

/// A block's products are exact; the blocks are added in order, each with its activations' scale.
INLINE void coded_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  const uint8_t *at = tile->strips[0].data + MK_CODED_SCALES, *x = tile->group;
  __m512 sums[MK_GROUP_MAX];
  UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm512_setzero_ps();
  for (uint32_t k = 0; k < tile->cols; k += MK_CODED_COLUMNS, at += MK_CODED_BLOCK, x += n * MK_CODED_TOKEN_BLOCK_BYTES) {
    __m512i dots[MK_GROUP_MAX];
    UNROLL for (uint32_t t = 0; t < n; t++) dots[t] = _mm512_setzero_si512();
    _Pragma("clang loop unroll_count(4)") for (int p = 0; p < MK_CODED_COLUMNS / 2; p++) {
      const __m512i w = _mm512_loadu_si512(at + 64 * p);
      UNROLL for (uint32_t t = 0; t < n; t++) {
        dots[t] = _mm512_dpwssd_epi32(dots[t], w, broadcast_integer(x + MK_CODED_TOKEN_BYTES * t + 4 * p));
      }
    }
    UNROLL for (uint32_t t = 0; t < n; t++) {
      sums[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t]), broadcast_float(x + MK_CODED_TOKEN_BYTES * n + 4 * t), sums[t]);
    }
  }
  const __m512 scale = _mm512_loadu_ps(tile->strips[0].data);
  UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm512_mul_ps(sums[t], scale);
  store_all(tile, n, sums);
}

#define KERNEL(D, N, KIND) \
  static void tile_##D##_##N(const mk_tile *tile) { KIND##_tile(MK_##D, N, tile); }
#define KERNELS(D, KIND)                                                                          \
  KERNEL(D, 1, KIND) KERNEL(D, 2, KIND) KERNEL(D, 3, KIND) KERNEL(D, 4, KIND) KERNEL(D, 5, KIND)    \
  KERNEL(D, 6, KIND) KERNEL(D, 7, KIND) KERNEL(D, 8, KIND)
#define EXPAND(D) \
  static void expand_##D(const mk_tile *tile, uint8_t *panel) { expand(MK_##D, tile, panel); }
#define PANEL(S, M, N)                                                                             \
  static void panel_##S##_##M##_##N(const mk_tile *tile) {                                         \
    panel_part(S, M, N, 0, N < TOKENS ? N : TOKENS, tile);                                         \
    if (N > TOKENS) panel_part(S, M, N, TOKENS, N > TOKENS ? N - TOKENS : 0, tile);                \
  }
#define PANELS(S, M)                                                                               \
  PANEL(S, M, 1) PANEL(S, M, 2) PANEL(S, M, 3) PANEL(S, M, 4) PANEL(S, M, 5) PANEL(S, M, 6)         \
  PANEL(S, M, 7) PANEL(S, M, 8)
#define PANEL_ENTRY(S, M)                                                                          \
  {panel_##S##_##M##_1, panel_##S##_##M##_2, panel_##S##_##M##_3, panel_##S##_##M##_4,              \
   panel_##S##_##M##_5, panel_##S##_##M##_6, panel_##S##_##M##_7, panel_##S##_##M##_8}
#define CODED_PAIR(N) \
  static void coded_pair_##N(const mk_tile *tile) { coded_pair(N, tile); }
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
EXPAND(Q4_0)
EXPAND(Q4_1)
EXPAND(Q5_0)
EXPAND(Q5_1)
EXPAND(Q8_0)
EXPAND(Q2_K)
EXPAND(Q3_K)
EXPAND(Q4_K)
EXPAND(Q5_K)
EXPAND(Q6_K)
PANELS(1, 0)
PANELS(1, 1)
PANELS(2, 0)
PANELS(2, 1)
CODED_PAIR(1)
CODED_PAIR(2)
CODED_PAIR(3)
CODED_PAIR(4)
CODED_PAIR(5)
CODED_PAIR(6)
CODED_PAIR(7)
CODED_PAIR(8)

const mk_tile_kernel mk_avx512_tiles[MK_FORMAT_COUNT][MK_GROUP_MAX] = {
    ENTRY(F32),  ENTRY(F16),  ENTRY(BF16), ENTRY(Q4_0), ENTRY(Q4_1), ENTRY(Q5_0), ENTRY(Q5_1),
    ENTRY(Q8_0), ENTRY(Q2_K), ENTRY(Q3_K), ENTRY(Q4_K), ENTRY(Q5_K), ENTRY(Q6_K)};
const mk_tile_kernel mk_avx512_coded_pairs[MK_GROUP_MAX] = {coded_pair_1, coded_pair_2, coded_pair_3, coded_pair_4,
                                                            coded_pair_5, coded_pair_6, coded_pair_7, coded_pair_8};
const mk_tile_kernel mk_avx512_panels[2][2][MK_GROUP_MAX] = {{PANEL_ENTRY(1, 0), PANEL_ENTRY(1, 1)},
                                                             {PANEL_ENTRY(2, 0), PANEL_ENTRY(2, 1)}};
const mk_expand mk_avx512_expand[MK_FORMAT_COUNT] = {
    [MK_Q4_0] = expand_Q4_0, [MK_Q4_1] = expand_Q4_1, [MK_Q5_0] = expand_Q5_0, [MK_Q5_1] = expand_Q5_1,
    [MK_Q8_0] = expand_Q8_0, [MK_Q2_K] = expand_Q2_K, [MK_Q3_K] = expand_Q3_K, [MK_Q4_K] = expand_Q4_K,
    [MK_Q5_K] = expand_Q5_K, [MK_Q6_K] = expand_Q6_K};

#pragma clang attribute pop

mk_status mk_avx512_linear(mk_stream *stream, const mk_linear_args *args) {
  static const mk_strip_variant variant = {
      .group = MK_GROUP_MAX,
      .groups_for_panels = MK_AVX512_GROUPS_FOR_PANELS,
      .pair_blocks = {[MK_F16] = MK_AVX512_PAIR_BLOCKS, [MK_BF16] = MK_AVX512_PAIR_BLOCKS},
      .fused = &mk_avx512_fused_ops,
      .quantize_group = mk_avx512_quantize_group,
      .encode_group = mk_avx512_encode_group,
      .kernels = {MK_AVX512_KERNELS, MK_AVX512_KERNEL(BF16)},
      .expand = mk_avx512_expand,
      .pair_kernels = {MK_AVX512_PAIR_KERNELS, [MK_BF16] = mk_avx512_coded_pairs},
  };
  return mk_strips_linear(stream, args, &variant);
}
#endif
