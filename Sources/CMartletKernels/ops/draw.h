/// The random number behind a draw, shared by all variants: it is part of `sample`'s definition.
#pragma once
#include "../internal.h"

/// Uniform in (0, 1), of a row's seed and position.
static inline double mk_uniform(const mk_sample_row *row) {
  const uint32_t counter[4] = {(uint32_t)row->position, (uint32_t)(row->position >> 32), 0, 0};
  const uint32_t key[2] = {(uint32_t)row->seed, (uint32_t)(row->seed >> 32)};
  uint32_t bits[4];
  mk_philox(counter, key, bits);
  const uint64_t wide = (uint64_t)bits[0] << 32 | bits[1];
  return ((double)(wide >> 12) + 0.5) / 4503599627370496.0;
}

/// Whether a row takes the largest logit: temperature 0, or so small that its inverse is infinite.
static inline int mk_is_greedy(const mk_sample_row *row) {
  return !(row->temperature > 0) || row->top_k == 1 || 1.0f / row->temperature > 3.4e38f;
}
