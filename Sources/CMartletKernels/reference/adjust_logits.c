/// Logit bias, penalties and masks, scalar.
#include "../ops/arguments.h"

#include <math.h>

static void adjust(float *logits, uint32_t vocab, const mk_adjust_row *row) {
  for (uint32_t i = 0; i < row->bias_count; i++) logits[row->bias_tokens[i]] += row->bias_values[i];
  for (uint32_t i = 0; i < row->history_count; i++) {
    const mk_history_entry entry = row->history[i];
    float *logit = &logits[entry.token];
    *logit = *logit > 0 ? *logit / row->repetition : *logit * row->repetition;
    // Two roundings on every processor: one expression would be contracted where there is a fused product.
    const float penalty = row->frequency * (float)entry.generated_count;
    if (entry.generated_count > 0) *logit -= row->presence + penalty;
  }
  for (uint32_t i = 0; i < row->suppressed_count; i++) logits[row->suppressed[i]] = -INFINITY;
  for (uint32_t token = 0; row->allowed_mask && token < vocab; token++) {
    if (!(row->allowed_mask[token / 32] >> (token % 32) & 1)) logits[token] = -INFINITY;
  }
}

mk_status mk_reference_adjust_logits(mk_stream *stream, const mk_adjust_args *args) {
  const mk_status status = mk_check_adjust_logits(stream, args);
  if (status != MK_OK) return status;
  for (uint32_t row = 0; row < args->rows; row++) {
    adjust(args->logits + (size_t)row * args->vocab, args->vocab, &args->row[row]);
  }
  return MK_OK;
}
