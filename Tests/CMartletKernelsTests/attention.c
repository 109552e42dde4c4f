/// Rotation, the KV cache and attention.
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint32_t dim, heads, kv_heads, half, style;
  bool norms;
  float soft_cap;
  uint32_t length, window;
} shape;

enum { PAGE = 16, SPARE_PAGES = 3 };

/// What one table made of the same input.
typedef struct {
  side s;
  mk_kv_layer kv;
  float *qkv; ///< [length][width], rotated
  float *y;   ///< [length][heads * dim]
} outcome;

static uint32_t width_of(const shape *a) { return (a->heads + 2 * a->kv_heads) * a->dim; }

static uint32_t pages_of(const shape *a) { return (a->length + PAGE - 1) / PAGE + SPARE_PAGES; }

/// Pages in an order that is neither rising nor falling.
static void fill_pages(const shape *a, int32_t *pages) {
  const uint32_t count = pages_of(a);
  for (uint32_t i = 0; i < count; i++) pages[i] = (int32_t)i;
  for (uint32_t i = count - 1; i > 0; i--) {
    const uint32_t j = random_bits() % (i + 1);
    const int32_t page = pages[i];
    pages[i] = pages[j];
    pages[j] = page;
  }
}

/// Rotates all rows and writes the cache, `chunk` rows at a time.
static void fill_cache(const shape *a, const int32_t *pages, uint32_t chunk, const float *weight, outcome *o) {
  int32_t *positions = guarded(sizeof(int32_t) * chunk), *slots = guarded(sizeof(int32_t) * chunk);
  float *table = guarded(sizeof(float) * 2 * a->half * chunk), frequencies[256];
  for (uint32_t i = 0; i < a->half; i++) frequencies[i] = 1.0f / (float)(i + 1);
  for (uint32_t start = 0; start < a->length; start += chunk) {
    const uint32_t rows = least(chunk, a->length - start);
    for (uint32_t i = 0; i < rows; i++) {
      positions[i] = (int32_t)(start + i);
      slots[i] = pages[(start + i) / PAGE] * PAGE + (int32_t)((start + i) % PAGE);
    }
    const mk_rope_table_args rotation = {.positions = positions, .inverse_frequencies = frequencies, .rows = rows,
                                         .half = a->half, .magnitude = 1, .table = table};
    check_status(o->s.table->rope_table(o->s.stream, &rotation), "rope_table");
    const mk_rope_kv_args args = {
        .qkv = o->qkv + (size_t)start * width_of(a), .rows = rows, .stride = width_of(a), .heads = a->heads,
        .rope_table = table, .half = a->half, .style = a->style, .q_norm = weight, .k_norm = weight,
        .norm_epsilon = 1e-5f, .slots = slots, .kv = &o->kv,
    };
    check_status(o->s.table->rope_kv(o->s.stream, &args), "rope_kv");
  }
  release(positions);
  release(slots);
  release(table);
}

/// Rows [first, first + count) of y, as sequences of up to `chunk` rows in one call.
static void attend(const shape *a, const outcome *o, const int32_t *pages, uint32_t first, uint32_t count,
                   uint32_t chunk, float *y) {
  mk_attention_sequence sequences[64];
  uint32_t sequence_count = 0;
  for (uint32_t start = first; start < first + count; start += chunk) {
    const uint32_t rows = least(chunk, first + count - start);
    sequences[sequence_count++] = (mk_attention_sequence){
        .row_start = start - first, .row_count = rows, .kv_length = start + rows, .page_offset = 0};
  }
  const size_t bytes = o->s.table->attention_workspace_bytes(count, a->heads, a->dim);
  void *workspace = guarded(bytes);
  const mk_attention_args args = {
      .q = o->qkv + (size_t)first * width_of(a), .q_stride = width_of(a), .heads = a->heads, .y = y,
      .sequences = sequences, .sequence_count = sequence_count, .page_table = pages, .kv = &o->kv,
      .scale = 1.0f / sqrtf((float)a->dim), .soft_cap = a->soft_cap, .window = a->window, .workspace = workspace,
      .workspace_bytes = bytes,
  };
  check_status(o->s.table->attention(o->s.stream, &args), "attention");
  release(workspace);
}

static outcome make_outcome(const shape *a, side s, mk_dtype dtype, const float *qkv) {
  outcome o = {.s = s};
  o.kv = (mk_kv_layer){.dtype = dtype, .pages = pages_of(a), .page_size = PAGE, .kv_heads = a->kv_heads, .head_dim = a->dim};
  // A pool's old content must never reach a result: its poison is a number in every format.
  o.kv.data = guarded(s.table->kv_layer_bytes(&o.kv));
  o.qkv = guarded(sizeof(float) * a->length * width_of(a));
  memcpy(o.qkv, qkv, sizeof(float) * a->length * width_of(a));
  o.y = guarded(sizeof(float) * a->length * a->heads * a->dim);
  return o;
}

static void release_outcome(outcome *o) {
  release(o->kv.data);
  release(o->qkv);
  release(o->y);
}

static void test_shape(const pair *p, const shape *a, mk_dtype dtype, double bound) {
  const size_t row = (size_t)a->heads * a->dim;
  float *qkv = guarded(sizeof(float) * a->length * width_of(a)), *weight = guarded(sizeof(float) * a->dim);
  int32_t *pages = guarded(sizeof(int32_t) * pages_of(a));
  fill_floats(qkv, (size_t)a->length * width_of(a), 1);
  for (uint32_t i = 0; i < a->dim; i++) weight[i] = 0.5f + (float)(i % 7) / 8;
  fill_pages(a, pages);
  outcome o = make_outcome(a, tested(p), dtype, qkv), reference = make_outcome(a, expected(p), dtype, qkv);
  fill_cache(a, pages, 33, a->norms ? weight : NULL, &o);
  fill_cache(a, pages, a->length, a->norms ? weight : NULL, &reference);
  const double turned = worst_difference(o.qkv, reference.qkv, (size_t)a->length * width_of(a));
  check(turned < 1e-5, "dim %u: rotation differs by %g", a->dim, turned);
  // Long contexts are compared on the last rows only: the reference takes its time.
  const uint32_t count = least(a->length, a->length > 200 ? 9 : a->length), first = a->length - count;
  attend(a, &o, pages, first, count, count, o.y);
  attend(a, &reference, pages, first, count, count, reference.y);
  const double worst = worst_difference(o.y, reference.y, count * row);
  check(worst <= bound, "dim %u, %u heads on %u, window %u, cache %u: attention differs by %g", a->dim, a->heads,
        a->kv_heads, a->window, dtype, worst);
  static const uint32_t chunks[] = {1, 7, 16, 33};
  for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
    const uint32_t rows = least(count, 63 * chunks[c]);
    float *y = guarded(sizeof(float) * rows * row);
    attend(a, &o, pages, first, rows, chunks[c], y);
    check(same_bits(y, o.y, rows * row), "dim %u, cache %u: other bits in chunks of %u", a->dim, dtype, chunks[c]);
    release(y);
  }
  release_outcome(&o);
  release_outcome(&reference);
  release(qkv);
  release(weight);
  release(pages);
}

void test_attention(const pair *p) {
  static const shape shapes[] = {
      {64, 6, 2, 32, MK_ROPE_HALVES, false, 0, 75, 0},   {64, 6, 2, 32, MK_ROPE_HALVES, false, 0, 75, 20},
      {16, 1, 1, 8, MK_ROPE_HALVES, false, 0, 40, 0},    {80, 5, 5, 40, MK_ROPE_HALVES, false, 0, 50, 7},
      {96, 8, 2, 48, MK_ROPE_HALVES, false, 3, 50, 0},   {128, 8, 1, 64, MK_ROPE_PAIRS, false, 0, 70, 33},
      {256, 4, 1, 128, MK_ROPE_HALVES, true, 0, 40, 0},  {64, 4, 4, 8, MK_ROPE_HALVES, false, 0, 66, 0},
      {20, 3, 1, 5, MK_ROPE_PAIRS, true, 0, 35, 0},      {32, 2, 1, 16, MK_ROPE_HALVES, false, 0, 2700, 0},
      {32, 2, 2, 16, MK_ROPE_HALVES, false, 0, 1300, 700},
  };
  static const double bounds[] = {[MK_F32] = 2e-5, [MK_F16] = 2e-3, [MK_BF16] = 1.6e-2};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (mk_dtype dtype = MK_F32; dtype <= MK_BF16; dtype++) test_shape(p, &shapes[i], dtype, bounds[dtype]);
  }
}
