/// Log-probabilities, included once for each instruction set.
#include "logits.h"

/// Sum of e^(x - maximum): sixteen lanes folded per group of 4096 values, the groups added in double.
MK_INLINE double total_weight(const float *x, uint32_t count, float maximum) {
  enum { GROUP = 4096 };
  double total = 0;
  for (uint32_t start = 0; start < count; start += GROUP) {
    mk_f32x16 sum = mk_splat(0);
    const uint32_t end = count - start > GROUP ? start + GROUP : count;
    for (uint32_t i = start; i < end; i += LANES) sum += mk_exp(load_logits(x, i, count) - mk_splat(maximum));
    total += mk_sum_lanes(sum);
  }
  return total;
}

/// Keeps the best `limit` logits in order, lowest id first among equals.
MK_INLINE void best_logits(const float *x, uint32_t vocab, uint32_t limit, int32_t *tokens, float *logits) {
  uint32_t count = 0;
  for (uint32_t start = 0; start < vocab; start += LANES) {
    const mk_f32x16 v = load_logits(x, start, vocab);
    if (count == limit && !mk_any(v > mk_splat(logits[limit - 1]))) continue;
    float lanes[LANES];
    mk_store(lanes, v);
    for (uint32_t i = 0; i < LANES && start + i < vocab; i++) {
      if (count == limit && !(lanes[i] > logits[limit - 1])) continue;
      uint32_t place = count < limit ? count++ : limit - 1;
      for (; place > 0 && lanes[i] > logits[place - 1]; place--) {
        logits[place] = logits[place - 1];
        tokens[place] = tokens[place - 1];
      }
      logits[place] = lanes[i];
      tokens[place] = (int32_t)(start + i);
    }
  }
}

static void logprob_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_logprob_args *args = opaque;
  const float *x = args->logits + (size_t)row * args->vocab;
  const float maximum = largest_logit(x, args->vocab);
  const int empty = maximum == -INFINITY;
  // In double: a float near a large logit is too coarse for the small difference that is asked for.
  const double normaliser = empty ? 0 : maximum + log(total_weight(x, args->vocab, maximum));
  if (args->tokens) {
    const float logit = x[args->tokens[row]];
    args->token_logprobs[row] = fabsf(logit) <= FLT_MAX ? (float)(logit - normaliser) : -INFINITY;
  }
  if (args->top_count == 0) return;
  int32_t *tokens = args->top_tokens + (size_t)row * args->top_count;
  float *logprobs = args->top_logprobs + (size_t)row * args->top_count;
  best_logits(x, args->vocab, args->top_count, tokens, logprobs);
  for (uint32_t i = 0; i < args->top_count; i++) logprobs[i] = (float)(logprobs[i] - normaliser);
}

mk_status MK_NAME(logprobs)(mk_stream *stream, const mk_logprob_args *args) {
  const mk_status status = mk_check_logprobs(stream, args);
  if (status != MK_OK) return status;
  mk_parallel(stream, args->rows, logprob_row, (void *)args);
  return MK_OK;
}
