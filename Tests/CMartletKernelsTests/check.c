#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failed, counted;

void check(bool condition, const char *format, ...) {
  counted++;
  if (condition) return;
  failed++;
  if (failed > 50) return;
  va_list arguments;
  va_start(arguments, format);
  fputs("failed: ", stdout);
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
}

void check_status(mk_status status, const char *what) { check(status == MK_OK, "%s gave status %d", what, status); }
unsigned failures(void) { return failed; }
unsigned checks(void) { return counted; }

static uint32_t state;
void seed_random(uint32_t seed) { state = seed * 2654435761u + 1; }
uint32_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}
float random_float(float scale) { return ((float)(random_bits() >> 8) / 8388608.0f - 1.0f) * scale; }
void fill_floats(float *x, size_t count, float scale) {
  for (size_t i = 0; i < count; i++) x[i] = random_float(scale);
}

enum { GUARD = 256, POISON = 0xa5 };

void *guarded(size_t bytes) {
  const size_t total = (GUARD + bytes + GUARD + 63) / 64 * 64;
  uint8_t *raw = aligned_alloc(64, total);
  if (!raw) abort();
  memset(raw, POISON, total);
  memcpy(raw, &bytes, sizeof bytes);
  return raw + GUARD;
}

void release(void *memory) {
  if (!memory) return;
  uint8_t *raw = (uint8_t *)memory - GUARD;
  size_t bytes;
  memcpy(&bytes, raw, sizeof bytes);
  bool intact = true;
  for (size_t i = sizeof bytes; i < GUARD; i++) intact &= raw[i] == POISON;
  for (size_t i = 0; i < GUARD; i++) intact &= raw[GUARD + bytes + i] == POISON;
  check(intact, "a kernel wrote outside its memory of %zu bytes", bytes);
  free(raw);
}

bool same_bits(const float *a, const float *b, size_t count) { return memcmp(a, b, count * sizeof *a) == 0; }

double worst_difference(const float *a, const float *b, size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; i++) {
    if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
    const double difference = fabs((double)a[i] - b[i]) / fmax(1, fabs(b[i]));
    if (!(difference <= worst)) worst = isnan(difference) ? INFINITY : difference;
  }
  return worst;
}

bool is_untouched(const float *x, size_t count) {
  for (size_t i = 0; i < count * sizeof *x; i++) {
    if (((const uint8_t *)x)[i] != POISON) return false;
  }
  return true;
}
