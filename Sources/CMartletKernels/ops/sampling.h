/// Logit adjustment, sampling and log-probabilities, included once for each instruction set.
#include "lanes.h"

#include <stdlib.h>

static void adjust_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_adjust_args *args = opaque;
  const mk_adjust_row *rule = &args->row[row];
  float *logits = args->logits + (size_t)row * args->vocab;
  for (uint32_t i = 0; i < rule->bias_count; i++) {
    if ((uint32_t)rule->bias_tokens[i] < args->vocab) logits[rule->bias_tokens[i]] += rule->bias_values[i];
  }
  for (uint32_t i = 0; i < rule->history_count; i++) {
    const mk_history_entry entry = rule->history[i];
    if ((uint32_t)entry.token >= args->vocab) continue;
    float x = logits[entry.token];
    x = x > 0 ? x / rule->repetition : x * rule->repetition;
    if (entry.generated_count > 0) x -= rule->presence + rule->frequency * (float)entry.generated_count;
    logits[entry.token] = x;
  }
  for (uint32_t i = 0; i < rule->suppressed_count; i++) {
    if ((uint32_t)rule->suppressed[i] < args->vocab) logits[rule->suppressed[i]] = -INFINITY;
  }
  if (!rule->allowed_mask) return;
  for (uint32_t t = 0; t < args->vocab; t++) {
    if (!(rule->allowed_mask[t / 32] >> (t % 32) & 1)) logits[t] = -INFINITY;
  }
}

mk_status MK_NAME(adjust_logits)(mk_stream *stream, const mk_adjust_args *args) {
  if (!stream || !args || !args->logits || !args->row || args->vocab == 0) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, args->rows, adjust_row, (void *)args);
  return MK_OK;
}

/// Largest value; -inf when none is finite. NaN and +inf count as absent.
MK_INLINE float largest_logit(const float *x, uint32_t count) {
  const mk_f32x16 none = mk_splat(-INFINITY), limit = mk_splat(3.4e38f);
  mk_f32x16 best = none;
  for (uint32_t i = 0; i < count; i += LANES) {
    mk_f32x16 v = count - i >= LANES ? mk_load(x + i) : mk_load_part(x + i, count - i, -INFINITY);
    v = v <= limit ? v : none;
    best = mk_max(best, v);
  }
  return mk_max_lanes(best);
}

/// e^((x - max) * inverse temperature), 0 for what is not finite.
MK_INLINE mk_f32x16 weights_at(const float *x, uint32_t i, uint32_t count, float maximum, float inverse) {
  mk_f32x16 v = count - i >= LANES ? mk_load(x + i) : mk_load_part(x + i, count - i, -INFINITY);
  const mk_f32x16 d = (v - mk_splat(maximum)) * mk_splat(inverse);
  return d <= mk_splat(0) ? mk_exp(d) : mk_splat(0);
}

/// Sum of weights: sixteen lanes folded per group of 4096 values, the groups added in double.
MK_INLINE double total_weight(const float *x, uint32_t count, float maximum, float inverse) {
  enum { GROUP = 4096 };
  double total = 0;
  for (uint32_t start = 0; start < count; start += GROUP) {
    mk_f32x16 sum = mk_splat(0);
    const uint32_t end = start + GROUP < count ? start + GROUP : count;
    for (uint32_t i = start; i < end; i += LANES) sum += weights_at(x, i, count, maximum, inverse);
    total += mk_sum_lanes(sum);
  }
  return total;
}

/// Philox4x32-10 (Salmon et al., 2011).
MK_INLINE void philox(uint64_t key, uint64_t counter, uint32_t out[4]) {
  uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
    memcpy(c, next, sizeof c);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  memcpy(out, c, sizeof c);
}

/// Uniform in (0, 1).
MK_INLINE double uniform(const mk_sample_row *row) {
  uint32_t bits[4];
  philox(row->seed, row->position, bits);
  const uint64_t wide = (uint64_t)bits[0] << 32 | bits[1];
  return ((double)(wide >> 12) + 0.5) / 4503599627370496.0;
}

typedef struct {
  float logit;
  int32_t token;
} candidate;

static int compare_candidates(const void *left, const void *right) {
  const candidate *a = left, *b = right;
  if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
  return a->token < b->token ? -1 : a->token > b->token;
}

/// Tokens with finite logits of at least `threshold`, in id order.
MK_INLINE uint32_t collect(const float *x, uint32_t count, float threshold, candidate *out) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (x[i] >= threshold && x[i] <= 3.4e38f) out[found++] = (candidate){x[i], (int32_t)i};
  }
  return found;
}

/// Order-preserving integer of a float.
MK_INLINE uint32_t sortable(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/// The k-th largest logit, by histograms over 11, 11 and 10 bits.
MK_INLINE float kth_largest(const float *x, uint32_t count, uint32_t k) {
  uint32_t prefix = 0, known = 0;
  static const uint32_t widths[3] = {11, 11, 10};
  for (int pass = 0; pass < 3; pass++) {
    uint32_t histogram[2048] = {0};
    const uint32_t shift = 32 - known - widths[pass], mask = (1u << widths[pass]) - 1;
    for (uint32_t i = 0; i < count; i++) {
      if (!(x[i] <= 3.4e38f)) continue;
      const uint32_t key = sortable(x[i]);
      if (known && key >> (32 - known) != prefix) continue;
      histogram[key >> shift & mask]++;
    }
    uint32_t bucket = mask;
    while (bucket > 0 && histogram[bucket] < k) k -= histogram[bucket--];
    prefix = prefix << widths[pass] | bucket;
    known += widths[pass];
  }
  const uint32_t bits = prefix & 0x80000000u ? prefix & 0x7fffffffu : ~prefix;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

MK_INLINE double weight_of(float logit, float maximum, float inverse) {
  return mk_exp(mk_splat((logit - maximum) * inverse))[0];
}

/// Draws among candidates in their order.
MK_INLINE int32_t draw_among(const candidate *c, uint32_t count, float maximum, float inverse, double u) {
  double total = 0;
  for (uint32_t i = 0; i < count; i++) total += weight_of(c[i].logit, maximum, inverse);
  double target = u * total;
  for (uint32_t i = 0; i + 1 < count; i++) {
    target -= weight_of(c[i].logit, maximum, inverse);
    if (target < 0) return c[i].token;
  }
  return c[count - 1].token;
}

/// Draws from the whole distribution in two passes.
MK_INLINE int32_t draw_from_all(const float *x, uint32_t count, float maximum, float inverse, double u) {
  enum { GROUP = 4096 };
  double target = u * total_weight(x, count, maximum, inverse);
  int32_t last = -1;
  for (uint32_t start = 0; start < count; start += GROUP) {
    const uint32_t end = start + GROUP < count ? start + GROUP : count;
    mk_f32x16 sum = mk_splat(0);
    for (uint32_t i = start; i < end; i += LANES) sum += weights_at(x, i, count, maximum, inverse);
    const double mass = mk_sum_lanes(sum);
    if (target >= mass && end < count) {
      target -= mass;
      continue;
    }
    for (uint32_t i = start; i < end; i += LANES) {
      const mk_f32x16 w = weights_at(x, i, count, maximum, inverse);
      for (uint32_t j = 0; j < LANES && i + j < end; j++) {
        if (w[j] > 0) last = (int32_t)(i + j);
        target -= w[j];
        if (target < 0 && w[j] > 0) return last;
      }
    }
  }
  if (last >= 0) return last;
  for (uint32_t i = 0; i < count; i++) {
    if (x[i] == maximum) return (int32_t)i;
  }
  return -1;
}

/// Candidates of the nucleus, best first: the shortest prefix whose probability reaches top_p.
MK_INLINE uint32_t nucleus(candidate *c, uint32_t count, float maximum, float inverse, double total, float top_p) {
  double mass = 0;
  for (uint32_t i = 0; i < count; i++) {
    mass += weight_of(c[i].logit, maximum, inverse);
    if (mass >= (double)top_p * total) return i + 1;
  }
  return count;
}

MK_INLINE int32_t sample_one(const float *x, uint32_t vocab, const mk_sample_row *row, candidate *scratch) {
  const float maximum = largest_logit(x, vocab);
  if (!(maximum > -INFINITY)) return -1;
  if (row->temperature <= 0 || row->top_k == 1) {
    for (uint32_t i = 0; i < vocab; i++) {
      if (x[i] == maximum) return (int32_t)i;
    }
    return -1;
  }
  const float inverse = 1.0f / row->temperature;
  const double u = uniform(row);
  const int limited = row->top_k > 0 && row->top_k < vocab;
  if (!limited && row->top_p >= 1 && row->min_p <= 0) return draw_from_all(x, vocab, maximum, inverse, u);
  uint32_t count;
  double total;
  if (limited) {
    count = collect(x, vocab, kth_largest(x, vocab, row->top_k), scratch);
    qsort(scratch, count, sizeof *scratch, compare_candidates);
    if (count > row->top_k) count = row->top_k;
    total = 0;
    for (uint32_t i = 0; i < count; i++) total += weight_of(scratch[i].logit, maximum, inverse);
  } else {
    total = total_weight(x, vocab, maximum, inverse);
    // The nucleus nearly always lies within a factor of e^-8 of the best token: sort only those, all if it does not.
    count = collect(x, vocab, row->top_p < 1 ? maximum - 8.0f * row->temperature : -INFINITY, scratch);
    double mass = 0;
    for (uint32_t i = 0; i < count; i++) mass += weight_of(scratch[i].logit, maximum, inverse);
    if (mass < (double)row->top_p * total) count = collect(x, vocab, -3.4e38f, scratch);
    if (row->top_p < 1) qsort(scratch, count, sizeof *scratch, compare_candidates);
  }
  if (row->top_p < 1) count = nucleus(scratch, count, maximum, inverse, total, row->top_p);
  if (row->min_p > 0) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
      if (weight_of(scratch[i].logit, maximum, inverse) >= row->min_p) scratch[kept++] = scratch[i];
    }
    count = kept;
  }
  return count ? draw_among(scratch, count, maximum, inverse, u) : -1;
}

static void sample_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_sample_args *args = opaque;
  candidate *scratch = (candidate *)args->workspace + (size_t)row * args->vocab;
  args->tokens[row] = sample_one(args->logits + (size_t)row * args->vocab, args->vocab, &args->row[row], scratch);
}

mk_status MK_NAME(sample)(mk_stream *stream, const mk_sample_args *args) {
  if (!stream || !args || !args->logits || !args->row || !args->tokens || !args->workspace || args->vocab == 0 ||
      args->workspace_bytes < (size_t)args->rows * args->vocab * sizeof(candidate)) {
    return MK_INVALID_ARGUMENT;
  }
  mk_parallel(stream, args->rows, sample_row, (void *)args);
  return MK_OK;
}

static void logprob_row(void *opaque, uint32_t row, uint32_t worker) {
  (void)worker;
  const mk_logprob_args *args = opaque;
  const float *x = args->logits + (size_t)row * args->vocab;
  const float maximum = largest_logit(x, args->vocab);
  const float normalizer = maximum + (float)log(total_weight(x, args->vocab, maximum, 1.0f));
  if (args->tokens) args->token_logprobs[row] = x[args->tokens[row]] - normalizer;
  int32_t *tokens = args->top_tokens + (size_t)row * args->top_count;
  float *logprobs = args->top_logprobs + (size_t)row * args->top_count;
  uint32_t count = 0;
  for (uint32_t i = 0; i < args->vocab && args->top_count > 0; i++) {
    if (count == args->top_count && !(x[i] > logprobs[count - 1])) continue;
    uint32_t place = count < args->top_count ? count++ : count - 1;
    for (; place > 0 && x[i] > logprobs[place - 1]; place--) {
      logprobs[place] = logprobs[place - 1];
      tokens[place] = tokens[place - 1];
    }
    logprobs[place] = x[i];
    tokens[place] = (int32_t)i;
  }
  for (uint32_t i = 0; i < count; i++) logprobs[i] -= normalizer;
}

mk_status MK_NAME(logprobs)(mk_stream *stream, const mk_logprob_args *args) {
  if (!stream || !args || !args->logits || args->vocab == 0 || args->top_count > args->vocab ||
      (args->tokens && !args->token_logprobs) || (args->top_count > 0 && (!args->top_tokens || !args->top_logprobs))) {
    return MK_INVALID_ARGUMENT;
  }
  for (uint32_t row = 0; args->tokens && row < args->rows; row++) {
    if ((uint32_t)args->tokens[row] >= args->vocab) return MK_INVALID_ARGUMENT;
  }
  mk_parallel(stream, args->rows, logprob_row, (void *)args);
  return MK_OK;
}
