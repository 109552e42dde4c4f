/// Logit bias, penalties and masks, included once for each instruction set: only the mask walks the vocabulary.
#include "lanes.h"

static void adjust_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_adjust_args *args = opaque;
  const mk_adjust_row *rule = &args->row[row];
  float *logits = args->logits + (size_t)row * args->vocab;
  for (uint32_t i = 0; i < rule->bias_count; i++) logits[rule->bias_tokens[i]] += rule->bias_values[i];
  for (uint32_t i = 0; i < rule->history_count; i++) {
    const mk_history_entry entry = rule->history[i];
    float x = logits[entry.token];
    x = x > 0 ? x / rule->repetition : x * rule->repetition;
    const float penalty = rule->frequency * (float)entry.generated_count;
    if (entry.generated_count > 0) x -= rule->presence + penalty;
    logits[entry.token] = x;
  }
  for (uint32_t i = 0; i < rule->suppressed_count; i++) logits[rule->suppressed[i]] = -INFINITY;
  for (uint32_t start = 0; rule->allowed_mask && start < args->vocab; start += 32) {
    const uint32_t word = rule->allowed_mask[start / 32];
    const uint32_t count = args->vocab - start < 32 ? args->vocab - start : 32;
    if (word == UINT32_MAX) continue;
    for (uint32_t bit = 0; bit < count; bit++) {
      if (!(word >> bit & 1)) logits[start + bit] = -INFINITY;
    }
  }
}

mk_status MK_NAME(adjust_logits)(mk_stream *stream, const mk_adjust_args *args) {
  const mk_status status = mk_check_adjust_logits(stream, args);
  if (status != MK_OK) return status;
  mk_parallel(stream, args->rows, adjust_row, (void *)args);
  return MK_OK;
}
