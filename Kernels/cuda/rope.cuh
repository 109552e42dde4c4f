/// Head norms and rotation of one head by a warp, for the kernels that write the KV.
#pragma once
#include "kv_layout.cuh"

#include <type_traits>

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
template <typename Store> __device__ __forceinline__ void turn_head(const rope_parameters &p, uint32_t row,
                                                                    uint32_t head, float *x, Store store) {
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

/// A lane's part of a head of 32 * per dims that turns whole and by halves: `per` neighbours, whose partners lie 16
/// lanes away.
template <int per> struct whole_head {
  static_assert(per % 2 == 0);
  float x[per];

  __device__ __forceinline__ whole_head() {}
  __device__ __forceinline__ whole_head(const rope_parameters &p, uint32_t row, uint32_t head) {
    const size_t source = (size_t)row * p.stride + (size_t)head * (32 * per) + threadIdx.x % 32 * per;
#pragma unroll
    for (int j = 0; j < per; j += 2) {
      const float2 two = load_activation_pair(p.qkv, p.qkv_dtype, source + j);
      x[j] = two.x;
      x[j + 1] = two.y;
    }
  }

  /// Normed and turned, unless it is a value. All lanes call it together.
  __device__ __forceinline__ whole_head turned(const rope_parameters &p, uint32_t row, uint32_t head) const {
    whole_head out = *this;
    if (head >= p.heads + p.kv.kv_heads) return out;
    const uint32_t lane = threadIdx.x % 32;
    const float *cosines = p.table + (size_t)row * (32 * per) + lane % 16 * per, *sines = cosines + 16 * per;
    const float *weight = head < p.heads ? p.q_norm : p.k_norm;
    if (weight) {
      float squares = 0;
#pragma unroll
      for (int j = 0; j < per; j++) squares += x[j] * x[j];
      const float factor = 1.0f / sqrtf(warp_sum(squares) / (32 * per) + p.epsilon);
#pragma unroll
      for (int j = 0; j < per; j++) out.x[j] *= factor * weight[lane * per + j];
    }
#pragma unroll
    for (int j = 0; j < per; j++) {
      const float other = __shfl_xor_sync(~0u, out.x[j], 16), sine = lane < 16 ? -sines[j] : sines[j];
      out.x[j] = out.x[j] * cosines[j] + other * sine;
    }
    return out;
  }
};

/// Where the key or value of a row goes; NULL for a slot of -1, and with the fault set for one that does not exist.
template <typename T>
__device__ __forceinline__ T *slot_of(const rope_parameters &p, uint32_t row, uint32_t kv_head, bool is_value) {
  const int32_t slot = p.slots[row];
  if (slot == -1) return nullptr;
  if (slot < 0 || (uint32_t)slot / p.kv.page_size >= p.kv.pages) {
    *p.fault = 1;
    return nullptr;
  }
  return static_cast<T *>(p.kv.data) +
         key_index(p.kv, (uint32_t)slot / p.kv.page_size, (uint32_t)slot % p.kv.page_size, kv_head) +
         (is_value ? value_offset(p.kv) : 0);
}

/// Whether whole_head does for these.
inline bool turns_whole(const rope_parameters &p) {
  const uint32_t dim = p.kv.head_dim;
  return p.style == MK_ROPE_HALVES && 2 * p.half == dim && (dim == 64 || dim == 128 || dim == 256) &&
         p.stride % 2 == 0 && (uintptr_t)p.qkv % 8 == 0 && (uintptr_t)p.kv.data % 4 == 0;
}

template <typename T, int per> __device__ __forceinline__ void store_pairs(T *to, const float (&x)[per]) {
#pragma unroll
  for (int j = 0; j < per; j += 2) {
    if constexpr (std::is_same_v<T, e4m3>) {
      *reinterpret_cast<__nv_fp8x2_storage_t *>(to + j) =
          __nv_cvt_float2_to_fp8x2(make_float2(x[j], x[j + 1]), __NV_SATFINITE, __NV_E4M3);
    } else {
      *reinterpret_cast<uint32_t *>(to + j) = pack_pair<T>(x[j], x[j + 1]);
    }
  }
}

/// Turns key `kv_head` of a row and writes it and its value to the row's slot; a slot of -1 is left out.
template <typename T> __device__ __forceinline__ void write_key_and_value(const rope_parameters &p, uint32_t row,
                                                                          uint32_t kv_head, bool is_value, float *x) {
  T *to = slot_of<T>(p, row, kv_head, is_value);
  if (!to) return;
  turn_head(p, row, p.heads + (is_value ? p.kv.kv_heads : 0) + kv_head, x,
            [&](uint32_t i, float value) { to[i] = from_float<T>(value); });
}
