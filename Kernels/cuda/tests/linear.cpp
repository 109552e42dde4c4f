/// Embedding and linear in every weight format.
#include "linear.h"

const std::vector<format_name> all_formats = {
    {MK_F32, "F32"},   {MK_F16, "F16"},   {MK_BF16, "BF16"}, {MK_Q4_0, "Q4_0"}, {MK_Q4_1, "Q4_1"},
    {MK_Q5_0, "Q5_0"}, {MK_Q5_1, "Q5_1"}, {MK_Q8_0, "Q8_0"}, {MK_Q2_K, "Q2_K"}, {MK_Q3_K, "Q3_K"},
    {MK_Q4_K, "Q4_K"}, {MK_Q5_K, "Q5_K"}, {MK_Q6_K, "Q6_K"}};

/// Where a unit's half-precision scale and minimum lie (-1: none), and how large codes times sub-scales get.
struct scale_places {
  int scale, minimum;
  float code_range;
};
static scale_places places_of(mk_dtype dtype) {
  switch (dtype) {
  case MK_Q4_0: return {0, -1, 8};
  case MK_Q4_1: return {0, 2, 8};
  case MK_Q5_0: return {0, -1, 16};
  case MK_Q5_1: return {0, 2, 16};
  case MK_Q8_0: return {0, -1, 128};
  case MK_Q2_K: return {80, 82, 24};
  case MK_Q3_K: return {108, -1, 64};
  case MK_Q4_K: return {0, 2, 480};
  case MK_Q5_K: return {0, 2, 960};
  default: return {208, -1, 2048};
  }
}

std::vector<uint8_t> random_weights(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols) {
  const size_t row_bytes = mk_row_bytes(dtype, cols);
  std::vector<uint8_t> bytes(rows * row_bytes);
  if (dtype <= MK_BF16) {
    for (size_t i = 0; i < (size_t)rows * cols; i++) {
      const float value = h.normal();
      const uint16_t half = dtype == MK_F16 ? half_bits(value) : bfloat_bits(value);
      if (dtype == MK_F32) {
        memcpy(&bytes[i * 4], &value, 4);
      } else {
        memcpy(&bytes[i * 2], &half, 2);
      }
    }
    return bytes;
  }
  for (uint8_t &byte : bytes) byte = (uint8_t)h.random();
  const size_t unit = mk_row_bytes(dtype, dtype >= MK_Q2_K ? 256 : 32);
  const scale_places places = places_of(dtype);
  for (size_t at = 0; at < bytes.size(); at += unit) {
    const uint16_t scale = half_bits(h.uniform(0.5f, 2) / places.code_range);
    memcpy(&bytes[at + places.scale], &scale, 2);
    if (places.minimum < 0) continue;
    const bool is_super = dtype >= MK_Q2_K;
    const uint16_t minimum = half_bits(is_super ? h.uniform(0.5f, 2) / 32 : h.uniform(-2, 0));
    memcpy(&bytes[at + places.minimum], &minimum, 2);
  }
  return bytes;
}

static void test_embedding(harness &h, const format_name &format) {
  for (uint32_t cols : {256u, 2304u}) {
    device_matrix table(h, format.dtype, 37, cols);
    const std::vector<int32_t> ids = {0, 36, 5, 5, 17};
    std::vector<float> wanted(ids.size() * cols);
    mk_embedding_args args = {&table.host, ids.data(), (uint32_t)ids.size(), 1.5f, wanted.data()};
    h.reference->embedding(h.reference_stream, &args);
    buffer<int32_t> di(h, ids);
    buffer<float> dy(h, wanted.size());
    args = {&table.device, di.pointer(), (uint32_t)ids.size(), 1.5f, dy.pointer()};
    h.expect(h.device->embedding(h.stream, &args) == MK_OK, "embedding");
    // Scales of the K formats are products, which the device rounds to half precision.
    h.compare(dy.get(), wanted, format.dtype >= MK_Q2_K ? 4e-4 : 2e-7, std::string("embedding ") + format.name);
    di.set({0, 37, 0, -1, 0});
    h.device->embedding(h.stream, &args);
    h.expect(h.device->stream_synchronize(h.stream) == MK_INVALID_ARGUMENT, "an id outside the table is reported");
  }
}

/// `formats` are taken in turn by the segments.
static void test_linear(harness &h, const std::vector<format_name> &formats, const linear_case &c) {
  std::vector<device_matrix *> matrices;
  std::vector<buffer<float> *> biases;
  std::vector<mk_linear_segment> host, device;
  std::vector<std::vector<float>> values, host_biases;
  uint32_t total = 0;
  for (size_t s = 0; s < c.outputs.size(); s++) {
    matrices.push_back(new device_matrix(h, formats[s % formats.size()].dtype, c.outputs[s], c.cols));
    values.push_back(matrices.back()->values(h));
    host_biases.push_back(h.normals(c.outputs[s]));
    biases.push_back(new buffer<float>(h, host_biases.back()));
    total += c.outputs[s];
  }
  for (size_t s = 0; s < c.outputs.size(); s++) {
    host.push_back({{values[s].data(), MK_F32, 0, c.outputs[s], c.cols}, c.has_bias ? host_biases[s].data() : nullptr});
    device.push_back({matrices[s]->device, c.has_bias ? biases[s]->pointer() : nullptr});
  }
  const uint32_t columns = c.output >= MK_OUTPUT_SILU ? total / 2 : total;
  const uint32_t x_stride = c.cols + c.padding, y_stride = columns + c.padding;
  std::vector<float> x = h.normals((size_t)c.rows * x_stride), out;
  const std::vector<float> norm = h.normals(c.cols);
  std::vector<float> wanted = c.output == MK_OUTPUT_ADD ? h.normals((size_t)c.rows * y_stride, 10)
                                                        : std::vector<float>((size_t)c.rows * y_stride, NAN);
  {
    const size_t workspace = h.device->linear_workspace_bytes(c.rows, c.cols, total);
    activation dx(h, c.x_dtype, x), dy(h, c.y_dtype, wanted.size());
    if (c.output == MK_OUTPUT_ADD) dy.set(wanted);
    buffer<float> dn(h, norm);
    buffer<uint8_t> space(h, workspace);
    mk_linear_args args = {dx.pointer(),
                           c.rows,
                           x_stride,
                           device.data(),
                           (uint32_t)device.size(),
                           dy.pointer(),
                           y_stride,
                           space.pointer(),
                           workspace,
                           c.x_dtype,
                           c.y_dtype,
                           c.has_norm ? dn.pointer() : nullptr,
                           1e-5f,
                           c.output};
    h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear");
    out = dy.get();
  }
  reference_linear(h, c, x, x_stride, host, norm, wanted, y_stride);
  for (uint32_t row = 0; row < c.rows; row++) {
    for (uint32_t j = columns; j < y_stride; j++) {
      const size_t at = (size_t)row * y_stride + j;
      if (c.output == MK_OUTPUT_ADD ? out[at] != wanted[at] : !std::isnan(out[at])) {
        h.expect(false, "linear wrote between rows");
      }
      out[at] = wanted[at] = 0;
    }
  }
  bool is_exact = true, is_quantized = false;
  for (const format_name &format : formats) {
    is_exact &= format.dtype == MK_F32;
    is_quantized |= format.dtype > MK_BF16;
  }
  std::string what = "linear";
  for (const format_name &format : formats) what += std::string(" ") + format.name;
  what += " rows " + std::to_string(c.rows) + " cols " + std::to_string(c.cols) + " outputs " + std::to_string(total) +
          " dtypes " + std::to_string(c.x_dtype) + " " + std::to_string(c.y_dtype) + (c.has_norm ? " norm" : "") +
          " output " + std::to_string(c.output);
  // 16-bit weights multiply x rounded to 16 bits; quantised ones are rounded to bf16 as well. A gate adds the error of
  // two products, and in the workspace both are rounded.
  const double tolerance = (is_exact ? 2e-6 : is_quantized ? 6e-3 : 4e-3) * (c.output >= MK_OUTPUT_SILU ? 2 : 1);
  h.compare(out, wanted, tolerance_of(c.y_dtype, tolerance), what);
  for (auto *matrix : matrices) delete matrix;
  for (auto *bias : biases) delete bias;
}

/// Activations of 16 bits, the norm before and what may come after a product.
static void test_fusions(harness &h, const format_name &format, const std::vector<uint32_t> &row_counts) {
  for (uint32_t rows : row_counts) {
    const uint32_t cols = h.is_quick ? 512 : 1280;
    for (mk_dtype x_dtype : {MK_F32, MK_BF16}) {
      const bool has_norm = x_dtype == MK_F32;
      test_linear(h, {format}, {rows, cols, {256, 64}, false, 0, x_dtype, MK_BF16, has_norm, MK_OUTPUT_STORE});
      test_linear(h, {format}, {rows, cols, {192}, true, 0, x_dtype, MK_F32, has_norm, MK_OUTPUT_ADD});
      test_linear(h, {format}, {rows, cols, {320}, false, 8, x_dtype, MK_F32, false, MK_OUTPUT_ADD});
      test_linear(h, {format}, {rows, cols, {256, 256}, rows % 2 == 0, 0, x_dtype, MK_BF16, has_norm, MK_OUTPUT_SILU});
      test_linear(h, {format}, {rows, cols, {100, 100}, false, 0, x_dtype, MK_F32, has_norm, MK_OUTPUT_GELU_TANH});
      test_linear(h, {format}, {rows, cols, {96, 32, 32}, true, 0, x_dtype, MK_F32, has_norm, MK_OUTPUT_STORE});
    }
  }
}

/// A product that leaves its norm to the next, which gates or stores.
static void test_deferred_norm(harness &h, mk_dtype dtype, uint32_t rows, uint32_t hidden, uint32_t output) {
  const uint32_t inner = 512, wide = 384, parts = mk_square_parts(hidden);
  device_matrix first(h, dtype, hidden, inner), gate(h, dtype, wide, hidden), up(h, dtype, wide, hidden);
  const std::vector<float> first_values = first.values(h), gate_values = gate.values(h), up_values = up.values(h),
                           weight = h.normals(hidden);
  std::vector<float> x = h.normals((size_t)rows * inner), residual = h.normals((size_t)rows * hidden, 30);
  activation dx(h, MK_BF16, x), next(h, MK_BF16, (size_t)rows * hidden);
  buffer<float> dr(h, residual), dw(h, weight), squares(h, (size_t)rows * parts);
  const bool is_gated = output >= MK_OUTPUT_SILU;
  const uint32_t columns = is_gated ? wide : 2 * wide;
  activation dy(h, MK_BF16, (size_t)rows * columns);
  const size_t workspace = h.device->linear_workspace_bytes(rows, hidden, 2 * wide);
  buffer<uint8_t> space(h, workspace);
  const mk_linear_segment one = {first.device, nullptr}, two[2] = {{gate.device, nullptr}, {up.device, nullptr}};
  mk_linear_args args = {dx.pointer(), rows,      inner,           &one,    1,       dr.pointer(), hidden,
                         space.pointer(), workspace, MK_BF16, MK_F32, nullptr, 1e-5f,        MK_OUTPUT_ADD};
  args.next_norm_weight = dw.pointer();
  args.next_x = next.pointer();
  args.next_squares = squares.pointer();
  h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear that defers a norm");
  args = {next.pointer(),  rows,      hidden,  two,     2,       dy.pointer(), columns,
          space.pointer(), workspace, MK_BF16, MK_BF16, nullptr, 1e-5f,        output};
  args.squares = squares.pointer();
  h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear behind a deferred norm");
  const std::string what = "deferred norm, dtype " + std::to_string(dtype) + " rows " + std::to_string(rows) +
                           " hidden " + std::to_string(hidden) + " output " + std::to_string(output);
  // The reference: the sum, the norm and the second product, each in float.
  std::vector<float> sum = residual, wanted((size_t)rows * columns);
  linear_case c = {rows, inner, {hidden}, false, 0};
  c.output = MK_OUTPUT_ADD;
  reference_linear(h, c, x, inner, {{{first_values.data(), MK_F32, 0, hidden, inner}, nullptr}}, {}, sum, hidden);
  h.compare(dr.get(), sum, 4e-3, what + ", residual");
  c = {rows, hidden, {wide, wide}, false, 0};
  c.has_norm = true;
  c.output = output;
  reference_linear(h, c, sum, hidden,
                   {{{gate_values.data(), MK_F32, 0, wide, hidden}, nullptr},
                    {{up_values.data(), MK_F32, 0, wide, hidden}, nullptr}},
                   weight, wanted, columns);
  h.compare(dy.get(), wanted, tolerance_of(MK_BF16, is_gated ? 1.6e-2 : 8e-3), what);
}

/// A row's result has the same bits whatever else is in the batch.
static void test_invariance(harness &h, const format_name &format, uint32_t cols, uint32_t outputs) {
  const uint32_t rows = 150;
  device_matrix matrix(h, format.dtype, outputs, cols);
  const mk_linear_segment segment = {matrix.device, nullptr};
  std::vector<float> x = h.normals((size_t)rows * cols);
  activation dx(h, MK_BF16, x);
  const size_t workspace = h.device->linear_workspace_bytes(rows, cols, outputs);
  buffer<uint8_t> space(h, workspace);
  const auto multiply = [&](uint32_t first, uint32_t count) {
    buffer<float> y(h, (size_t)count * outputs);
    const float *from =
        reinterpret_cast<const float *>(reinterpret_cast<const uint16_t *>(dx.pointer()) + first * cols);
    const mk_linear_args args = {from,    count,           cols,      &segment, 1, y.pointer(),
                                 outputs, space.pointer(), workspace, MK_BF16};
    h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear");
    return y.get();
  };
  const std::vector<float> all = multiply(0, rows);
  const uint32_t slices[][2] = {{0, 1}, {3, 1}, {149, 1}, {5, 12}, {20, 30}, {60, 64}, {10, 100}, {0, 129}};
  for (const auto &[first, count] : slices) {
    const std::vector<float> some = multiply(first, count);
    h.expect(memcmp(some.data(), &all[(size_t)first * outputs], some.size() * sizeof(float)) == 0,
             std::string("invariant linear ") + format.name + ", " + std::to_string(cols) + " columns, rows " +
                 std::to_string(first) + " + " + std::to_string(count));
  }
}

/// Quantised weights of such shapes that a block has one, two and four times 64 outputs, alone and in clusters of two
/// and four; the last of each not full.
static void test_packed_shapes(harness &h, const format_name &format, const std::vector<uint32_t> &row_counts) {
  const uint32_t shapes[][2] = {{768, 70},    {1536, 600}, {256, 5000}, {1536, 2501},
                                 {256, 17000}, {256, 8500}, {1536, 5000}};
  for (const auto &[cols, outputs] : shapes) {
    for (uint32_t rows : row_counts) {
      test_linear(h, {format}, {rows, cols, {outputs}, true, 0, MK_BF16, MK_F32});
      test_linear(h, {format}, {rows, cols, {outputs / 2, outputs / 2}, true, 8, MK_BF16, MK_BF16, false,
                                MK_OUTPUT_SILU});
    }
  }
}

/// On a deterministic stream.
void test_deterministic_linear(harness &h) {
  const format_name bf16 = {MK_BF16, "BF16"}, half = {MK_F16, "F16"}, q4 = {MK_Q4_K, "Q4_K"}, q8 = {MK_Q8_0, "Q8_0"},
                    fp8 = {MK_F8_E4M3, "FP8"};
  test_fusions(h, bf16, h.is_quick ? std::vector<uint32_t>{3} : std::vector<uint32_t>{1, 8, 17, 40, 140});
  test_fusions(h, half, {3});
  test_fusions(h, fp8, h.is_quick ? std::vector<uint32_t>{3} : std::vector<uint32_t>{3, 40});
  for (const format_name &format : {bf16, half, q4, q8, fp8}) {
    test_invariance(h, format, 512, 192);
    if (!h.is_quick) test_invariance(h, format, 2048, 1000);
  }
  if (h.is_quick) return;
  test_invariance(h, bf16, 4096, 6144);
  // Larger than one piece of weights turned to bf16.
  test_invariance(h, fp8, 8192, 4200);
  // Tiles of every width, the last not full.
  for (uint32_t outputs : {2001u, 4001u, 6001u, 8001u, 12001u, 16001u, 21001u, 29001u, 41001u}) {
    const uint32_t rows = outputs % 4000 == 1 ? 70 : 33;
    test_linear(h, {bf16}, {rows, 200, {outputs}, true, 0, MK_BF16, MK_F32});
    test_linear(h, {bf16}, {rows, 200, {outputs / 2, outputs / 2}, true, 0, MK_BF16, MK_BF16, false, MK_OUTPUT_SILU});
  }
  // Quantised blocks of every width, alone and in clusters.
  for (const format_name &format : {q4, q8}) test_packed_shapes(h, format, {3, 70});
}

void test_embedding_and_linear(harness &h) {
  for (const format_name &format : all_formats) {
    test_embedding(h, format);
    for (uint32_t rows : {1u, 2u, 5u, 8u, 9u, 16u, 17u, 70u}) {
      if (h.is_quick && rows != 5 && rows != 17) continue;
      test_linear(h, {format}, {rows, 256, {48, 16}, true, 0});
      if (!h.is_quick) test_linear(h, {format}, {rows, 1536, {70, 33, 1}, rows % 2 == 0, 4});
    }
    if (format.dtype <= MK_BF16) {
      for (uint32_t rows : {1u, 3u, 20u}) test_linear(h, {format}, {rows, 577, {31, 2}, true, 3});
      for (uint32_t rows : {1u, 3u, 20u}) test_linear(h, {format}, {rows, 88, {130}, false, 0});
    }
  }
  for (uint32_t rows : {1u, 7u, 40u}) {
    test_linear(h, {{MK_Q4_K, "Q4_K"}, {MK_Q4_K, "Q4_K"}, {MK_Q6_K, "Q6_K"}}, {rows, 512, {64, 32, 32}, true, 0});
    test_linear(h, {{MK_BF16, "BF16"}, {MK_F32, "F32"}, {MK_F16, "F16"}},
                {rows, 512, {64, 32, 32, 16, 16, 8}, true, 8});
  }
  for (const format_name &format : all_formats) {
    if (format.dtype <= MK_BF16 || !h.is_quick || format.dtype == MK_Q8_0 || format.dtype == MK_Q4_K) {
      const bool is_main = format.dtype == MK_BF16 && !h.is_quick;
      test_fusions(h, format,
                   is_main ? std::vector<uint32_t>{1, 3, 8, 11, 16, 17, 33, 64, 100, 200}
                           : std::vector<uint32_t>{3, 17});
    }
  }
  for (uint32_t rows : {1u, 5u, 8u, 9u, 70u}) {
    if (h.is_quick && rows != 5) continue;
    for (uint32_t output : {MK_OUTPUT_STORE, MK_OUTPUT_SILU}) {
      test_deferred_norm(h, MK_BF16, rows, 512, output);
      // Squares of a quantised product, and of rows too long for the lanes of a warp; the last tile not full.
      test_deferred_norm(h, MK_Q8_0, rows, 512, output);
      test_deferred_norm(h, MK_BF16, rows, 4608, output);
      test_deferred_norm(h, MK_BF16, rows, 520, output);
      test_deferred_norm(h, MK_F32, rows, 512, output);
      test_deferred_norm(h, MK_F16, rows, 512, output);
      // More rows are quantised too.
      if (rows <= 8) test_deferred_norm(h, MK_F8_E4M3, rows, 512, output);
    }
  }
  if (h.is_quick) return;
  test_linear(h, {{MK_BF16, "BF16"}}, {1, 4096, {4096, 1024, 1024}, false, 0});
  test_linear(h, {{MK_BF16, "BF16"}}, {300, 4096, {512}, false, 0});
  // Larger than one piece of dequantised weights.
  test_linear(h, {{MK_Q8_0, "Q8_0"}}, {70, 8192, {4200}, true, 0});
  // Two tiles to a block, an odd number of them, the last tile and the last unit of columns not full.
  for (const format_name &format : all_formats) {
    if (format.dtype <= MK_BF16) continue;
    const uint32_t cols = format.dtype >= MK_Q2_K ? 768 : 608;
    for (uint32_t rows : {1u, 12u, 50u}) {
      test_linear(h, {format}, {rows, cols, {8200, 1040, 16}, true, 0, MK_BF16});
      test_linear(h, {format}, {rows, cols, {600, 600}, true, 0, MK_BF16, MK_BF16, false, MK_OUTPUT_SILU});
    }
  }
  for (const format_name &format : {format_name{MK_Q4_K, "Q4_K"}, format_name{MK_Q8_0, "Q8_0"}}) {
    test_fusions(h, format, {33, 64, 100, 128});
    test_packed_shapes(h, format, {20, 100});
  }
  // A linear of two formats whose rows are many.
  test_linear(h, {{MK_Q4_K, "Q4_K"}, {MK_Q4_K, "Q4_K"}, {MK_Q6_K, "Q6_K"}},
              {100, 512, {64, 32, 32}, false, 0, MK_BF16});
}

/// Products that end in their gates: more tiles than clusters, and rows, columns and outputs that end within a tile.
void test_many_rows(harness &h) {
  const std::vector<format_name> bf16 = {{MK_BF16, "BF16"}};
  if (h.is_quick) return;
  test_linear(h, bf16, {2500, 456, {1624, 1624}, false, 0, MK_F32, MK_BF16, true, MK_OUTPUT_SILU});
  test_linear(h, bf16, {2500, 520, {1624, 1624}, false, 8, MK_BF16, MK_BF16, false, MK_OUTPUT_GELU_TANH});
  // What these leave to others: biases, strides that are not aligned, few columns, floats.
  test_linear(h, bf16, {2500, 456, {1624, 1624}, true, 0, MK_BF16, MK_BF16, false, MK_OUTPUT_SILU});
  test_linear(h, bf16, {2500, 456, {1624, 1624}, false, 1, MK_BF16, MK_BF16, false, MK_OUTPUT_SILU});
  for (mk_dtype y_dtype : {MK_BF16, MK_F32}) {
    test_linear(h, bf16, {2500, 88, {1624, 1624}, false, 0, MK_BF16, y_dtype, false, MK_OUTPUT_SILU});
  }
}
