/// Head norms, rotation and the write to the paged KV, in one kernel: a warp per head of a row.
#include "kv_layout.cuh"
#include "ops.h"

namespace {

constexpr int warps = 4;

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

template <typename T> __device__ __forceinline__ void write_kv(const mk_kv_layer &kv, size_t index, float value) {
  static_cast<T *>(kv.data)[index] = from_float<T>(value);
}

/// Heads run over queries, then keys, then values. A head lives in its warp's part of shared memory.
template <typename T> __global__ void rope_kv_kernel(const rope_parameters p) {
  extern __shared__ float heads[];
  const uint32_t dim = p.kv.head_dim, total = p.heads + 2 * p.kv.kv_heads, lane = threadIdx.x % 32;
  const uint32_t row = blockIdx.x, head = blockIdx.y * warps + threadIdx.x / 32;
  float *x = heads + threadIdx.x / 32 * dim;
  wait_for_predecessor();
  release_successor();
  if (head >= total) return;
  const int32_t slot = p.slots[row];
  if (slot == -1) return;
  if (slot < 0 || (uint32_t)slot / p.kv.page_size >= p.kv.pages) {
    if (lane == 0) *p.fault = 1;
    return;
  }
  const size_t source = (size_t)row * p.stride + (size_t)head * dim;
  const bool is_value = head >= p.heads + p.kv.kv_heads, is_query = head < p.heads;
  const float *weight = is_value ? nullptr : is_query ? p.q_norm : p.k_norm;
  float squares = 0;
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
  const uint32_t kv_head = is_value ? head - p.heads - p.kv.kv_heads : head - p.heads;
  const size_t base = is_query
                          ? 0
                          : key_index(p.kv, (uint32_t)slot / p.kv.page_size, (uint32_t)slot % p.kv.page_size, kv_head) +
                                (is_value ? value_offset(p.kv) : 0);
  for (uint32_t i = lane; i < dim; i += 32) {
    float value = x[i];
    if (!is_value && i < 2 * p.half) {
      bool is_first;
      uint32_t pair;
      const float other = x[partner_of(i, p.half, p.style, &is_first, &pair)];
      value = is_first ? value * cosines[pair] - other * sines[pair] : value * cosines[pair] + other * sines[pair];
    }
    if (is_query) store_activation(p.qkv, p.qkv_dtype, source + i, value);
    if (!is_query) write_kv<T>(p.kv, base + i, value);
  }
}

} // namespace

size_t cuda_kv_layer_bytes(const mk_kv_layer *kv) {
  return (size_t)kv->pages * kv->kv_heads * 2 * kv->page_size * kv->head_dim * (kv->dtype == MK_F32 ? 4 : 2);
}

mk_status cuda_rope_kv(mk_stream *stream, const mk_rope_kv_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (!is_valid_kv(kv) || !args->qkv || !args->slots || (args->half > 0 && !args->rope_table))
    return MK_INVALID_ARGUMENT;
  const uint64_t heads = (uint64_t)args->heads + 2 * (uint64_t)kv->kv_heads;
  if (args->half > kv->head_dim / 2 || args->style > MK_ROPE_PAIRS || args->stride < heads * kv->head_dim) {
    return MK_INVALID_ARGUMENT;
  }
  if (!is_activation_dtype(args->qkv_dtype)) return MK_UNSUPPORTED;
  const rope_parameters p = {args->qkv,    args->qkv_dtype, args->rows,       args->stride, args->heads,
                             args->half,   args->style,     args->rope_table, args->q_norm, args->k_norm,
                             args->norm_epsilon, args->slots, *kv,            stream->fault};
  const dim3 grid(args->rows, ceil_div(heads, warps));
  const size_t shared = warps * kv->head_dim * sizeof(float);
  switch (kv->dtype) {
  case MK_F32: return launch(stream, rope_kv_kernel<float>, grid, warps * 32, shared, p);
  case MK_F16: return launch(stream, rope_kv_kernel<__half>, grid, warps * 32, shared, p);
  default: return launch(stream, rope_kv_kernel<bf16>, grid, warps * 32, shared, p);
  }
}
