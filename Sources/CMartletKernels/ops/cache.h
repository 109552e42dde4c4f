/// The KV pages of the fast variants.
///
/// A page holds, for each kv head, a block: the keys' scales, the values' scales, keys, values. In a 16-bit cache (MK_F16
/// and MK_BF16 alike) a key or value is signed 16-bit codes with a float scale of its own: products of codes are exact
/// in integers, twice as many a cycle as in float, and the error is below that of a half. A key's scale makes the
/// length of its codes 32767 at most, so that no dot product of a key with such a query overflows; a value's
/// makes its largest code 32767. A vector that is not finite gets a NaN scale, which every score or weight inherits. A
/// float32 cache holds the floats and has no scales.
///
/// Dimensions are padded with zeros to 16. Keys stand in groups of sixteen positions, so that a vector holds sixteen
/// positions' values: float [dim][16], codes [dim / 2][16][2]. Values are float [position][dim], codes
/// [position / 2][dim][2]: both operands of a product of pairs.
#pragma once
#include "lanes.h"

typedef struct {
  uint32_t dim; ///< padded
  size_t value_scales, keys, values, bytes;
} mk_kv_shape;

MK_INLINE mk_kv_shape mk_kv_shape_of(const mk_kv_layer *kv) {
  const size_t page = kv->page_size, element = kv->dtype == MK_F32 ? 4 : 2, scales = kv->dtype == MK_F32 ? 0 : 4 * page;
  mk_kv_shape shape = {.dim = (kv->head_dim + LANES - 1) / LANES * LANES};
  shape.value_scales = scales;
  shape.keys = 2 * scales;
  shape.values = shape.keys + page * shape.dim * element;
  shape.bytes = shape.values + page * shape.dim * element;
  return shape;
}

MK_INLINE uint8_t *mk_kv_block(const mk_kv_layer *kv, const mk_kv_shape *shape, uint32_t page, uint32_t head) {
  return (uint8_t *)kv->data + ((size_t)page * kv->kv_heads + head) * shape->bytes;
}

/// Integers nearest to values below 2^22, ties to even.
MK_INLINE mk_i32x16 mk_round(mk_f32x16 x) {
  const mk_f32x16 shifted = x + mk_splat(12582912.0f);
  mk_i32x16 bits;
  memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4B400000;
}

/// Codes of x, `largest` being the largest code or length that they may have, and their scale.
MK_INLINE float mk_encode(const float *x, uint32_t dim, uint32_t padded, float magnitude, int16_t *codes) {
  const int usable = magnitude > 1e-30f && magnitude < 1e30f;
  const mk_f32x16 inverse = mk_splat(usable ? 32767.0f / magnitude : 0.0f);
  for (uint32_t i = 0; i < padded; i += LANES) {
    const mk_f32x16 v = i + LANES <= dim ? mk_load(x + i) : mk_load_part(x + i, dim - i, 0);
    // Length rounds down by an ulp at most, so a code may round to 32768 only where a key has one element.
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
    const mk_f32x16 v = i + LANES <= dim ? mk_load(x + i) : mk_load_part(x + i, dim - i, 0);
    sum = mk_fma(v, v, sum);
  }
  return sqrtf(mk_sum_lanes(sum));
}

/// NaN where an element is NaN.
MK_INLINE float mk_largest(const float *x, uint32_t dim) {
  mk_f32x16 most = mk_splat(0), sum = mk_splat(0);
  for (uint32_t i = 0; i < dim; i += LANES) {
    const mk_f32x16 v = i + LANES <= dim ? mk_load(x + i) : mk_load_part(x + i, dim - i, 0);
    most = mk_max(most, __builtin_elementwise_abs(v));
    sum = sum + v * mk_splat(0);
  }
  return mk_max_lanes(most) + mk_sum_lanes(sum);
}

/// Writes one position's key and value to their slot.
MK_INLINE void mk_kv_store(const mk_kv_layer *kv, uint32_t slot, uint32_t head, const float *key, const float *value) {
  const mk_kv_shape shape = mk_kv_shape_of(kv);
  const uint32_t at = slot % kv->page_size, group = at / LANES * LANES, lane = at % LANES;
  uint8_t *block = mk_kv_block(kv, &shape, slot / kv->page_size, head);
  if (kv->dtype == MK_F32) {
    float *keys = (float *)(void *)(block + shape.keys) + (size_t)group * shape.dim;
    float *values = (float *)(void *)(block + shape.values) + (size_t)at * shape.dim;
    for (uint32_t i = 0; i < shape.dim; i++) keys[i * LANES + lane] = i < kv->head_dim ? key[i] : 0;
    for (uint32_t i = 0; i < shape.dim; i++) values[i] = i < kv->head_dim ? value[i] : 0;
    return;
  }
  int16_t codes[MK_MAX_HEAD_DIM];
  int16_t *keys = (int16_t *)(void *)(block + shape.keys) + (size_t)group * shape.dim;
  ((float *)(void *)block)[at] = mk_encode(key, kv->head_dim, shape.dim, mk_length(key, kv->head_dim), codes);
  for (uint32_t i = 0; i < shape.dim; i += 2) memcpy(keys + i * LANES + 2 * lane, codes + i, 4);
  int16_t *values = (int16_t *)(void *)(block + shape.values) + (size_t)(at / 2) * 2 * shape.dim + at % 2;
  ((float *)(void *)(block + shape.value_scales))[at] =
      mk_encode(value, kv->head_dim, shape.dim, mk_largest(value, kv->head_dim), codes);
  for (uint32_t i = 0; i < shape.dim; i++) values[2 * i] = codes[i];
}
