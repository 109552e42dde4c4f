/// FP8 weights as the device keeps them: E4M3 codes [rows][stride], and behind all rows a float scale for each;
/// value = scale * code.
///
/// A row's codes end in zeros that make its stride whole 16 bytes. Each four columns lie in the order 0, 2, 1, 3, so that
/// the words of a row widen to pairs of neighbours. Rows of activations that are quantised for products with them have
/// the same order: that of the reduced dimension is free as long as both operands agree.
///
/// Matrices in one piece of memory have their codes and their scales side by side, and can be multiplied as one. `layout`
/// of such a matrix is the distance from its codes to its scales, in floats.
#pragma once
#include "e4m3.cuh"
#include "formats.cuh"

constexpr float largest_fp8 = 448;

__host__ __device__ inline uint32_t fp8_stride(uint32_t cols) { return (cols + 15) & ~15u; }
/// Where a column's code lies in its row.
__host__ __device__ inline uint32_t fp8_place(uint32_t column) {
  return (column & ~3u) | (column & 1) << 1 | (column >> 1 & 1);
}

/// Bytes of a piece of memory for so many rows.
inline size_t fp8_bytes(uint32_t rows, uint32_t cols) { return (size_t)rows * (fp8_stride(cols) + sizeof(float)); }
/// The layout of rows from `first_row` on in a piece of `all_rows`.
inline uint64_t fp8_layout(uint32_t all_rows, uint32_t first_row, uint32_t cols) {
  return (uint64_t)(all_rows - first_row) * (fp8_stride(cols) / sizeof(float)) + first_row;
}
inline const float *fp8_scales(const mk_matrix &matrix) {
  return static_cast<const float *>(matrix.data) + matrix.layout;
}

/// codes[rows][fp8_stride(cols)] and scales[rows] of x [rows, cols] of MK_F32, MK_F16 or MK_BF16. Where there is a norm, x
/// is MK_F32 and normed first. A row's largest magnitude becomes the largest code.
struct fp8_quantization {
  const void *x;
  mk_dtype x_dtype;
  uint32_t rows, cols, x_stride;
  const float *norm_weight;
  float norm_epsilon;
  uint8_t *codes;
  float *scales;
};
mk_status quantize_rows(mk_stream *stream, const fp8_quantization &q);
/// out[count, cols] = rows from `first` on of an FP8 matrix, in bf16.
mk_status widen_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out);
