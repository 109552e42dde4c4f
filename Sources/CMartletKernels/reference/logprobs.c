/// Log softmax of chosen and best tokens, scalar, in double precision.
#include "../ops/arguments.h"

#include <float.h>
#include <math.h>

/// What is not finite counts as -inf.
static double logit(const float *row, uint32_t token) {
  return fabsf(row[token]) <= FLT_MAX ? (double)row[token] : -INFINITY;
}

/// Whether token `a` comes before `b`.
static int is_better(const float *row, uint32_t a, uint32_t b) {
  return logit(row, a) > logit(row, b) || (logit(row, a) == logit(row, b) && a < b);
}

static float logprob(const float *row, uint32_t token, double normaliser) {
  return logit(row, token) == -INFINITY ? -INFINITY : (float)(logit(row, token) - normaliser);
}

mk_status mk_reference_logprobs(mk_stream *stream, const mk_logprob_args *args) {
  const mk_status status = mk_check_logprobs(stream, args);
  if (status != MK_OK) return status;
  for (uint32_t row = 0; row < args->rows; row++) {
    const float *logits = args->logits + (size_t)row * args->vocab;
    double maximum = -INFINITY, sum = 0;
    for (uint32_t t = 0; t < args->vocab; t++) maximum = fmax(maximum, logit(logits, t));
    for (uint32_t t = 0; t < args->vocab && maximum > -INFINITY; t++) sum += exp(logit(logits, t) - maximum);
    const double normaliser = maximum + log(sum);
    if (args->tokens) args->token_logprobs[row] = logprob(logits, (uint32_t)args->tokens[row], normaliser);
    if (args->top_count == 0) continue;
    int32_t *top = args->top_tokens + (size_t)row * args->top_count;
    uint32_t count = 0;
    for (uint32_t t = 0; t < args->vocab; t++) {
      uint32_t place = count;
      while (place > 0 && is_better(logits, t, (uint32_t)top[place - 1])) place--;
      if (place == args->top_count) continue;
      if (count < args->top_count) count++;
      for (uint32_t i = count - 1; i > place; i--) top[i] = top[i - 1];
      top[place] = (int32_t)t;
    }
    for (uint32_t i = 0; i < args->top_count; i++) {
      args->top_logprobs[(size_t)row * args->top_count + i] = logprob(logits, (uint32_t)top[i], normaliser);
    }
  }
  return MK_OK;
}
