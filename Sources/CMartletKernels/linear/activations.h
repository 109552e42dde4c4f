/// Activations quantised to 8 bits per block of 32. The same bits come out of every variant: each step is one IEEE
/// operation per element, none contracted.
#pragma once
#include "formats.h"

/// Tokens are stored in groups of `width`; a group is its blocks in order, and a block of a group of n tokens is
/// arrays over the tokens, so that a kernel reaches all of them by constant offsets:
///   int8 codes[n][32], float scale[n], float sum[n] (scale times the sum of the codes),
///   int32 negated[n] (minus the sum of the codes), int32 negated_halves[2][n] (of columns 0..15 and 16..31).
enum { MK_TOKEN_BLOCK_BYTES = MK_BLOCK + 5 * 4 };

static inline size_t mk_activation_bytes(size_t tokens, uint32_t cols) {
  return tokens * (cols / MK_BLOCK) * MK_TOKEN_BLOCK_BYTES;
}

/// A block holding NaN or infinity gets a NaN scale, which every product with it inherits.
static inline __attribute__((always_inline)) void mk_quantize_block(const float *x, uint8_t *block, uint32_t width,
                                                                    uint32_t token) {
#pragma clang fp contract(off)
  // Magnitudes order like their bits, and NaN and infinity above all: an integer maximum vectorises.
  int32_t largest_bits = 0;
  for (int i = 0; i < MK_BLOCK; i++) {
    int32_t bits;
    memcpy(&bits, &x[i], 4);
    bits &= 0x7FFFFFFF;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const bool finite = largest_bits < 0x7F800000;
  const float largest = mk_float_from_bits((uint32_t)largest_bits);
  const bool usable = finite && largest > 1e-30f;
  float scale = largest / 127.0f;
  if (!usable) scale = finite ? 0.0f : __builtin_nanf("");
  const float inverse = usable ? 127.0f / largest : 0.0f;
  int8_t codes[MK_BLOCK];
  int32_t sums[2] = {0, 0};
  for (int i = 0; i < MK_BLOCK; i++) {
    // Adding 1.5 * 2^23 leaves the integer nearest to the value, ties to even, in the low mantissa bits.
    const float shifted = (usable ? x[i] * inverse : 0.0f) + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    const int32_t code = bits - 0x4B400000;
    codes[i] = (int8_t)code;
    sums[i / 16] += code;
  }
  const int32_t sum = sums[0] + sums[1];
  const float floats[2] = {scale, scale * (float)sum};
  const int32_t integers[3] = {-sum, -sums[0], -sums[1]};
  memcpy(block + (size_t)token * MK_BLOCK, codes, MK_BLOCK);
  uint8_t *fields = block + (size_t)width * MK_BLOCK + 4 * token;
  memcpy(fields, &floats[0], 4);
  memcpy(fields + (size_t)4 * width, &floats[1], 4);
  for (uint32_t i = 0; i < 3; i++) memcpy(fields + (size_t)4 * width * (2 + i), &integers[i], 4);
}

/// Quantises tokens [first, first + count), one group, of x to `out`, the group's place in the workspace.
static inline __attribute__((always_inline)) void mk_quantize_group(const float *x, uint32_t stride, uint32_t cols,
                                                                    uint32_t first, uint32_t count, uint8_t *out) {
  for (uint32_t token = 0; token < count; token++) {
    const float *row = x + (size_t)(first + token) * stride;
    for (uint32_t b = 0; b < cols / MK_BLOCK; b++) {
      mk_quantize_block(row + (size_t)b * MK_BLOCK, out + (size_t)b * count * MK_TOKEN_BLOCK_BYTES, count, token);
    }
  }
}
