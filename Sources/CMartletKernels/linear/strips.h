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

/// A strip, or a pair of them over a range of blocks, times one group of tokens. Two strips share what is loaded of a
/// token; a range of blocks stays in the first-level cache while tokens stream past.
typedef struct mk_tile {
  mk_tile_strip strips[MK_PAIR];
  uint32_t y_stride;
  bool adds;            ///< to what y holds
  const uint8_t *group; ///< the group's activations, in the form that the matrix takes
  const float *x;       ///< the group's first row, for float32
  uint32_t x_stride, cols;
  /// Bytes from a block to the one in the next strip, or range of a pair, that is fetched meanwhile, or 0. Groups that meet the same
  /// strip share its lines: every `parts`-th, from the `part`-th on, is fetched.
  size_t ahead;
  uint32_t part, parts;
  // Of pairs only:
  const uint8_t *panel; ///< of formats that are expanded
  uint32_t first, end;  ///< blocks
  float *partial;       ///< [tokens][MK_PAIR][MK_STRIP]: sums of the blocks before `first`, left with those before `end`
} mk_tile;

/// Fetches what stands `ahead` of a block, which a processor's own prefetching does too late. A single token times a format
/// that takes no unpacking is left to that: there, memory alone takes the time.
static inline __attribute__((always_inline)) void mk_fetch_ahead(const mk_tile *tile, const uint8_t *block, size_t bytes) {
  if (tile->ahead == 0) return;
  for (size_t at = (size_t)64 * tile->part; at < bytes; at += (size_t)64 * tile->parts) {
    __builtin_prefetch(block + tile->ahead + at);
  }
}

typedef void (*mk_tile_kernel)(const mk_tile *tile);

/// Blocks of each range but the last when `blocks` are cut into equal ranges of at most `most`.
static inline uint32_t mk_range_of(uint32_t blocks, uint32_t most) {
  const uint32_t ranges = blocks / most + (blocks % most != 0);
  return ranges == 0 ? 0 : blocks / ranges + (blocks % ranges != 0);
}

/// Makes the panel of a tile's blocks.
typedef void (*mk_expand)(const mk_tile *tile, uint8_t *panel);

/// `kernels[dtype][n - 1]` multiplies a strip with a group of n tokens. Full groups have `group` tokens, the last one the
/// rest; `pair_kernels[dtype]`, where there are any, do so with a pair. `expand[dtype]`, where there is one, makes the
/// panel that these read, which pays from `groups_for_panels` groups on.
typedef struct mk_strip_variant {
  uint32_t group, groups_for_panels;
  uint8_t pair_blocks[MK_FORMAT_COUNT]; ///< of a range, of formats with pairs that are no panels
  const mk_fused_ops *fused;
  void (*quantize_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
  void (*encode_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
  const mk_tile_kernel *kernels[MK_FORMAT_COUNT];
  const mk_expand *expand; ///< NULL, or for each format
  const mk_tile_kernel *pair_kernels[MK_FORMAT_COUNT];
  // Of variants that multiply MK_LAYOUT_TILES, else NULL:
  void (*split_group)(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out);
  void (*begin_tiles)(void); ///< before a worker multiplies a piece with such a matrix
  void (*end_tiles)(void);   ///< when it has
} mk_strip_variant;

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant);
