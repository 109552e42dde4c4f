/// Gated activation, included once for each instruction set.
#include "lanes.h"

MK_INLINE mk_f32x16 activate(uint32_t activation, mk_f32x16 x) {
  if (activation == MK_SILU) return x / (mk_splat(1.0f) + mk_exp(-x));
  const mk_f32x16 inner = mk_splat(0.797884561f) * mk_fma(mk_splat(0.044715f) * x * x, x, x);
  return mk_splat(0.5f) * x * (mk_splat(1.0f) + mk_tanh(inner));
}

/// Columns [i, end) of a row.
MK_INLINE void gate_row(uint32_t activation, const float *gate, const float *up, float *y, uint32_t i, uint32_t end) {
  for (; i + LANES <= end; i += LANES) mk_store(y + i, activate(activation, mk_load(gate + i)) * mk_load(up + i));
  if (i < end) {
    const mk_f32x16 g = mk_load_part(gate + i, end - i, 0), u = mk_load_part(up + i, end - i, 0);
    mk_store_part(y + i, activate(activation, g) * u, end - i);
  }
}

enum { GATED_COLUMNS = 1024 };

static void gated_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const mk_gated_args *args = opaque;
  const uint32_t per_row = (args->n + GATED_COLUMNS - 1) / GATED_COLUMNS;
  const uint32_t row = piece / per_row, first = piece % per_row * GATED_COLUMNS;
  const uint32_t end = first + GATED_COLUMNS < args->n ? first + GATED_COLUMNS : args->n;
  const float *gate = args->x + (size_t)row * 2 * args->n;
  gate_row(args->activation, gate, gate + args->n, args->y + (size_t)row * args->n, first, end);
}

mk_status MK_NAME(gated)(mk_stream *stream, const mk_gated_args *args) {
  const mk_status status = mk_check_gated(stream, args);
  if (status != MK_OK) return status;
  const uint64_t pieces = (uint64_t)args->rows * ((args->n + GATED_COLUMNS - 1) / GATED_COLUMNS);
  if (pieces > UINT32_MAX) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, (uint32_t)pieces, gated_piece, (void *)args);
  return MK_OK;
}
