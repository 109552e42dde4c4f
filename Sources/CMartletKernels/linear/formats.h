/// The weight formats, each seen as blocks of 32 columns: value = scale * (code - offset) + minimum.
#pragma once
#include "../internal.h"
#include <stdbool.h>
#include <string.h>

enum { MK_BLOCK = 32 };

/// Columns that share a scale in 16-bit codes (packed.h). Fewer would be finer, and more sums to scale.
enum { MK_CODED_COLUMNS = 64 };

/// Blocks of so many columns that a row has, the last one padded.
static inline uint32_t mk_blocks_of(uint32_t cols, uint32_t block) { return cols / block + (cols % block != 0); }

/// What a format is made of. `bits` is the width of a code; `sub_blocks` is how many scales a block of 32 has (1 or 2);
/// `super` formats multiply a half-precision scale of 256 columns with small integers per sub-block.
typedef struct mk_format {
  uint16_t columns;      ///< columns of one unit of the file's layout
  uint16_t bytes;        ///< bytes of that unit
  uint8_t bits, offset, sub_blocks;
  bool quantized, super, minimum;
} mk_format;

/// One block of 32 columns as the file holds it, codes spread to bytes. For formats that are not `super` the sub-scales
/// are 1 and the sub-minimum is 1 or 0.
typedef struct mk_block {
  uint8_t codes[MK_BLOCK];
  uint16_t scale, minimum; ///< half-precision bits
  int8_t sub_scale[2];
  uint8_t sub_minimum[2];
} mk_block;

/// The scales of a block multiplied out; every product is exact in float.
typedef struct mk_block_scales {
  float scale[2], minimum[2];
} mk_block_scales;

static inline float mk_float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float mk_float_from_half(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 31u, mantissa = half & 1023u;
  if (exponent == 31) return mk_float_from_bits(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) {
    const float magnitude = (float)mantissa * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return mk_float_from_bits(sign | (exponent + 112u) << 23 | mantissa << 13);
}

static inline float mk_float_from_bfloat(uint16_t value) { return mk_float_from_bits((uint32_t)value << 16); }

/// Here rather than in formats.c so that kernels see constants.
enum { MK_FORMAT_COUNT = MK_Q6_K + 1 };
static const mk_format mk_formats[MK_FORMAT_COUNT] = {
    [MK_F32] = {1, 4, 32, 0, 0, false, false, false},
    [MK_F16] = {1, 2, 16, 0, 0, false, false, false},
    [MK_BF16] = {1, 2, 16, 0, 0, false, false, false},
    [MK_Q4_0] = {32, 18, 4, 8, 1, true, false, false},
    [MK_Q4_1] = {32, 20, 4, 0, 1, true, false, true},
    [MK_Q5_0] = {32, 22, 5, 16, 1, true, false, false},
    [MK_Q5_1] = {32, 24, 5, 0, 1, true, false, true},
    [MK_Q8_0] = {32, 34, 8, 128, 1, true, false, false},
    [MK_Q2_K] = {256, 84, 2, 0, 2, true, true, true},
    [MK_Q3_K] = {256, 110, 3, 4, 2, true, true, false},
    [MK_Q4_K] = {256, 144, 4, 0, 1, true, true, true},
    [MK_Q5_K] = {256, 176, 5, 0, 1, true, true, true},
    [MK_Q6_K] = {256, 210, 6, 32, 2, true, true, false},
};

/// NULL for an unknown dtype.
static inline const mk_format *mk_format_of(mk_dtype dtype) {
  return dtype < MK_FORMAT_COUNT && mk_formats[dtype].bytes != 0 ? &mk_formats[dtype] : NULL;
}

/// Reads block `index` of a row in the file's layout; `row` may have any alignment.
void mk_file_block(mk_dtype dtype, const uint8_t *row, uint32_t index, mk_block *out);

/// value = scale[h] * (code - offset) + minimum[h], h = 0 for the first 16 columns and 1 for the others.
static inline mk_block_scales mk_multiply_scales(const mk_format *format, const mk_block *block) {
  const float scale = mk_float_from_half(block->scale);
  float minimum = format->minimum ? mk_float_from_half(block->minimum) : 0;
  if (format->super) minimum = -minimum;
  return (mk_block_scales){
      {scale * block->sub_scale[0], scale * block->sub_scale[1]},
      {minimum * block->sub_minimum[0], minimum * block->sub_minimum[1]},
  };
}

/// Reads `count` floats of a float format at any alignment.
void mk_file_floats(mk_dtype dtype, const uint8_t *row, uint32_t start, uint32_t count, float *out);
