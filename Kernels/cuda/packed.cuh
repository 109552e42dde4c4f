/// Quantised weights as the device keeps them: codes of 4 or 8 bits in the order in which tensor cores take them, with
/// a scale, and for some formats a minimum, in half precision for each 32 or 16 columns.
///
/// A matrix is cut into tiles of 16 rows, a tile into units of 128 columns, and a unit lies in memory as one: first
/// the codes, 16 bytes for each of a warp's lanes at a time, then each row's scales. Rows and columns past the last are
/// zero. Within a block of 32 columns, lane 4 * g + q holds columns {4 * q ... 4 * q + 3} and {16 + 4 * q ...} of rows g
/// and g + 8.
#pragma once
#include "formats.cuh"

constexpr uint32_t tile_rows = 16, unit_columns = 128, unit_blocks = unit_columns / block_columns;

/// value = scale * (code - centre) + minimum. Codes of 8 bits are signed.
struct packed_format {
  int bits, centre;
  int groups; ///< scales of a block of 32 columns
  bool has_minimum;
};

__host__ __device__ inline constexpr packed_format packed_format_of(mk_dtype dtype) {
  switch (dtype) {
  case MK_Q4_0: return {4, 8, 1, false};
  case MK_Q4_1:
  case MK_Q4_K: return {4, 0, 1, true};
  case MK_Q5_0:
  case MK_Q8_0: return {8, 0, 1, false};
  case MK_Q5_1:
  case MK_Q5_K: return {8, 0, 1, true};
  case MK_Q6_K: return {8, 0, 2, false};
  case MK_Q3_K: return {4, 4, 2, false};
  default: return {4, 0, 2, true}; // MK_Q2_K
  }
}

__host__ __device__ inline constexpr uint32_t code_bytes(packed_format f) {
  return tile_rows * unit_columns * f.bits / 8;
}
/// Bytes of a row's scales in a unit.
__host__ __device__ inline constexpr uint32_t scale_bytes(packed_format f) {
  return unit_blocks * f.groups * (f.has_minimum ? 4 : 2);
}
__host__ __device__ inline constexpr uint32_t unit_bytes(packed_format f) {
  return code_bytes(f) + tile_rows * scale_bytes(f);
}

/// Bytes of a matrix on the device, of any format of files.
__host__ __device__ inline size_t device_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols) {
  if (!is_quantized(dtype)) return rows * row_bytes_of(dtype, cols);
  const size_t tiles = (rows + tile_rows - 1) / tile_rows, units = (cols + unit_columns - 1) / unit_columns;
  return tiles * units * unit_bytes(packed_format_of(dtype));
}

/// Where a block of 32 columns of a row lies.
template <int bits> struct packed_place {
  size_t unit; ///< index
  uint32_t row, block;

  __device__ __forceinline__ packed_place(uint32_t row, uint32_t block, uint32_t cols)
      : unit((size_t)(row / tile_rows) * ((cols + unit_columns - 1) / unit_columns) + block / unit_blocks),
        row(row % tile_rows), block(block % unit_blocks) {}
  /// The word in a unit that holds columns 16 * half + 4 * quad + {0 ... 3}; with 4 bits those of both halves.
  __device__ __forceinline__ uint32_t word(uint32_t quad, uint32_t half) const {
    const uint32_t lane = row % 8 * 4 + quad;
    if constexpr (bits == 4) return (row / 8 * 32 + lane) * 4 + block;
    return ((row / 8 * 2 + block / 2) * 32 + lane) * 4 + block % 2 * 2 + half;
  }
  /// Where code `i` of a half lies in its word. Pairs are 16 bits apart, as the kernels take them.
  __device__ static __forceinline__ uint32_t shift(uint32_t half, uint32_t i) {
    return bits == 4 ? 8 * half + i / 2 * 4 + i % 2 * 16 : i / 2 * 8 + i % 2 * 16;
  }
};

/// out = the 32 values of block `index` of a row.
template <mk_dtype dtype> __device__ __forceinline__ void read_packed(const uint8_t *data, uint32_t row, uint32_t index,
                                                                      uint32_t cols, float out[block_columns]) {
  constexpr packed_format format = packed_format_of(dtype);
  const packed_place<format.bits> place(row, index, cols);
  const uint8_t *unit = data + place.unit * unit_bytes(format);
  const uint32_t *codes = reinterpret_cast<const uint32_t *>(unit);
  const __half *scales = reinterpret_cast<const __half *>(unit + code_bytes(format) + place.row * scale_bytes(format));
  constexpr int each = format.has_minimum ? 2 : 1;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const __half *own = scales + (place.block * format.groups + half % format.groups) * each;
    const float scale = __half2float(own[0]), minimum = format.has_minimum ? __half2float(own[each - 1]) : 0;
#pragma unroll
    for (int quad = 0; quad < 4; quad++) {
      const uint32_t word = codes[place.word(quad, half)];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const uint32_t bits = word >> place.shift(half, i);
        const int code = format.bits == 4 ? (int)(bits & 15) - format.centre : (int)(int8_t)(bits & 255);
        out[16 * half + 4 * quad + i] = scale * (float)code + minimum;
      }
    }
  }
}
