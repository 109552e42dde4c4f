/// RMS norm, scalar, summed in double precision.
#include "../ops/arguments.h"

#include <math.h>

mk_status mk_reference_norm(mk_stream *stream, const mk_norm_args *args) {
  const mk_status status = mk_check_norm(stream, args);
  if (status != MK_OK) return status;
  for (uint32_t row = 0; row < args->rows; row++) {
    const size_t start = (size_t)row * args->cols;
    const float *x = args->x + start;
    float *residual = args->residual ? args->residual + start : NULL;
    if (args->mode == MK_NORM_ADD_FIRST) {
      for (uint32_t i = 0; i < args->cols; i++) residual[i] += x[i];
      x = residual;
    }
    double squares = 0;
    for (uint32_t i = 0; i < args->cols; i++) squares += (double)x[i] * x[i];
    const double factor = 1.0 / sqrt(squares / args->cols + (double)args->epsilon);
    for (uint32_t i = 0; i < args->cols; i++) {
      const float value = (float)(x[i] * factor * args->weight[i]);
      if (args->mode == MK_NORM_ADD_AFTER) {
        residual[i] += value;
      } else {
        args->y[start + i] = value;
      }
    }
  }
  return MK_OK;
}
