/// Head norms, rotation and the write to the paged KV, in one kernel: a warp per head of a row.
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

} // namespace

size_t cuda_kv_layer_bytes(const mk_kv_layer *kv) {
  return (size_t)kv->pages * kv->kv_heads * 2 * kv->page_size * kv->head_dim * (kv->dtype == MK_F32 ? 4 : 2);
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
  *out = {args->qkv,  args->qkv_dtype,  args->rows,   args->stride, args->heads,        args->half,  args->style,
          args->rope_table, args->q_norm, args->k_norm, args->norm_epsilon, args->slots, *kv,         stream->fault};
  return MK_OK;
}

mk_status cuda_rope_kv(mk_stream *stream, const mk_rope_kv_args *args) {
  rope_parameters p;
  const mk_status status = rope_parameters_of(stream, args, &p);
  if (status != MK_OK || p.rows == 0) return status;
  const dim3 grid(p.rows, ceil_div(p.heads + 2 * p.kv.kv_heads, warps));
  const size_t shared = warps * p.kv.head_dim * sizeof(float);
  switch (p.kv.dtype) {
  case MK_F32: return launch(stream, rope_kv_kernel<float>, grid, warps * 32, shared, p);
  case MK_F16: return launch(stream, rope_kv_kernel<__half>, grid, warps * 32, shared, p);
  default: return launch(stream, rope_kv_kernel<bf16>, grid, warps * 32, shared, p);
  }
}
