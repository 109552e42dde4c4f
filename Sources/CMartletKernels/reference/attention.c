/// Attention over the paged KV, scalar, in double precision: one query head at a time, one position after the other.
#include "../ops/arguments.h"
#include "cache.h"

#include <math.h>

typedef struct {
  const mk_attention_args *args;
  const int32_t *pages; ///< of the sequence
  uint32_t first, end;  ///< the positions that the query sees
  uint32_t kv_head;
} visible_keys;

static size_t slot_at(const visible_keys *keys, uint32_t position) {
  const mk_kv_layer *kv = keys->args->kv;
  return mk_reference_slot(kv, (uint32_t)keys->pages[position / kv->page_size], position % kv->page_size, keys->kv_head);
}

static double score(const visible_keys *keys, const float *q, uint32_t position) {
  const mk_attention_args *args = keys->args;
  const size_t key = slot_at(keys, position);
  double sum = 0;
  for (uint32_t i = 0; i < args->kv->head_dim; i++) sum += (double)q[i] * mk_reference_read(args->kv, key + i);
  sum *= args->scale;
  return args->soft_cap > 0 ? args->soft_cap * tanh(sum / args->soft_cap) : sum;
}

/// y = sum of softmax(scores) * values, with the scores computed twice rather than kept.
static void attend(const visible_keys *keys, const float *q, float *y) {
  const mk_kv_layer *kv = keys->args->kv;
  double maximum = -INFINITY, total = 0, output[MK_MAX_HEAD_DIM] = {0};
  for (uint32_t position = keys->first; position < keys->end; position++) {
    maximum = fmax(maximum, score(keys, q, position));
  }
  for (uint32_t position = keys->first; position < keys->end; position++) {
    const double weight = exp(score(keys, q, position) - maximum);
    const size_t value = slot_at(keys, position) + kv->head_dim;
    for (uint32_t i = 0; i < kv->head_dim; i++) output[i] += weight * mk_reference_read(kv, value + i);
    total += weight;
  }
  for (uint32_t i = 0; i < kv->head_dim; i++) y[i] = (float)(output[i] / total);
}

mk_status mk_reference_attention(mk_stream *stream, const mk_attention_args *args) {
  const mk_status status = mk_check_attention(stream, args);
  if (status != MK_OK) return status;
  for (uint32_t s = 0; s < args->sequence_count; s++) {
    const mk_attention_sequence *sequence = &args->sequences[s];
    for (uint32_t i = 0; i < sequence->row_count; i++) {
      const uint32_t position = sequence->kv_length - sequence->row_count + i, dim = args->kv->head_dim;
      const size_t row = (size_t)sequence->row_start + i;
      visible_keys keys = {.args = args, .pages = args->page_table + sequence->page_offset, .end = position + 1};
      keys.first = mk_first_visible(args->window, position);
      for (uint32_t head = 0; head < args->heads; head++) {
        keys.kv_head = head / (args->heads / args->kv->kv_heads);
        attend(&keys, args->q + row * args->q_stride + (size_t)head * dim, args->y + (row * args->heads + head) * dim);
      }
    }
  }
  return MK_OK;
}

size_t mk_reference_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  (void)max_rows;
  (void)heads;
  (void)head_dim;
  return 64;
}

size_t mk_reference_kv_layer_bytes(const mk_kv_layer *kv) {
  if (kv->dtype > MK_BF16) return 0;
  return (size_t)kv->pages * kv->kv_heads * 2 * kv->page_size * kv->head_dim * (kv->dtype == MK_F32 ? 4 : 2);
}
