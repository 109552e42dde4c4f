/// Paged causal attention with online softmax (Milakov and Gimelshein, 2018), included once for each instruction set.
///
/// A piece is a tile of rows of one sequence with the query heads that share one kv head. For each (row, head) the key
/// positions are taken sixteen at a time from the first block that it sees, so its result does not depend on the tile.
#include "lanes.h"

enum { TILE_ROWS = 8, MAX_QUERIES = 64, SCORE_QUERIES = 4 };

typedef struct {
  const mk_attention_args *args;
  uint32_t group;       ///< query heads per kv head
  uint32_t head_chunk;  ///< query heads of one piece
  uint32_t head_pieces; ///< pieces per tile
} attention_context;

typedef struct {
  float maximum, sum;
  float output[MK_MAX_HEAD_DIM];
} attention_state;

/// Scores of sixteen positions for up to four queries; `keys` is [head_dim][stride] from the first position on.
MK_INLINE void score_block(mk_dtype dtype, const void *kv, size_t keys, uint32_t stride, uint32_t dim,
                           const float *const *queries, uint32_t count, mk_f32x16 *scores) {
  mk_f32x16 s0 = mk_splat(0), s1 = s0, s2 = s0, s3 = s0;
  const float *q0 = queries[0], *q1 = queries[count > 1 ? 1 : 0], *q2 = queries[count > 2 ? 2 : 0],
              *q3 = queries[count > 3 ? 3 : 0];
  if (count == 1) {
    for (uint32_t i = 0; i < dim; i++) s0 = mk_fma(mk_splat(q0[i]), mk_load_as(dtype, kv, keys + (size_t)i * stride), s0);
  } else {
    for (uint32_t i = 0; i < dim; i++) {
      const mk_f32x16 key = mk_load_as(dtype, kv, keys + (size_t)i * stride);
      s0 = mk_fma(mk_splat(q0[i]), key, s0);
      s1 = mk_fma(mk_splat(q1[i]), key, s1);
      s2 = mk_fma(mk_splat(q2[i]), key, s2);
      s3 = mk_fma(mk_splat(q3[i]), key, s3);
    }
  }
  scores[0] = s0;
  scores[1] = s1;
  scores[2] = s2;
  scores[3] = s3;
}

/// Takes positions [from, to) of a block of sixteen into one query's state.
MK_INLINE void accumulate(const mk_attention_args *args, mk_f32x16 score, uint32_t from, uint32_t to, size_t values,
                          attention_state *state) {
  const mk_kv_layer *kv = args->kv;
  const uint32_t dim = kv->head_dim;
  mk_f32x16 s = score * mk_splat(args->scale);
  if (args->soft_cap > 0) s = mk_splat(args->soft_cap) * mk_tanh(s / mk_splat(args->soft_cap));
  if (from > 0 || to < LANES) {
    for (uint32_t i = 0; i < LANES; i++) {
      if (i < from || i >= to) s[i] = -INFINITY;
    }
  }
  const float largest = mk_max_lanes(s);
  if (largest > state->maximum) {
    const float factor = mk_exp(mk_splat(state->maximum - largest))[0];
    state->sum *= factor;
    for (uint32_t i = 0; i < dim; i++) state->output[i] *= factor;
    state->maximum = largest;
  }
  float weights[LANES];
  const mk_f32x16 p = mk_exp(s - mk_splat(state->maximum));
  mk_store(weights, p);
  state->sum += mk_sum_lanes(p);
  uint32_t i = 0;
  for (; i + 4 * LANES <= dim; i += 4 * LANES) {
    mk_f32x16 o0 = mk_load(state->output + i), o1 = mk_load(state->output + i + LANES),
              o2 = mk_load(state->output + i + 2 * LANES), o3 = mk_load(state->output + i + 3 * LANES);
    for (uint32_t t = from; t < to; t++) {
      const mk_f32x16 w = mk_splat(weights[t]);
      const size_t at = values + (size_t)t * dim + i;
      o0 = mk_fma(w, mk_load_as(kv->dtype, kv->data, at), o0);
      o1 = mk_fma(w, mk_load_as(kv->dtype, kv->data, at + LANES), o1);
      o2 = mk_fma(w, mk_load_as(kv->dtype, kv->data, at + 2 * LANES), o2);
      o3 = mk_fma(w, mk_load_as(kv->dtype, kv->data, at + 3 * LANES), o3);
    }
    mk_store(state->output + i, o0);
    mk_store(state->output + i + LANES, o1);
    mk_store(state->output + i + 2 * LANES, o2);
    mk_store(state->output + i + 3 * LANES, o3);
  }
  for (; i + LANES <= dim; i += LANES) {
    mk_f32x16 o = mk_load(state->output + i);
    for (uint32_t t = from; t < to; t++) {
      o = mk_fma(mk_splat(weights[t]), mk_load_as(kv->dtype, kv->data, values + (size_t)t * dim + i), o);
    }
    mk_store(state->output + i, o);
  }
  for (; i < dim; i++) {
    for (uint32_t t = from; t < to; t++) {
      const size_t at = values + (size_t)t * dim + i;
      float value;
      if (kv->dtype == MK_F32) {
        value = ((const float *)kv->data)[at];
      } else if (kv->dtype == MK_F16) {
        _Float16 half;
        memcpy(&half, (const uint16_t *)kv->data + at, sizeof half);
        value = (float)half;
      } else {
        const uint32_t bits = (uint32_t)((const uint16_t *)kv->data)[at] << 16;
        memcpy(&value, &bits, sizeof value);
      }
      state->output[i] = fmaf(weights[t], value, state->output[i]);
    }
  }
}

MK_INLINE void attend(const attention_context *context, const mk_attention_sequence *sequence, uint32_t first_row,
                      uint32_t rows, uint32_t kv_head, uint32_t first_head, uint32_t heads) {
  const mk_attention_args *args = context->args;
  const mk_kv_layer *kv = args->kv;
  const uint32_t dim = kv->head_dim, queries = rows * heads;
  const uint32_t position0 = sequence->kv_length - sequence->row_count + first_row;
  attention_state states[MAX_QUERIES];
  const float *q[MAX_QUERIES];
  for (uint32_t i = 0; i < queries; i++) {
    const size_t row = sequence->row_start + first_row + i / heads;
    q[i] = args->q + row * args->q_stride + (size_t)(first_head + i % heads) * dim;
    states[i].maximum = -INFINITY;
    states[i].sum = 0;
    memset(states[i].output, 0, dim * sizeof(float));
  }
  const uint32_t last = position0 + rows - 1;
  const uint32_t start = args->window && position0 + 1 > args->window ? position0 + 1 - args->window : 0;
  for (uint32_t block = start / LANES * LANES; block <= last; block += LANES) {
    const int32_t page = args->page_table[sequence->page_offset + block / kv->page_size];
    const uint32_t offset = block % kv->page_size;
    const size_t base = mk_kv_block(kv, (uint32_t)page, kv_head);
    const size_t values = base + (size_t)dim * kv->page_size + (size_t)offset * dim;
    for (uint32_t i = 0; i < queries; i += SCORE_QUERIES) {
      const uint32_t count = queries - i < SCORE_QUERIES ? queries - i : SCORE_QUERIES;
      mk_f32x16 scores[SCORE_QUERIES];
      score_block(kv->dtype, kv->data, base + offset, kv->page_size, dim, q + i, count, scores);
      for (uint32_t j = 0; j < count; j++) {
        const uint32_t position = position0 + (i + j) / heads;
        const uint32_t lowest = args->window && position + 1 > args->window ? position + 1 - args->window : 0;
        const uint32_t from = lowest > block ? lowest - block : 0;
        const uint32_t to = position + 1 > block ? position + 1 - block : 0;
        if (from >= LANES || to == 0) continue;
        accumulate(args, scores[j], from, to < LANES ? to : LANES, values, &states[i + j]);
      }
    }
  }
  for (uint32_t i = 0; i < queries; i++) {
    const size_t row = sequence->row_start + first_row + i / heads;
    float *y = args->y + (row * args->heads + first_head + i % heads) * dim;
    const float inverse = 1.0f / states[i].sum;
    for (uint32_t d = 0; d < dim; d++) y[d] = states[i].output[d] * inverse;
  }
}

MK_INLINE uint32_t tiles_of(const mk_attention_sequence *sequence) { return (sequence->row_count + TILE_ROWS - 1) / TILE_ROWS; }

static void attention_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const attention_context *context = opaque;
  const mk_attention_args *args = context->args;
  const uint32_t per_tile = context->head_pieces;
  uint32_t tile = piece / per_tile;
  const uint32_t part = piece % per_tile, chunks = per_tile / args->kv->kv_heads;
  const mk_attention_sequence *sequence = args->sequences;
  while (tile >= tiles_of(sequence)) tile -= tiles_of(sequence++);
  // The longest tiles first, so that the region does not end with one of them.
  tile = tiles_of(sequence) - 1 - tile;
  const uint32_t first_row = tile * TILE_ROWS, left = sequence->row_count - first_row;
  const uint32_t kv_head = part / chunks, first = part % chunks * context->head_chunk;
  const uint32_t heads = context->group - first < context->head_chunk ? context->group - first : context->head_chunk;
  attend(context, sequence, first_row, left < TILE_ROWS ? left : TILE_ROWS, kv_head, kv_head * context->group + first, heads);
}

mk_status MK_NAME(attention)(mk_stream *stream, const mk_attention_args *args) {
  const mk_status status = mk_check_attention(stream, args);
  if (status != MK_OK) return status;
  if (args->sequence_count == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  attention_context context = {.args = args, .group = args->heads / kv->kv_heads};
  context.head_chunk = context.group < MAX_QUERIES / TILE_ROWS ? context.group : MAX_QUERIES / TILE_ROWS;
  if (args->sequence_count == 1 && args->sequences[0].row_count == 1 && kv->kv_heads < 4) {
    context.head_chunk = (context.head_chunk + 1) / 2;
  }
  context.head_pieces = kv->kv_heads * ((context.group + context.head_chunk - 1) / context.head_chunk);
  uint64_t tiles = 0;
  for (uint32_t s = 0; s < args->sequence_count; s++) {
    tiles += tiles_of(&args->sequences[s]);
  }
  if (tiles * context.head_pieces > UINT32_MAX) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, (uint32_t)(tiles * context.head_pieces), attention_piece, &context);
  return MK_OK;
}

size_t MK_NAME(attention_workspace_bytes)(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  (void)max_rows;
  (void)heads;
  (void)head_dim;
  return 64;
}
