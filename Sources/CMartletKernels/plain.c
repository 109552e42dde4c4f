/// Ops without a fast variant: they take no measurable share of a step.
#include "plain.h"

#include <math.h>
#include <string.h>

static void rope_table_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_rope_table_args *args = opaque;
  float *cosine = args->table + (size_t)row * 2 * args->half, *sine = cosine + args->half;
  for (uint32_t i = 0; i < args->half; i++) {
    const double angle = (double)args->positions[row] * (double)args->inverse_frequencies[i];
    cosine[i] = (float)(args->magnitude * cos(angle));
    sine[i] = (float)(args->magnitude * sin(angle));
  }
}

mk_status mk_plain_rope_table(mk_stream *stream, const mk_rope_table_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0 || args->half == 0) return MK_OK;
  if (!args->positions || !args->inverse_frequencies || !args->table) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, args->rows, rope_table_row, (void *)args);
  return MK_OK;
}

mk_status mk_plain_gather(mk_stream *stream, const mk_gather_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->count == 0) return MK_OK;
  if (!args->x || !args->indices || !args->y) return MK_INVALID_ARGUMENT;
  if (args->x_dtype != MK_F32) return MK_UNSUPPORTED;
  for (uint32_t i = 0; i < args->count; i++) {
    if (args->indices[i] < 0 || (uint32_t)args->indices[i] >= args->x_rows) return MK_INVALID_ARGUMENT;
  }
  for (uint32_t i = 0; i < args->count; i++) {
    memcpy(args->y + (size_t)i * args->cols, args->x + (size_t)args->indices[i] * args->cols, args->cols * sizeof(float));
  }
  return MK_OK;
}

typedef struct {
  float *x;
  size_t count;
  float parameter;
} pointwise;

enum { SCALE_PIECE = 65536, SOFT_CAP_PIECE = 4096 };

static void scale_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const pointwise *work = opaque;
  const size_t start = (size_t)piece * SCALE_PIECE, left = work->count - start;
  for (size_t i = start; i < start + (left < SCALE_PIECE ? left : SCALE_PIECE); i++) work->x[i] *= work->parameter;
}

static void soft_cap_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const pointwise *work = opaque;
  const size_t start = (size_t)piece * SOFT_CAP_PIECE, left = work->count - start;
  for (size_t i = start; i < start + (left < SOFT_CAP_PIECE ? left : SOFT_CAP_PIECE); i++) {
    work->x[i] = work->parameter * tanhf(work->x[i] / work->parameter);
  }
}

static mk_status run_pointwise(mk_stream *stream, pointwise work, size_t each, mk_task task) {
  if (!stream || (work.count > 0 && !work.x)) return MK_INVALID_ARGUMENT;
  const size_t pieces = work.count / each + (work.count % each != 0);
  if (pieces > UINT32_MAX) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, (uint32_t)pieces, task, &work);
  return MK_OK;
}

mk_status mk_plain_scale(mk_stream *stream, float *x, size_t count, float factor) {
  return run_pointwise(stream, (pointwise){x, count, factor}, SCALE_PIECE, scale_piece);
}

mk_status mk_plain_soft_cap(mk_stream *stream, float *x, size_t count, float cap) {
  if (!(cap > 0)) return MK_INVALID_ARGUMENT;
  return run_pointwise(stream, (pointwise){x, count, cap}, SOFT_CAP_PIECE, soft_cap_piece);
}

mk_status mk_plain_feed_tokens(mk_stream *stream, const mk_feed_args *args) {
  if (!stream || !args || (args->rows > 0 && (!args->ids || !args->last))) return MK_INVALID_ARGUMENT;
  for (uint32_t i = 0; i < args->rows; i++) {
    if (args->ids[i] < 0 && (uint32_t)~args->ids[i] >= args->slots) return MK_INVALID_ARGUMENT;
  }
  for (uint32_t i = 0; i < args->rows; i++) {
    if (args->ids[i] >= 0) continue;
    const int32_t token = args->last[~args->ids[i]];
    args->ids[i] = token < 0 ? 0 : token;
  }
  return MK_OK;
}

mk_status mk_plain_keep_tokens(mk_stream *stream, const mk_keep_args *args) {
  if (!stream || !args || (args->rows > 0 && (!args->tokens || !args->slot || !args->last))) return MK_INVALID_ARGUMENT;
  for (uint32_t i = 0; i < args->rows; i++) {
    if (args->slot[i] >= 0 && (uint32_t)args->slot[i] >= args->slots) return MK_INVALID_ARGUMENT;
  }
  for (uint32_t i = 0; i < args->rows; i++) {
    if (args->slot[i] >= 0) args->last[args->slot[i]] = args->tokens[i];
  }
  return MK_OK;
}
