/// RMS norm and gated activation, included once for each instruction set.
#include "lanes.h"

MK_INLINE float square_sum(const float *x, uint32_t cols) {
  mk_f32x16 sum = mk_splat(0);
  uint32_t i = 0;
  for (; i + LANES <= cols; i += LANES) {
    const mk_f32x16 v = mk_load(x + i);
    sum = mk_fma(v, v, sum);
  }
  if (i < cols) {
    const mk_f32x16 v = mk_load_part(x + i, cols - i, 0);
    sum = mk_fma(v, v, sum);
  }
  return mk_sum_lanes(sum);
}

MK_INLINE float norm_factor(const float *x, uint32_t cols, float epsilon) {
  return 1.0f / sqrtf(square_sum(x, cols) / (float)cols + epsilon);
}

/// y = x * factor * weight (+ y)
MK_INLINE void apply_norm(const float *x, const float *weight, float factor, float *y, uint32_t cols, int add) {
  for (uint32_t i = 0; i < cols; i += LANES) {
    const uint32_t count = cols - i < LANES ? cols - i : LANES;
    const int whole = count == LANES;
    mk_f32x16 v = whole ? mk_load(x + i) : mk_load_part(x + i, count, 0);
    const mk_f32x16 w = whole ? mk_load(weight + i) : mk_load_part(weight + i, count, 0);
    v = v * mk_splat(factor) * w;
    if (add) v = (whole ? mk_load(y + i) : mk_load_part(y + i, count, 0)) + v;
    if (whole) {
      mk_store(y + i, v);
    } else {
      mk_store_part(y + i, v, count);
    }
  }
}

static void norm_row(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const mk_norm_args *args = opaque;
  const uint32_t per_piece = 4096 / (args->cols + 1) + 1;
  for (uint32_t row = piece * per_piece; row < args->rows && row < (piece + 1) * per_piece; row++) {
    const float *x = args->x + (size_t)row * args->cols;
    if (args->mode == MK_NORM_PLAIN) {
      apply_norm(x, args->weight, norm_factor(x, args->cols, args->epsilon), args->y + (size_t)row * args->cols, args->cols, 0);
      continue;
    }
    float *residual = args->residual + (size_t)row * args->cols;
    if (args->mode == MK_NORM_ADD_AFTER) {
      apply_norm(x, args->weight, norm_factor(x, args->cols, args->epsilon), residual, args->cols, 1);
      continue;
    }
    for (uint32_t i = 0; i < args->cols; i++) residual[i] += x[i];
    apply_norm(residual, args->weight, norm_factor(residual, args->cols, args->epsilon),
               args->y + (size_t)row * args->cols, args->cols, 0);
  }
}

mk_status MK_NAME(norm)(mk_stream *stream, const mk_norm_args *args) {
  if (!stream || !args || !args->x || !args->weight || args->cols == 0 || args->mode > MK_NORM_ADD_AFTER) {
    return MK_INVALID_ARGUMENT;
  }
  if ((args->mode == MK_NORM_PLAIN) != (args->residual == NULL)) return MK_INVALID_ARGUMENT;
  if (args->mode != MK_NORM_ADD_AFTER && !args->y) return MK_INVALID_ARGUMENT;
  const uint32_t per_piece = 4096 / (args->cols + 1) + 1;
  mk_parallel(stream, (args->rows + per_piece - 1) / per_piece, norm_row, (void *)args);
  return MK_OK;
}

MK_INLINE mk_f32x16 activate(uint32_t activation, mk_f32x16 x) {
  if (activation == MK_SILU) return x / (mk_splat(1.0f) + mk_exp(-x));
  const mk_f32x16 inner = mk_splat(0.797884561f) * mk_fma(mk_splat(0.044715f) * x * x, x, x);
  return mk_splat(0.5f) * x * (mk_splat(1.0f) + mk_tanh(inner));
}

enum { GATED_COLUMNS = 1024 };

static void gated_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const mk_gated_args *args = opaque;
  const uint32_t per_row = (args->n + GATED_COLUMNS - 1) / GATED_COLUMNS;
  const uint32_t row = piece / per_row, first = piece % per_row * GATED_COLUMNS;
  const uint32_t end = first + GATED_COLUMNS < args->n ? first + GATED_COLUMNS : args->n;
  const float *gate = args->x + (size_t)row * 2 * args->n, *up = gate + args->n;
  float *y = args->y + (size_t)row * args->n;
  uint32_t i = first;
  for (; i + LANES <= end; i += LANES) mk_store(y + i, activate(args->activation, mk_load(gate + i)) * mk_load(up + i));
  if (i < end) {
    const mk_f32x16 g = mk_load_part(gate + i, end - i, 0), u = mk_load_part(up + i, end - i, 0);
    mk_store_part(y + i, activate(args->activation, g) * u, end - i);
  }
}

mk_status MK_NAME(gated)(mk_stream *stream, const mk_gated_args *args) {
  if (!stream || !args || !args->x || !args->y || args->n == 0 || args->activation > MK_GELU_TANH) {
    return MK_INVALID_ARGUMENT;
  }
  const uint64_t pieces = (uint64_t)args->rows * ((args->n + GATED_COLUMNS - 1) / GATED_COLUMNS);
  if (pieces > UINT32_MAX) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, (uint32_t)pieces, gated_piece, (void *)args);
  return MK_OK;
}
