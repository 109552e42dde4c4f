/// Head norms, rotation and the write to the paged KV, scalar.
#include "../ops/arguments.h"
#include "cache.h"

#include <math.h>

static void normalise(float *head, uint32_t count, const float *weight, float epsilon) {
  double squares = 0;
  for (uint32_t i = 0; i < count; i++) squares += (double)head[i] * head[i];
  const double factor = 1.0 / sqrt(squares / count + (double)epsilon);
  for (uint32_t i = 0; i < count; i++) head[i] = (float)(head[i] * factor * weight[i]);
}

static void rotate(float *head, const float *cosines, const float *sines, uint32_t half, uint32_t style) {
  for (uint32_t i = 0; i < half; i++) {
    float *first = style == MK_ROPE_HALVES ? head + i : head + 2 * i;
    float *second = style == MK_ROPE_HALVES ? head + i + half : head + 2 * i + 1;
    const double a = *first, b = *second;
    *first = (float)(a * cosines[i] - b * sines[i]);
    *second = (float)(b * cosines[i] + a * sines[i]);
  }
}

mk_status mk_reference_rope_kv(mk_stream *stream, const mk_rope_kv_args *args) {
  const mk_status status = mk_check_rope_kv(stream, args);
  if (status != MK_OK) return status;
  const mk_kv_layer *kv = args->kv;
  for (uint32_t row = 0; row < args->rows; row++) {
    const uint32_t dim = kv->head_dim;
    float *q = args->qkv + (size_t)row * args->stride, *k = q + (size_t)args->heads * dim;
    const float *v = k + (size_t)kv->kv_heads * dim;
    const float *cosines = args->rope_table + (size_t)row * 2 * args->half, *sines = cosines + args->half;
    for (uint32_t head = 0; head < args->heads + kv->kv_heads; head++) {
      const float *weight = head < args->heads ? args->q_norm : args->k_norm;
      if (weight) normalise(q + (size_t)head * dim, dim, weight, args->norm_epsilon);
      rotate(q + (size_t)head * dim, cosines, sines, args->half, args->style);
    }
    const uint32_t slot = (uint32_t)args->slots[row];
    for (uint32_t head = 0; head < kv->kv_heads; head++) {
      const size_t key = mk_reference_slot(kv, slot / kv->page_size, slot % kv->page_size, head);
      for (uint32_t i = 0; i < dim; i++) {
        mk_reference_write(kv, key + i, k[(size_t)head * dim + i]);
        mk_reference_write(kv, key + dim + i, v[(size_t)head * dim + i]);
      }
    }
  }
  return MK_OK;
}
