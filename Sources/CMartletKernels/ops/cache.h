/// The KV cache of the fast variants.
///
/// Sixteen positions of a kv head make a record of keys and a record of values: their scales, then their values. The
/// records of 512 slots follow each other, one head's keys after the other's, then the values: a sequence whose pages
/// are neighbours is read as two long streams, which memory delivers two to three times as fast as short runs, and
/// yet a short sequence touches little memory.
///
/// In a 16-bit cache (MK_F16 and MK_BF16 alike) a key or value is signed 16-bit codes with a float scale of its own:
/// products of codes are exact in integers, twice as many a cycle as in float, and the error is below that of a half. A
/// key's scale makes the length of its codes 32767, so that its dot product with such a query cannot overflow; a
/// value's makes its largest code 32767. A vector that is not finite gets a NaN scale, which every score or weight
/// inherits. A float32 cache holds the floats and has no scales.
///
/// Dimensions are padded with zeros to 16. A vector of keys holds a value of each of the sixteen positions: float
/// [dim][16], codes [dim / 2][16][2]. Values are float [16][dim], codes [8][dim][2]: both operands of a product of pairs.
#pragma once
#include "codes.h"

typedef struct {
  uint32_t dim;         ///< padded
  size_t scales;        ///< bytes of a record's scales
  size_t record, chunk; ///< bytes of a record, and of all heads' records of MK_KV_CHUNK slots
} mk_kv_shape;

enum { MK_KV_CHUNK = 512 };

MK_INLINE mk_kv_shape mk_kv_shape_of(const mk_kv_layer *kv) {
  mk_kv_shape shape = {.dim = (kv->head_dim + LANES - 1) / LANES * LANES};
  shape.scales = kv->dtype == MK_F32 ? 0 : LANES * sizeof(float);
  shape.record = shape.scales + (size_t)LANES * shape.dim * (kv->dtype == MK_F32 ? 4 : 2);
  shape.chunk = 2 * (size_t)kv->kv_heads * (MK_KV_CHUNK / LANES) * shape.record;
  return shape;
}

/// The record of a slot's key; `mk_kv_values` finds that of its value.
MK_INLINE uint8_t *mk_kv_keys(const mk_kv_layer *kv, const mk_kv_shape *shape, size_t slot, uint32_t head) {
  const size_t record = head * (MK_KV_CHUNK / LANES) + slot % MK_KV_CHUNK / LANES;
  return (uint8_t *)kv->data + slot / MK_KV_CHUNK * shape->chunk + record * shape->record;
}
MK_INLINE uint8_t *mk_kv_values(const mk_kv_layer *kv, const mk_kv_shape *shape, size_t slot, uint32_t head) {
  return mk_kv_keys(kv, shape, slot, kv->kv_heads + head);
}

/// Writes one position's key and value to their slot.
MK_INLINE void mk_kv_store(const mk_kv_layer *kv, uint32_t slot, uint32_t head, const float *key, const float *value) {
  const mk_kv_shape shape = mk_kv_shape_of(kv);
  const uint32_t lane = slot % LANES;
  uint8_t *keys = mk_kv_keys(kv, &shape, slot, head), *values = mk_kv_values(kv, &shape, slot, head);
  if (kv->dtype == MK_F32) {
    for (uint32_t i = 0; i < shape.dim; i++) {
      const float k = i < kv->head_dim ? key[i] : 0, v = i < kv->head_dim ? value[i] : 0;
      ((float *)(void *)keys)[i * LANES + lane] = k;
      ((float *)(void *)values)[lane * shape.dim + i] = v;
    }
    return;
  }
  int16_t codes[MK_MAX_HEAD_DIM];
  ((float *)(void *)keys)[lane] = mk_encode(key, kv->head_dim, shape.dim, mk_length(key, kv->head_dim), codes);
  uint8_t *to = keys + shape.scales + 4 * lane;
  for (uint32_t i = 0; i < shape.dim; i += 2) memcpy(to + i * 2 * LANES, codes + i, 4);
  ((float *)(void *)values)[lane] = mk_encode(value, kv->head_dim, shape.dim, mk_largest(value, kv->head_dim), codes);
  to = values + shape.scales + lane / 2 * 4 * shape.dim + lane % 2 * 2;
  for (uint32_t i = 0; i < shape.dim; i++) memcpy(to + 4 * i, codes + i, 2);
}

/// Writes the keys and values of sixteen positions, of which the first begins a record, of a 16-bit cache; `stride` lies
/// between the positions' keys and between their values.
MK_INLINE void mk_kv_store_record(const mk_kv_layer *kv, uint32_t slot, uint32_t head, const float *key,
                                  const float *value, size_t stride) {
  const mk_kv_shape shape = mk_kv_shape_of(kv);
  const uint32_t dim = kv->head_dim;
  uint8_t *keys = mk_kv_keys(kv, &shape, slot, head), *values = mk_kv_values(kv, &shape, slot, head);
  // A last half vector of pairs is read past its end, within the array, and not stored.
  int16_t codes[LANES][MK_MAX_HEAD_DIM + LANES];
  for (uint32_t i = 0; i < LANES; i++, key += stride) {
    const float scale = mk_encode(key, dim, shape.dim, mk_length(key, dim), codes[i]);
    memcpy(keys + 4 * i, &scale, sizeof scale);
  }
  for (uint32_t d = 0; d < shape.dim; d += 2 * LANES) {
    mk_i32x16 v[LANES];
    MK_UNROLL for (uint32_t i = 0; i < LANES; i++) memcpy(&v[i], codes[i] + d, sizeof v[i]);
    mk_transpose(v);
    uint8_t *to = keys + shape.scales + (size_t)d / 2 * sizeof v[0];
    for (uint32_t i = 0; i < LANES && d + 2 * i < shape.dim; i++) memcpy(to + i * sizeof v[i], &v[i], sizeof v[i]);
  }
  for (uint32_t i = 0; i < LANES; i++, value += stride) {
    const float scale = mk_encode(value, dim, shape.dim, mk_largest(value, dim), codes[i]);
    memcpy(values + 4 * i, &scale, sizeof scale);
  }
  for (uint32_t i = 0; i < LANES; i += 2) {
    uint8_t *to = values + shape.scales + (size_t)i * 2 * shape.dim;
    for (uint32_t d = 0; d < shape.dim; d += LANES) {
      mk_i16x16 even, odd;
      memcpy(&even, codes[i] + d, sizeof even);
      memcpy(&odd, codes[i + 1] + d, sizeof odd);
      const mk_i16x32 pairs = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8,
                                                      24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      memcpy(to + (size_t)4 * d, &pairs, sizeof pairs);
    }
  }
}
