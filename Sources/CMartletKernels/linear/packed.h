/// The packed layout of the CPU backend (`layout` MK_LAYOUT_STRIPS), shared by every variant.
///
/// Rows are padded with zeros to strips of 16. Of a block of 32 columns, vector j (0..7) holds four columns of all 16
/// rows: byte 4 * r + i is the code of row r, column 4 * j + i. A strip is its codes, block after block, then its
/// scales; both are as dense as the file's, except that sub-scales take whole bytes.
///
/// Codes of a block are planes of 64-byte vectors, by width:
///   8 bits: eight vectors; 4 bits and more: four vectors, j in the low and j + 4 in the high nibble; 2 bits (the whole
///   of Q2_K and Q3_K, the upper ones of Q6_K): two vectors, j, j + 2, j + 4, j + 6 from the low end; 1 bit: eight
///   64-bit masks.
/// Scales are halves of 16 rows [scale, minimum if any] per block, or for super formats per 256 columns, each followed
/// by eight blocks of bytes of 16 rows [sub-scales, sub-minima if any].
/// Float formats are plain [column][16 rows].
#pragma once
#include "formats.h"

enum { MK_LAYOUT_FILE = 0, MK_LAYOUT_STRIPS = 1, MK_STRIP = 16 };

/// Byte counts and offsets inside a strip.
typedef struct mk_strip_shape {
  size_t block_codes;   ///< bytes of one block's codes
  size_t scales_offset; ///< from the strip's start to its scales
  size_t unit_scales;   ///< bytes of scales per block, or per 256 columns for super formats
  size_t block_subs;    ///< bytes of sub-scales and sub-minima per block
  size_t bytes;         ///< of the strip, a multiple of 64
} mk_strip_shape;

static inline mk_strip_shape mk_strip_shape_of(const mk_format *format, uint32_t cols) {
  mk_strip_shape shape = {0};
  if (!format->quantized) {
    shape.bytes = (size_t)cols * MK_STRIP * format->bytes;
  } else {
    const size_t blocks = cols / MK_BLOCK, halves = MK_STRIP * 2 * (format->minimum ? 2 : 1);
    shape.block_codes = (size_t)format->bits * 64;
    shape.scales_offset = blocks * shape.block_codes;
    shape.block_subs = format->super ? (size_t)MK_STRIP * format->sub_blocks * (format->minimum ? 2 : 1) : 0;
    shape.unit_scales = halves + (format->super ? 8 * shape.block_subs : 0);
    shape.bytes = shape.scales_offset + (format->super ? blocks / 8 : blocks) * shape.unit_scales;
  }
  shape.bytes = (shape.bytes + 63) & ~(size_t)63;
  return shape;
}

static inline uint32_t mk_strip_count(uint32_t rows) { return rows / MK_STRIP + (rows % MK_STRIP != 0); }

/// Checks a matrix of either layout: known dtype, whole blocks, data present.
bool mk_matrix_is_valid(const mk_matrix *matrix);

/// Reads block `index` of a row from either layout; `shape` is only used by packed matrices.
void mk_matrix_block(const mk_matrix *matrix, const mk_strip_shape *shape, uint32_t row, uint32_t index, mk_block *out);

/// out[0..<cols] = the row's values.
void mk_matrix_row(const mk_matrix *matrix, uint32_t row, float *out);

/// Shared by the variants that pack.
mk_status mk_strips_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes);
mk_status mk_strips_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
