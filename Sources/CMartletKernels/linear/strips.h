/// What a vector variant adds to the shared `linear` over packed strips: its quantisers and micro-kernels.
#pragma once
#include "arguments.h"

enum { MK_GROUP_MAX = 8 };

/// A panel is a strip with all that can be worked out without a token: for each block its codes as eight vectors of bytes
/// (packed.h), then for each sub-block a vector of scales, one of pairs (activations.h) and, if any, one of minima.
static inline size_t mk_panel_block_bytes(const mk_format *format) {
  return 512 + (size_t)format->sub_blocks * (format->minimum ? 3 : 2) * MK_STRIP * 4;
}

/// One strip times one group of tokens: y[token * y_stride + lane], lane < lanes.
typedef struct mk_tile {
  const uint8_t *strip; ///< or its panel, for a kernel of panels
  const uint8_t *group; ///< the group's activations in 8 or 16 bits
  const float *x;       ///< the group's first row, for float32
  uint32_t x_stride, cols, lanes, y_stride;
  const float *bias; ///< of the strip's first row, or NULL
  float *y;
} mk_tile;

typedef void (*mk_tile_kernel)(const mk_tile *tile);

/// `kernels[dtype][n - 1]` multiplies groups of n tokens. Full groups have `group` tokens, the last one the rest.
/// `expand[dtype]`, where there is one, makes a strip's panel, which `panel_kernels` multiply: [sub-blocks - 1][minimum].
typedef struct mk_strip_variant {
  uint32_t group;
  void (*quantize_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count, uint8_t *out);
  void (*encode_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t first, uint32_t count, uint8_t *out);
  mk_tile_kernel kernels[MK_FORMAT_COUNT][MK_GROUP_MAX];
  void (*expand[MK_FORMAT_COUNT])(const uint8_t *strip, uint32_t cols, uint8_t *panel);
  mk_tile_kernel panel_kernels[2][2][MK_GROUP_MAX];
} mk_strip_variant;

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant);
