/// Packing, `linear` and `embedding` in all formats.
#include "check.h"

#include <math.h>
#include <string.h>

typedef struct {
  const char *name;
  mk_dtype dtype;
  uint32_t block_columns, block_bytes;
  int scales[2]; ///< offsets of half-precision scales in a block, -1: none
  double bound;  ///< of the difference from the reference, relative to typical outputs; 0: the same bits
} format;

static const format formats[] = {
    {"F32", MK_F32, 1, 4, {-1, -1}, 0},       {"F16", MK_F16, 1, 2, {0, -1}, 2e-3},
    {"BF16", MK_BF16, 1, 2, {-1, -1}, 2e-3},  {"Q4_0", MK_Q4_0, 32, 18, {0, -1}, 0},
    {"Q4_1", MK_Q4_1, 32, 20, {0, 2}, 0},     {"Q5_0", MK_Q5_0, 32, 22, {0, -1}, 0},
    {"Q5_1", MK_Q5_1, 32, 24, {0, 2}, 0},     {"Q8_0", MK_Q8_0, 32, 34, {0, -1}, 0},
    {"Q2_K", MK_Q2_K, 256, 84, {80, 82}, 0},  {"Q3_K", MK_Q3_K, 256, 110, {108, -1}, 0},
    {"Q4_K", MK_Q4_K, 256, 144, {0, 2}, 0},   {"Q5_K", MK_Q5_K, 256, 176, {0, 2}, 0},
    {"Q6_K", MK_Q6_K, 256, 210, {208, -1}, 0},
};

enum { FIRST = 37, SECOND = 22, OUTPUTS = FIRST + SECOND, STRIDE = OUTPUTS + 3, MOST_ROWS = 75, CHOSEN = 9 };

/// A matrix of random codes with scales of ordinary size, in the file's layout.
static mk_matrix make_matrix(const format *f, uint32_t rows, uint32_t cols) {
  const size_t bytes = rows * mk_row_bytes(f->dtype, cols);
  uint8_t *data = guarded(bytes);
  for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)random_bits();
  for (size_t i = 0; i + f->block_bytes <= bytes; i += f->block_bytes) {
    if (f->dtype == MK_F32) {
      const float value = random_float(1);
      memcpy(data + i, &value, 4);
    } else if (f->dtype == MK_BF16) {
      // Magnitudes from 2^-14 to 4.
      const uint16_t bits = (uint16_t)((random_bits() & 0x8000u) | (113 + random_bits() % 16) << 7 | (random_bits() & 127u));
      memcpy(data + i, &bits, 2);
    }
    for (int s = 0; s < 2 && f->scales[s] >= 0; s++) {
      const uint16_t bits = (uint16_t)((random_bits() & 0x8000u) | (5 + random_bits() % 9) << 10 | (random_bits() & 1023u));
      memcpy(data + i + f->scales[s], &bits, 2);
    }
  }
  return (mk_matrix){.data = data, .dtype = f->dtype, .rows = rows, .cols = cols};
}

static mk_matrix pack(side s, const mk_matrix *source) {
  size_t bytes = 0;
  check_status(s.table->matrix_packed_bytes(source->dtype, source->rows, source->cols, &bytes), "matrix_packed_bytes");
  mk_matrix packed = *source;
  if (bytes) check_status(s.table->matrix_pack(s.stream, source, guarded(bytes), &packed), "matrix_pack");
  return packed;
}

/// y[rows][STRIDE] of two segments, the first with a bias.
static void multiply(side s, const mk_matrix *matrices, const float *bias, const float *x, uint32_t rows, float *y) {
  const mk_linear_segment segments[2] = {{matrices[0], bias}, {matrices[1], NULL}};
  const uint32_t cols = matrices->cols;
  const size_t bytes = s.table->linear_workspace_bytes(rows, cols, OUTPUTS);
  void *workspace = guarded(bytes);
  const mk_linear_args args = {
      .x = x, .rows = rows, .x_stride = cols, .segments = segments, .segment_count = 2, .y = y, .y_stride = STRIDE,
      .workspace = workspace, .workspace_bytes = bytes,
  };
  check_status(s.table->linear(s.stream, &args), "linear");
  release(workspace);
}

static bool rows_agree(const float *y, const float *whole, uint32_t rows) {
  bool same = true;
  for (uint32_t row = 0; row < rows; row++) {
    same &= same_bits(y + row * STRIDE, whole + row * STRIDE, OUTPUTS);
    same &= is_untouched(y + row * STRIDE + OUTPUTS, STRIDE - OUTPUTS);
  }
  return same;
}

static void test_products(const pair *p, const format *f, const mk_matrix *files, const mk_matrix *packed, uint32_t cols) {
  float bias[FIRST], *x = guarded(sizeof(float) * MOST_ROWS * cols);
  fill_floats(bias, FIRST, 1);
  fill_floats(x, (size_t)MOST_ROWS * cols, 1);
  // Outliers as real activations have them, and a row of zeros.
  for (uint32_t i = 0; i < MOST_ROWS * cols; i += 61) x[i] *= 30;
  memset(x + 3 * cols, 0, cols * sizeof *x);
  const size_t bytes = sizeof(float) * MOST_ROWS * STRIDE;
  float *reference = guarded(bytes), *whole = guarded(bytes);
  multiply(expected(p), files, bias, x, MOST_ROWS, reference);
  multiply(tested(p), packed, bias, x, MOST_ROWS, whole);
  if (f->bound == 0) {
    check(rows_agree(whole, reference, MOST_ROWS), "%s, %u columns: other bits than the reference", f->name, cols);
  } else {
    double worst = 0, squares = 0;
    for (uint32_t i = 0; i < MOST_ROWS * STRIDE; i++) {
      if (i % STRIDE >= OUTPUTS) continue;
      const double difference = fabs((double)whole[i] - reference[i]);
      worst = difference <= worst ? worst : difference;
      squares += (double)reference[i] * reference[i];
    }
    worst /= sqrt(squares / (MOST_ROWS * OUTPUTS));
    check(worst <= f->bound, "%s, %u columns: differs by %g from the reference", f->name, cols, worst);
  }
  // Enough rows for panels on any variant, groups that are full and ones that are not.
  static const uint32_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 23, 32, 33, 62, 64, 69};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i += p->threads == 1 ? 1 : 3) {
    const uint32_t rows = counts[i];
    float *y = guarded(rows * STRIDE * sizeof *y);
    multiply(tested(p), packed, bias, x, rows, y);
    check(rows_agree(y, whole, rows), "%s, %u columns: other bits in a batch of %u", f->name, cols, rows);
    release(y);
  }
  // A row's bits depend neither on its place nor on its neighbours.
  float *y = guarded(5 * STRIDE * sizeof *y);
  multiply(tested(p), packed, bias, x + 7 * cols, 5, y);
  check(rows_agree(y, whole + 7 * STRIDE, 5), "%s, %u columns: other bits in another place", f->name, cols);
  release(y);
  release(reference);
  release(whole);
  release(x);
}

static void test_not_finite(const pair *p, const format *f, const mk_matrix *packed, uint32_t cols) {
  float bias[FIRST] = {0}, *x = guarded(sizeof(float) * 3 * cols), *y = guarded(sizeof(float) * 3 * STRIDE);
  fill_floats(x, (size_t)3 * cols, 1);
  x[cols + 5] = __builtin_nanf("");
  multiply(tested(p), packed, bias, x, 3, y);
  bool right = true;
  for (uint32_t i = 0; i < OUTPUTS; i++) right &= y[i] == y[i] && y[STRIDE + i] != y[STRIDE + i] && y[2 * STRIDE + i] == y[2 * STRIDE + i];
  check(right, "%s: NaN does not reach its row, or reaches another", f->name);
  release(x);
  release(y);
}

static void test_embedding(const pair *p, const format *f, const mk_matrix *file, const mk_matrix *packed) {
  int32_t ids[CHOSEN];
  for (int i = 0; i < CHOSEN; i++) ids[i] = (int32_t)(random_bits() % FIRST);
  float *y = guarded(sizeof(float) * CHOSEN * file->cols), *reference = guarded(sizeof(float) * CHOSEN * file->cols);
  mk_embedding_args args = {.table = packed, .ids = ids, .rows = CHOSEN, .scale = 1.5f, .y = y};
  check_status(p->table->embedding(p->stream, &args), "embedding");
  args.table = file;
  args.y = reference;
  check_status(p->reference->embedding(p->reference_stream, &args), "embedding");
  const double worst = worst_difference(y, reference, CHOSEN * file->cols);
  check(worst <= f->bound, "%s: embedding differs by %g", f->name, worst);
  args.table = packed;
  ids[1] = FIRST;
  check(p->table->embedding(p->stream, &args) == MK_INVALID_ARGUMENT, "%s: a token outside the table is taken", f->name);
  release(y);
  release(reference);
}

void test_linear(const pair *p) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    const format *f = &formats[i];
    const uint32_t widths[2] = {f->block_columns == 1 ? 77 : f->block_columns * 3, f->block_columns == 256 ? 256 : 320};
    for (int w = 0; w < 2; w++) {
      const uint32_t cols = widths[w];
      const mk_matrix files[2] = {make_matrix(f, FIRST, cols), make_matrix(f, SECOND, cols)};
      const mk_matrix packed[2] = {pack(tested(p), &files[0]), pack(tested(p), &files[1])};
      test_products(p, f, files, packed, cols);
      test_not_finite(p, f, packed, cols);
      test_embedding(p, f, files, packed);
      for (int m = 0; m < 2; m++) {
        if (packed[m].data != files[m].data) release((void *)packed[m].data);
        release((void *)files[m].data);
      }
    }
  }
}
