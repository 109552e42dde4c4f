/// FP8 weights: how they are quantised, and their products with x in bf16 and in FP8.
#include "linear.h"

namespace {

/// What the products of a run of cases came to.
struct fp8_tally {
  int products = 0, quantized = 0; ///< of more than eight rows, and those among them that had x in FP8
  double largest_error = 0;        ///< that x in FP8 brings
};

double relative_error(const std::vector<float> &out, const std::vector<float> &wanted) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < wanted.size(); i++) {
    const double d = (double)out[i] - wanted[i];
    difference += d * d;
    norm += (double)wanted[i] * wanted[i];
  }
  return std::sqrt(difference / (norm + 1e-30));
}

void write_value(std::vector<uint8_t> &bytes, mk_dtype dtype, size_t i, float value) {
  const uint16_t half = dtype == MK_F16 ? half_bits(value) : bfloat_bits(value);
  if (dtype == MK_F32) {
    memcpy(&bytes[4 * i], &value, 4);
  } else {
    memcpy(&bytes[2 * i], &half, 2);
  }
}

/// Rows of all magnitudes come back as the host rounds them, to the last bit, and nothing lies behind their columns.
void test_quantize(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols) {
  std::vector<uint8_t> bytes((size_t)rows * mk_row_bytes(dtype, cols));
  for (uint32_t row = 0; row < rows; row++) {
    const float size = row == 0 ? 0 : std::ldexp(1.0f, (int)h.below(12) - 8);
    const uint32_t outlier = h.below(4 * cols);
    for (uint32_t i = 0; i < cols; i++) {
      write_value(bytes, dtype, (size_t)row * cols + i, (i == outlier ? 300 : 1) * size * h.normal());
    }
  }
  const mk_matrix host = {bytes.data(), dtype, 0, rows, cols};
  std::vector<float> wanted = dequantized(h, host);
  round_to_fp8(wanted, rows, cols, cols);
  size_t packed = 0;
  h.expect(h.device->matrix_packed_bytes(MK_F8_E4M3, rows, cols, &packed) == MK_OK, "bytes of FP8 weights");
  buffer<uint8_t> memory(h, packed);
  const std::string what = "FP8 weights of dtype " + std::to_string(dtype) + ", " + std::to_string(rows) + " rows of " +
                           std::to_string(cols);
  // In two parts, each described alone.
  const uint32_t cut = rows / 3, firsts[] = {0, cut}, counts[] = {cut, rows - cut};
  for (int part = 0; part < 2; part++) {
    if (counts[part] == 0) continue;
    mk_matrix source = host, made;
    source.data = &bytes[firsts[part] * mk_row_bytes(dtype, cols)];
    source.rows = counts[part];
    h.expect(h.device->matrix_quantize(h.stream, &source, MK_F8_E4M3, memory.pointer(), rows, firsts[part], &made) ==
                 MK_OK,
             "matrix_quantize");
    std::vector<int32_t> ids(source.rows);
    for (uint32_t i = 0; i < source.rows; i++) ids[i] = (int32_t)i;
    buffer<int32_t> list(h, ids);
    buffer<float> out(h, (size_t)source.rows * cols);
    const mk_embedding_args args = {&made, list.pointer(), source.rows, 1, out.pointer()};
    h.expect(h.device->embedding(h.stream, &args) == MK_OK, "embedding of FP8 weights");
    const std::vector<float> values = out.get();
    size_t same = 0;
    while (same < values.size() && values[same] == wanted[(size_t)firsts[part] * cols + same]) same++;
    h.expect(same == values.size(),
             what + ": row " + std::to_string(firsts[part] + same / cols) + ", column " + std::to_string(same % cols));
  }
  const std::vector<uint8_t> codes = memory.get();
  const uint32_t stride = (cols + 15) / 16 * 16;
  bool is_padded = true;
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t i = cols; i < stride; i++) {
      // Each four columns lie in the order 0, 2, 1, 3.
      is_padded &= codes[(size_t)row * stride + i / 4 * 4 + (i % 2 * 2 | (i / 2 % 2))] == 0;
    }
  }
  h.expect(is_padded, what + ": zeros behind the columns");
}

/// Every code widens exactly, those below the smallest normal one too: the sums are of few enough bits to be exact.
void test_all_codes(harness &h) {
  const uint32_t rows = 2, cols = 256, outputs = 32;
  std::vector<float> weights((size_t)outputs * cols), x((size_t)rows * cols);
  for (uint32_t j = 0; j < outputs; j++) {
    for (uint32_t i = 0; i < cols; i++) {
      // Small codes in one row, large ones in the next, with both signs. Column 0 gives each row the scale 1 and is not
      // used.
      const uint32_t code = j % 2 == 0 ? (i + j) % 64 : 64 + (i + j) % 63;
      const float value = code < 8 ? std::ldexp((float)code, -9) : std::ldexp(8.0f + code % 8, (int)(code / 8) - 10);
      weights[(size_t)j * cols + i] = i == 0 ? 448 : i % 2 == 0 ? value : -value;
    }
  }
  for (size_t i = 0; i < x.size(); i++) x[i] = i % cols == 0 ? 0 : (float)(int)(i % 3) - 1;
  const mk_matrix host = {weights.data(), MK_F32, 0, outputs, cols};
  buffer<uint8_t> memory(h, device_matrix::packed_bytes(h, MK_F8_E4M3, outputs, cols));
  mk_matrix device;
  h.expect(h.device->matrix_quantize(h.stream, &host, MK_F8_E4M3, memory.pointer(), outputs, 0, &device) == MK_OK,
           "matrix_quantize");
  const mk_linear_segment segment = {device, nullptr};
  activation dx(h, MK_BF16, x);
  buffer<float> dy(h, (size_t)rows * outputs);
  const size_t bytes = h.device->linear_workspace_bytes(rows, cols, outputs);
  buffer<uint8_t> space(h, bytes);
  const mk_linear_args args = {dx.pointer(), rows,    cols,           &segment, 1,
                               dy.pointer(), outputs, space.pointer(), bytes,    MK_BF16};
  h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear");
  const std::vector<float> out = dy.get();
  bool is_exact = true;
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t j = 0; j < outputs; j++) {
      double sum = 0;
      for (uint32_t i = 0; i < cols; i++) sum += (double)weights[j * cols + i] * x[row * cols + i];
      is_exact &= (double)out[row * outputs + j] == sum;
    }
  }
  h.expect(is_exact, "every FP8 code is multiplied exactly");
}

/// `is_joined`: the segments share a piece of memory.
void test_product(harness &h, const linear_case &c, bool is_joined, fp8_tally *tally) {
  std::vector<std::unique_ptr<device_matrix>> matrices;
  std::vector<std::unique_ptr<buffer<float>>> biases;
  std::vector<std::vector<float>> values, host_biases;
  std::vector<mk_linear_segment> host, device;
  uint32_t total = 0, first = 0;
  for (uint32_t n : c.outputs) total += n;
  buffer<uint8_t> piece(h, device_matrix::packed_bytes(h, MK_F8_E4M3, total, c.cols));
  for (uint32_t n : c.outputs) {
    matrices.push_back(is_joined ? std::make_unique<device_matrix>(h, MK_F8_E4M3, n, c.cols, piece.pointer(), total, first)
                                 : std::make_unique<device_matrix>(h, MK_F8_E4M3, n, c.cols));
    values.push_back(matrices.back()->values(h));
    host_biases.push_back(h.normals(n));
    biases.push_back(std::make_unique<buffer<float>>(h, host_biases.back()));
    first += n;
  }
  for (size_t s = 0; s < c.outputs.size(); s++) {
    host.push_back({{values[s].data(), MK_F32, 0, c.outputs[s], c.cols}, c.has_bias ? host_biases[s].data() : nullptr});
    device.push_back({matrices[s]->device, c.has_bias ? biases[s]->pointer() : nullptr});
  }
  const bool is_gated = c.output >= MK_OUTPUT_SILU;
  const uint32_t columns = is_gated ? total / 2 : total, x_stride = c.cols + c.padding, y_stride = columns + c.padding;
  std::vector<float> x = h.normals((size_t)c.rows * x_stride);
  const std::vector<float> norm = h.normals(c.cols);
  std::vector<float> wanted = c.output == MK_OUTPUT_ADD ? h.normals((size_t)c.rows * y_stride, 10)
                                                        : std::vector<float>((size_t)c.rows * y_stride, NAN);
  const size_t bytes = h.device->linear_workspace_bytes(c.rows, c.cols, total);
  activation dx(h, c.x_dtype, x), dy(h, c.y_dtype, wanted.size());
  if (c.output == MK_OUTPUT_ADD) dy.set(wanted);
  buffer<float> dn(h, norm);
  buffer<uint8_t> space(h, bytes);
  const mk_linear_args args = {dx.pointer(),
                               c.rows,
                               x_stride,
                               device.data(),
                               (uint32_t)device.size(),
                               dy.pointer(),
                               y_stride,
                               space.pointer(),
                               bytes,
                               c.x_dtype,
                               c.y_dtype,
                               c.has_norm ? dn.pointer() : nullptr,
                               1e-5f,
                               c.output};
  std::string what = "FP8 linear rows " + std::to_string(c.rows) + " cols " + std::to_string(c.cols) + " outputs " +
                     std::to_string(total) + (is_joined ? " joined" : "") + " dtypes " + std::to_string(c.x_dtype) +
                     " " + std::to_string(c.y_dtype) + (c.has_norm ? " norm" : "") + " output " +
                     std::to_string(c.output);
  h.expect(h.device->linear(h.stream, &args) == MK_OK, what);
  std::vector<float> out = dy.get();

  // x as it is, and rounded to FP8 row by row after the norm.
  std::vector<float> rounded = x, wanted_rounded = wanted;
  linear_case normed = c;
  if (c.has_norm) {
    const mk_norm_args norm_args = {x.data(), nullptr, norm.data(), rounded.data(), c.rows, c.cols, MK_NORM_PLAIN, 1e-5f};
    h.expect(h.reference->norm(h.reference_stream, &norm_args) == MK_OK, "reference norm");
    normed.has_norm = false;
  }
  round_to_fp8(rounded, c.rows, c.cols, x_stride);
  reference_linear(h, c, x, x_stride, host, norm, wanted, y_stride);
  reference_linear(h, normed, rounded, x_stride, host, norm, wanted_rounded, y_stride);
  for (uint32_t row = 0; row < c.rows; row++) {
    for (uint32_t j = columns; j < y_stride; j++) {
      const size_t at = (size_t)row * y_stride + j;
      if (c.output == MK_OUTPUT_ADD ? out[at] != wanted[at] : !std::isnan(out[at])) {
        h.expect(false, what + " wrote between rows");
      }
      out[at] = wanted[at] = wanted_rounded[at] = 0;
    }
  }
  const double error = relative_error(out, wanted), rounding = relative_error(wanted_rounded, wanted);
  const bool is_quantized = c.rows > 8 && relative_error(out, wanted_rounded) < error;
  if (c.rows > 8) tally->products++;
  if (is_quantized) {
    tally->quantized++;
    tally->largest_error = std::max(tally->largest_error, error);
  }
  // Three bits of mantissa: x in FP8 has a relative error of 0.026. What a gate makes of two such products has more.
  if (is_quantized) what += " with x in FP8 (error " + std::to_string(rounding) + ")";
  const double tolerance = tolerance_of(c.y_dtype, is_gated ? 12e-3 : 6e-3);
  h.compare(out, is_quantized ? wanted_rounded : wanted, tolerance, what);
  h.expect(error < (is_gated ? 8e-2 : 4e-2), what + ": error " + std::to_string(error));
}

} // namespace

void test_fp8(harness &h) {
  for (mk_dtype dtype : {MK_F32, MK_F16, MK_BF16}) {
    test_quantize(h, dtype, 37, 256);
    test_quantize(h, dtype, 5, 577);
    test_quantize(h, dtype, 1, 16);
    if (h.is_quick) continue;
    test_quantize(h, dtype, 3, 9001);
    test_quantize(h, dtype, 3, 33000);
  }
  // Several uploads.
  if (!h.is_quick) test_quantize(h, MK_BF16, 20001, 2048);
  test_all_codes(h);
  fp8_tally tally;
  for (uint32_t rows : {1u, 2u, 5u, 8u, 9u, 12u, 16u, 17u, 33u, 64u, 100u, 128u, 200u, 300u}) {
    if (h.is_quick && rows != 5 && rows != 17) continue;
    test_product(h, {rows, 256, {48, 16}, true, 0}, false, &tally);
    const uint32_t cols = h.is_quick ? 512 : 1536;
    test_product(h, {rows, cols, {70, 33, 1}, rows % 2 == 0, 4}, true, &tally);
    for (mk_dtype x_dtype : {MK_F32, MK_BF16}) {
      const bool has_norm = x_dtype == MK_F32, has_bias = rows % 2 == 0;
      test_product(h, {rows, cols, {256, 64}, false, 0, x_dtype, MK_BF16, has_norm}, true, &tally);
      test_product(h, {rows, cols, {96, 32, 32}, has_bias, 0, x_dtype, MK_BF16, has_norm}, true, &tally);
      test_product(h, {rows, cols, {192}, true, 0, x_dtype, MK_F32, has_norm, MK_OUTPUT_ADD}, false, &tally);
      test_product(h, {rows, cols, {320}, false, 8, x_dtype, MK_F32, false, MK_OUTPUT_ADD}, false, &tally);
      test_product(h, {rows, cols, {256, 256}, has_bias, 0, x_dtype, MK_BF16, has_norm, MK_OUTPUT_SILU}, true, &tally);
      test_product(h, {rows, cols, {100, 100}, false, 0, x_dtype, MK_F32, has_norm, MK_OUTPUT_GELU_TANH}, false, &tally);
    }
  }
  for (uint32_t rows : {1u, 3u, 20u}) {
    for (uint32_t cols : {577u, 88u, 24u, 16u}) {
      if (h.is_quick && cols % 8 == 0) continue;
      test_product(h, {rows, cols, {31, 2}, true, 3}, false, &tally);
      test_product(h, {rows, cols, {130}, false, 0, MK_F32, MK_BF16, true}, false, &tally);
    }
  }
  if (!h.is_quick) {
    for (uint32_t rows : {1u, 8u, 16u, 40u}) {
      test_product(h, {rows, 4096, {4096, 1024, 1024}, false, 0, MK_BF16, MK_BF16}, true, &tally);
    }
    test_product(h, {300, 4096, {512}, false, 0}, false, &tally);
    test_product(h, {24, 14336, {1024}, false, 0, MK_BF16, MK_F32, false, MK_OUTPUT_ADD}, false, &tally);
  }
  // cuBLASLt may refuse some shapes, but not the common ones.
  printf("x was quantised in %d of %d FP8 products of more than 8 rows, with errors of up to %.3f\n", tally.quantized,
         tally.products, tally.largest_error);
  h.expect(tally.quantized > 0, "x is quantised for FP8 weights and many rows");
}
