/// What the tests of kernel variants share: random numbers, guarded memory and comparisons.
#pragma once
#include "martlet_kernels.h"
#include "martlet_team.h"

#include <stdbool.h>
#include <stddef.h>

/// A variant under test and the scalar reference, each with a stream of its own.
typedef struct {
  const mk_table *table, *reference;
  mk_stream *stream, *reference_stream;
  uint32_t threads;
} pair;

/// One table and stream of a pair.
typedef struct {
  const mk_table *table;
  mk_stream *stream;
} side;
static inline side tested(const pair *p) { return (side){p->table, p->stream}; }
static inline side expected(const pair *p) { return (side){p->reference, p->reference_stream}; }

/// Fails the test with a message when `condition` is false; counts all checks.
__attribute__((format(printf, 2, 3))) void check(bool condition, const char *format, ...);
void check_status(mk_status status, const char *what);
unsigned failures(void);
unsigned checks(void);

uint32_t random_bits(void);
/// Uniform in [-scale, scale).
float random_float(float scale);
void fill_floats(float *x, size_t count, float scale);
void seed_random(uint32_t seed);

/// Memory of 0xa5 bytes, aligned to 64 bytes, between guards; `release` checks that the guards are intact.
void *guarded(size_t bytes);
void release(void *memory);

static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

bool same_bits(const float *a, const float *b, size_t count);
/// The largest |a - b| / max(1, |b|); infinite when only one of them is a number.
double worst_difference(const float *a, const float *b, size_t count);
/// Whether all values are still what `guarded` filled in.
bool is_untouched(const float *x, size_t count);

void test_linear(const pair *p);
void test_attention(const pair *p);
void test_rows(const pair *p);
void test_logits(const pair *p);
void test_team(const pair *p);
void test_fused(const pair *p);
