/// RMS norm, included once for each instruction set.
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
  const mk_status status = mk_check_norm(stream, args);
  if (status != MK_OK) return status;
  const uint32_t per_piece = 4096 / (args->cols + 1) + 1;
  mk_parallel(stream, (args->rows + per_piece - 1) / per_piece, norm_row, (void *)args);
  return MK_OK;
}
