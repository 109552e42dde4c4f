/// Weights on the device and what the reference makes of a `linear`, for the tests of products.
#pragma once
#include "harness.h"

#include <algorithm>
#include <memory>

/// All rows of a matrix as floats, by the reference.
inline std::vector<float> dequantized(harness &h, const mk_matrix &matrix) {
  std::vector<int32_t> ids(matrix.rows);
  for (uint32_t i = 0; i < matrix.rows; i++) ids[i] = (int32_t)i;
  std::vector<float> values((size_t)matrix.rows * matrix.cols);
  const mk_embedding_args args = {&matrix, ids.data(), matrix.rows, 1, values.data()};
  h.reference->embedding(h.reference_stream, &args);
  return values;
}

/// Rows of values [rows, stride] as they are once quantised to FP8 with a scale for each.
inline void round_to_fp8(std::vector<float> &values, uint32_t rows, uint32_t cols, uint32_t stride) {
  for (uint32_t row = 0; row < rows; row++) {
    float *from = &values[(size_t)row * stride], largest = 0;
    for (uint32_t i = 0; i < cols; i++) largest = std::max(largest, std::fabs(from[i]));
    const float inverse = largest > 1e-30f ? 448 / largest : 0, scale = largest / 448;
    for (uint32_t i = 0; i < cols; i++) from[i] = scale * nearest_fp8(from[i] * inverse);
  }
}

/// Random weights on the device. FP8 ones are made of bf16 there, in memory of their own or as rows of a larger piece.
struct device_matrix {
  std::vector<uint8_t> bytes;
  mk_matrix host, device;
  std::unique_ptr<buffer<uint8_t>> memory;

  static size_t packed_bytes(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols) {
    size_t bytes = 0;
    h.expect(h.device->matrix_packed_bytes(dtype, rows, cols, &bytes) == MK_OK, "matrix_packed_bytes");
    return bytes;
  }
  device_matrix(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols)
      : device_matrix(h, dtype, rows, cols, nullptr, rows, 0) {}
  device_matrix(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols, uint8_t *piece, uint32_t all_rows,
                uint32_t first_row)
      : bytes(random_weights(h, dtype == MK_F8_E4M3 ? mk_dtype(MK_BF16) : dtype, rows, cols)),
        host{bytes.data(), dtype == MK_F8_E4M3 ? mk_dtype(MK_BF16) : dtype, 0, rows, cols} {
    if (!piece) {
      memory = std::make_unique<buffer<uint8_t>>(h, packed_bytes(h, dtype, rows, cols));
      piece = memory->pointer();
    }
    const mk_status status =
        dtype == MK_F8_E4M3
            ? h.device->matrix_quantize(h.stream, &host, MK_F8_E4M3, piece, all_rows, first_row, &device)
            : h.device->matrix_pack(h.stream, &host, piece, &device);
    h.expect(status == MK_OK, "matrix_pack");
  }
  /// What the device's weights stand for.
  std::vector<float> values(harness &h) const {
    std::vector<float> all = dequantized(h, host);
    if (device.dtype == MK_F8_E4M3) round_to_fp8(all, host.rows, host.cols, host.cols);
    return all;
  }
};

struct linear_case {
  uint32_t rows, cols;
  std::vector<uint32_t> outputs;
  bool has_bias;
  uint32_t padding; ///< between rows of x and of y
  mk_dtype x_dtype = MK_F32, y_dtype = MK_F32;
  bool has_norm = false;
  uint32_t output = MK_OUTPUT_STORE;
};

/// What the reference makes of it, norm and output included. `y` holds what is added to.
inline void reference_linear(harness &h, const linear_case &c, const std::vector<float> &x, uint32_t x_stride,
                             const std::vector<mk_linear_segment> &segments, const std::vector<float> &norm,
                             std::vector<float> &y, uint32_t y_stride) {
  uint32_t total = 0;
  for (const mk_linear_segment &segment : segments) total += segment.matrix.rows;
  std::vector<float> normed = x, product((size_t)c.rows * total);
  if (c.has_norm) {
    const mk_norm_args args = {x.data(), nullptr, norm.data(), normed.data(), c.rows, c.cols, MK_NORM_PLAIN, 1e-5f};
    h.expect(h.reference->norm(h.reference_stream, &args) == MK_OK, "reference norm");
  }
  const mk_linear_args args = {
      normed.data(), c.rows, x_stride, segments.data(), (uint32_t)segments.size(), product.data(), total, nullptr, 0};
  h.expect(h.reference->linear(h.reference_stream, &args) == MK_OK, "reference linear");
  if (c.output >= MK_OUTPUT_SILU) {
    std::vector<float> gated((size_t)c.rows * total / 2);
    const mk_gated_args gate = {product.data(), gated.data(), c.rows, total / 2,
                                c.output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH};
    h.expect(h.reference->gated(h.reference_stream, &gate) == MK_OK, "reference gated");
    product = gated;
    total /= 2;
  }
  for (uint32_t row = 0; row < c.rows; row++) {
    for (uint32_t j = 0; j < total; j++) {
      float &to = y[(size_t)row * y_stride + j];
      to = product[(size_t)row * total + j] + (c.output == MK_OUTPUT_ADD ? to : 0);
    }
  }
}
