/// Ops without a fast variant: they take no measurable share of a step.
#include "plain.h"

#include <math.h>
#include <string.h>

mk_status mk_plain_rope_table(mk_stream *stream, const mk_rope_table_args *args) {
  if (!stream || !args || !args->positions || !args->inverse_frequencies || !args->table) return MK_INVALID_ARGUMENT;
  for (uint32_t row = 0; row < args->rows; row++) {
    float *cosine = args->table + (size_t)row * 2 * args->half, *sine = cosine + args->half;
    for (uint32_t i = 0; i < args->half; i++) {
      const double angle = (double)args->positions[row] * (double)args->inverse_frequencies[i];
      cosine[i] = (float)(args->magnitude * cos(angle));
      sine[i] = (float)(args->magnitude * sin(angle));
    }
  }
  return MK_OK;
}

mk_status mk_plain_gather(mk_stream *stream, const mk_gather_args *args) {
  if (!stream || !args || !args->x || !args->indices || !args->y) return MK_INVALID_ARGUMENT;
  for (uint32_t i = 0; i < args->count; i++) {
    if ((uint32_t)args->indices[i] >= args->x_rows) return MK_INVALID_ARGUMENT;
    memcpy(args->y + (size_t)i * args->cols, args->x + (size_t)args->indices[i] * args->cols, args->cols * sizeof(float));
  }
  return MK_OK;
}

mk_status mk_plain_scale(mk_stream *stream, float *x, size_t count, float factor) {
  if (!stream || !x) return MK_INVALID_ARGUMENT;
  for (size_t i = 0; i < count; i++) x[i] *= factor;
  return MK_OK;
}

mk_status mk_plain_soft_cap(mk_stream *stream, float *x, size_t count, float cap) {
  if (!stream || !x || !(cap > 0)) return MK_INVALID_ARGUMENT;
  for (size_t i = 0; i < count; i++) x[i] = cap * tanhf(x[i] / cap);
  return MK_OK;
}

size_t mk_plain_kv_layer_bytes(const mk_kv_layer *kv) {
  const size_t element = kv->dtype == MK_F32 ? 4 : 2;
  // Vector loads of the last block may read up to a vector past it.
  return (size_t)kv->pages * kv->kv_heads * 2 * kv->page_size * kv->head_dim * element + 64;
}

size_t mk_plain_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  (void)max_rows;
  (void)heads;
  (void)head_dim;
  return 64;
}

size_t mk_plain_sample_workspace_bytes(uint32_t max_rows, uint32_t vocab) {
  return (size_t)max_rows * vocab * (sizeof(float) + sizeof(int32_t));
}
