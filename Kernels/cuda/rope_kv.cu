/// Head norms, rotation and the write to the paged KV, in one kernel: a warp per head of a row.
#include "formats.cuh"
#include "ops.h"
#include "rope.cuh"

namespace {

constexpr int warps = 4;

/// Heads run over queries, then keys, then values. A head lives in its warp's part of shared memory.
template <typename T> __global__ void rope_kv_kernel(const rope_parameters p) {
  extern __shared__ float heads[];
  const uint32_t row = blockIdx.x, head = blockIdx.y * warps + threadIdx.x / 32;
  float *x = heads + threadIdx.x / 32 * p.kv.head_dim;
  wait_for_predecessor();
  release_successor();
  if (head >= p.heads + 2 * p.kv.kv_heads || p.slots[row] == -1) return;
  if (head >= p.heads) {
    const uint32_t index = head - p.heads, kv_heads = p.kv.kv_heads;
    write_key_and_value<T>(p, row, index % kv_heads, index >= kv_heads, x);
  } else {
    const size_t to = (size_t)row * p.stride + (size_t)head * p.kv.head_dim;
    turn_head(p, row, head, x, [&](uint32_t i, float value) { store_activation(p.qkv, p.qkv_dtype, to + i, value); });
  }
}

/// Heads of 32 * per dims, turned whole and by halves. A warp takes `each` of them, so that it has several loads in
/// flight.
template <typename T, int per, int each> __global__ void __launch_bounds__(warps * 32)
    whole_kernel(const rope_parameters p) {
  const uint32_t row = blockIdx.x, first = (blockIdx.y * warps + threadIdx.x / 32) * each, kv_heads = p.kv.kv_heads,
                 total = p.heads + 2 * kv_heads, i = threadIdx.x % 32 * per;
  wait_for_predecessor();
  release_successor();
  if (p.slots[row] == -1) return;
  whole_head<per> heads[each];
#pragma unroll
  for (int e = 0; e < each; e++) {
    if (first + e < total) heads[e] = whole_head<per>(p, row, first + e);
  }
#pragma unroll
  for (int e = 0; e < each; e++) {
    const uint32_t head = first + e;
    if (head >= total) return;
    const whole_head<per> turned = heads[e].turned(p, row, head);
    if (head < p.heads) {
      const size_t to = (size_t)row * p.stride + (size_t)head * (32 * per) + i;
#pragma unroll
      for (int j = 0; j < per; j += 2) store_activation_pair(p.qkv, p.qkv_dtype, to + j, turned.x[j], turned.x[j + 1]);
    } else {
      T *to = slot_of<T>(p, row, (head - p.heads) % kv_heads, head >= p.heads + kv_heads);
      if (to) store_pairs<T, per>(to + i, turned.x);
    }
  }
}

template <typename T, int per> mk_status run_whole(mk_stream *stream, const rope_parameters &p) {
  const uint32_t heads = p.heads + 2 * p.kv.kv_heads;
  if (p.rows <= 64)
    return launch(stream, whole_kernel<T, per, 1>, dim3(p.rows, ceil_div(heads, warps)), warps * 32, 0, p);
  return launch(stream, whole_kernel<T, per, 4>, dim3(p.rows, ceil_div(heads, 4 * warps)), warps * 32, 0, p);
}

template <typename T> mk_status run(mk_stream *stream, const rope_parameters &p) {
  const uint32_t dim = p.kv.head_dim;
  if constexpr (sizeof(T) <= 2) {
    if (turns_whole(p)) {
      return dim == 64    ? run_whole<T, 2>(stream, p)
             : dim == 128 ? run_whole<T, 4>(stream, p)
                          : run_whole<T, 8>(stream, p);
    }
  }
  const dim3 grid(p.rows, ceil_div(p.heads + 2 * p.kv.kv_heads, warps));
  return launch(stream, rope_kv_kernel<T>, grid, warps * 32, warps * dim * sizeof(float), p);
}

} // namespace

size_t cuda_kv_layer_bytes(const mk_kv_layer *kv) {
  if (kv->dtype > MK_F8_E4M3) return 0;
  return (size_t)kv->pages * kv->kv_heads * 2 * kv->page_size * row_bytes_of(kv->dtype, kv->head_dim);
}

mk_status rope_parameters_of(mk_stream *stream, const mk_rope_kv_args *args, rope_parameters *out) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  *out = {};
  if (args->rows == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (!is_valid_kv(kv) || !args->qkv || !args->slots || (args->half > 0 && !args->rope_table))
    return MK_INVALID_ARGUMENT;
  const uint64_t heads = (uint64_t)args->heads + 2 * (uint64_t)kv->kv_heads;
  if (args->half > kv->head_dim / 2 || args->style > MK_ROPE_PAIRS || args->stride < heads * kv->head_dim) {
    return MK_INVALID_ARGUMENT;
  }
  if (!is_activation_dtype(args->qkv_dtype)) return MK_UNSUPPORTED;
  *out = {args->qkv,        args->qkv_dtype, args->rows,   args->stride,       args->heads, args->half, args->style,
          args->rope_table, args->q_norm,    args->k_norm, args->norm_epsilon, args->slots, *kv,        stream->fault};
  return MK_OK;
}

mk_status cuda_rope_kv(mk_stream *stream, const mk_rope_kv_args *args) {
  rope_parameters p;
  const mk_status status = rope_parameters_of(stream, args, &p);
  if (status != MK_OK || p.rows == 0) return status;
  switch (p.kv.dtype) {
  case MK_F32: return run<float>(stream, p);
  case MK_F16: return run<__half>(stream, p);
  case MK_F8_E4M3: return run<e4m3>(stream, p);
  default: return run<bf16>(stream, p);
  }
}
