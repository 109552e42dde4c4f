/// Quantises a group of up to 8 tokens with AVX-512, to the bits of mk_quantize_block: extrema, scales and sums of the
/// whole group are a vector each. Included where the instruction set is enabled.
#pragma once
#include "activations.h"

typedef enum { REDUCE_MINIMUM, REDUCE_MAXIMUM, REDUCE_SUM } reduction;

INLINE __m256i combine(reduction kind, __m256i a, __m256i b) {
  return kind == REDUCE_MINIMUM   ? _mm256_min_epi32(a, b)
         : kind == REDUCE_MAXIMUM ? _mm256_max_epi32(a, b)
                                  : _mm256_add_epi32(a, b);
}

/// Reduces four vectors inside each of their 128-bit halves: lane t of a half is vector t's.
INLINE __m256i reduce_halves(reduction kind, const __m256i *v) {
  const __m256i first = combine(kind, _mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
  const __m256i second = combine(kind, _mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
  return combine(kind, _mm256_unpacklo_epi64(first, second), _mm256_unpackhi_epi64(first, second));
}

/// Lane t is the reduction of the low (0) or high (1) half of vector t, of eight.
typedef struct {
  __m256i half[2];
} reduced_halves;

INLINE reduced_halves reduce_group(reduction kind, const __m256i *v) {
  const __m256i a = reduce_halves(kind, v), b = reduce_halves(kind, v + 4);
  return (reduced_halves){{_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31)}};
}

INLINE __m512i order_of_bits(__m512i bits) {
  return _mm512_xor_si512(bits, _mm512_and_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32(0x7FFFFFFF)));
}

INLINE __m256 float_of_order(__m256i order) {
  const __m256i magnitude = _mm256_and_si256(_mm256_srai_epi32(order, 31), _mm256_set1_epi32(0x7FFFFFFF));
  return _mm256_castsi256_ps(_mm256_xor_si256(order, magnitude));
}

/// How the block of each token is coded; a token without a usable range has an inverse of 0 and codes of 0.
typedef struct {
  __m256 scale, inverse;
  __m256i zero;
  __mmask8 usable;
} group_scales;

INLINE group_scales scales_of_range(__m256i least, __m256i most) {
#pragma clang fp contract(off)
  const __m256 half = _mm256_set1_ps(0.5f);
  const __mmask8 finite =
      _mm256_cmplt_epi32_mask(most, _mm256_set1_epi32(0x7F800000)) &
      _mm256_cmpgt_epi32_mask(least, _mm256_set1_epi32(mk_order_of_bits((int32_t)0xFF800000u)));
  const __m256 low = float_of_order(least), high = float_of_order(most);
  const __m256 largest = _mm256_max_ps(high, _mm256_xor_ps(low, _mm256_set1_ps(-0.0f)));
  const __m256 half_high = _mm256_mul_ps(high, half), half_low = _mm256_mul_ps(low, half);
  const __m256 fine = _mm256_div_ps(_mm256_sub_ps(half_high, half_low), _mm256_set1_ps(126.5f));
  const __m256 coarse = _mm256_div_ps(largest, _mm256_set1_ps((float)(MK_ZERO_LIMIT - 1)));
  const __m256 scale = _mm256_max_ps(fine, coarse);
  group_scales out;
  out.usable = finite & _mm256_cmp_ps_mask(largest, _mm256_set1_ps(1e-30f), _CMP_GT_OQ);
  out.inverse = _mm256_maskz_div_ps(out.usable, _mm256_set1_ps(1.0f), scale);
  const __m256 middle = _mm256_mul_ps(_mm256_add_ps(half_high, half_low), out.inverse);
  const __m256i shifted = _mm256_castps_si256(_mm256_add_ps(middle, _mm256_set1_ps(12582912.0f)));
  out.zero = _mm256_maskz_sub_epi32(out.usable, shifted, _mm256_set1_epi32(0x4B400000));
  const __m256 unusable = _mm256_mask_blend_ps(finite, _mm256_set1_ps(__builtin_nanf("")), _mm256_setzero_ps());
  out.scale = _mm256_mask_blend_ps(out.usable, unusable, scale);
  return out;
}

/// Codes of 16 columns of one token, before the zero point is taken off.
INLINE __m512i nearest_codes(__mmask16 usable, const float *x, __m512 inverse) {
#pragma clang fp contract(off)
  const __m512 scaled = _mm512_maskz_mul_ps(usable, _mm512_loadu_ps(x), inverse);
  const __m512i shifted = _mm512_castps_si512(_mm512_add_ps(scaled, _mm512_set1_ps(12582912.0f)));
  return _mm512_sub_epi32(shifted, _mm512_set1_epi32(0x4B400000));
}

INLINE __m256i pairs(__m256i zero, __m256i code_sum) {
  return _mm256_mask_blend_epi16(0xAAAA, zero, _mm256_slli_epi32(code_sum, 16));
}

/// One block of `count` tokens; x is the first token's, out the block of the group.
INLINE void quantize_block_of_group(const float *x, uint32_t stride, uint32_t count, uint8_t *out) {
  __m256i lows[8], highs[8], sums[8];
  UNROLL for (uint32_t t = 0; t < 8; t++) {
    lows[t] = highs[t] = sums[t] = _mm256_setzero_si256();
    if (t >= count) continue;
    const float *row = x + (size_t)t * stride;
    const __m512i a = order_of_bits(_mm512_loadu_si512(row)), b = order_of_bits(_mm512_loadu_si512(row + 16));
    const __m512i low = _mm512_min_epi32(a, b), high = _mm512_max_epi32(a, b);
    lows[t] = _mm256_min_epi32(_mm512_castsi512_si256(low), _mm512_extracti64x4_epi64(low, 1));
    highs[t] = _mm256_max_epi32(_mm512_castsi512_si256(high), _mm512_extracti64x4_epi64(high, 1));
  }
  const reduced_halves least = reduce_group(REDUCE_MINIMUM, lows), most = reduce_group(REDUCE_MAXIMUM, highs);
  const group_scales scales = scales_of_range(_mm256_min_epi32(least.half[0], least.half[1]),
                                              _mm256_max_epi32(most.half[0], most.half[1]));
  float inverses[8];
  int32_t zeros[8];
  _mm256_storeu_ps(inverses, scales.inverse);
  _mm256_storeu_si256((__m256i *)(void *)zeros, scales.zero);
  UNROLL for (uint32_t t = 0; t < 8; t++) {
    if (t >= count) continue;
    const float *row = x + (size_t)t * stride;
    const __mmask16 usable = scales.usable >> t & 1 ? 0xFFFF : 0;
    const __m512 inverse = _mm512_set1_ps(inverses[t]);
    const __m512i zero = _mm512_set1_epi32(zeros[t]);
    const __m512i a = _mm512_sub_epi32(nearest_codes(usable, row, inverse), zero);
    const __m512i b = _mm512_sub_epi32(nearest_codes(usable, row + 16, inverse), zero);
    const __m256i codes = _mm256_set_m128i(_mm512_cvtepi32_epi8(b), _mm512_cvtepi32_epi8(a));
    _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)t * MK_BLOCK), codes);
    sums[t] = _mm256_dpbusd_epi32(sums[t], _mm256_set1_epi8(1), codes);
  }
  const reduced_halves sum = reduce_group(REDUCE_SUM, sums);
  const __m256i whole = _mm256_add_epi32(sum.half[0], sum.half[1]);
  const __m256i values = _mm256_add_epi32(whole, _mm256_slli_epi32(scales.zero, 5));
  const __m256i fields[5] = {
      _mm256_castps_si256(scales.scale),
      _mm256_castps_si256(_mm256_mul_ps(scales.scale, _mm256_cvtepi32_ps(values))),
      pairs(scales.zero, whole),
      pairs(scales.zero, sum.half[0]),
      pairs(scales.zero, sum.half[1]),
  };
  const __mmask8 tokens = (__mmask8)((1u << count) - 1);
  uint8_t *at = out + (size_t)count * MK_BLOCK;
  UNROLL for (uint32_t i = 0; i < 5; i++) _mm256_mask_storeu_epi32(at + (size_t)4 * count * i, tokens, fields[i]);
}
