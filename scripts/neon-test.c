/// Compares the NEON kernels with the scalar reference: every weight format bit by bit (16-bit floats closely), attention,
/// norms and gates closely, and all of them bit by bit whatever the batch. `scripts/neon-test` runs it under qemu.
#include "martlet_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static uint32_t state = 1;

static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 8388608.0f - 1;
}

static void expect(int holds, const char *what, const char *which) {
  if (!holds) {
    printf("FAILED: %s, %s\n", what, which);
    failures++;
  }
}

typedef struct {
  const mk_table *table;
  mk_stream *stream;
} device;

static device open_device(mk_cpu_variant variant) {
  const mk_stream_options options = {.threads = 2, .spin_microseconds = 10};
  device result = {.table = mk_cpu_table(variant)};
  if (!result.table || result.table->stream_create(&options, &result.stream) != MK_OK) {
    printf("this processor does not run variant %u\n", variant);
    exit(1);
  }
  return result;
}

static void *poisoned(size_t bytes) {
  void *pointer = aligned_alloc(64, (bytes + 127) / 64 * 64);
  memset(pointer, 0xff, bytes);
  return pointer;
}

/// Root of the squared difference over that of the squares.
static double distance(const float *x, const float *expected, size_t count) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    const double d = (double)x[i] - expected[i];
    difference += d * d;
    size += (double)expected[i] * expected[i];
  }
  return sqrt(difference / size);
}

static float *linear(device on, const mk_matrix *source, const float *x, uint32_t rows) {
  size_t bytes = 0;
  mk_linear_segment segment = {*source, NULL};
  on.table->matrix_packed_bytes(source->dtype, source->rows, source->cols, &bytes);
  void *packed = poisoned(bytes + 64);
  if (bytes) on.table->matrix_pack(on.stream, source, packed, &segment.matrix);
  const size_t space = on.table->linear_workspace_bytes(rows, source->cols, source->rows);
  mk_linear_args args = {.x = x, .rows = rows, .x_stride = source->cols, .segments = &segment, .segment_count = 1,
                         .y_stride = source->rows, .workspace = poisoned(space), .workspace_bytes = space};
  args.y = poisoned((size_t)rows * source->rows * 4);
  if (on.table->linear(on.stream, &args) != MK_OK) return NULL;
  free(packed);
  free(args.workspace);
  return args.y;
}

static void test_linear(device reference, device neon) {
  static const struct {
    const char *name;
    mk_dtype dtype;
    uint32_t block;
    int scales[2];
  } formats[] = {{"F32", MK_F32, 0, {-1, -1}},      {"F16", MK_F16, 2, {0, -1}},      {"BF16", MK_BF16, 0, {-1, -1}},
                 {"Q4_0", MK_Q4_0, 18, {0, -1}},    {"Q4_1", MK_Q4_1, 20, {0, 2}},    {"Q5_0", MK_Q5_0, 22, {0, -1}},
                 {"Q5_1", MK_Q5_1, 24, {0, 2}},     {"Q8_0", MK_Q8_0, 34, {0, -1}},   {"Q2_K", MK_Q2_K, 84, {80, 82}},
                 {"Q3_K", MK_Q3_K, 110, {108, -1}}, {"Q4_K", MK_Q4_K, 144, {0, 2}},   {"Q5_K", MK_Q5_K, 176, {0, 2}},
                 {"Q6_K", MK_Q6_K, 210, {208, -1}}};
  enum { OUTPUTS = 37, COLUMNS = 512, ROWS = 17 };
  float *x = malloc(ROWS * COLUMNS * 4);
  for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = uniform() * (i % 61 == 5 ? 20 : 1);
  for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
    const size_t bytes = mk_row_bytes(formats[f].dtype, COLUMNS) * OUTPUTS;
    uint8_t *weights = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) weights[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
    for (size_t i = 0; formats[f].block && i < bytes; i += formats[f].block) {
      for (int s = 0; s < 2; s++) {
        const _Float16 scale = (_Float16)(uniform() * 0.1f);
        if (formats[f].scales[s] >= 0) memcpy(weights + i + formats[f].scales[s], &scale, 2);
      }
    }
    for (size_t i = 0; !formats[f].block && i < bytes; i += 4) {
      const float value = uniform();
      memcpy(weights + i, &value, 4);
      if (formats[f].dtype == MK_BF16) memcpy(weights + i, (const uint8_t *)&value + 2, 2);
    }
    const mk_matrix matrix = {.data = weights, .dtype = formats[f].dtype, .rows = OUTPUTS, .cols = COLUMNS};
    float *expected = linear(reference, &matrix, x, ROWS), *whole = linear(neon, &matrix, x, ROWS);
    const int coded = formats[f].dtype == MK_F16 || formats[f].dtype == MK_BF16;
    if (coded) {
      expect(distance(whole, expected, ROWS * OUTPUTS) < 5e-4, "linear is close to the reference", formats[f].name);
    } else {
      expect(memcmp(whole, expected, ROWS * OUTPUTS * 4) == 0, "linear gives the reference's bits", formats[f].name);
    }
    for (uint32_t rows = 1; rows < ROWS; rows++) {
      float *part = linear(neon, &matrix, x, rows);
      expect(memcmp(part, whole, rows * OUTPUTS * 4) == 0, "linear's bits do not depend on the batch", formats[f].name);
      free(part);
    }
    free(expected);
    free(whole);
    free(weights);
  }
  free(x);
}

typedef struct {
  const char *name;
  mk_dtype dtype;
  uint32_t heads, kv_heads, dim, length, window;
  float soft_cap;
  double bound;
} attention_shape;

static float *attention(device on, const attention_shape *shape, uint32_t chunk) {
  enum { PAGE = 16, WORKSPACE = 1 << 22 };
  const uint32_t width = (shape->heads + 2 * shape->kv_heads) * shape->dim, pages = (shape->length + PAGE - 1) / PAGE;
  float *qkv = malloc((size_t)shape->length * width * 4), *angles = malloc((size_t)shape->length * shape->dim * 4);
  int32_t *table = malloc(pages * 4), *slots = malloc(shape->length * 4);
  state = 7;
  for (size_t i = 0; i < (size_t)shape->length * width; i++) qkv[i] = uniform();
  for (size_t i = 0; i < (size_t)shape->length * shape->dim; i++) angles[i] = uniform();
  for (uint32_t i = 0; i < pages; i++) table[i] = (int32_t)(pages - 1 - i);
  for (uint32_t i = 0; i < shape->length; i++) slots[i] = table[i / PAGE] * PAGE + (int32_t)(i % PAGE);
  mk_kv_layer kv = {.dtype = shape->dtype, .pages = pages, .page_size = PAGE, .kv_heads = shape->kv_heads, .head_dim = shape->dim};
  kv.data = poisoned(on.table->kv_layer_bytes(&kv));
  float *y = poisoned((size_t)shape->length * shape->heads * shape->dim * 4);
  void *workspace = poisoned(WORKSPACE);
  for (uint32_t at = 0; at < shape->length; at += chunk) {
    const uint32_t rows = shape->length - at < chunk ? shape->length - at : chunk;
    const mk_attention_sequence sequence = {0, rows, at + rows, 0};
    mk_rope_kv_args rope = {.qkv = qkv + (size_t)at * width, .rows = rows, .stride = width, .heads = shape->heads,
                            .rope_table = angles + (size_t)at * shape->dim, .half = shape->dim / 2, .slots = slots + at, .kv = &kv};
    mk_attention_args args = {.q = rope.qkv, .q_stride = width, .heads = shape->heads,
                              .y = y + (size_t)at * shape->heads * shape->dim, .sequences = &sequence, .sequence_count = 1,
                              .page_table = table, .kv = &kv, .scale = 0.125f, .soft_cap = shape->soft_cap,
                              .window = shape->window, .workspace = workspace, .workspace_bytes = WORKSPACE};
    if (on.table->rope_kv(on.stream, &rope) != MK_OK || on.table->attention(on.stream, &args) != MK_OK) return NULL;
  }
  free(qkv);
  free(angles);
  free(table);
  free(slots);
  free(kv.data);
  free(workspace);
  return y;
}

static void test_attention(device reference, device neon) {
  static const attention_shape shapes[] = {
      {"float32, 64 dimensions", MK_F32, 6, 2, 64, 75, 0, 0, 1e-5},
      {"16 bits, 64 dimensions", MK_F16, 6, 2, 64, 75, 0, 0, 1e-3},
      {"16 bits, 80 dimensions, window", MK_BF16, 5, 5, 80, 75, 20, 0, 8e-3},
      {"16 bits, 128 dimensions, soft cap", MK_F16, 8, 1, 128, 75, 0, 3, 1e-3},
      {"16 bits, split in ranges", MK_F16, 2, 1, 32, 2300, 0, 0, 1e-3},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const attention_shape *shape = &shapes[i];
    const size_t count = (size_t)shape->length * shape->heads * shape->dim;
    float *expected = attention(reference, shape, shape->length), *whole = attention(neon, shape, shape->length);
    expect(distance(whole, expected, count) < shape->bound, "attention is close to the reference", shape->name);
    static const uint32_t chunks[] = {5, 33};
    for (int c = 0; c < 2; c++) {
      float *parts = attention(neon, shape, chunks[c]);
      expect(memcmp(parts, whole, count * 4) == 0, "attention's bits do not depend on chunks", shape->name);
      free(parts);
    }
    free(expected);
    free(whole);
  }
}

static void test_rows(device reference, device neon) {
  enum { ROWS = 5, COLUMNS = 83 };
  float x[ROWS * 2 * COLUMNS], weight[COLUMNS], y[2][ROWS * COLUMNS];
  for (int i = 0; i < ROWS * 2 * COLUMNS; i++) x[i] = uniform() * 4;
  for (int i = 0; i < COLUMNS; i++) weight[i] = uniform();
  const device devices[2] = {reference, neon};
  for (int d = 0; d < 2; d++) {
    memset(y[d], 0xff, sizeof y[d]);
    const mk_norm_args norm = {.x = x, .weight = weight, .y = y[d], .rows = ROWS, .cols = COLUMNS, .epsilon = 1e-5f};
    expect(devices[d].table->norm(devices[d].stream, &norm) == MK_OK, "norm runs", "");
  }
  expect(distance(y[1], y[0], ROWS * COLUMNS) < 1e-6, "norm is close to the reference", "");
  for (uint32_t activation = MK_SILU; activation <= MK_GELU_TANH; activation++) {
    for (int d = 0; d < 2; d++) {
      memset(y[d], 0xff, sizeof y[d]);
      const mk_gated_args gated = {.x = x, .y = y[d], .rows = ROWS, .n = COLUMNS, .activation = activation};
      expect(devices[d].table->gated(devices[d].stream, &gated) == MK_OK, "gated runs", "");
    }
    expect(distance(y[1], y[0], ROWS * COLUMNS) < 1e-6, "gated is close to the reference", activation ? "GELU" : "SiLU");
  }
}

static void test_sampling(device reference, device neon) {
  enum { ROWS = 16, VOCABULARY = 3001 };
  float *logits = malloc(ROWS * VOCABULARY * 4);
  mk_sample_row rows[ROWS];
  int32_t tokens[2][ROWS];
  for (int i = 0; i < ROWS * VOCABULARY; i++) logits[i] = uniform() * 6;
  for (uint32_t i = 0; i < ROWS; i++) {
    rows[i] = (mk_sample_row){.temperature = i % 4 ? 0.9f : 0, .top_p = i % 3 ? 0.9f : 1, .min_p = i % 5 ? 0 : 0.05f,
                              .top_k = i % 2 ? 40 : 0, .seed = i, .position = 3 * i};
  }
  const device devices[2] = {reference, neon};
  for (int d = 0; d < 2; d++) {
    const size_t space = devices[d].table->sample_workspace_bytes(ROWS, VOCABULARY);
    const mk_sample_args args = {.logits = logits, .rows = ROWS, .vocab = VOCABULARY, .row = rows, .tokens = tokens[d],
                                 .workspace = poisoned(space), .workspace_bytes = space};
    expect(devices[d].table->sample(devices[d].stream, &args) == MK_OK, "sample runs", "");
    free(args.workspace);
  }
  expect(memcmp(tokens[0], tokens[1], sizeof tokens[0]) == 0, "sampling draws the reference's tokens", "");
  free(logits);
}

int main(void) {
  const device reference = open_device(MK_CPU_REFERENCE), neon = open_device(MK_CPU_NEON);
  test_linear(reference, neon);
  test_attention(reference, neon);
  test_rows(reference, neon);
  test_sampling(reference, neon);
  reference.table->stream_destroy(reference.stream);
  neon.table->stream_destroy(neon.stream);
  printf(failures ? "%d checks failed\n" : "all NEON kernels agree with the reference\n", failures);
  return failures != 0;
}
