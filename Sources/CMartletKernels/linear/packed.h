/// The packed layout of the CPU backend (`layout` MK_LAYOUT_STRIPS), shared by every variant.
///
/// Rows are padded with zeros to strips of 16. A strip is its blocks of 32 columns in order, each its scales and then its
/// codes, so that one pass over it is one stream: a processor prefetches that well, and two streams badly (a row times a
/// Q8_0 matrix ran at half the speed of memory with scales behind the codes).
///
/// Vector j (0..7) of a block's codes holds four columns of all 16 rows: byte 4 * r + i is the code of row r, column
/// 4 * j + i. Codes are planes of 64-byte vectors, by width:
///   8 bits: eight vectors; 4 bits and more: four vectors, j in the low and j + 4 in the high nibble; 2 bits (the whole
///   of Q2_K and Q3_K, the upper ones of Q6_K): two vectors, j, j + 2, j + 4, j + 6 from the low end; 1 bit: eight
///   64-bit masks.
/// Scales are halves of 16 rows [scale, minimum if any]. In super formats these stand before each eight blocks, and a
/// block's scales are bytes of 16 rows [sub-scales, sub-minima if any].
///
/// Formats of 8-bit codes have the sums of a block's codes behind its scales, uint16 of 16 rows. Products with activations
/// that have a zero point need them, and adding 8-bit codes up in a kernel takes an eighth of the instructions that the
/// product takes, where narrower codes are added in bytes. They also bring the codes to whole cache lines.
///
/// Matrices of 16-bit floats become signed 16-bit codes with one float scale a row, which the strip begins with: pairs of
/// columns [cols / 2][16 rows][2], columns padded with zeros to blocks of 64. A row's scale makes its longest block 32767 long,
/// so that the product of a block with activations of the same kind cannot overflow 32 bits (codes.h). Products of codes
/// are exact and twice as many a cycle as in float; what a code loses is a ten thousandth of a typical weight.
/// float32 is plain [column][16 rows].
///
/// Variants with tiles for bfloat16 keep such weights as they are (MK_LAYOUT_TILES), in the same places as codes; the place of
/// the scales is left empty.
#pragma once
#include "formats.h"

enum { MK_LAYOUT_FILE = 0, MK_LAYOUT_STRIPS = 1, MK_LAYOUT_TILES = 2, MK_STRIP = 16 };

/// Byte counts inside a strip.
typedef struct mk_strip_shape {
  size_t unit_header;  ///< scales before each eight blocks of a super format, else 0
  size_t code_sums;    ///< where a block's sums of codes begin, for 8-bit codes
  size_t block_scales; ///< a block's scales and sums, before its codes
  size_t block;        ///< scales and codes of a block
  size_t bytes;        ///< of the strip, a multiple of 64
} mk_strip_shape;

/// Whether packing turns the format to 16-bit codes.
static inline bool mk_is_coded(mk_dtype dtype) { return dtype == MK_F16 || dtype == MK_BF16; }

enum { MK_CODED_SCALES = MK_STRIP * 4, MK_CODED_BLOCK = MK_STRIP * MK_CODED_COLUMNS * 2 };

static inline mk_strip_shape mk_strip_shape_of(const mk_format *format, uint32_t cols) {
  mk_strip_shape shape = {0};
  if (!format->quantized && format->bytes == 2) {
    shape.block = MK_CODED_BLOCK;
    shape.bytes = MK_CODED_SCALES + (size_t)mk_blocks_of(cols, MK_CODED_COLUMNS) * MK_CODED_BLOCK;
  } else if (!format->quantized) {
    shape.bytes = (size_t)cols * MK_STRIP * format->bytes;
  } else {
    const size_t blocks = cols / MK_BLOCK, kinds = format->minimum ? 2 : 1, halves = MK_STRIP * 2 * kinds;
    shape.unit_header = format->super ? halves : 0;
    shape.code_sums = format->super ? MK_STRIP * format->sub_blocks * kinds : halves;
    shape.block_scales = shape.code_sums + (format->bits == 8 ? MK_STRIP * 2 : 0);
    shape.block = shape.block_scales + (size_t)format->bits * 64;
    shape.bytes = blocks * shape.block + blocks / 8 * shape.unit_header;
  }
  shape.bytes = (shape.bytes + 63) & ~(size_t)63;
  return shape;
}

/// Where block `index` of a strip begins, and where the scales in halves that it uses begin.
static inline size_t mk_strip_block(const mk_strip_shape *shape, uint32_t index) {
  return index * shape->block + (shape->unit_header ? (index / 8 + 1) * shape->unit_header : 0);
}
static inline size_t mk_strip_halves(const mk_strip_shape *shape, uint32_t index) {
  return shape->unit_header ? index / 8 * (8 * shape->block + shape->unit_header) : index * shape->block;
}

static inline uint32_t mk_strip_count(uint32_t rows) { return rows / MK_STRIP + (rows % MK_STRIP != 0); }

/// Checks a matrix of either layout: known dtype, whole blocks, data present.
bool mk_matrix_is_valid(const mk_matrix *matrix);

/// Reads block `index` of a row from either layout; `shape` is only used by packed matrices.
void mk_matrix_block(const mk_matrix *matrix, const mk_strip_shape *shape, uint32_t row, uint32_t index, mk_block *out);

/// out[0..<count] = a row's values from column `start` on; float formats of either layout.
void mk_matrix_floats(const mk_matrix *matrix, uint32_t row, uint32_t start, uint32_t count, float *out);

/// out[0..<cols] = the row's values.
void mk_matrix_row(const mk_matrix *matrix, uint32_t row, float *out);

/// Shared by the variants that pack.
mk_status mk_strips_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes);
mk_status mk_strips_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
/// Packs bfloat16 to MK_LAYOUT_TILES, all else to MK_LAYOUT_STRIPS.
mk_status mk_tiles_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
