/// What the kernels of AVX-512 and of AMX share.
#pragma once
#include "strips.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

#define MK_AVX512_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"

/// AVX-512's own kernels, by format and tokens less one, and by [sub-blocks - 1][minimum].
extern const mk_tile_kernel mk_avx512_tiles[MK_FORMAT_COUNT][MK_GROUP_MAX];
extern const mk_tile_kernel mk_avx512_coded_pairs[MK_GROUP_MAX];
extern const mk_tile_kernel mk_avx512_panels[2][2][MK_GROUP_MAX];
extern const mk_expand mk_avx512_expand[MK_FORMAT_COUNT];

/// The parts of a mk_strip_variant for all formats but BF16.
#define MK_AVX512_KERNEL(D) [MK_##D] = mk_avx512_tiles[MK_##D]
#define MK_AVX512_KERNELS                                                                                             \
  MK_AVX512_KERNEL(F32), MK_AVX512_KERNEL(F16), MK_AVX512_KERNEL(Q4_0), MK_AVX512_KERNEL(Q4_1), MK_AVX512_KERNEL(Q5_0), \
      MK_AVX512_KERNEL(Q5_1), MK_AVX512_KERNEL(Q8_0), MK_AVX512_KERNEL(Q2_K), MK_AVX512_KERNEL(Q3_K),                 \
      MK_AVX512_KERNEL(Q4_K), MK_AVX512_KERNEL(Q5_K), MK_AVX512_KERNEL(Q6_K)
#define MK_AVX512_PAIR_KERNELS                                                                                     \
  [MK_F16] = mk_avx512_coded_pairs, [MK_Q4_0] = mk_avx512_panels[0][0], [MK_Q4_1] = mk_avx512_panels[0][1],         \
  [MK_Q5_0] = mk_avx512_panels[0][0], [MK_Q5_1] = mk_avx512_panels[0][1], [MK_Q8_0] = mk_avx512_panels[0][0],       \
  [MK_Q2_K] = mk_avx512_panels[1][1], [MK_Q3_K] = mk_avx512_panels[1][0], [MK_Q4_K] = mk_avx512_panels[0][1],       \
  [MK_Q5_K] = mk_avx512_panels[0][1], [MK_Q6_K] = mk_avx512_panels[1][0]

/// From so many groups on panels pay, and blocks of a range of a pair of 16-bit codes.
enum { MK_AVX512_GROUPS_FOR_PANELS = 8, MK_AVX512_PAIR_BLOCKS = 3 };

void mk_avx512_quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
void mk_avx512_encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);

#pragma clang attribute push(__attribute__((target(MK_AVX512_TARGET))), apply_to = function)

INLINE __m512i broadcast_integer(const uint8_t *from) {
  int32_t value;
  memcpy(&value, from, 4);
  return _mm512_set1_epi32(value);
}

INLINE __m512 broadcast_float(const uint8_t *from) {
  float value;
  memcpy(&value, from, 4);
  return _mm512_set1_ps(value);
}

/// vpdpwssd, kept one instruction: the compiler makes two of one where it sees a chain, which costs where many are
/// independent.
INLINE __m512i add_pairs(__m512i sums, __m512i a, __m512i b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
}

/// Sum of a token's values in a sub-block; `fields` are the token's in a block of a group of n.
INLINE __m512 token_sum(uint8_t sub_blocks, uint32_t n, const uint8_t *fields, int h) {
  if (sub_blocks == 1) return broadcast_float(fields + 4 * n);
  int32_t pair;
  float scale;
  memcpy(&pair, fields + 4 * n * (3 + h), 4);
  memcpy(&scale, fields, 4);
  return _mm512_set1_ps(scale * (float)mk_pair_sum(pair, 16));
}

/// Adds the bias, if any, and stores the sums of one token, or adds them to what is there.
INLINE void store(const mk_tile_strip *strip, size_t offset, bool adds, __m512 sums) {
  const __mmask16 lanes = (__mmask16)((1u << strip->lanes) - 1);
  if (strip->bias) sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(lanes, strip->bias));
  if (adds) sums = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, strip->y + offset), sums);
  _mm512_mask_storeu_ps(strip->y + offset, lanes, sums);
}

/// Sums of `count` tokens from token `first` on times a pair of strips; a token's two vectors stand together.
INLINE void begin_panel(const mk_tile *tile, uint32_t first, uint32_t count, __m512 *sums) {
  UNROLL for (uint32_t i = 0; i < MK_PAIR * count; i++) {
    sums[i] = _mm512_setzero_ps();
    if (tile->first > 0) sums[i] = _mm512_loadu_ps(tile->partial + MK_STRIP * (MK_PAIR * first + i));
  }
}

/// The last range of blocks stores products, earlier ones keep their sums.
INLINE void end_panel(const mk_tile *tile, uint32_t first, uint32_t count, const __m512 *sums) {
  if (tile->end < tile->cols / MK_BLOCK) {
    UNROLL for (uint32_t i = 0; i < MK_PAIR * count; i++) {
      _mm512_storeu_ps(tile->partial + MK_STRIP * (MK_PAIR * first + i), sums[i]);
    }
    return;
  }
  UNROLL for (int s = 0; s < MK_PAIR; s++) {
    // Stores to y might else change them.
    const mk_tile_strip strip = tile->strips[s];
    const size_t stride = tile->y_stride;
    const bool adds = tile->adds;
    UNROLL for (uint32_t t = 0; t < count; t++) store(&strip, (first + t) * stride, adds, sums[MK_PAIR * t + s]);
  }
}

#pragma clang attribute pop
