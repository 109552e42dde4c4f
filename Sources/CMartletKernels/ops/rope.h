/// Head norms, rotary embedding and the write to the KV pages, included once for each instruction set.
#include "cache.h"

MK_INLINE void rotate(float *head, const float *table, uint32_t half, uint32_t style) {
  const float *cosine = table, *sine = table + half;
  for (uint32_t i = 0; i < half; i++) {
    const uint32_t a = style == MK_ROPE_HALVES ? i : 2 * i, b = style == MK_ROPE_HALVES ? i + half : 2 * i + 1;
    const float x = head[a], y = head[b];
    head[a] = fmaf(x, cosine[i], -(y * sine[i]));
    head[b] = fmaf(y, cosine[i], x * sine[i]);
  }
}

static void rope_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_rope_kv_args *args = opaque;
  const mk_kv_layer *kv = args->kv;
  const uint32_t dim = kv->head_dim;
  float *q = args->qkv + (size_t)row * args->stride, *k = q + (size_t)args->heads * dim;
  const float *v = k + (size_t)kv->kv_heads * dim;
  const float *table = args->rope_table + (size_t)row * 2 * args->half;
  for (uint32_t head = 0; head < args->heads; head++) {
    float *x = q + (size_t)head * dim;
    if (args->q_norm) apply_norm(x, args->q_norm, norm_factor(x, dim, args->norm_epsilon), x, dim, 0);
    rotate(x, table, args->half, args->style);
  }
  for (uint32_t head = 0; head < kv->kv_heads; head++) {
    float *x = k + (size_t)head * dim;
    if (args->k_norm) apply_norm(x, args->k_norm, norm_factor(x, dim, args->norm_epsilon), x, dim, 0);
    rotate(x, table, args->half, args->style);
    mk_kv_store(kv, (uint32_t)args->slots[row], head, x, v + (size_t)head * dim);
  }
}

mk_status MK_NAME(rope_kv)(mk_stream *stream, const mk_rope_kv_args *args) {
  const mk_status status = mk_check_rope_kv(stream, args);
  if (status != MK_OK) return status;
  mk_parallel(stream, args->rows, rope_row, (void *)args);
  return MK_OK;
}
