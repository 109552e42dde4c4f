/// Activations quantised to 8 bits per block of 32: x = scale * (code + zero). The zero point follows the block's own
/// range, which halves the error of a symmetric code on real activations. The same bits come out of every variant: each
/// step is one IEEE operation per element, none contracted.
#pragma once
#include "formats.h"

/// Tokens are stored in groups of `width`; a group is its blocks in order, and a block of a group of n tokens is
/// arrays over the tokens, so that a kernel reaches all of them by constant offsets:
///   int8 codes[n][32], float scale[n], float sum[n] (of the values),
///   int32 pair[n], int32 pair_halves[2][n] (of columns 0..15 and 16..31).
/// A pair is the zero point in the low and the sum of the codes in the high 16 bits: one product of 16-bit halves with
/// (sum of the weights' codes less their offset, minus the offset) is all that zero point and offset add to the product
/// of the codes.
/// A code lies in -127...127 and a zero point in -MK_ZERO_LIMIT...MK_ZERO_LIMIT, so that 32 products with 8-bit weights
/// stay below 2^31.
enum { MK_TOKEN_BLOCK_BYTES = MK_BLOCK + 5 * 4, MK_ZERO_LIMIT = 16000 };

static inline int32_t mk_pair(int32_t zero, int32_t code_sum) {
  return (int32_t)((uint32_t)code_sum << 16 | ((uint32_t)zero & 0xFFFF));
}
static inline int32_t mk_pair_zero(int32_t pair) { return (int16_t)(pair & 0xFFFF); }
/// Sum of code + zero over the pair's columns.
static inline int32_t mk_pair_sum(int32_t pair, int32_t columns) {
  return (pair >> 16) + columns * mk_pair_zero(pair);
}

static inline size_t mk_activation_bytes(size_t tokens, uint32_t cols) {
  return tokens * (cols / MK_BLOCK) * MK_TOKEN_BLOCK_BYTES;
}

/// Activations for matrices of 16-bit codes (packed.h): a block of 64 columns of a group of n tokens is int16 codes[n][64],
/// float scale[n]; the last block is padded with zeros.
enum { MK_CODED_TOKEN_BYTES = MK_CODED_COLUMNS * 2, MK_CODED_TOKEN_BLOCK_BYTES = MK_CODED_TOKEN_BYTES + 4 };

static inline size_t mk_coded_activation_bytes(size_t tokens, uint32_t cols) {
  return tokens * mk_blocks_of(cols, MK_CODED_COLUMNS) * MK_CODED_TOKEN_BLOCK_BYTES;
}

/// Activations for bfloat16 matrices in tiles (MK_LAYOUT_TILES), each as the sum of two bfloat16 numbers: a block of 64
/// columns of a group is bfloat16 [2][2][8][32], for each half of the columns the upper halves of eight tokens' values and
/// then what these lack. Tokens that are not there and columns past the last are zeros.
enum { MK_SPLIT_GROUP = 8, MK_SPLIT_BLOCK_BYTES = 2 * MK_SPLIT_GROUP * MK_CODED_COLUMNS * 2 };

static inline size_t mk_split_activation_bytes(size_t tokens, uint32_t cols) {
  const size_t groups = (tokens + MK_SPLIT_GROUP - 1) / MK_SPLIT_GROUP;
  return groups * mk_blocks_of(cols, MK_CODED_COLUMNS) * MK_SPLIT_BLOCK_BYTES;
}

/// Floats order like these integers; the mapping is its own inverse.
static inline int32_t mk_order_of_bits(int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }

/// The integer nearest to a value below 2^22, ties to even: adding 1.5 * 2^23 leaves it in the low mantissa bits.
static inline int32_t mk_nearest(float value) {
  const float shifted = value + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &shifted, 4);
  return bits - 0x4B400000;
}

/// A block holding NaN or infinity gets a NaN scale, which every product with it inherits.
static inline __attribute__((always_inline)) void mk_quantize_block(const float *x, uint8_t *block, uint32_t width,
                                                                    uint32_t token) {
#pragma clang fp contract(off)
  // Integer extrema vectorise where float ones, which must mind NaN, do not.
  int32_t least = INT32_MAX, most = INT32_MIN;
  for (int i = 0; i < MK_BLOCK; i++) {
    int32_t bits;
    memcpy(&bits, &x[i], 4);
    const int32_t order = mk_order_of_bits(bits);
    least = order < least ? order : least;
    most = order > most ? order : most;
  }
  const bool finite = most < 0x7F800000 && least > mk_order_of_bits((int32_t)0xFF800000u);
  const float low = mk_float_from_bits((uint32_t)mk_order_of_bits(least));
  const float high = mk_float_from_bits((uint32_t)mk_order_of_bits(most));
  const float largest = high > -low ? high : -low;
  const bool usable = finite && largest > 1e-30f;
  // Rounding the zero point takes half a step from each side of 127.
  const float fine = (high * 0.5f - low * 0.5f) / 126.5f, coarse = largest / (float)(MK_ZERO_LIMIT - 1);
  float scale = fine > coarse ? fine : coarse;
  const float inverse = usable ? 1.0f / scale : 0.0f;
  const int32_t zero = usable ? mk_nearest((high * 0.5f + low * 0.5f) * inverse) : 0;
  if (!usable) scale = finite ? 0.0f : __builtin_nanf("");
  int8_t codes[MK_BLOCK];
  int32_t sums[2] = {0, 0};
  for (int i = 0; i < MK_BLOCK; i++) {
    const int32_t code = mk_nearest(usable ? x[i] * inverse : 0.0f) - zero;
    codes[i] = (int8_t)code;
    sums[i / 16] += code;
  }
  const int32_t sum = sums[0] + sums[1];
  const float floats[2] = {scale, scale * (float)(sum + MK_BLOCK * zero)};
  const int32_t pairs[3] = {mk_pair(zero, sum), mk_pair(zero, sums[0]), mk_pair(zero, sums[1])};
  memcpy(block + (size_t)token * MK_BLOCK, codes, MK_BLOCK);
  uint8_t *fields = block + (size_t)width * MK_BLOCK + 4 * token;
  memcpy(fields, &floats[0], 4);
  memcpy(fields + (size_t)4 * width, &floats[1], 4);
  for (uint32_t i = 0; i < 3; i++) memcpy(fields + (size_t)4 * width * (2 + i), &pairs[i], 4);
}

/// Quantises a group of `count` tokens, rows of x, to `out`, the group's place in the workspace.
static inline __attribute__((always_inline)) void mk_quantize_group(const float *x, uint32_t stride, uint32_t cols,
                                                                    uint32_t count, uint8_t *out) {
  for (uint32_t token = 0; token < count; token++) {
    const float *row = x + (size_t)token * stride;
    for (uint32_t b = 0; b < cols / MK_BLOCK; b++) {
      mk_quantize_block(row + (size_t)b * MK_BLOCK, out + (size_t)b * count * MK_TOKEN_BLOCK_BYTES, count, token);
    }
  }
}
