/// Norms, rope tables, gates, gathers, scaling and soft capping.
#include "harness.h"

static void test_norm(harness &h, mk_dtype y_dtype) {
  for (uint32_t cols : {1u, 7u, 64u, 576u, 4096u, 8192u, 9001u, 9004u}) {
    for (uint32_t mode : {MK_NORM_PLAIN, MK_NORM_ADD_FIRST, MK_NORM_ADD_AFTER}) {
      const uint32_t rows = cols > 4096 ? 3 : 17;
      const std::vector<float> x = h.normals(rows * cols, 3), residual = h.normals(rows * cols),
                               weight = h.normals(cols);
      std::vector<float> wanted_residual = residual, wanted(x.size());
      mk_norm_args args = {
          x.data(), mode ? wanted_residual.data() : nullptr, weight.data(), wanted.data(), rows, cols, mode, 1e-5f};
      h.expect(h.reference->norm(h.reference_stream, &args) == MK_OK, "reference norm");
      buffer<float> dx(h, x), dr(h, residual), dw(h, weight);
      activation dy(h, y_dtype, x.size());
      args = {dx.pointer(), mode ? dr.pointer() : nullptr, dw.pointer(), dy.pointer(), rows, cols, mode, 1e-5f,
              y_dtype};
      h.expect(h.device->norm(h.stream, &args) == MK_OK, "norm");
      const std::string what = "norm of " + std::to_string(cols) + " columns, mode " + std::to_string(mode) +
                               ", dtype " + std::to_string(y_dtype);
      if (mode != MK_NORM_ADD_AFTER) h.compare(dy.get(), wanted, tolerance_of(y_dtype, 1e-6), what);
      if (mode != MK_NORM_PLAIN) h.compare(dr.get(), wanted_residual, 1e-6, what + ", residual");
    }
  }
}

static void test_rope_table(harness &h) {
  const uint32_t rows = 37, half = 33;
  std::vector<int32_t> positions(rows);
  for (int32_t &position : positions) position = (int32_t)h.below(1000000);
  std::vector<float> frequencies(half);
  for (uint32_t i = 0; i < half; i++) frequencies[i] = std::pow(10000.0f, -(float)i / half);
  std::vector<float> wanted(rows * half * 2);
  mk_rope_table_args args = {positions.data(), frequencies.data(), rows, half, 1.25f, wanted.data()};
  h.reference->rope_table(h.reference_stream, &args);
  buffer<int32_t> dp(h, positions);
  buffer<float> df(h, frequencies), dt(h, wanted.size());
  args = {dp.pointer(), df.pointer(), rows, half, 1.25f, dt.pointer()};
  h.expect(h.device->rope_table(h.stream, &args) == MK_OK, "rope_table");
  h.compare(dt.get(), wanted, 1e-7, "rope_table");
}

static void test_gated(harness &h, mk_dtype y_dtype) {
  for (uint32_t n : {1u, 33u, 1536u, 14336u}) {
    for (uint32_t kind : {MK_SILU, MK_GELU_TANH}) {
      const uint32_t rows = 5;
      const std::vector<float> x = h.normals(rows * n * 2, 4);
      std::vector<float> wanted(rows * n);
      mk_gated_args args = {x.data(), wanted.data(), rows, n, kind};
      h.reference->gated(h.reference_stream, &args);
      buffer<float> dx(h, x);
      activation dy(h, y_dtype, wanted.size());
      args = {dx.pointer(), dy.pointer(), rows, n, kind, y_dtype};
      h.expect(h.device->gated(h.stream, &args) == MK_OK, "gated");
      h.compare(dy.get(), wanted, tolerance_of(y_dtype, 2e-6),
                "gated " + std::to_string(n) + ", activation " + std::to_string(kind));
    }
  }
}

static void test_gather(harness &h, mk_dtype dtype) {
  const uint32_t x_rows = 19, count = 8;
  for (uint32_t cols : {1u, 576u, 4099u}) {
    std::vector<float> x = h.normals(x_rows * cols);
    activation dx(h, dtype, x), dy(h, dtype, (size_t)count * cols);
    std::vector<int32_t> indices(count);
    for (int32_t &index : indices) index = (int32_t)h.below(x_rows);
    std::vector<float> wanted(count * cols);
    mk_gather_args args = {x.data(), indices.data(), wanted.data(), count, cols, x_rows};
    h.reference->gather(h.reference_stream, &args);
    buffer<int32_t> di(h, indices);
    args = {dx.pointer(), di.pointer(), dy.pointer(), count, cols, x_rows, dtype};
    h.expect(h.device->gather(h.stream, &args) == MK_OK, "gather");
    h.compare(dy.get(), wanted, 0, "gather");
    di.set(std::vector<int32_t>(count, (int32_t)x_rows));
    h.device->gather(h.stream, &args);
    h.expect(h.device->stream_synchronize(h.stream) == MK_INVALID_ARGUMENT, "an index outside x is reported");
  }
}

static void test_scaling(harness &h) {
  std::vector<float> x = h.normals(100003, 20), scaled = x, capped = x;
  h.reference->scale(h.reference_stream, scaled.data(), x.size(), 0.37f);
  h.reference->soft_cap(h.reference_stream, capped.data(), x.size(), 30);
  buffer<float> a(h, x), b(h, x);
  h.expect(h.device->scale(h.stream, a.pointer(), x.size(), 0.37f) == MK_OK, "scale");
  h.expect(h.device->soft_cap(h.stream, b.pointer(), x.size(), 30) == MK_OK, "soft_cap");
  h.compare(a.get(), scaled, 0, "scale");
  h.compare(b.get(), capped, 1e-6, "soft_cap");
}

void test_pointwise(harness &h) {
  for (mk_dtype dtype : {MK_F32, MK_BF16}) {
    test_norm(h, dtype);
    test_gated(h, dtype);
    test_gather(h, dtype);
  }
  test_rope_table(h);
  test_scaling(h);
}
