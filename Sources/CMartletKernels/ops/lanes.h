/// Sixteen-lane vectors that every instruction set can carry: one zmm, two ymm or four xmm. All float reductions are
/// written in lanes with a fixed folding order, so that each variant gives the same bits.
#pragma once
#include "arguments.h"

#include <math.h>
#include <string.h>

// Every function that passes a vector is inlined, so the calling convention for vectors never matters.
#pragma clang diagnostic ignored "-Wpsabi"

enum { LANES = 16 };
typedef float mk_f32x16 __attribute__((ext_vector_type(16)));
typedef float mk_f32x8 __attribute__((ext_vector_type(8)));
typedef float mk_f32x4 __attribute__((ext_vector_type(4)));
typedef double mk_f64x16 __attribute__((ext_vector_type(16)));
typedef int64_t mk_i64x16 __attribute__((ext_vector_type(16)));
typedef int32_t mk_i32x16 __attribute__((ext_vector_type(16)));
typedef int32_t mk_i32x8 __attribute__((ext_vector_type(8)));
typedef int16_t mk_i16x16 __attribute__((ext_vector_type(16)));
typedef int16_t mk_i16x32 __attribute__((ext_vector_type(32)));

#define MK_INLINE static inline __attribute__((always_inline))
#define MK_UNROLL _Pragma("clang loop unroll(full)")

MK_INLINE mk_f32x16 mk_load(const float *p) {
  mk_f32x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}
MK_INLINE void mk_store(float *p, mk_f32x16 v) { memcpy(p, &v, sizeof v); }
MK_INLINE mk_f32x16 mk_splat(float x) {
  return (mk_f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
MK_INLINE mk_f32x16 mk_fma(mk_f32x16 a, mk_f32x16 b, mk_f32x16 c) { return __builtin_elementwise_fma(a, b, c); }
MK_INLINE mk_f32x16 mk_max(mk_f32x16 a, mk_f32x16 b) { return a > b ? a : b; }

/// Transposes sixteen vectors of sixteen: to interleave the first eight with the others turns the bits of an element's
/// number, vector and lane, by one place.
MK_INLINE void mk_transpose(mk_i32x16 *v) {
  MK_UNROLL for (uint32_t round = 0; round < 4; round++) {
    mk_i32x16 next[LANES];
    MK_UNROLL for (uint32_t i = 0; i < LANES / 2; i++) {
      const mk_i32x16 a = v[i], b = v[i + LANES / 2];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(v, next, sizeof next);
  }
}

/// Folds lanes 8, 4, 2, 1 apart.
MK_INLINE float mk_sum_lanes(mk_f32x16 v) {
  const mk_f32x8 eight = v.lo + v.hi;
  const mk_f32x4 four = eight.lo + eight.hi;
  return (four.x + four.z) + (four.y + four.w);
}
MK_INLINE float mk_max_lanes(mk_f32x16 v) {
  const mk_f32x8 eight = v.lo > v.hi ? v.lo : v.hi;
  const mk_f32x4 four = eight.lo > eight.hi ? eight.lo : eight.hi;
  const float even = four.x > four.z ? four.x : four.z, odd = four.y > four.w ? four.y : four.w;
  return even > odd ? even : odd;
}
MK_INLINE int mk_any(mk_i32x16 mask) { return __builtin_reduce_or(mask) != 0; }

/// The first `count` values, the rest `fill`.
MK_INLINE mk_f32x16 mk_load_part(const float *p, uint32_t count, float fill) {
  float x[LANES];
  for (int i = 0; i < LANES; i++) x[i] = fill;
  memcpy(x, p, count * sizeof(float));
  return mk_load(x);
}
MK_INLINE void mk_store_part(float *p, mk_f32x16 v, uint32_t count) {
  float x[LANES];
  mk_store(x, v);
  memcpy(p, x, count * sizeof(float));
}

/// e^x with under 2e-7 relative error: 2^n * e^r, |r| <= ln(2)/2, by a polynomial of degree 6. Below -87 it is 0.
MK_INLINE mk_f32x16 mk_exp(mk_f32x16 x) {
  const mk_f32x16 low = mk_splat(-87.0f), high = mk_splat(88.0f);
  const mk_i32x16 vanishes = x < low;
  mk_f32x16 y = x < low ? low : x;
  y = y > high ? high : y;
  const mk_f32x16 magic = mk_splat(12582912.0f);
  const mk_f32x16 shifted = mk_fma(y, mk_splat(1.44269504f), magic);
  mk_i32x16 bits;
  memcpy(&bits, &shifted, sizeof bits);
  const mk_f32x16 n = shifted - magic;
  mk_f32x16 r = mk_fma(n, mk_splat(-0.693145752f), y);
  r = mk_fma(n, mk_splat(-1.42860677e-6f), r);
  mk_f32x16 p = mk_splat(1.3981999e-3f);
  p = mk_fma(p, r, mk_splat(8.3334519e-3f));
  p = mk_fma(p, r, mk_splat(4.1665796e-2f));
  p = mk_fma(p, r, mk_splat(1.66666657e-1f));
  p = mk_fma(p, r, mk_splat(0.5f));
  p = mk_fma(p, r, mk_splat(1.0f));
  p = mk_fma(p, r, mk_splat(1.0f));
  mk_i32x16 power = (bits - 0x4B400000 + 127) << 23;
  mk_f32x16 scale;
  memcpy(&scale, &power, sizeof scale);
  const mk_f32x16 result = p * scale;
  return vanishes ? mk_splat(0.0f) : result;
}

/// tanh(x) = 1 - 2 / (e^(2x) + 1); small x by its series, where that would cancel.
MK_INLINE mk_f32x16 mk_tanh(mk_f32x16 x) {
  const mk_f32x16 e = mk_exp(x + x);
  const mk_f32x16 large = mk_splat(1.0f) - mk_splat(2.0f) / (e + mk_splat(1.0f));
  const mk_f32x16 x2 = x * x;
  mk_f32x16 s = mk_splat(-0.053968254f);
  s = mk_fma(s, x2, mk_splat(0.133333333f));
  s = mk_fma(s, x2, mk_splat(-0.333333333f));
  s = mk_fma(s * x2, x, x);
  return x2 < mk_splat(0.0225f) ? s : large;
}
