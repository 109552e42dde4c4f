/// Times single ops through the CPU kernel table: `scripts/bench/kernels` builds and runs it.
///
/// Every figure is the best of the rounds that fit the time given to it, so that other load disturbs it little. Weights
/// are rotated over more copies than the caches hold where a decode step would read them from memory.
#include "martlet_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const mk_table *table;
static mk_stream *stream;
static double budget = 0.25;
static size_t spread = (size_t)96 << 20;

/// A single thread is timed by the processor time that it got, which other load disturbs less.
static clockid_t clock_of_rounds = CLOCK_MONOTONIC;

static double now(void) {
  struct timespec time;
  clock_gettime(clock_of_rounds, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(mk_status status, const char *what) {
  if (status == MK_OK) return;
  fprintf(stderr, "%s gave status %d\n", what, status);
  exit(1);
}

static void *allocate(size_t bytes) {
  void *pointer = NULL;
  check(table->memory_allocate(stream, bytes ? bytes : 64, &pointer), "memory_allocate");
  return pointer;
}

static uint32_t state = 12345;
static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 16777216.0f - 0.5f;
}

static void fill(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = uniform();
}

typedef void (*body)(void *context, uint32_t round);

/// Seconds of the fastest round.
static double best_of(body run, void *context) {
  double best = 1e9;
  const double end = now() + budget;
  for (uint32_t round = 0; round < 3 || now() < end; round++) {
    const double start = now();
    run(context, round);
    const double took = now() - start;
    if (round > 0 && took < best) best = took;
  }
  return best;
}

static const struct {
  const char *name;
  mk_dtype dtype;
} formats[] = {{"F32", MK_F32},   {"F16", MK_F16},   {"BF16", MK_BF16}, {"Q4_0", MK_Q4_0}, {"Q4_1", MK_Q4_1},
               {"Q5_0", MK_Q5_0}, {"Q5_1", MK_Q5_1}, {"Q8_0", MK_Q8_0}, {"Q2_K", MK_Q2_K}, {"Q3_K", MK_Q3_K},
               {"Q4_K", MK_Q4_K}, {"Q5_K", MK_Q5_K}, {"Q6_K", MK_Q6_K}};

typedef struct {
  mk_linear_segment *segments;
  uint32_t copies;
  mk_linear_args args;
} linear_case;

static void run_linear(void *opaque, uint32_t round) {
  linear_case *work = opaque;
  work->args.segments = &work->segments[round % work->copies];
  check(table->linear(stream, &work->args), "linear");
}

/// Packed copies of a random matrix, together at least `bytes`.
static linear_case make_linear(mk_dtype dtype, uint32_t outputs, uint32_t cols, uint32_t rows, size_t bytes,
                               size_t *matrix_bytes) {
  const size_t file = mk_row_bytes(dtype, cols) * outputs;
  uint8_t *source = allocate(file);
  for (size_t i = 0; i < file; i++) source[i] = (uint8_t)(0x2a + (i * 7 + i / 13) % 8);
  mk_matrix matrix = {.data = source, .dtype = dtype, .rows = outputs, .cols = cols};
  size_t packed = 0;
  check(table->matrix_packed_bytes(dtype, outputs, cols, &packed), "matrix_packed_bytes");
  linear_case work = {.copies = (uint32_t)(bytes / (packed ? packed : file)) + 1};
  work.segments = calloc(work.copies, sizeof *work.segments);
  uint8_t *copies = packed ? allocate(packed * work.copies) : NULL;
  for (uint32_t i = 0; i < work.copies; i++) {
    work.segments[i].matrix = matrix;
    if (!packed) continue;
    check(table->matrix_pack(stream, &matrix, copies + i * packed, &work.segments[i].matrix), "matrix_pack");
  }
  *matrix_bytes = packed ? packed : file;
  float *x = allocate((size_t)rows * cols * 4);
  fill(x, (size_t)rows * cols);
  work.args = (mk_linear_args){.x = x, .rows = rows, .x_stride = cols, .segment_count = 1, .y_stride = outputs};
  work.args.y = allocate((size_t)rows * outputs * 4);
  work.args.workspace_bytes = table->linear_workspace_bytes(rows, cols, outputs);
  work.args.workspace = allocate(work.args.workspace_bytes);
  return work;
}

static void free_linear(linear_case *work, size_t matrix_bytes) {
  const mk_matrix *matrix = &work->segments[0].matrix;
  if (matrix->layout) table->memory_free(stream, (void *)matrix->data, matrix_bytes * work->copies);
  free(work->segments);
}

static void bench_linear(uint32_t outputs, uint32_t cols, const char *only) {
  printf("linear, %u outputs x %u columns: GOP/s, and GB/s of packed weights at one row (from memory)\n", outputs, cols);
  printf("%-6s %10s %10s %10s %10s %10s\n", "format", "512 rows", "32 rows", "8 rows", "1 row", "GB/s");
  for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
    if (only && strcmp(only, formats[f].name) != 0) continue;
    static const uint32_t rows[] = {512, 32, 8, 1};
    printf("%-6s", formats[f].name);
    double seconds = 0;
    size_t bytes = 0;
    for (int r = 0; r < 4; r++) {
      linear_case work = make_linear(formats[f].dtype, outputs, cols, rows[r], rows[r] == 512 ? 0 : spread, &bytes);
      seconds = best_of(run_linear, &work);
      printf(" %10.1f", 2e-9 * rows[r] * outputs * cols / seconds);
      free_linear(&work, bytes);
    }
    printf(" %10.2f\n", 1e-9 * (double)bytes / seconds);
    fflush(stdout);
  }
}

typedef struct {
  mk_attention_args args;
  mk_kv_layer *layers;
  uint32_t copies;
} attention_case;

static void run_attention(void *opaque, uint32_t round) {
  attention_case *work = opaque;
  work->args.kv = &work->layers[round % work->copies];
  check(table->attention(stream, &work->args), "attention");
}

static const char *name_of(mk_dtype dtype) {
  for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
    if (formats[f].dtype == dtype) return formats[f].name;
  }
  return "?";
}

/// `count` sequences of `context` positions of which the last `rows` are computed.
static void bench_attention(mk_dtype dtype, uint32_t heads, uint32_t kv_heads, uint32_t dim, uint32_t count,
                            uint32_t rows, uint32_t context) {
  enum { PAGE = 16 };
  const uint32_t pages = (context + PAGE - 1) / PAGE, width = (heads + 2 * kv_heads) * dim;
  mk_kv_layer geometry = {.dtype = dtype, .pages = pages * count, .page_size = PAGE, .kv_heads = kv_heads,
                          .head_dim = dim};
  const size_t layer_bytes = (table->kv_layer_bytes(&geometry) + 63) / 64 * 64;
  attention_case work = {.copies = (uint32_t)((rows == 1 ? spread : 0) / layer_bytes) + 1};
  work.layers = calloc(work.copies, sizeof *work.layers);
  int32_t *page_table = allocate((size_t)pages * count * 4), *slots = allocate((size_t)context * count * 4);
  for (uint32_t i = 0; i < pages * count; i++) page_table[i] = (int32_t)i;
  for (uint32_t i = 0; i < context * count; i++) slots[i] = (int32_t)(i / context * pages * PAGE + i % context);
  float *qkv = allocate((size_t)context * count * width * 4);
  fill(qkv, (size_t)context * count * width);
  uint8_t *pool = allocate(layer_bytes * work.copies);
  for (uint32_t i = 0; i < work.copies; i++) {
    work.layers[i] = geometry;
    work.layers[i].data = pool + layer_bytes * i;
    mk_rope_kv_args rope = {.qkv = qkv, .rows = context * count, .stride = width, .heads = heads, .slots = slots,
                            .kv = &work.layers[i]};
    check(table->rope_kv(stream, &rope), "rope_kv");
  }
  mk_attention_sequence *sequences = calloc(count, sizeof *sequences);
  for (uint32_t s = 0; s < count; s++) sequences[s] = (mk_attention_sequence){s * rows, rows, context, s * pages};
  work.args = (mk_attention_args){.q = qkv, .q_stride = width, .heads = heads, .sequences = sequences,
                                  .sequence_count = count, .page_table = page_table, .scale = 0.125f};
  work.args.y = allocate((size_t)rows * count * heads * dim * 4);
  work.args.workspace_bytes = table->attention_workspace_bytes(512, heads, dim);
  work.args.workspace = allocate(work.args.workspace_bytes);
  const double seconds = best_of(run_attention, &work);
  const double pairs = (double)rows * (context - (rows - 1) / 2.0) * count;
  printf("%-4s %6u %6u %8u %10.3f %10.1f %10.2f\n", name_of(dtype), count,
         rows, context, 1e3 * seconds, 4e-9 * pairs * heads * dim / seconds,
         2e-9 * (double)context * count * kv_heads * dim * (dtype == MK_F32 ? 4 : 2) / seconds);
  table->memory_free(stream, pool, layer_bytes * work.copies);
  fflush(stdout);
}

static void bench_attentions(uint32_t heads, uint32_t kv_heads, uint32_t dim) {
  printf("attention, %u heads on %u of %u dimensions: milliseconds, GOP/s, GB/s of cache\n", heads, kv_heads, dim);
  printf("%-4s %6s %6s %8s %10s %10s %10s\n", "type", "seqs", "rows", "context", "ms", "GOP/s", "GB/s");
  static const uint32_t cases[][3] = {{1, 512, 512}, {1, 512, 4096}, {1, 1, 512}, {1, 1, 4096}, {8, 1, 512},
                                      {32, 1, 512},  {8, 1, 4096}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bench_attention(MK_F16, heads, kv_heads, dim, cases[i][0], cases[i][1], cases[i][2]);
  }
}

typedef struct {
  const uint8_t *data;
  size_t bytes;
} reading;

/// Reads every cache line once, in the pieces of a one-row product.
static void run_reading(void *opaque, uint32_t round) {
  const reading *work = opaque;
  (void)round;
  uint64_t sum = 0;
  const uint64_t *words = (const uint64_t *)(const void *)work->data;
  for (size_t i = 0; i < work->bytes / 8; i += 8) {
    for (size_t j = 0; j < 8; j++) sum += words[i + j];
  }
  volatile uint64_t sink = sum;
  (void)sink;
}

typedef struct {
  mk_norm_args norm;
  mk_gated_args gated;
  mk_rope_kv_args rope;
  mk_sample_args sample;
} small_case;

static void run_norm(void *opaque, uint32_t round) {
  (void)round;
  for (int i = 0; i < 100; i++) check(table->norm(stream, &((small_case *)opaque)->norm), "norm");
}
static void run_gated(void *opaque, uint32_t round) {
  (void)round;
  for (int i = 0; i < 100; i++) check(table->gated(stream, &((small_case *)opaque)->gated), "gated");
}
static void run_rope(void *opaque, uint32_t round) {
  (void)round;
  for (int i = 0; i < 100; i++) check(table->rope_kv(stream, &((small_case *)opaque)->rope), "rope_kv");
}
static void run_sample(void *opaque, uint32_t round) {
  (void)round;
  for (int i = 0; i < 100; i++) check(table->sample(stream, &((small_case *)opaque)->sample), "sample");
}

static void bench_small(uint32_t rows, uint32_t hidden, uint32_t wide, uint32_t heads, uint32_t kv_heads,
                        uint32_t dim) {
  enum { VOCABULARY = 49152 };
  const uint32_t width = (heads + 2 * kv_heads) * dim;
  float *x = allocate((size_t)rows * 2 * wide * 4), *y = allocate((size_t)rows * 2 * wide * 4);
  float *weight = allocate(hidden * 4), *residual = allocate((size_t)rows * hidden * 4);
  float *qkv = allocate((size_t)rows * width * 4), *angles = allocate((size_t)rows * dim * 4);
  float *logits = allocate((size_t)rows * VOCABULARY * 4);
  fill(x, (size_t)rows * 2 * wide);
  fill(weight, hidden);
  fill(qkv, (size_t)rows * width);
  fill(angles, (size_t)rows * dim);
  fill(logits, (size_t)rows * VOCABULARY);
  mk_kv_layer kv = {.dtype = MK_F16, .pages = rows / 16 + 1, .page_size = 16, .kv_heads = kv_heads, .head_dim = dim};
  kv.data = allocate(table->kv_layer_bytes(&kv));
  int32_t *slots = allocate(rows * 4), *tokens = allocate(rows * 4);
  mk_sample_row *row = allocate(rows * sizeof *row);
  for (uint32_t i = 0; i < rows; i++) {
    slots[i] = (int32_t)i;
    row[i] = (mk_sample_row){.temperature = 0};
  }
  small_case work = {
      .norm = {.x = x, .residual = residual, .weight = weight, .y = y, .rows = rows, .cols = hidden,
               .mode = MK_NORM_ADD_FIRST, .epsilon = 1e-5f},
      .gated = {.x = x, .y = y, .rows = rows, .n = wide, .activation = MK_SILU},
      .rope = {.qkv = qkv, .rows = rows, .stride = width, .heads = heads, .rope_table = angles, .half = dim / 2,
               .slots = slots, .kv = &kv},
      .sample = {.logits = logits, .rows = rows, .vocab = VOCABULARY, .row = row, .tokens = tokens},
  };
  work.sample.workspace_bytes = table->sample_workspace_bytes(rows, VOCABULARY);
  work.sample.workspace = allocate(work.sample.workspace_bytes);
  printf("%6u %10.2f %10.2f %10.2f %10.2f\n", rows, 1e4 * best_of(run_norm, &work), 1e4 * best_of(run_gated, &work),
         1e4 * best_of(run_rope, &work), 1e4 * best_of(run_sample, &work));
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "all", *only = argc > 4 ? argv[4] : NULL;
  const mk_cpu_variant variant = argc > 2 ? (mk_cpu_variant)atoi(argv[2]) : MK_CPU_BEST;
  mk_stream_options options = {.threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 0, .spin_microseconds = 50};
  if (getenv("BENCH_SECONDS")) budget = atof(getenv("BENCH_SECONDS"));
  if (getenv("BENCH_MB")) spread = (size_t)atoi(getenv("BENCH_MB")) << 20;
  table = mk_cpu_table(variant);
  if (!table) return fprintf(stderr, "this processor does not run variant %u\n", variant), 1;
  check(table->stream_create(&options, &stream), "stream_create");
  mk_stream_statistics statistics;
  check(table->stream_statistics(stream, &statistics), "stream_statistics");
  if (statistics.threads == 1) clock_of_rounds = CLOCK_THREAD_CPUTIME_ID;
  printf("%s, %u threads\n", table->name, statistics.threads);
  const int all = strcmp(what, "all") == 0;
  if (all || strcmp(what, "read") == 0) {
    reading work = {allocate(256 << 20), 256 << 20};
    memset((void *)work.data, 1, work.bytes);
    printf("reads from memory, one thread: %.2f GB/s\n", 1e-9 * (double)work.bytes / best_of(run_reading, &work));
  }
  if (all || strcmp(what, "linear") == 0) {
    bench_linear(3072, 768, only);
  }
  if (all || strcmp(what, "attention") == 0) bench_attentions(9, 3, 64);
  if (all || strcmp(what, "small") == 0) {
    printf("small ops of SmolLM2-135M, microseconds\n%6s %10s %10s %10s %10s\n", "rows", "norm", "gated", "rope_kv",
           "argmax");
    bench_small(1, 576, 1536, 9, 3, 64);
    bench_small(32, 576, 1536, 9, 3, 64);
    bench_small(512, 576, 1536, 9, 3, 64);
  }
  table->stream_destroy(stream);
  return 0;
}
