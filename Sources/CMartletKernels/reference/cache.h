/// The reference's KV layout: a slot holds each kv head's key, then its value.
#pragma once
#include "../internal.h"

#include <string.h>

/// Index of the first element of a slot's key; its value follows `head_dim` elements later.
static inline size_t mk_reference_slot(const mk_kv_layer *kv, uint32_t page, uint32_t offset, uint32_t head) {
  return (((size_t)page * kv->page_size + offset) * kv->kv_heads + head) * 2 * kv->head_dim;
}

static inline float mk_reference_read(const mk_kv_layer *kv, size_t index) {
  if (kv->dtype == MK_F32) return ((const float *)kv->data)[index];
  if (kv->dtype == MK_F16) return (float)((const _Float16 *)kv->data)[index];
  const uint32_t bits = (uint32_t)((const uint16_t *)kv->data)[index] << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// Rounds to nearest, ties to even.
static inline void mk_reference_write(const mk_kv_layer *kv, size_t index, float value) {
  if (kv->dtype == MK_F32) {
    ((float *)kv->data)[index] = value;
  } else if (kv->dtype == MK_F16) {
    ((_Float16 *)kv->data)[index] = (_Float16)value;
  } else {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t rest = bits & 0xffff, odd = bits >> 16 & 1;
    uint16_t top = (uint16_t)(bits >> 16);
    if (value != value) {
      top = 0x7fc0;
    } else if (rest > 0x8000 || (rest == 0x8000 && odd)) {
      top++;
    }
    ((uint16_t *)kv->data)[index] = top;
  }
}
