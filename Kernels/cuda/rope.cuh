/// Head norms and rotation of one head by a warp, for the kernels that write the KV.
#pragma once
#include "kv_layout.cuh"

struct rope_parameters {
  void *qkv;
  mk_dtype qkv_dtype;
  uint32_t rows, stride, heads, half, style;
  const float *table, *q_norm, *k_norm;
  float epsilon;
  const int32_t *slots;
  mk_kv_layer kv;
  int32_t *fault;
};

/// Checks the arguments; MK_OK with `*out` filled in, also for no rows.
mk_status rope_parameters_of(mk_stream *stream, const mk_rope_kv_args *args, rope_parameters *out);

/// Where dimension i finds its partner, and whether it is the pair's first.
__device__ __forceinline__ uint32_t partner_of(uint32_t i, uint32_t half, uint32_t style, bool *is_first,
                                               uint32_t *pair) {
  if (style == MK_ROPE_PAIRS) {
    *is_first = i % 2 == 0;
    *pair = i / 2;
    return i ^ 1;
  }
  *is_first = i < half;
  *pair = *is_first ? i : i - half;
  return *is_first ? i + half : i - half;
}

/// Head `head` of a row, counted over queries, keys and values: store(i, value) is called for each of its dimensions.
/// `x` is the warp's room in shared memory for a head.
template <typename Store> __device__ __forceinline__ void
turn_head(const rope_parameters &p, uint32_t row, uint32_t head, float *x, Store store) {
  const uint32_t dim = p.kv.head_dim, lane = threadIdx.x % 32;
  const bool is_value = head >= p.heads + p.kv.kv_heads, is_query = head < p.heads;
  const size_t source = (size_t)row * p.stride + (size_t)head * dim;
  const float *weight = is_value ? nullptr : is_query ? p.q_norm : p.k_norm;
  float squares = 0;
  __syncwarp();
  for (uint32_t i = lane; i < dim; i += 32) {
    x[i] = load_activation(p.qkv, p.qkv_dtype, source + i);
    squares += x[i] * x[i];
  }
  if (weight) {
    const float factor = 1.0f / sqrtf(warp_sum(squares) / dim + p.epsilon);
    for (uint32_t i = lane; i < dim; i += 32) x[i] *= factor * weight[i];
  }
  __syncwarp();
  const float *cosines = p.table + (size_t)row * 2 * p.half, *sines = cosines + p.half;
  for (uint32_t i = lane; i < dim; i += 32) {
    float value = x[i];
    if (!is_value && i < 2 * p.half) {
      bool is_first;
      uint32_t pair;
      const float other = x[partner_of(i, p.half, p.style, &is_first, &pair)];
      value = is_first ? value * cosines[pair] - other * sines[pair] : value * cosines[pair] + other * sines[pair];
    }
    store(i, value);
  }
}

/// Turns key `kv_head` of a row and writes it and its value to the row's slot; a slot of -1 is left out.
template <typename T> __device__ __forceinline__ void
write_key_and_value(const rope_parameters &p, uint32_t row, uint32_t kv_head, bool is_value, float *x) {
  const int32_t slot = p.slots[row];
  if (slot == -1) return;
  if (slot < 0 || (uint32_t)slot / p.kv.page_size >= p.kv.pages) {
    *p.fault = 1;
    return;
  }
  T *to = static_cast<T *>(p.kv.data) +
          key_index(p.kv, (uint32_t)slot / p.kv.page_size, (uint32_t)slot % p.kv.page_size, kv_head) +
          (is_value ? value_offset(p.kv) : 0);
  turn_head(p, row, p.heads + (is_value ? p.kv.kv_heads : 0) + kv_head, x,
            [&](uint32_t i, float value) { to[i] = from_float<T>(value); });
}
