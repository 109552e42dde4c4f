/// Tiles of a processor's matrix unit (AMX): eight registers of up to 16 rows of 64 bytes, or the same in plain C where
/// MK_EMULATE_TILES is defined, so that kernels of tiles are tested on any processor. Included by kernels alone, where the
/// instruction set is enabled; a tile's number is a constant. Tiles and their shapes are a thread's own.
#pragma once
#include "../internal.h"

/// Shapes of the tiles, as the processor reads them; tiles without a shape are not to be used.
typedef struct mk_tile_shapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} mk_tile_shapes;
_Static_assert(sizeof(mk_tile_shapes) == 64, "the processor reads 64 bytes");

#if defined(MK_EMULATE_TILES)
#include <string.h>

#define MK_TILES_TARGET ""

typedef struct {
  mk_tile_shapes shapes;
  uint8_t data[8][16][64];
} mk_tiles;
static _Thread_local mk_tiles tiles;

static inline void mk_tiles_begin(const mk_tile_shapes *shapes) {
  memset(&tiles, 0, sizeof tiles);
  tiles.shapes = *shapes;
}
static inline void mk_tiles_end(void) { memset(&tiles, 0xFF, sizeof tiles); }
static inline void mk_tile_zero(int t) { memset(tiles.data[t], 0, sizeof tiles.data[t]); }
static inline void mk_tile_load(int t, const void *from, size_t stride) {
  mk_tile_zero(t);
  for (int row = 0; row < tiles.shapes.rows[t]; row++) {
    memcpy(tiles.data[t][row], (const uint8_t *)from + stride * (size_t)row, tiles.shapes.row_bytes[t]);
  }
}
static inline void mk_tile_store(int t, void *to, size_t stride) {
  for (int row = 0; row < tiles.shapes.rows[t]; row++) {
    memcpy((uint8_t *)to + stride * (size_t)row, tiles.data[t][row], tiles.shapes.row_bytes[t]);
  }
}
static inline float mk_tile_bfloat(const uint8_t *from) {
  uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 24;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static inline void mk_tile_add_bfloat_products(int to, int a, int b) {
  for (int row = 0; row < tiles.shapes.rows[to]; row++) {
    for (int column = 0; column < tiles.shapes.row_bytes[to] / 4; column++) {
      float sums[2] = {0, 0}, sum;
      for (int k = 0; k < tiles.shapes.row_bytes[a] / 2; k++) {
        sums[k % 2] += mk_tile_bfloat(&tiles.data[a][row][2 * k]) * mk_tile_bfloat(&tiles.data[b][k / 2][4 * column + k % 2 * 2]);
      }
      memcpy(&sum, &tiles.data[to][row][4 * column], 4);
      sum += sums[0] + sums[1];
      memcpy(&tiles.data[to][row][4 * column], &sum, 4);
    }
  }
}
#else
#include <immintrin.h>

#define MK_TILES_TARGET ",amx-tile,amx-bf16"

#define mk_tiles_begin(shapes) _tile_loadconfig(shapes)
#define mk_tiles_end() _tile_release()
#define mk_tile_zero(t) _tile_zero(t)
#define mk_tile_load(t, from, stride) _tile_loadd(t, from, stride)
#define mk_tile_store(t, to, stride) _tile_stored(t, to, stride)
/// float to[r][c] += sum over k of bfloat a[r][k] * bfloat b[k / 2][c][k % 2].
#define mk_tile_add_bfloat_products(to, a, b) _tile_dpbf16ps(to, a, b)
#endif
