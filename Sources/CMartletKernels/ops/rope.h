/// Head norms, rotary embedding and the write to the KV pages, included once for each instruction set.
#include "cache.h"

/// Turns pairs [i, half) of a head's first 2 * half values: x and y of a pair lie half apart, or side by side.
MK_INLINE void rotate(float *head, const float *table, uint32_t half, uint32_t style) {
  const float *cosine = table, *sine = table + half;
  uint32_t i = 0;
  for (; i + LANES <= half; i += LANES) {
    const mk_f32x16 c = mk_load(cosine + i), s = mk_load(sine + i);
    if (style == MK_ROPE_HALVES) {
      const mk_f32x16 x = mk_load(head + i), y = mk_load(head + half + i);
      mk_store(head + i, mk_fma(x, c, -(y * s)));
      mk_store(head + half + i, mk_fma(y, c, x * s));
      continue;
    }
    const mk_f32x16 low = mk_load(head + 2 * i), high = mk_load(head + 2 * i + LANES);
    const mk_f32x16 x = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const mk_f32x16 y = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    const mk_f32x16 a = mk_fma(x, c, -(y * s)), b = mk_fma(y, c, x * s);
    mk_store(head + 2 * i, __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    mk_store(head + 2 * i + LANES,
             __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  }
  for (; i < half; i++) {
    const uint32_t a = style == MK_ROPE_HALVES ? i : 2 * i, b = style == MK_ROPE_HALVES ? i + half : 2 * i + 1;
    const float x = head[a], y = head[b];
    head[a] = fmaf(x, cosine[i], -(y * sine[i]));
    head[b] = fmaf(y, cosine[i], x * sine[i]);
  }
}

MK_INLINE void rotate_row(const mk_rope_kv_args *args, uint32_t row) {
  const uint32_t dim = args->kv->head_dim;
  float *x = args->qkv + (size_t)row * args->stride;
  const float *table = args->rope_table + (size_t)row * 2 * args->half;
  for (uint32_t head = 0; head < args->heads + args->kv->kv_heads; head++, x += dim) {
    const float *norm = head < args->heads ? args->q_norm : args->k_norm;
    if (norm) apply_norm(x, norm, norm_factor(x, dim, args->norm_epsilon), x, dim, 0);
    rotate(x, table, args->half, args->style);
  }
}

/// Whether rows [row, row + 16) fill a record of the cache.
MK_INLINE int fills_record(const mk_rope_kv_args *args, uint32_t row, uint32_t end) {
  if (args->kv->dtype == MK_F32 || end - row < LANES || args->slots[row] % LANES != 0) return 0;
  int fills = 1;
  for (int32_t i = 1; i < LANES; i++) fills &= args->slots[row + (uint32_t)i] == args->slots[row] + i;
  return fills;
}

/// Rows of a piece: sixteen, so that they fill records where the first row does not begin one.
MK_INLINE uint32_t first_row_of(const mk_rope_kv_args *args, uint32_t piece) {
  const uint32_t before = (uint32_t)args->slots[0] % LANES, row = piece * LANES;
  return piece == 0 ? 0 : row - before < args->rows ? row - before : args->rows;
}

static void rope_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const mk_rope_kv_args *args = opaque;
  const mk_kv_layer *kv = args->kv;
  const uint32_t dim = kv->head_dim, end = first_row_of(args, piece + 1);
  for (uint32_t row = first_row_of(args, piece), count; row < end; row += count) {
    count = fills_record(args, row, end) ? LANES : 1;
    for (uint32_t i = 0; i < count; i++) rotate_row(args, row + i);
    const float *k = args->qkv + (size_t)row * args->stride + (size_t)args->heads * dim;
    const float *v = k + (size_t)kv->kv_heads * dim;
    for (uint32_t head = 0; head < kv->kv_heads; head++, k += dim, v += dim) {
      if (count == 1) {
        mk_kv_store(kv, (uint32_t)args->slots[row], head, k, v);
      } else {
        mk_kv_store_record(kv, (uint32_t)args->slots[row], head, k, v, args->stride);
      }
    }
  }
}

mk_status MK_NAME(rope_kv)(mk_stream *stream, const mk_rope_kv_args *args) {
  const mk_status status = mk_check_rope_kv(stream, args);
  if (status != MK_OK || args->rows == 0) return status;
  mk_parallel(stream, args->rows / LANES + 2, rope_piece, (void *)args);
  return MK_OK;
}
