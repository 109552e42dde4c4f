/// The backend's KV layout: [page][kv head][key, value][offset][dim], so that one head's keys of a page are contiguous.
/// FP8 elements have no scale.
#pragma once
#include "e4m3.cuh"

constexpr uint32_t max_head_dim = 512;

/// Index of the key's first element; the value's is `value_offset` further.
__device__ __forceinline__ size_t key_index(const mk_kv_layer &kv, uint32_t page, uint32_t offset, uint32_t head) {
  return (((size_t)page * kv.kv_heads + head) * 2 * kv.page_size + offset) * kv.head_dim;
}
__device__ __forceinline__ size_t value_offset(const mk_kv_layer &kv) { return (size_t)kv.page_size * kv.head_dim; }

inline bool is_valid_kv(const mk_kv_layer *kv) {
  return kv && kv->data && kv->dtype <= MK_F8_E4M3 && kv->kv_heads > 0 && kv->head_dim > 0 &&
         kv->head_dim <= max_head_dim && kv->page_size > 0 && kv->page_size % 16 == 0;
}
