/// Sampling by its definition: sort all tokens, cut, draw.
#include "../ops/arguments.h"
#include "../ops/draw.h"

#include <float.h>
#include <math.h>
#include <string.h>

/// e^x for x <= 0, the scalar form of the polynomial that all variants use: a draw needs the same bits everywhere.
static float exponential(float x) {
  if (x < -87.0f) return 0;
  const float shifted = fmaf(x, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
  float r = fmaf(n, -0.693145752f, x);
  r = fmaf(n, -1.42860677e-6f, r);
  float p = 1.3981999e-3f;
  p = fmaf(p, r, 8.3334519e-3f);
  p = fmaf(p, r, 4.1665796e-2f);
  p = fmaf(p, r, 1.66666657e-1f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  return ldexpf(p, (int)n);
}

typedef struct {
  float logit;
  int32_t token;
} candidate;

/// Whether `a` comes after `b`: a lower logit, or the same and a higher id.
static int is_worse(candidate a, candidate b) {
  return a.logit < b.logit || (a.logit == b.logit && a.token > b.token);
}

/// Restores the heap, whose root is the worst, below `root`.
static void sift(candidate *heap, uint32_t root, uint32_t count) {
  for (;;) {
    uint32_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && is_worse(heap[child + 1], heap[child])) child++;
    if (!is_worse(heap[child], heap[root])) return;
    const candidate moved = heap[root];
    heap[root] = heap[child];
    heap[child] = moved;
    root = child;
  }
}

/// Heapsort, best first: it needs no memory.
static void sort(candidate *candidates, uint32_t count) {
  for (uint32_t root = count / 2; root-- > 0;) sift(candidates, root, count);
  for (uint32_t last = count; last-- > 1;) {
    const candidate worst = candidates[0];
    candidates[0] = candidates[last];
    candidates[last] = worst;
    sift(candidates, 0, last);
  }
}

static float raw_weight(candidate c, float largest, const mk_sample_row *row) {
  return exponential((c.logit - largest) * (1.0f / row->temperature));
}

static double weight(candidate c, float largest, const mk_sample_row *row) {
  return nearbyint((double)raw_weight(c, largest, row) * 4294967296.0) / 4294967296.0;
}

static int32_t sample(const float *logits, uint32_t vocab, const mk_sample_row *row, candidate *candidates) {
  uint32_t count = 0, kept = 0;
  for (uint32_t token = 0; token < vocab; token++) {
    if (fabsf(logits[token]) <= FLT_MAX) candidates[count++] = (candidate){logits[token], (int32_t)token};
  }
  if (count == 0) return -1;
  sort(candidates, count);
  const float largest = candidates[0].logit;
  if (mk_is_greedy(row)) return candidates[0].token;
  if (row->top_k > 0 && row->top_k < count) count = row->top_k;
  if (row->top_p < 1) {
    double total = 0, mass = 0;
    for (uint32_t i = 0; i < count; i++) total += weight(candidates[i], largest, row);
    uint32_t nucleus = 0;
    do mass += weight(candidates[nucleus++], largest, row);
    while (mass < (double)row->top_p * total && nucleus < count);
    count = nucleus;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (i == 0 || !(raw_weight(candidates[i], largest, row) < row->min_p)) candidates[kept++] = candidates[i];
  }
  double total = 0;
  for (uint32_t i = 0; i < kept; i++) total += weight(candidates[i], largest, row);
  const double target = mk_uniform(row) * total;
  // The draw runs in id order: put the survivors' ids in order by giving them equal logits.
  for (uint32_t i = 0; i < kept; i++) candidates[i].logit = 0;
  sort(candidates, kept);
  double mass = 0;
  int32_t drawn = candidates[0].token;
  for (uint32_t i = 0; i < kept && !(mass > target); i++) {
    const candidate c = {logits[candidates[i].token], candidates[i].token};
    const double w = weight(c, largest, row);
    if (w > 0) drawn = c.token;
    mass += w;
  }
  return drawn;
}

size_t mk_reference_sample_workspace_bytes(uint32_t max_rows, uint32_t vocab) {
  (void)max_rows;
  return (size_t)vocab * sizeof(candidate);
}

mk_status mk_reference_sample(mk_stream *stream, const mk_sample_args *args) {
  const size_t needed = args ? mk_reference_sample_workspace_bytes(args->rows, args->vocab) : 0;
  const mk_status status = mk_check_sample(stream, args, needed);
  if (status != MK_OK) return status;
  for (uint32_t row = 0; row < args->rows; row++) {
    args->tokens[row] = sample(args->logits + (size_t)row * args->vocab, args->vocab, &args->row[row], args->workspace);
  }
  return MK_OK;
}
