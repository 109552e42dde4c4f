/// What a vector variant adds to the shared `linear` over packed strips: its quantisers and micro-kernels.
#pragma once
#include "../ops/fused_ops.h"
#include "arguments.h"

enum { MK_GROUP_MAX = 8, MK_PAIR = 2 };

/// A panel is a pair of strips over a range of blocks, with all worked out that needs no token: for each block its codes as
/// eight pairs of vectors of bytes (packed.h), one vector of each strip, then for each sub-block a pair of vectors of scales,
/// one of pairs (activations.h) and, if any, one of minima.
static inline size_t mk_panel_block_bytes(const mk_format *format) {
  return (size_t)MK_PAIR * (512 + format->sub_blocks * (format->minimum ? 3 : 2) * MK_STRIP * 4);
}

/// A strip and where its products go: y[token * y_stride + lane], lane < lanes.
typedef struct mk_tile_strip {
  const uint8_t *data;
  const float *bias; ///< of the strip's first row, or NULL
  float *y;
  uint32_t lanes;
} mk_tile_strip;

/// A strip, or a panel, times one group of tokens. A panel's two strips share what is loaded of a token; a range of blocks
/// stays in the first-level cache while tokens stream past.
typedef struct mk_tile {
  mk_tile_strip strips[MK_PAIR];
  uint32_t y_stride;
  bool adds;            ///< to what y holds
  const uint8_t *group; ///< the group's activations in 8 or 16 bits
  const float *x;       ///< the group's first row, for float32
  uint32_t x_stride, cols;
  const uint8_t *panel; ///< NULL for a strip
  uint32_t first, end;  ///< the panel's blocks
  float *partial;       ///< [tokens][MK_PAIR][MK_STRIP]: sums of the blocks before `first`, left with those before `end`
} mk_tile;

typedef void (*mk_tile_kernel)(const mk_tile *tile);

/// `kernels[dtype][n - 1]` multiplies a strip with a group of n tokens. Full groups have `group` tokens, the last one the
/// rest. `expand[dtype]`, where there is one, makes the panel of a tile, which `panel_kernels[dtype]` multiply likewise.
typedef struct mk_strip_variant {
  uint32_t group;
  const mk_fused_ops *fused;
  void (*quantize_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
  void (*encode_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
  mk_tile_kernel kernels[MK_FORMAT_COUNT][MK_GROUP_MAX];
  void (*expand[MK_FORMAT_COUNT])(const mk_tile *tile, uint8_t *panel);
  const mk_tile_kernel *panel_kernels[MK_FORMAT_COUNT];
} mk_strip_variant;

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant);
