/// Gated activations, scalar, in double precision.
#include "../ops/arguments.h"

#include <math.h>

static double activate(double x, uint32_t activation) {
  if (activation == MK_SILU) return x / (1 + exp(-x));
  const double root = 0.79788456080286535588; // sqrt(2 / pi)
  return 0.5 * x * (1 + tanh(root * (x + 0.044715 * x * x * x)));
}

mk_status mk_reference_gated(mk_stream *stream, const mk_gated_args *args) {
  const mk_status status = mk_check_gated(stream, args);
  if (status != MK_OK) return status;
  for (uint32_t row = 0; row < args->rows; row++) {
    const float *gate = args->x + (size_t)row * 2 * args->n, *up = gate + args->n;
    float *y = args->y + (size_t)row * args->n;
    for (uint32_t i = 0; i < args->n; i++) y[i] = (float)(activate(gate[i], args->activation) * up[i]);
  }
  return MK_OK;
}
