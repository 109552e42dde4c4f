/// The weight formats on the device: rows in the file's layout, read a block of 32 columns at a time.
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

__host__ __device__ inline constexpr bool is_quantized(mk_dtype dtype) { return dtype >= MK_Q4_0; }

/// Bytes of a row, which `cols` fills with whole units.
__host__ __device__ inline size_t row_bytes_of(mk_dtype dtype, uint32_t cols) {
  const weight_format format = format_of(dtype);
  return (size_t)(cols / format.columns) * format.bytes;
}

inline bool is_valid_matrix(const mk_matrix *matrix) {
  if (!matrix || !matrix->data || matrix->rows == 0 || matrix->cols == 0) return false;
  const weight_format format = format_of(matrix->dtype);
  return format.columns != 0 && matrix->cols % format.columns == 0;
}

/// Units of most formats are aligned to two bytes only.
__device__ __forceinline__ uint32_t load16(const uint8_t *bytes) { return *reinterpret_cast<const uint16_t *>(bytes); }
__device__ __forceinline__ uint32_t load32(const uint8_t *bytes) { return load16(bytes) | load16(bytes + 2) << 16; }
__device__ __forceinline__ float load_half(const uint8_t *bytes) {
  return __half2float(__ushort_as_half((unsigned short)load16(bytes)));
}

/// The 6-bit scale and minimum of block b that Q4_K and Q5_K squeeze into 12 bytes.
__device__ __forceinline__ void k_scales(const uint8_t *scales, uint32_t b, float *scale, float *minimum) {
  uint32_t s, m;
  if (b < 4) {
    s = scales[b] & 63;
    m = scales[b + 4] & 63;
  } else {
    s = (scales[b + 4] & 15) | (scales[b - 4] >> 6) << 4;
    m = scales[b + 4] >> 4 | (scales[b] >> 6) << 4;
  }
  *scale = (float)s;
  *minimum = (float)m;
}

/// The 6-bit scale, biased by 32, of sub-block i of Q3_K.
__device__ __forceinline__ float q3_scale(const uint8_t *scales, uint32_t i) {
  const uint32_t low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
  const uint32_t high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
  return (float)(int)(low | high << 4) - 32;
}

/// out = the 32 values of block `index` of a quantised row.
template <mk_dtype dtype>
__device__ __forceinline__ void read_block(const uint8_t *row, uint32_t index, float out[32]) {
  constexpr weight_format format = format_of(dtype);
  constexpr uint32_t per_unit = format.columns / block_columns;
  const uint32_t b = index % per_unit;
  const uint8_t *unit = row + (size_t)(index / per_unit) * format.bytes;
  if constexpr (dtype == MK_Q8_0) {
    const float scale = load_half(unit);
#pragma unroll
    for (int i = 0; i < 16; i++) {
      const uint32_t pair = load16(unit + 2 + 2 * i);
      out[2 * i] = scale * (float)(int8_t)(pair & 255);
      out[2 * i + 1] = scale * (float)(int8_t)(pair >> 8);
    }
  } else if constexpr (dtype == MK_Q4_0 || dtype == MK_Q4_1 || dtype == MK_Q5_0 || dtype == MK_Q5_1) {
    constexpr bool has_minimum = dtype == MK_Q4_1 || dtype == MK_Q5_1, is_five = dtype == MK_Q5_0 || dtype == MK_Q5_1;
    const float scale = load_half(unit);
    const float minimum = has_minimum ? load_half(unit + 2) : is_five ? -16 * scale : -8 * scale;
    const uint8_t *codes = unit + (has_minimum ? 4 : 2);
    const uint32_t high = is_five ? load32(codes) : 0;
    if (is_five) codes += 4;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const uint32_t pair = load16(codes + 2 * i);
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int at = 2 * i + j;
        uint32_t low_code = pair >> (8 * j) & 15, high_code = pair >> (8 * j + 4) & 15;
        if (is_five) {
          low_code |= (high >> at & 1) << 4;
          high_code |= (high >> (at + 16) & 1) << 4;
        }
        out[at] = scale * (float)low_code + minimum;
        out[at + 16] = scale * (float)high_code + minimum;
      }
    }
  } else if constexpr (dtype == MK_Q4_K || dtype == MK_Q5_K) {
    float sub_scale, sub_minimum;
    k_scales(unit + 4, b, &sub_scale, &sub_minimum);
    const float scale = load_half(unit) * sub_scale, minimum = load_half(unit + 2) * sub_minimum;
    const uint8_t *codes = unit + (dtype == MK_Q4_K ? 16 : 48) + b / 2 * 32;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const uint32_t four = load32(codes + 4 * i) >> (4 * (b % 2));
      const uint32_t fifth = dtype == MK_Q5_K ? load32(unit + 16 + 4 * i) >> b : 0;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const uint32_t code = (four >> (8 * j) & 15) | (fifth >> (8 * j) & 1) << 4;
        out[4 * i + j] = scale * (float)code - minimum;
      }
    }
  } else if constexpr (dtype == MK_Q6_K) {
    const uint32_t half = b / 4, quarter = b % 4;
    const float scale = load_half(unit + 208);
    const float scales[2] = {scale * (float)(int8_t)unit[192 + 2 * b], scale * (float)(int8_t)unit[193 + 2 * b]};
    const uint8_t *low = unit + half * 64 + quarter % 2 * 32, *high = unit + 128 + half * 32;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const uint32_t l = load32(low + 4 * i) >> (4 * (quarter / 2)), h = load32(high + 4 * i) >> (2 * quarter);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const uint32_t code = (l >> (8 * j) & 15) | (h >> (8 * j) & 3) << 4;
        out[4 * i + j] = scales[i / 4] * (float)((int)code - 32);
      }
    }
  } else if constexpr (dtype == MK_Q2_K) {
    const float scale = load_half(unit + 80), minimum = load_half(unit + 82);
    const uint8_t *codes = unit + 16 + b / 4 * 32;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const uint32_t sub = unit[2 * b + i / 4], four = load32(codes + 4 * i) >> (2 * (b % 4));
      const float s = scale * (float)(sub & 15), m = minimum * (float)(sub >> 4);
#pragma unroll
      for (int j = 0; j < 4; j++) out[4 * i + j] = s * (float)(four >> (8 * j) & 3) - m;
    }
  } else {
    static_assert(dtype == MK_Q3_K);
    const float scale = load_half(unit + 108);
    const uint8_t *codes = unit + 32 + b / 4 * 32;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const float s = scale * q3_scale(unit + 96, 2 * b + i / 4);
      const uint32_t low = load32(codes + 4 * i) >> (2 * (b % 4)), high = load32(unit + 4 * i) >> b;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int code = (int)((low >> (8 * j) & 3) | (high >> (8 * j) & 1) << 2);
        out[4 * i + j] = s * (float)(code - 4);
      }
    }
  }
}

/// Calls `action` with the constant that equals the quantised `dtype`; false for any other dtype.
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
