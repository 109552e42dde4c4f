/// Logit bias, penalties and masks, included once for each instruction set: only the mask walks the vocabulary.
#include "lanes.h"

/// Minus infinity for the tokens that are not in the mask.
MK_INLINE void keep_allowed(float *logits, const uint32_t *mask, uint32_t vocab) {
  const mk_i32x16 lane = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  const mk_f32x16 none = mk_splat(-INFINITY);
  for (uint32_t start = 0; start < vocab; start += LANES) {
    const int32_t bits = (int32_t)(mask[start / 32] >> start % 32 & UINT16_MAX);
    if (bits == UINT16_MAX) continue;
    const uint32_t count = vocab - start < LANES ? vocab - start : LANES;
    const mk_i32x16 allowed = (lane & bits) != 0;
    if (count < LANES) {
      const mk_f32x16 values = mk_load_part(logits + start, count, 0);
      mk_store_part(logits + start, allowed ? values : none, count);
    } else {
      mk_store(logits + start, bits == 0 ? none : allowed ? mk_load(logits + start) : none);
    }
  }
}

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
  if (rule->allowed_mask) keep_allowed(logits, rule->allowed_mask, args->vocab);
}

mk_status MK_NAME(adjust_logits)(mk_stream *stream, const mk_adjust_args *args) {
  const mk_status status = mk_check_adjust_logits(stream, args);
  if (status != MK_OK) return status;
  mk_parallel(stream, args->rows, adjust_row, (void *)args);
  return MK_OK;
}
