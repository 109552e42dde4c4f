/// The weight formats.
#pragma once
#include "device.cuh"

#include <type_traits>

constexpr uint32_t block_columns = 32;

struct weight_format {
  uint16_t columns, bytes; ///< of one unit of the file's layout
};

/// {0, 0} for an unknown dtype.
__host__ __device__ inline constexpr weight_format format_of(mk_dtype dtype) {
  switch (dtype) {
  case MK_F32: return {1, 4};
  case MK_F16:
  case MK_BF16: return {1, 2};
  case MK_F8_E4M3: return {1, 1};
  case MK_Q4_0: return {32, 18};
  case MK_Q4_1: return {32, 20};
  case MK_Q5_0: return {32, 22};
  case MK_Q5_1: return {32, 24};
  case MK_Q8_0: return {32, 34};
  case MK_Q2_K: return {256, 84};
  case MK_Q3_K: return {256, 110};
  case MK_Q4_K: return {256, 144};
  case MK_Q5_K: return {256, 176};
  case MK_Q6_K: return {256, 210};
  default: return {0, 0};
  }
}

/// Whether weights are codes and scales: products that cannot read these have them turned to bf16.
__host__ __device__ inline constexpr bool is_quantized(mk_dtype dtype) { return dtype >= MK_F8_E4M3; }

/// Bytes of a row, which `cols` fills with whole units.
__host__ __device__ inline size_t row_bytes_of(mk_dtype dtype, uint32_t cols) {
  const weight_format format = format_of(dtype);
  return (size_t)(cols / format.columns) * format.bytes;
}

inline bool is_valid_matrix(const mk_matrix *matrix) {
  if (!matrix || !matrix->data || matrix->rows == 0 || matrix->cols == 0) return false;
  // Only the device makes FP8 weights, and says in `layout` where their scales lie.
  if (matrix->dtype == MK_F8_E4M3 && matrix->layout == 0) return false;
  const weight_format format = format_of(matrix->dtype);
  return format.columns != 0 && matrix->cols % format.columns == 0;
}

/// Calls `action` with the constant that equals `dtype`, one of the quantised formats of files; false for any other.
template <typename Action> bool with_quantized(mk_dtype dtype, Action action) {
  switch (dtype) {
  case MK_Q4_0: action(std::integral_constant<mk_dtype, MK_Q4_0>()); return true;
  case MK_Q4_1: action(std::integral_constant<mk_dtype, MK_Q4_1>()); return true;
  case MK_Q5_0: action(std::integral_constant<mk_dtype, MK_Q5_0>()); return true;
  case MK_Q5_1: action(std::integral_constant<mk_dtype, MK_Q5_1>()); return true;
  case MK_Q8_0: action(std::integral_constant<mk_dtype, MK_Q8_0>()); return true;
  case MK_Q2_K: action(std::integral_constant<mk_dtype, MK_Q2_K>()); return true;
  case MK_Q3_K: action(std::integral_constant<mk_dtype, MK_Q3_K>()); return true;
  case MK_Q4_K: action(std::integral_constant<mk_dtype, MK_Q4_K>()); return true;
  case MK_Q5_K: action(std::integral_constant<mk_dtype, MK_Q5_K>()); return true;
  case MK_Q6_K: action(std::integral_constant<mk_dtype, MK_Q6_K>()); return true;
  default: return false;
  }
}
