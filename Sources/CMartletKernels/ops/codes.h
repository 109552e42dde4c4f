/// Vectors of floats as signed 16-bit codes with one scale.
#pragma once
#include "../linear/activations.h"
#include "lanes.h"

/// x[i ..< i + 16], zeros from x[dim] on.
MK_INLINE mk_f32x16 mk_load_padded(const float *x, uint32_t i, uint32_t dim) {
  if (i + LANES <= dim) return mk_load(x + i);
  return i < dim ? mk_load_part(x + i, dim - i, 0) : mk_splat(0);
}

/// Integers nearest to values below 2^22, ties to even.
MK_INLINE mk_i32x16 mk_round(mk_f32x16 x) {
  const mk_f32x16 shifted = x + mk_splat(12582912.0f);
  mk_i32x16 bits;
  memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4B400000;
}

/// Stores the integers nearest to values of at most 32767, ties to even: the low halves of the shifted values.
MK_INLINE void mk_store_rounded(int16_t *to, mk_f32x16 x) {
  const mk_f32x16 shifted = x + mk_splat(12582912.0f);
  mk_i32x16 bits;
  memcpy(&bits, &shifted, sizeof bits);
  const mk_i16x16 narrow = __builtin_convertvector(bits, mk_i16x16);
  memcpy(to, &narrow, sizeof narrow);
}

/// Codes of x, which is scaled so that `magnitude`, its length or largest element, becomes 32767. Returns their scale.
MK_INLINE float mk_encode(const float *x, uint32_t dim, uint32_t padded, float magnitude, int16_t *codes) {
  const int usable = magnitude > 1e-30f && magnitude < 1e30f;
  const mk_f32x16 inverse = mk_splat(usable ? 32767.0f / magnitude : 0.0f);
  for (uint32_t i = 0; i < padded; i += LANES) {
    const mk_f32x16 v = mk_load_padded(x, i, dim);
    // The division may have rounded up.
    mk_i32x16 code = usable ? mk_round(v * inverse) : (mk_i32x16)(0);
    code = code > 32767 ? (mk_i32x16)(32767) : code;
    const mk_i16x16 narrow = __builtin_convertvector(code, mk_i16x16);
    memcpy(codes + i, &narrow, sizeof narrow);
  }
  return usable ? magnitude / 32767.0f : magnitude <= 1e-30f ? 0.0f : NAN;
}

MK_INLINE float mk_length(const float *x, uint32_t dim) {
  mk_f32x16 sum = mk_splat(0);
  for (uint32_t i = 0; i < dim; i += LANES) {
    const mk_f32x16 v = mk_load_padded(x, i, dim);
    sum = mk_fma(v, v, sum);
  }
  return sqrtf(mk_sum_lanes(sum));
}

/// NaN where an element is NaN.
MK_INLINE float mk_largest(const float *x, uint32_t dim) {
  mk_f32x16 most = mk_splat(0), sum = mk_splat(0);
  for (uint32_t i = 0; i < dim; i += LANES) {
    const mk_f32x16 v = mk_load_padded(x, i, dim);
    most = mk_max(most, __builtin_elementwise_abs(v));
    sum = sum + v * mk_splat(0);
  }
  return mk_max_lanes(most) + mk_sum_lanes(sum);
}

/// Encodes a group of `count` tokens, rows of x, for matrices of 16-bit codes; see activations.h.
MK_INLINE void mk_encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  for (uint32_t token = 0; token < count; token++) {
    const float *row = x + (size_t)token * stride;
    uint8_t *block = out;
    for (uint32_t start = 0; start < cols; start += MK_CODED_COLUMNS, block += (size_t)count * MK_CODED_TOKEN_BLOCK_BYTES) {
      const uint32_t width = cols - start < MK_CODED_COLUMNS ? cols - start : MK_CODED_COLUMNS;
      int16_t codes[MK_CODED_COLUMNS];
      const float scale = mk_encode(row + start, width, MK_CODED_COLUMNS, mk_length(row + start, width), codes);
      memcpy(block + (size_t)token * sizeof codes, codes, sizeof codes);
      memcpy(block + (size_t)count * sizeof codes + 4 * token, &scale, sizeof scale);
    }
  }
}
