/// Ops that go row by row: norms, gates, gather, scale, soft cap.
#include "check.h"

#include <math.h>
#include <string.h>

static void test_norm(const pair *p, uint32_t mode, uint32_t rows, uint32_t cols) {
  const size_t bytes = sizeof(float) * rows * cols;
  float *x = guarded(bytes), *weight = guarded(sizeof(float) * cols);
  fill_floats(x, (size_t)rows * cols, 3);
  fill_floats(weight, cols, 2);
  float *y[2], *residual[2];
  for (int i = 0; i < 2; i++) {
    y[i] = guarded(bytes);
    residual[i] = guarded(bytes);
  }
  fill_floats(residual[0], (size_t)rows * cols, 3);
  memcpy(residual[1], residual[0], bytes);
  for (int i = 0; i < 2; i++) {
    const side s = i ? expected(p) : tested(p);
    const mk_norm_args args = {
        .x = x, .residual = mode == MK_NORM_PLAIN ? NULL : residual[i], .weight = weight, .y = y[i], .rows = rows,
        .cols = cols, .mode = mode, .epsilon = 1e-5f,
    };
    check_status(s.table->norm(s.stream, &args), "norm");
  }
  check(worst_difference(residual[0], residual[1], (size_t)rows * cols) < 1e-5, "norm %u, %u columns: residual", mode, cols);
  if (mode == MK_NORM_ADD_AFTER) {
    check(is_untouched(y[0], (size_t)rows * cols), "norm %u writes an output that it has not", mode);
  } else {
    check(worst_difference(y[0], y[1], (size_t)rows * cols) < 1e-5, "norm %u, %u rows, %u columns", mode, rows, cols);
  }
  for (int i = 0; i < 2; i++) {
    release(y[i]);
    release(residual[i]);
  }
  release(x);
  release(weight);
}

static void test_gate(const pair *p, uint32_t activation, uint32_t rows, uint32_t n) {
  float *x = guarded(sizeof(float) * rows * 2 * n), *y[2];
  fill_floats(x, (size_t)rows * 2 * n, 9);
  for (int i = 0; i < 2; i++) {
    y[i] = guarded(sizeof(float) * rows * n);
    const side s = i ? expected(p) : tested(p);
    const mk_gated_args args = {.x = x, .y = y[i], .rows = rows, .n = n, .activation = activation};
    check_status(s.table->gated(s.stream, &args), "gated");
  }
  check(worst_difference(y[0], y[1], (size_t)rows * n) < 1e-5, "gate %u, %u rows of %u", activation, rows, n);
  release(y[0]);
  release(y[1]);
  release(x);
}

static void test_plain(const pair *p, uint32_t count, uint32_t cols) {
  float *x = guarded(sizeof(float) * 8 * cols), *y = guarded(sizeof(float) * count * cols);
  int32_t indices[64];
  fill_floats(x, (size_t)8 * cols, 40);
  for (uint32_t i = 0; i < count; i++) indices[i] = (int32_t)(random_bits() % 8);
  const mk_gather_args gather = {.x = x, .indices = indices, .y = y, .count = count, .cols = cols, .x_rows = 8};
  check_status(p->table->gather(p->stream, &gather), "gather");
  bool right = true;
  for (uint32_t i = 0; i < count; i++) right &= same_bits(y + i * cols, x + (uint32_t)indices[i] * cols, cols);
  check(right, "gather of %u rows of %u", count, cols);
  check_status(p->table->scale(p->stream, y, (size_t)count * cols, 0.75f), "scale");
  for (uint32_t i = 0; i < count * cols; i++) right &= y[i] == 0.75f * x[(uint32_t)indices[i / cols] * cols + i % cols];
  check(right, "scale of %u values", count * cols);
  check_status(p->table->soft_cap(p->stream, y, (size_t)count * cols, 20), "soft_cap");
  for (uint32_t i = 0; i < count * cols; i++) {
    const double value = 0.75 * x[(uint32_t)indices[i / cols] * cols + i % cols];
    right &= fabs(y[i] - 20 * tanh(value / 20)) < 1e-4;
  }
  check(right, "soft cap of %u values", count * cols);
  release(x);
  release(y);
}

void test_rows(const pair *p) {
  static const uint32_t widths[] = {1, 7, 15, 16, 17, 33, 576, 1111};
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    for (uint32_t rows = 1; rows <= 33; rows += 16) {
      for (uint32_t mode = MK_NORM_PLAIN; mode <= MK_NORM_ADD_AFTER; mode++) test_norm(p, mode, rows, widths[w]);
      for (uint32_t activation = MK_SILU; activation <= MK_GELU_TANH; activation++) test_gate(p, activation, rows, widths[w]);
      test_plain(p, rows, widths[w]);
    }
  }
  const mk_norm_args nothing = {.rows = 1};
  check(p->table->norm(p->stream, &nothing) == MK_INVALID_ARGUMENT, "a norm without columns is taken");
}
