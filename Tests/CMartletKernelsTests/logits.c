/// What happens to logits: adjustments, draws, log-probabilities.
#include "check.h"

#include <math.h>
#include <string.h>

enum { ROWS = 5, MOST_LISTED = 8 };

/// Random logits with ties and some that are not finite.
static void fill_logits(float *x, size_t count, float scale) {
  fill_floats(x, count, scale);
  for (size_t i = 0; i < count; i++) {
    switch (random_bits() % 12) {
    case 0: x[i] = -INFINITY; break;
    case 1: x[i] = i % 2 ? NAN : INFINITY; break;
    case 2:
    case 3: x[i] = x[random_bits() % (i + 1)]; break;
    case 4: x[i] = -0.0f; break;
    case 5: x[i] = 0; break;
    default: break;
    }
  }
}

static void test_adjust(const pair *p, uint32_t vocab) {
  const size_t bytes = sizeof(float) * ROWS * vocab;
  float *logits[2] = {guarded(bytes), guarded(bytes)}, bias[MOST_LISTED];
  int32_t tokens[MOST_LISTED];
  mk_history_entry history[MOST_LISTED];
  uint32_t *mask = guarded((vocab + 31) / 32 * 4);
  for (uint32_t i = 0; i < (vocab + 31) / 32; i++) mask[i] = i % 3 ? random_bits() : UINT32_MAX;
  for (int i = 0; i < MOST_LISTED; i++) {
    tokens[i] = (int32_t)(random_bits() % vocab);
    bias[i] = random_float(5);
    history[i] = (mk_history_entry){(int32_t)(random_bits() % vocab), random_bits() % 4};
  }
  mk_adjust_row rows[ROWS];
  for (uint32_t r = 0; r < ROWS; r++) {
    rows[r] = (mk_adjust_row){
        .bias_tokens = tokens, .bias_values = bias, .history = history, .suppressed = tokens + 3,
        .allowed_mask = r % 2 ? mask : NULL, .bias_count = r, .history_count = MOST_LISTED - r, .suppressed_count = r / 2,
        .repetition = 1 + 0.1f * (float)r, .frequency = 0.3f * (float)r, .presence = 0.7f,
    };
  }
  fill_floats(logits[0], (size_t)ROWS * vocab, 9);
  memcpy(logits[1], logits[0], bytes);
  for (int i = 0; i < 2; i++) {
    const side s = i ? expected(p) : tested(p);
    const mk_adjust_args args = {.logits = logits[i], .rows = ROWS, .vocab = vocab, .row = rows};
    check_status(s.table->adjust_logits(s.stream, &args), "adjust_logits");
  }
  check(same_bits(logits[0], logits[1], (size_t)ROWS * vocab), "adjustments of %u logits", vocab);
  release(logits[0]);
  release(logits[1]);
  release(mask);
}

static void test_sample(const pair *p, uint32_t vocab, float scale) {
  static const mk_sample_row rules[] = {
      {0, 1, 0, 0, 0, 0},       {0.8f, 1, 0, 0, 0, 0},    {1, 0.9f, 0, 0, 0, 0},  {1, 1, 0, 40, 0, 0},
      {1.5f, 1, 0.05f, 0, 0, 0}, {0.6f, 0.5f, 0.01f, 7, 0, 0}, {1, 0.05f, 0, 3, 0, 0}, {2, 0.99f, 0, 0, 0, 0},
  };
  enum { COUNT = sizeof rules / sizeof *rules };
  float *logits = guarded(sizeof(float) * COUNT * vocab);
  mk_sample_row rows[COUNT];
  int32_t *tokens[2];
  for (uint32_t position = 0; position < 6; position++) {
    fill_logits(logits, (size_t)COUNT * vocab, scale);
    for (int r = 0; r < COUNT; r++) {
      rows[r] = rules[r];
      rows[r].seed = random_bits();
      rows[r].position = position;
    }
    for (int i = 0; i < 2; i++) {
      const side s = i ? expected(p) : tested(p);
      const size_t bytes = s.table->sample_workspace_bytes(COUNT, vocab);
      void *workspace = guarded(bytes);
      tokens[i] = guarded(sizeof(int32_t) * COUNT);
      const mk_sample_args args = {.logits = logits, .rows = COUNT, .vocab = vocab, .row = rows, .tokens = tokens[i],
                                   .workspace = workspace, .workspace_bytes = bytes};
      check_status(s.table->sample(s.stream, &args), "sample");
      release(workspace);
    }
    for (int r = 0; r < COUNT; r++) {
      check(tokens[0][r] == tokens[1][r], "rule %d of %u logits draws %d, not %d", r, vocab, tokens[0][r], tokens[1][r]);
    }
    release(tokens[0]);
    release(tokens[1]);
  }
  release(logits);
}

static void test_logprobs(const pair *p, uint32_t vocab, float scale) {
  const uint32_t top = least(vocab, 20);
  float *logits = guarded(sizeof(float) * ROWS * vocab), *chosen[2], *best[2];
  int32_t tokens[ROWS], *best_tokens[2];
  fill_logits(logits, (size_t)ROWS * vocab, scale);
  for (int r = 0; r < ROWS; r++) tokens[r] = (int32_t)(random_bits() % vocab);
  for (int i = 0; i < 2; i++) {
    const side s = i ? expected(p) : tested(p);
    chosen[i] = guarded(sizeof(float) * ROWS);
    best[i] = guarded(sizeof(float) * ROWS * top);
    best_tokens[i] = guarded(sizeof(int32_t) * ROWS * top);
    const mk_logprob_args args = {
        .logits = logits, .rows = ROWS, .vocab = vocab, .tokens = tokens, .token_logprobs = chosen[i], .top_count = top,
        .top_tokens = best_tokens[i], .top_logprobs = best[i],
    };
    check_status(s.table->logprobs(s.stream, &args), "logprobs");
  }
  check(worst_difference(chosen[0], chosen[1], ROWS) <= 2e-6, "log-probabilities of %u tokens", vocab);
  check(worst_difference(best[0], best[1], ROWS * top) <= 2e-6, "best log-probabilities of %u tokens", vocab);
  check(memcmp(best_tokens[0], best_tokens[1], sizeof(int32_t) * ROWS * top) == 0, "best of %u tokens", vocab);
  for (int i = 0; i < 2; i++) {
    release(chosen[i]);
    release(best[i]);
    release(best_tokens[i]);
  }
  release(logits);
}

void test_logits(const pair *p) {
  static const uint32_t vocabularies[] = {1, 2, 15, 16, 17, 100, 1000, 9001};
  for (size_t v = 0; v < sizeof vocabularies / sizeof *vocabularies; v++) {
    test_adjust(p, vocabularies[v]);
    test_sample(p, vocabularies[v], 4);
    test_sample(p, vocabularies[v], 30);
    test_logprobs(p, vocabularies[v], 3);
    test_logprobs(p, vocabularies[v], 20000);
  }
}
