/// What a vector variant adds to the shared `linear` over packed strips: its quantisers and micro-kernels.
#pragma once
#include "arguments.h"

enum { MK_GROUP_MAX = 8 };

/// One strip times one group of tokens: y[token * y_stride + lane], lane < lanes.
typedef struct mk_tile {
  const uint8_t *strip;
  const uint8_t *group; ///< the group's activations in 8 or 16 bits
  const float *x;       ///< the group's first row, for float32
  uint32_t x_stride, cols, lanes, y_stride;
  const float *bias; ///< of the strip's first row, or NULL
  float *y;
} mk_tile;

typedef void (*mk_tile_kernel)(const mk_tile *tile);

/// `kernels[dtype][n - 1]` multiplies groups of n tokens. Full groups have `group` tokens, the last one the rest.
typedef struct mk_strip_variant {
  uint32_t group;
  void (*quantize_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count, uint8_t *out);
  void (*encode_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count, uint8_t *out);
  mk_tile_kernel kernels[MK_FORMAT_COUNT][MK_GROUP_MAX];
} mk_strip_variant;

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant);
