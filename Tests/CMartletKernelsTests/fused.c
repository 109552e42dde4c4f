/// Products that norm their input and add or gate their output, and attention that writes its cache, against the same in ops
/// of their own: the same bits.
#include "check.h"

#include <string.h>

enum { N = 37, COLS = 544, MOST_ROWS = 19, WIDTH = 2 * N };

typedef struct {
  side s;
  mk_linear_segment segments[2];
  float *x, *weight, *bias;
} problem;

static mk_status multiply(const problem *p, const float *x, uint32_t rows, bool normed, uint32_t output, float *y,
                          uint32_t width) {
  const size_t bytes = p->s.table->linear_workspace_bytes(rows, COLS, WIDTH);
  void *workspace = guarded(bytes);
  const mk_linear_args args = {
      .x = x, .rows = rows, .x_stride = COLS, .segments = p->segments, .segment_count = 2, .y = y, .y_stride = width,
      .workspace = workspace, .workspace_bytes = bytes, .norm_weight = normed ? p->weight : NULL, .norm_epsilon = 1e-5f,
      .output = output,
  };
  const mk_status status = p->s.table->linear(p->s.stream, &args);
  release(workspace);
  return status;
}

static void test_rows_of(const problem *p, mk_dtype dtype, uint32_t rows) {
  float *normed = guarded(sizeof(float) * rows * COLS), *product = guarded(sizeof(float) * rows * WIDTH);
  float *gated = guarded(sizeof(float) * rows * N), *y = guarded(sizeof(float) * rows * WIDTH);
  const mk_norm_args norm = {.x = p->x, .weight = p->weight, .y = normed, .rows = rows, .cols = COLS, .epsilon = 1e-5f};
  check_status(p->s.table->norm(p->s.stream, &norm), "norm");
  check_status(multiply(p, normed, rows, false, MK_OUTPUT_STORE, product, WIDTH), "linear");
  check_status(multiply(p, p->x, rows, true, MK_OUTPUT_STORE, y, WIDTH), "normed linear");
  check(same_bits(y, product, (size_t)rows * WIDTH), "type %u, %u rows: a norm on the way in gives other bits", dtype, rows);
  for (uint32_t output = MK_OUTPUT_SILU; output <= MK_OUTPUT_GELU_TANH; output++) {
    const mk_gated_args args = {
        .x = product, .y = gated, .rows = rows, .n = N, .activation = output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH};
    check_status(p->s.table->gated(p->s.stream, &args), "gated");
    check_status(multiply(p, p->x, rows, true, output, y, N), "gated linear");
    check(same_bits(y, gated, (size_t)rows * N), "type %u, %u rows: gate %u gives other bits", dtype, rows, output);
  }
  fill_floats(y, (size_t)rows * WIDTH, 9);
  for (uint32_t i = 0; i < rows * WIDTH; i++) product[i] = y[i] + product[i];
  check_status(multiply(p, p->x, rows, true, MK_OUTPUT_ADD, y, WIDTH), "added linear");
  check(same_bits(y, product, (size_t)rows * WIDTH), "type %u, %u rows: adding gives other bits", dtype, rows);
  release(normed);
  release(product);
  release(gated);
  release(y);
}

static void test_dtype(side s, mk_dtype dtype) {
  problem p = {.s = s, .x = guarded(sizeof(float) * MOST_ROWS * COLS), .weight = guarded(sizeof(float) * COLS),
               .bias = guarded(sizeof(float) * N)};
  fill_floats(p.x, (size_t)MOST_ROWS * COLS, 3);
  fill_floats(p.weight, COLS, 1);
  fill_floats(p.bias, N, 1);
  void *packed[2];
  for (int m = 0; m < 2; m++) {
    // Bytes below 0x40 make floats, halves and bfloats of ordinary size.
    const size_t bytes = N * mk_row_bytes(dtype, COLS);
    uint8_t *file = guarded(bytes);
    for (size_t i = 0; i < bytes; i++) file[i] = (uint8_t)(0x30 + random_bits() % 16);
    const mk_matrix source = {.data = file, .dtype = dtype, .rows = N, .cols = COLS};
    size_t size = 0;
    check_status(s.table->matrix_packed_bytes(dtype, N, COLS, &size), "matrix_packed_bytes");
    packed[m] = guarded(size);
    check_status(s.table->matrix_pack(s.stream, &source, packed[m], &p.segments[m].matrix), "matrix_pack");
    release(file);
  }
  p.segments[0].bias = p.bias;
  static const uint32_t rows[] = {1, 6, MOST_ROWS};
  for (int i = 0; i < 3; i++) test_rows_of(&p, dtype, rows[i]);
  for (int m = 0; m < 2; m++) release(packed[m]);
  release(p.x);
  release(p.weight);
  release(p.bias);
}

static void test_attention_with_rope(side s) {
  enum { ROWS = 21, HEADS = 4, KV_HEADS = 2, DIM = 32, STRIDE = (HEADS + 2 * KV_HEADS) * DIM, PAGES = 2 };
  mk_kv_layer kv = {.dtype = MK_F16, .pages = PAGES, .page_size = 16, .kv_heads = KV_HEADS, .head_dim = DIM};
  const size_t bytes = s.table->kv_layer_bytes(&kv), space = s.table->attention_workspace_bytes(ROWS, HEADS, DIM);
  float *qkv[2], *y[2], *angles = guarded(sizeof(float) * ROWS * DIM);
  int32_t slots[ROWS], pages[PAGES] = {1, 0};
  for (int32_t i = 0; i < ROWS; i++) slots[i] = pages[i / 16] * 16 + i % 16;
  fill_floats(angles, (size_t)ROWS * DIM, 1);
  for (int fused = 0; fused < 2; fused++) {
    qkv[fused] = guarded(sizeof(float) * ROWS * STRIDE);
    y[fused] = guarded(sizeof(float) * ROWS * HEADS * DIM);
    if (fused == 0) fill_floats(qkv[0], (size_t)ROWS * STRIDE, 2);
  }
  memcpy(qkv[1], qkv[0], sizeof(float) * ROWS * STRIDE);
  for (int fused = 0; fused < 2; fused++) {
    kv.data = guarded(bytes);
    void *workspace = guarded(space);
    const mk_rope_kv_args rope = {.qkv = qkv[fused], .rows = ROWS, .stride = STRIDE, .heads = HEADS, .rope_table = angles,
                                  .half = DIM / 2, .slots = slots, .kv = &kv};
    const mk_attention_sequence sequence = {.row_count = ROWS, .kv_length = ROWS};
    const mk_attention_args args = {
        .q = qkv[fused], .q_stride = STRIDE, .heads = HEADS, .y = y[fused], .sequences = &sequence, .sequence_count = 1,
        .page_table = pages, .kv = &kv, .scale = 0.2f, .workspace = workspace, .workspace_bytes = space,
        .rope = fused ? &rope : NULL,
    };
    if (!fused) check_status(s.table->rope_kv(s.stream, &rope), "rope_kv");
    check_status(s.table->attention(s.stream, &args), "attention");
    release(workspace);
    release(kv.data);
  }
  check(same_bits(y[0], y[1], ROWS * HEADS * DIM), "attention that writes its cache gives other bits");
  for (int fused = 0; fused < 2; fused++) {
    release(qkv[fused]);
    release(y[fused]);
  }
  release(angles);
}

void test_fused(const pair *p) {
  static const mk_dtype dtypes[] = {MK_F32, MK_BF16, MK_Q4_1, MK_Q8_0};
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) test_dtype(tested(p), dtypes[i]);
  test_attention_with_rope(tested(p));
}
