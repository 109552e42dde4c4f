/// Sampling without sorting, included once for each instruction set.
///
/// Weights add up exactly in any order, so top-k and top-p become a threshold on the logits, found by a radix search over
/// their bits with counts or masses per bucket. Blocks of sixteen that cannot matter are skipped after one comparison.
#include "draw.h"
#include "logits.h"

enum { WEIGHT_GROUP = 4096, WEIGHT_GROUPS = MK_MAX_SAMPLED_VOCABULARY / WEIGHT_GROUP, BUCKETS = 2048 };

/// The tokens still in play: logits above `threshold`, and the first `ties` at it.
typedef struct {
  const float *logits;
  uint32_t vocab;
  float largest, inverse;
  float least; ///< smallest unrounded weight to keep
  float threshold;
  uint32_t ties;
} selection;

/// Order-preserving integer of a float.
MK_INLINE uint32_t key_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
MK_INLINE float float_of(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// Rounded weights of the selected tokens among sixteen, 0 for others. Returns 0 when all are 0.
MK_INLINE int selected_weights(const selection *s, uint32_t i, uint32_t *ties_seen, mk_f64x16 *weights) {
  const mk_f32x16 v = load_logits(s->logits, i, s->vocab), threshold = mk_splat(s->threshold);
  const mk_f32x16 d = (v - mk_splat(s->largest)) * mk_splat(s->inverse);
  mk_i32x16 keep = v > threshold;
  const mk_i32x16 tied = v == threshold;
  if (mk_any(tied)) {
    for (uint32_t lane = 0; lane < LANES; lane++) {
      if (tied[lane] && (*ties_seen)++ < s->ties) keep[lane] = -1;
    }
  }
  // e^-23 rounds to 0.
  keep &= d >= mk_splat(-23.0f);
  if (!mk_any(keep)) return 0;
  mk_f32x16 w = mk_exp(d);
  w = keep ? w : mk_splat(0);
  w = w >= mk_splat(s->least) ? w : mk_splat(0);
  // A double of this size holds multiples of 2^-32.
  const mk_f64x16 round = (mk_f64x16)1048576.0;
  *weights = (__builtin_convertvector(w, mk_f64x16) + round) - round;
  return 1;
}

/// The selection's weight, and that of each group of tokens.
MK_INLINE double selected_mass(const selection *s, double *groups) {
  double total = 0;
  uint32_t ties_seen = 0;
  for (uint32_t start = 0; start < s->vocab; start += WEIGHT_GROUP) {
    mk_f64x16 sum = (mk_f64x16)0.0;
    const uint32_t end = s->vocab - start > WEIGHT_GROUP ? start + WEIGHT_GROUP : s->vocab;
    for (uint32_t i = start; i < end; i += LANES) {
      mk_f64x16 weights;
      if (selected_weights(s, i, &ties_seen, &weights)) sum += weights;
    }
    groups[start / WEIGHT_GROUP] = __builtin_reduce_add(__builtin_convertvector(sum * 4294967296.0, mk_i64x16)) / 4294967296.0;
    total += groups[start / WEIGHT_GROUP];
  }
  return total;
}

/// The k-th largest of x and how many equal ones belong to the best k, among values of at least `floor`.
/// Returns 0 when there are fewer than k.
static int kth_largest(const float *x, uint32_t count, uint32_t k, float floor, float *kth, uint32_t *ties) {
  uint32_t low = 0, high = UINT32_MAX;
  static const uint32_t shifts[3] = {21, 10, 0};
  float least = floor, most = FLT_MAX;
  for (int pass = 0; pass < 3; pass++) {
    uint32_t histogram[BUCKETS] = {0};
    for (uint32_t i = 0; i < count; i += LANES) {
      const mk_f32x16 v = load_logits(x, i, count);
      if (!mk_any((v >= mk_splat(least)) & (v <= mk_splat(most)))) continue;
      float lanes[LANES];
      mk_store(lanes, v);
      for (uint32_t lane = 0; lane < LANES; lane++) {
        if (lanes[lane] >= least && lanes[lane] <= most) histogram[(key_of(lanes[lane]) - low) >> shifts[pass]]++;
      }
    }
    uint32_t bucket = (high - low) >> shifts[pass];
    while (bucket > 0 && histogram[bucket] < k) k -= histogram[bucket--];
    if (histogram[bucket] < k) return 0;
    low += bucket << shifts[pass];
    high = low + ((1u << shifts[pass]) - 1);
    const float bottom = float_of(low);
    least = bottom > floor ? bottom : floor;
    most = float_of(high);
  }
  *kth = float_of(low);
  *ties = k;
  return 1;
}

/// Cuts the selection to the best k. The k-th largest of the maxima of many small groups bounds the k-th of all.
static void keep_best(selection *s, uint32_t k) {
  enum { PARTS = 64 };
  float maxima[PARTS * LANES], floor = -FLT_MAX;
  uint32_t ties;
  const uint32_t part = (s->vocab + PARTS * LANES - 1) / (PARTS * LANES) * LANES;
  for (uint32_t p = 0; p < PARTS; p++) {
    mk_f32x16 best = mk_splat(-INFINITY);
    for (uint32_t i = p * part; i < (p + 1) * part && i < s->vocab; i += LANES) {
      best = mk_max(best, load_logits(s->logits, i, s->vocab));
    }
    mk_store(maxima + p * LANES, best);
  }
  if (k > PARTS * LANES || !kth_largest(maxima, PARTS * LANES, k, -FLT_MAX, &floor, &ties)) floor = -FLT_MAX;
  kth_largest(s->logits, s->vocab, k, floor, &s->threshold, &s->ties);
}

/// Masses per bucket of the selected tokens whose keys lie in [low, high].
MK_INLINE void mass_histogram(const selection *s, uint32_t low, uint32_t high, uint32_t shift, double *masses) {
  const float least = low ? float_of(low) : -FLT_MAX, most = high == UINT32_MAX ? FLT_MAX : float_of(high);
  uint32_t ties_seen = 0;
  memset(masses, 0, BUCKETS * sizeof *masses);
  for (uint32_t i = 0; i < s->vocab; i += LANES) {
    const mk_f32x16 v = load_logits(s->logits, i, s->vocab);
    if (!mk_any((v >= mk_splat(least)) & (v <= mk_splat(most)))) continue;
    mk_f64x16 w;
    if (!selected_weights(s, i, &ties_seen, &w)) continue;
    float lanes[LANES];
    double weights[LANES];
    mk_store(lanes, v);
    memcpy(weights, &w, sizeof weights);
    for (uint32_t lane = 0; lane < LANES; lane++) {
      if (weights[lane] > 0 && lanes[lane] >= least && lanes[lane] <= most) {
        masses[(key_of(lanes[lane]) - low) >> shift] += weights[lane];
      }
    }
  }
}

/// Cuts the selection to the shortest run of its best tokens whose weight reaches `goal`.
static void keep_mass(selection *s, double goal) {
  static const uint32_t shifts[3] = {21, 10, 0};
  double masses[BUCKETS], above = 0;
  uint32_t low = 0, high = UINT32_MAX;
  for (int pass = 0; pass < 3; pass++) {
    mass_histogram(s, low, high, shifts[pass], masses);
    uint32_t bucket = (high - low) >> shifts[pass];
    while (bucket > 0 && !(masses[bucket] > 0 && above + masses[bucket] >= goal)) above += masses[bucket--];
    if (!(masses[bucket] > 0)) return;
    low += bucket << shifts[pass];
    high = low + ((1u << shifts[pass]) - 1);
    if (shifts[pass] == 0) masses[0] = masses[bucket];
  }
  const float threshold = float_of(low);
  mk_f32x16 d = (mk_splat(threshold) - mk_splat(s->largest)) * mk_splat(s->inverse);
  const double weight = ((double)mk_exp(d)[0] + 1048576.0) - 1048576.0;
  uint32_t ties = 1;
  const double needed = (goal - above) / weight;
  if (needed > 1) ties = (uint32_t)needed;
  while (above + ties * weight < goal) ties++;
  while (ties > 1 && above + (ties - 1) * weight >= goal) ties--;
  s->threshold = threshold;
  s->ties = ties;
}

/// The first selected token in id order at which the running weight exceeds u times the total.
MK_INLINE int32_t draw(const selection *s, double u) {
  double groups[WEIGHT_GROUPS];
  const double target = u * selected_mass(s, groups);
  double mass = 0;
  int32_t drawn = -1;
  uint32_t ties_seen = 0;
  for (uint32_t i = 0; i < s->vocab; i += LANES) {
    mk_f64x16 w;
    if (!selected_weights(s, i, &ties_seen, &w)) continue;
    double weights[LANES];
    memcpy(weights, &w, sizeof weights);
    for (uint32_t lane = 0; lane < LANES; lane++) {
      if (weights[lane] > 0) drawn = (int32_t)(i + lane);
      mass += weights[lane];
      if (mass > target) return drawn;
    }
  }
  return drawn;
}

MK_INLINE int32_t first_equal(const float *x, uint32_t vocab, float value) {
  for (uint32_t i = 0; i < vocab; i++) {
    if (x[i] == value) return (int32_t)i;
  }
  return -1;
}

static void sample_row(void *opaque, uint32_t index, uint32_t worker) {
  (void)worker;
  const mk_sample_args *args = opaque;
  const mk_sample_row *row = &args->row[index];
  const float *x = args->logits + (size_t)index * args->vocab;
  const float largest = largest_logit(x, args->vocab);
  if (mk_is_greedy(row) || largest == -INFINITY) {
    args->tokens[index] = largest == -INFINITY ? -1 : first_equal(x, args->vocab, largest);
    return;
  }
  selection s = {.logits = x, .vocab = args->vocab, .largest = largest, .inverse = 1.0f / row->temperature,
                 .threshold = -FLT_MAX, .ties = UINT32_MAX};
  if (row->top_k > 0 && row->top_k < args->vocab) keep_best(&s, row->top_k);
  if (row->top_p < 1) {
    double groups[WEIGHT_GROUPS];
    keep_mass(&s, (double)row->top_p * selected_mass(&s, groups));
  }
  if (row->min_p > 0) s.least = row->min_p < 1 ? row->min_p : 1;
  args->tokens[index] = draw(&s, mk_uniform(row));
}

mk_status MK_NAME(sample)(mk_stream *stream, const mk_sample_args *args) {
  const mk_status status = mk_check_sample(stream, args, 0);
  if (status != MK_OK) return status;
  mk_parallel(stream, args->rows, sample_row, (void *)args);
  return MK_OK;
}

size_t MK_NAME(sample_workspace_bytes)(uint32_t max_rows, uint32_t vocab) {
  (void)max_rows;
  (void)vocab;
  return 64;
}
