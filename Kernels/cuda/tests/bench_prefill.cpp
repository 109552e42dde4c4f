/// Times of a layer of a prefill and of its parts, each enqueued for half a second in a row: shorter bursts run faster
/// than the card's power allows for long.
#include "harness.h"

#include <algorithm>
#include <chrono>
#include <memory>

namespace {

constexpr double seconds = 0.5;

/// Microseconds per call; `call(i)` enqueues call i.
double sustained(harness &h, const std::function<mk_status(int)> &call) {
  using clock = std::chrono::steady_clock;
  const auto run = [&](int count) {
    const auto start = clock::now();
    for (int i = 0; i < count; i++) h.expect(call(i) == MK_OK, "a timed call");
    h.device->stream_synchronize(h.stream);
    return std::chrono::duration<double, std::micro>(clock::now() - start).count() / count;
  };
  run(4);
  const double each = run(10);
  run((int)(seconds / 2 * 1e6 / each));
  return run((int)(seconds * 1e6 / each) + 1);
}

struct model_shape {
  const char *name;
  uint32_t hidden, wide, heads, kv_heads, dim;
};

/// Device memory of bf16 or float values, the same few thousand random ones over and over.
std::unique_ptr<buffer<uint8_t>> noise(harness &h, mk_dtype dtype, size_t count, float deviation = 1) {
  const size_t width = dtype == MK_F32 ? 4 : 2;
  auto memory = std::make_unique<buffer<uint8_t>>(h, count * width);
  const std::vector<float> values = h.normals(std::min<size_t>(count, (1 << 21) + 64), deviation);
  const std::vector<uint16_t> bits = bfloats(values);
  const void *from = dtype == MK_F32 ? (const void *)values.data() : bits.data();
  for (size_t at = 0; at < count; at += values.size()) {
    h.device->memory_upload(h.stream, memory->pointer() + at * width, from,
                            std::min(count - at, values.size()) * width);
  }
  return memory;
}

/// One layer of `prompts` prompts of `length` tokens as one step.
void bench_layer(harness &h, const model_shape &m, uint32_t prompts, uint32_t length) {
  constexpr uint32_t copies = 2;
  const uint32_t rows = prompts * length, heads = m.heads + 2 * m.kv_heads, qkv = heads * m.dim, pages = length / 16;
  const uint32_t shapes[4][2] = {
      {qkv, m.hidden}, {m.hidden, m.heads * m.dim}, {2 * m.wide, m.hidden}, {m.hidden, m.wide}};
  std::unique_ptr<buffer<uint8_t>> weights[copies][4], kv_memory[copies];
  std::vector<mk_linear_segment> segments[copies][4];
  mk_kv_layer kv[copies];
  for (uint32_t c = 0; c < copies; c++) {
    for (int i = 0; i < 4; i++) {
      weights[c][i] = noise(h, MK_BF16, (size_t)shapes[i][0] * shapes[i][1]);
      const uint32_t parts = i == 2 ? 2 : 1, each = shapes[i][0] / parts;
      for (uint32_t part = 0; part < parts; part++) {
        segments[c][i].push_back(
            {{weights[c][i]->pointer() + (size_t)part * each * shapes[i][1] * 2, MK_BF16, 2, each, shapes[i][1]},
             nullptr});
      }
    }
    kv[c] = {nullptr, MK_BF16, prompts * pages, 16, m.kv_heads, m.dim};
    kv_memory[c] = noise(h, MK_BF16, h.device->kv_layer_bytes(&kv[c]) / 2);
    kv[c].data = kv_memory[c]->pointer();
  }
  std::vector<mk_attention_sequence> list;
  std::vector<int32_t> table(prompts * pages), slots;
  for (uint32_t i = 0; i < table.size(); i++) table[i] = (int32_t)i;
  std::shuffle(table.begin(), table.end(), h.random);
  for (uint32_t s = 0; s < prompts; s++) {
    list.push_back({s * length, length, length, s * pages});
    for (uint32_t i = 0; i < length; i++) slots.push_back(table[s * pages + i / 16] * 16 + (int32_t)(i % 16));
  }
  buffer<mk_attention_sequence> sequences(h, list);
  buffer<int32_t> page_table(h, table), slot_list(h, slots);
  // Normed rows are small, so that products are of unit size.
  const auto residual = noise(h, MK_F32, (size_t)rows * m.hidden), mixed = noise(h, MK_BF16, (size_t)rows * m.hidden),
             states = noise(h, MK_BF16, (size_t)rows * qkv), gated = noise(h, MK_BF16, (size_t)rows * m.wide),
             normed = noise(h, MK_BF16, (size_t)rows * m.hidden, 1 / std::sqrt((float)m.hidden)),
             norm = noise(h, MK_F32, m.hidden, 1 / std::sqrt((float)m.hidden)),
             rope = noise(h, MK_F32, (size_t)rows * m.dim, 0.7f);
  const size_t linear_bytes = h.device->linear_workspace_bytes(rows, std::max(m.wide, m.hidden), 2 * m.wide),
               attention_bytes = h.device->attention_workspace_bytes(rows, m.heads, m.dim);
  buffer<uint8_t> linear_space(h, linear_bytes), attention_space(h, attention_bytes);
  const auto at = [](const std::unique_ptr<buffer<uint8_t>> &memory) { return (float *)memory->pointer(); };
  const auto multiply = [&](uint32_t c, int i, const float *x, float *y, uint32_t output, bool has_norm) {
    const mk_linear_args args = {x,
                                 rows,
                                 shapes[i][1],
                                 segments[c][i].data(),
                                 (uint32_t)segments[c][i].size(),
                                 y,
                                 output == MK_OUTPUT_SILU ? m.wide : shapes[i][0],
                                 linear_space.pointer(),
                                 linear_bytes,
                                 has_norm ? MK_F32 : MK_BF16,
                                 output == MK_OUTPUT_ADD ? MK_F32 : MK_BF16,
                                 has_norm ? at(norm) : nullptr,
                                 1e-5f,
                                 output};
    return h.device->linear(h.stream, &args);
  };
  const auto turn = [&](uint32_t c) {
    const mk_rope_kv_args args = {at(states), rows,    qkv,   m.heads,             at(rope), m.dim / 2, MK_ROPE_HALVES,
                                  nullptr,    nullptr, 1e-5f, slot_list.pointer(), &kv[c],   MK_BF16};
    return h.device->rope_kv(h.stream, &args);
  };
  const auto attend = [&](uint32_t c) {
    const mk_attention_args args = {at(states),
                                    qkv,
                                    m.heads,
                                    at(mixed),
                                    sequences.pointer(),
                                    prompts,
                                    page_table.pointer(),
                                    &kv[c],
                                    1 / std::sqrt((float)m.dim),
                                    0,
                                    0,
                                    attention_space.pointer(),
                                    attention_bytes,
                                    MK_BF16,
                                    MK_BF16,
                                    length};
    return h.device->attention(h.stream, &args);
  };
  const auto report = [&](const char *what, double operations, const std::function<mk_status(int)> &call) {
    const double each = sustained(h, call);
    printf("| %s, %u x %u | %-24s | %9.1f us | %6.0f TFLOP/s |\n", m.name, prompts, length, what, each,
           operations / each / 1e6);
    fflush(stdout);
  };
  const auto product = [&](int i) { return 2.0 * rows * shapes[i][0] * shapes[i][1]; };
  const double attention = 2.0 * rows * length * m.heads * m.dim;
  report("layer", product(0) + product(1) + product(2) + product(3) + attention, [&](int i) {
    const uint32_t c = i % copies;
    mk_status status = multiply(c, 0, at(residual), at(states), MK_OUTPUT_STORE, true);
    if (status == MK_OK) status = turn(c);
    if (status == MK_OK) status = attend(c);
    if (status == MK_OK) status = multiply(c, 1, at(mixed), at(residual), MK_OUTPUT_ADD, false);
    if (status == MK_OK) status = multiply(c, 2, at(residual), at(gated), MK_OUTPUT_SILU, true);
    return status == MK_OK ? multiply(c, 3, at(gated), at(residual), MK_OUTPUT_ADD, false) : status;
  });
  report("attention", attention, [&](int i) { return attend(i % copies); });
  const auto part = [&](const char *what, int i, const std::unique_ptr<buffer<uint8_t>> &x,
                        const std::unique_ptr<buffer<uint8_t>> &y, uint32_t output, bool has_norm = false) {
    report(what, product(i), [&, i](int call) { return multiply(call % copies, i, at(x), at(y), output, has_norm); });
  };
  part("qkv", 0, normed, states, MK_OUTPUT_STORE);
  part("norm and qkv", 0, residual, states, MK_OUTPUT_STORE, true);
  part("o", 1, mixed, residual, MK_OUTPUT_ADD);
  part("gate+up", 2, normed, gated, MK_OUTPUT_SILU);
  part("down", 3, gated, residual, MK_OUTPUT_ADD);
  // On values that it has turned before, which stay as large.
  report("rope and KV", 0, [&](int i) { return turn(i % copies); });
}

} // namespace

void bench_prefill(harness &h) {
  bench_layer(h, {"Llama-3.1-8B", 4096, 14336, 32, 8, 128}, 2, 4096);
  bench_layer(h, {"Llama-3.2-1B", 2048, 8192, 32, 8, 64}, 2, 4096);
  bench_layer(h, {"Llama-3.1-8B", 4096, 14336, 32, 8, 128}, 1, 1024);
}
