/// Times of each op at Llama-3.1-8B shapes: the mean of many enqueued calls, wall clock, weights and KV larger than the
/// cache.
#include "harness.h"

#include <algorithm>
#include <chrono>

namespace {

/// Microseconds per call; `call(i)` enqueues call i. The best of three rounds.
double time_calls(harness &h, mk_stream *stream, const std::function<mk_status(int)> &call) {
  using clock = std::chrono::steady_clock;
  int count = 20;
  double best = 1e30;
  for (int i = 0; i < 4; i++) h.expect(call(i) == MK_OK, "a timed call");
  h.device->stream_synchronize(stream);
  for (int round = 0; round < 4; round++) {
    const auto start = clock::now();
    for (int i = 0; i < count; i++) call(i);
    h.device->stream_synchronize(stream);
    const double each = std::chrono::duration<double, std::micro>(clock::now() - start).count() / count;
    if (round == 0) {
      count = std::max(10, std::min(1000, (int)(20000 / each)));
    } else {
      best = std::min(best, each);
    }
  }
  return best;
}
double time_calls(harness &h, const std::function<mk_status(int)> &call) { return time_calls(h, h.stream, call); }

void report(const char *op, const std::string &shape, double microseconds, double bytes, double operations) {
  printf("| %-12s | %-44s | %9.1f us | %6.2f TB/s | %6.0f TFLOP/s |\n", op, shape.c_str(), microseconds,
         bytes / microseconds / 1e6, operations / microseconds / 1e6);
  fflush(stdout);
}

void bench_linear(harness &h, mk_dtype dtype, const char *name, uint32_t cols, const std::vector<uint32_t> &outputs,
                  const std::vector<uint32_t> &rows_list, bool has_norm = false, uint32_t output = MK_OUTPUT_STORE,
                  bool defers = false) {
  uint32_t total = 0;
  for (uint32_t n : outputs) total += n;
  const size_t bytes = mk_row_bytes(dtype, cols) * total;
  const int copies = (int)(300000000 / bytes) + 1;
  // FP8 weights are made of bf16 on the device.
  const bool is_made = dtype == MK_F8_E4M3;
  const mk_dtype stored = is_made ? mk_dtype(MK_BF16) : dtype;
  std::vector<uint8_t> one = random_weights(h, stored, std::min(total, 512u), cols),
                       weights(mk_row_bytes(stored, cols) * total);
  for (size_t at = 0; at < weights.size(); at += one.size()) {
    memcpy(&weights[at], one.data(), std::min(one.size(), weights.size() - at));
  }
  std::vector<std::vector<mk_linear_segment>> segments(copies);
  std::vector<buffer<uint8_t> *> memory;
  for (auto &list : segments) {
    size_t at = 0, used = 0, all = 0;
    uint32_t first = 0;
    for (uint32_t n : outputs) {
      size_t packed = 0;
      h.device->matrix_packed_bytes(dtype, n, cols, &packed);
      all += packed;
    }
    // Segments that follow each other in memory may be multiplied as one.
    memory.push_back(new buffer<uint8_t>(h, all));
    for (uint32_t n : outputs) {
      const mk_matrix host = {weights.data() + at, stored, 0, n, cols};
      mk_matrix device;
      size_t packed = 0;
      h.device->matrix_packed_bytes(dtype, n, cols, &packed);
      if (is_made) {
        h.device->matrix_quantize(h.stream, &host, dtype, memory.back()->pointer(), total, first, &device);
      } else {
        h.device->matrix_pack(h.stream, &host, memory.back()->pointer() + used, &device);
      }
      list.push_back({device, nullptr});
      at += mk_row_bytes(stored, cols) * n;
      used += packed;
      first += n;
    }
  }
  for (uint32_t rows : rows_list) {
    const size_t workspace = h.device->linear_workspace_bytes(rows, cols, total);
    std::vector<float> values = h.normals((size_t)rows * cols);
    const mk_dtype x_dtype = has_norm ? MK_F32 : MK_BF16, y_dtype = output == MK_OUTPUT_ADD ? MK_F32 : MK_BF16;
    activation x(h, x_dtype, values), y(h, y_dtype, (size_t)rows * total), next(h, MK_BF16, (size_t)rows * total);
    buffer<float> norm(h, h.normals(std::max(cols, total))),
        squares(h, std::vector<float>((size_t)rows * mk_square_parts(std::max(cols, total)), 1));
    if (output == MK_OUTPUT_ADD)
      h.device->memory_upload(h.stream, y.pointer(), h.normals((size_t)rows * total).data(), 4ull * rows * total);
    buffer<uint8_t> space(h, workspace);
    for (mk_stream *stream : {h.stream, h.deterministic_stream}) {
      if (stream != h.stream && (dtype != MK_BF16 || rows > 256 || defers)) continue;
      const double time = time_calls(h, stream, [&](int i) {
        const auto &list = segments[i % copies];
        mk_linear_args args = {x.pointer(),
                               rows,
                               cols,
                               list.data(),
                               (uint32_t)list.size(),
                               y.pointer(),
                               total,
                               space.pointer(),
                               workspace,
                               x_dtype,
                               y_dtype,
                               has_norm ? norm.pointer() : nullptr,
                               1e-5f,
                               output};
        if (defers && output == MK_OUTPUT_ADD) {
          args.next_norm_weight = norm.pointer();
          args.next_x = next.pointer();
          args.next_squares = squares.pointer();
        } else if (defers) {
          args.squares = squares.pointer();
        }
        return h.device->linear(stream, &args);
      });
      report(stream == h.stream ? "linear" : "invariant",
             std::string(name) + " " + std::to_string(cols) + "->" + std::to_string(total) + (has_norm ? " norm" : "") +
                 (output == MK_OUTPUT_ADD ? " add"
                  : output                ? " gate"
                                          : "") +
                 (defers ? " deferred norm" : "") + " rows " + std::to_string(rows),
             time, (double)bytes, 2.0 * rows * cols * total);
    }
  }
  for (auto *block : memory) delete block;
}

void bench_attention(harness &h, mk_dtype dtype, uint32_t sequences, uint32_t rows, uint32_t length, uint32_t heads,
                     uint32_t kv_heads, uint32_t dim, bool is_deterministic = false) {
  const uint32_t page_size = 16, pages = (length + page_size - 1) / page_size, layers = 4;
  std::vector<mk_attention_sequence> list;
  std::vector<int32_t> table(sequences * pages);
  for (uint32_t i = 0; i < table.size(); i++) table[i] = (int32_t)i;
  std::shuffle(table.begin(), table.end(), h.random);
  for (uint32_t s = 0; s < sequences; s++) list.push_back({s * rows, rows, length, s * pages});
  mk_kv_layer layer = {nullptr, dtype, sequences * pages, page_size, kv_heads, dim};
  const size_t bytes = h.device->kv_layer_bytes(&layer);
  // Of either dtype values of at least 0.5 and less than 2, or two such codes.
  const uint32_t least = dtype == MK_BF16 ? 0x3f00 : 0x3030, changed = dtype == MK_BF16 ? 0x80ff : 0x8f8f;
  std::vector<uint16_t> noise(bytes / 2);
  for (uint16_t &value : noise) value = (uint16_t)(least + (h.random() & changed));
  std::vector<buffer<uint8_t> *> memory;
  for (uint32_t i = 0; i < layers; i++) {
    memory.push_back(new buffer<uint8_t>(h, bytes));
    h.device->memory_upload(h.stream, memory.back()->pointer(), noise.data(), bytes);
  }
  const uint32_t stride = (heads + 2 * kv_heads) * dim;
  std::vector<float> values = h.normals((size_t)sequences * rows * stride);
  activation q(h, MK_BF16, values), y(h, MK_BF16, (size_t)sequences * rows * heads * dim);
  buffer<mk_attention_sequence> ds(h, list);
  buffer<int32_t> dp(h, table);
  // Decoding rows are turned and stored on the way.
  std::vector<int32_t> slots;
  for (const mk_attention_sequence &s : list) {
    slots.push_back(table[s.page_offset + (length - 1) / page_size] * (int32_t)page_size +
                    (int32_t)((length - 1) % page_size));
  }
  buffer<int32_t> ds_slots(h, slots);
  buffer<float> angles(h, h.normals((size_t)sequences * dim));
  const mk_rope_kv_args turn = {q.pointer(), sequences, stride, heads,              angles.pointer(), dim / 2,
                                MK_ROPE_HALVES, nullptr, nullptr, 1e-5f, ds_slots.pointer(), &layer,
                                MK_BF16};
  const size_t workspace = h.device->attention_workspace_bytes(sequences * rows, heads, dim);
  buffer<uint8_t> space(h, workspace);
  mk_stream *stream = is_deterministic ? h.deterministic_stream : h.stream;
  const double time = time_calls(h, stream, [&](int i) {
    layer.data = memory[i % layers]->pointer();
    const mk_attention_args args = {q.pointer(),
                                    stride,
                                    heads,
                                    y.pointer(),
                                    ds.pointer(),
                                    sequences,
                                    dp.pointer(),
                                    &layer,
                                    1 / std::sqrt((float)dim),
                                    0,
                                    0,
                                    space.pointer(),
                                    workspace,
                                    MK_BF16,
                                    MK_BF16,
                                    rows,
                                    rows == 1 ? &turn : nullptr};
    return h.device->attention(stream, &args);
  });
  const double seen = rows == 1 ? length : length - rows / 2.0;
  report(is_deterministic ? "invariant" : "attention",
         std::to_string(sequences) + " x " + std::to_string(rows) + " rows at " + std::to_string(length) + ", " +
             std::to_string(heads) + "/" + std::to_string(kv_heads) + " heads of " + std::to_string(dim) +
             (dtype == MK_F8_E4M3 ? ", FP8" : ""),
         time, (double)bytes, 4.0 * sequences * rows * seen * heads * dim);
  for (auto *block : memory) delete block;
}

/// The time of one decoder layer of a step that only decodes, with all that can be fused: five launches.
void bench_layer(harness &h, const char *name, uint32_t hidden, uint32_t wide, uint32_t heads, uint32_t kv_heads,
                 uint32_t dim, uint32_t batch, uint32_t length) {
  const uint32_t layers = 6, qkv = (heads + 2 * kv_heads) * dim, pages = length / 16 + 1;
  const uint32_t shapes[4][2] = {{qkv, hidden}, {hidden, heads * dim}, {2 * wide, hidden}, {hidden, wide}};
  struct layer_memory {
    std::vector<buffer<uint8_t> *> weights;
    std::vector<mk_linear_segment> segments[4];
    buffer<uint8_t> *kv_memory;
    mk_kv_layer kv;
  };
  std::vector<layer_memory> all(layers);
  for (layer_memory &layer : all) {
    for (int i = 0; i < 4; i++) {
      const uint32_t rows = shapes[i][0], cols = shapes[i][1], parts = i == 2 ? 2 : 1;
      const std::vector<uint8_t> some = random_weights(h, MK_BF16, 64, cols);
      layer.weights.push_back(new buffer<uint8_t>(h, (size_t)rows * cols * 2));
      for (uint32_t row = 0; row < rows; row += 64) {
        h.device->memory_upload(h.stream, layer.weights.back()->pointer() + (size_t)row * cols * 2, some.data(),
                                std::min<size_t>(some.size(), (size_t)(rows - row) * cols * 2));
      }
      for (uint32_t part = 0; part < parts; part++) {
        const uint32_t count = rows / parts;
        layer.segments[i].push_back(
            {{layer.weights.back()->pointer() + (size_t)part * count * cols * 2, MK_BF16, 2, count, cols}, nullptr});
      }
    }
    layer.kv = {nullptr, MK_BF16, batch * pages, 16, kv_heads, dim};
    const size_t bytes = h.device->kv_layer_bytes(&layer.kv);
    layer.kv_memory = new buffer<uint8_t>(h, bytes);
    h.device->memory_upload(h.stream, layer.kv_memory->pointer(), std::vector<uint8_t>(bytes, 0x3c).data(), bytes);
    layer.kv.data = layer.kv_memory->pointer();
  }
  std::vector<mk_attention_sequence> list;
  std::vector<int32_t> table(batch * pages), slots;
  for (uint32_t i = 0; i < table.size(); i++) table[i] = (int32_t)i;
  std::shuffle(table.begin(), table.end(), h.random);
  for (uint32_t s = 0; s < batch; s++) {
    list.push_back({s, 1, length, s * pages});
    slots.push_back(table[s * pages + (length - 1) / 16] * 16 + (int32_t)((length - 1) % 16));
  }
  buffer<mk_attention_sequence> sequences(h, list);
  buffer<int32_t> page_table(h, table), slot_list(h, slots);
  buffer<float> residual(h, h.normals((size_t)batch * hidden)), norm(h, h.normals(hidden)),
      rope(h, h.normals((size_t)batch * dim));
  std::vector<float> nothing((size_t)batch * std::max(qkv, wide));
  activation states(h, MK_BF16, nothing), mixed(h, MK_BF16, nothing);
  const size_t linear_bytes = h.device->linear_workspace_bytes(batch, std::max(wide, hidden), 2 * wide),
               attention_bytes = h.device->attention_workspace_bytes(batch, heads, dim);
  buffer<uint8_t> linear_space(h, linear_bytes), attention_space(h, attention_bytes);
  const bool defers = batch <= h.device->deferred_norm_rows;
  activation normed(h, MK_BF16, nothing);
  buffer<float> squares(h, (size_t)batch * mk_square_parts(hidden));
  const auto multiply = [&](const layer_memory &layer, int i, const activation &x, float *y, mk_dtype y_dtype,
                            uint32_t output) {
    mk_linear_args args = {x.pointer(),
                           batch,
                           shapes[i][1],
                           layer.segments[i].data(),
                           (uint32_t)layer.segments[i].size(),
                           y,
                           output == MK_OUTPUT_SILU ? shapes[i][0] / 2 : shapes[i][0],
                           linear_space.pointer(),
                           linear_bytes,
                           MK_BF16,
                           y_dtype,
                           nullptr,
                           1e-5f,
                           output};
    if (i == 3 && defers) {
      args.next_norm_weight = norm.pointer();
      args.next_x = normed.pointer();
      args.next_squares = squares.pointer();
    } else if (i == 0 && defers) {
      args.x = normed.pointer();
      args.squares = squares.pointer();
    } else if (output != MK_OUTPUT_ADD) {
      args.x = residual.pointer();
      args.x_dtype = MK_F32;
      args.norm_weight = norm.pointer();
    }
    h.expect(h.device->linear(h.stream, &args) == MK_OK, "linear of a layer");
  };
  const double time = time_calls(h, [&](int i) {
    const layer_memory &layer = all[i % layers];
    multiply(layer, 0, normed, states.pointer(), MK_BF16, MK_OUTPUT_STORE);
    const mk_rope_kv_args turn = {states.pointer(), batch,   qkv,     heads, rope.pointer(),      dim / 2,
                                  MK_ROPE_HALVES,   nullptr, nullptr, 1e-5f, slot_list.pointer(), &layer.kv,
                                  MK_BF16};
    const mk_attention_args args = {states.pointer(),
                                    qkv,
                                    heads,
                                    mixed.pointer(),
                                    sequences.pointer(),
                                    batch,
                                    page_table.pointer(),
                                    &layer.kv,
                                    0.1f,
                                    0,
                                    0,
                                    attention_space.pointer(),
                                    attention_bytes,
                                    MK_BF16,
                                    MK_BF16,
                                    1,
                                    &turn};
    const mk_status status = h.device->attention(h.stream, &args);
    multiply(layer, 1, mixed, residual.pointer(), MK_F32, MK_OUTPUT_ADD);
    multiply(layer, 2, normed, states.pointer(), MK_BF16, MK_OUTPUT_SILU);
    multiply(layer, 3, states, residual.pointer(), MK_F32, MK_OUTPUT_ADD);
    return status;
  });
  double bytes = 0;
  for (const auto &shape : shapes) bytes += 2.0 * shape[0] * shape[1];
  report("layer", std::string(name) + ", batch " + std::to_string(batch) + " at " + std::to_string(length), time,
         bytes + 4.0 * batch * length * kv_heads * dim, 0);
  for (layer_memory &layer : all) {
    for (auto *memory : layer.weights) delete memory;
    delete layer.kv_memory;
  }
}

void bench_rest(harness &h, uint32_t rows) {
  const uint32_t hidden = 4096, wide = 14336, vocab = 128256, heads = 32, kv_heads = 8, dim = 128;
  buffer<float> x(h, h.normals((size_t)rows * wide * 2)), y(h, (size_t)rows * wide),
      residual(h, h.normals((size_t)rows * hidden)), weight(h, h.normals(hidden)),
      table(h, h.normals((size_t)rows * dim));
  const std::string shape = "rows " + std::to_string(rows);
  report(
      "norm", shape + ", add first",
      time_calls(
          h,
          [&](int) {
            const mk_norm_args args = {
                x.pointer(), residual.pointer(), weight.pointer(), y.pointer(), rows, hidden, MK_NORM_ADD_FIRST, 1e-5f,
                MK_BF16};
            return h.device->norm(h.stream, &args);
          }),
      14.0 * rows * hidden, 0);
  report("gated", shape,
         time_calls(h,
                    [&](int) {
                      const mk_gated_args args = {x.pointer(), y.pointer(), rows, wide, MK_SILU, MK_BF16};
                      return h.device->gated(h.stream, &args);
                    }),
         10.0 * rows * wide, 0);
  mk_kv_layer layer = {nullptr, MK_BF16, rows / 16 + 1, 16, kv_heads, dim};
  buffer<uint8_t> kv(h, h.device->kv_layer_bytes(&layer));
  layer.data = kv.pointer();
  std::vector<int32_t> slots(rows);
  for (uint32_t i = 0; i < rows; i++) slots[i] = (int32_t)i;
  buffer<int32_t> ds(h, slots);
  report("rope_kv", shape,
         time_calls(h,
                    [&](int) {
                      const mk_rope_kv_args args = {x.pointer(),
                                                    rows,
                                                    (heads + 2 * kv_heads) * dim,
                                                    heads,
                                                    table.pointer(),
                                                    dim / 2,
                                                    MK_ROPE_HALVES,
                                                    nullptr,
                                                    nullptr,
                                                    0,
                                                    ds.pointer(),
                                                    &layer,
                                                    MK_BF16};
                      return h.device->rope_kv(h.stream, &args);
                    }),
         rows * dim * (4.0 * heads + 8.0 * kv_heads), 0);
  if (rows > 256) return;
  buffer<float> logits(h, h.normals((size_t)rows * vocab, 3));
  buffer<int32_t> tokens(h, rows);
  for (int kind = 0; kind < 3; kind++) {
    const mk_sample_row choices[] = {{0, 1, 0, 0, 1, 1}, {1, 1, 0, 0, 1, 1}, {0.7f, 0.9f, 0.01f, 50, 1, 1}};
    const char *names[] = {"greedy", "temperature", "top-k, top-p, min-p"};
    const std::vector<mk_sample_row> all(rows, choices[kind]);
    report("sample", shape + ", " + names[kind],
           time_calls(h,
                      [&](int) {
                        const mk_sample_args args = {logits.pointer(), rows,    vocab, all.data(),
                                                     tokens.pointer(), nullptr, 0};
                        return h.device->sample(h.stream, &args);
                      }),
           4.0 * rows * vocab, 0);
  }
}

} // namespace

void bench(harness &h, const std::string &only) {
  const auto wants = [&](const char *name) { return only.empty() || only == name; };
  if (wants("linear")) {
    const std::vector<uint32_t> rows = {1, 8, 16, 32, 64, 128, 256, 4096};
    bench_linear(h, MK_BF16, "qkv BF16", 4096, {4096, 1024, 1024}, rows);
    bench_linear(h, MK_BF16, "o BF16", 4096, {4096}, rows);
    bench_linear(h, MK_BF16, "gate+up BF16", 4096, {14336, 14336}, rows);
    bench_linear(h, MK_BF16, "down BF16", 14336, {4096}, rows);
    bench_linear(h, MK_BF16, "head BF16", 4096, {128256}, {1, 8, 64, 256});
  }
  if (wants("fused")) {
    const std::vector<uint32_t> rows = {1, 8, 16, 32, 64, 128};
    bench_linear(h, MK_BF16, "8B qkv", 4096, {4096, 1024, 1024}, rows, true);
    bench_linear(h, MK_BF16, "8B o", 4096, {4096}, rows, false, MK_OUTPUT_ADD);
    bench_linear(h, MK_BF16, "8B gate+up", 4096, {14336, 14336}, rows, true, MK_OUTPUT_SILU);
    bench_linear(h, MK_BF16, "8B down", 14336, {4096}, rows, false, MK_OUTPUT_ADD);
    const std::vector<uint32_t> few = {1, 8};
    bench_linear(h, MK_BF16, "8B qkv", 4096, {4096, 1024, 1024}, few, false, MK_OUTPUT_STORE, true);
    bench_linear(h, MK_BF16, "8B o", 4096, {4096}, few, false, MK_OUTPUT_ADD, true);
    bench_linear(h, MK_BF16, "8B gate+up", 4096, {14336, 14336}, few, false, MK_OUTPUT_SILU, true);
    bench_linear(h, MK_BF16, "8B down", 14336, {4096}, few, false, MK_OUTPUT_ADD, true);
    bench_linear(h, MK_BF16, "1B qkv", 2048, {2048, 512, 512}, rows, true);
    bench_linear(h, MK_BF16, "1B o", 2048, {2048}, rows, false, MK_OUTPUT_ADD);
    bench_linear(h, MK_BF16, "1B gate+up", 2048, {8192, 8192}, rows, true, MK_OUTPUT_SILU);
    bench_linear(h, MK_BF16, "1B down", 8192, {2048}, rows, false, MK_OUTPUT_ADD);
  }
  if (wants("quantized")) {
    const std::vector<uint32_t> rows = {1, 8, 16, 32, 64, 128, 256, 4096};
    bench_linear(h, MK_F8_E4M3, "qkv FP8", 4096, {4096, 1024, 1024}, rows);
    bench_linear(h, MK_F8_E4M3, "o FP8", 4096, {4096}, rows);
    bench_linear(h, MK_F8_E4M3, "gate+up FP8", 4096, {14336, 14336}, rows);
    bench_linear(h, MK_F8_E4M3, "down FP8", 14336, {4096}, rows);
    for (const format_name &format : all_formats) {
      if (format.dtype <= MK_BF16) continue;
      bench_linear(h, format.dtype, (std::string("gate+up ") + format.name).c_str(), 4096, {14336, 14336},
                   {1, 8, 16, 32, 64, 128});
      if (format.dtype != MK_Q4_K && format.dtype != MK_Q8_0) continue;
      bench_linear(h, format.dtype, (std::string("qkv ") + format.name).c_str(), 4096, {4096, 1024, 1024},
                   {1, 8, 16, 32, 64});
      bench_linear(h, format.dtype, (std::string("o ") + format.name).c_str(), 4096, {4096}, {1, 8, 16, 32, 64});
      bench_linear(h, format.dtype, (std::string("down ") + format.name).c_str(), 14336, {4096}, {1, 8, 16, 32, 64});
    }
  }
  for (mk_dtype dtype : {MK_BF16, MK_F8_E4M3}) {
    for (uint32_t dim : {64u, 128u}) {
      if (wants("decode")) {
        bench_attention(h, dtype, 1, 1, 256, 32, 8, dim);
        bench_attention(h, dtype, 1, 1, 16384, 32, 8, dim);
        for (uint32_t sequences : {8u, 32u, 64u, 128u, 256u}) {
          bench_attention(h, dtype, sequences, 1, 256, 32, 8, dim);
        }
        bench_attention(h, dtype, 64, 1, 256, 32, 8, dim, true);
        bench_attention(h, dtype, 64, 1, 1024, 32, 8, dim);
        bench_attention(h, dtype, 256, 1, 1024, 32, 8, dim);
      }
      if (wants("prompt")) {
        bench_attention(h, dtype, 1, 4096, 4096, 32, 8, dim);
        bench_attention(h, dtype, 8, 1024, 4096, 32, 8, dim);
        bench_attention(h, dtype, 8, 512, 512, 32, 8, dim);
        bench_attention(h, dtype, 32, 128, 2176, 32, 8, dim);
      }
    }
  }
  if (wants("layer")) {
    for (uint32_t batch : {1u, 8u, 32u, 64u, 128u, 256u}) {
      bench_layer(h, "Llama-3.2-1B", 2048, 8192, 32, 8, 64, batch, 256);
      bench_layer(h, "Llama-3.1-8B", 4096, 14336, 32, 8, 128, batch, 256);
    }
  }
  if (wants("many")) {
    const std::vector<uint32_t> rows = {512, 768, 1024, 1280, 1536, 2048, 3072, 4096};
    bench_linear(h, MK_BF16, "8B gate+up", 4096, {14336, 14336}, rows, false, MK_OUTPUT_SILU);
    bench_linear(h, MK_BF16, "1B gate+up", 2048, {8192, 8192}, rows, false, MK_OUTPUT_SILU);
  }
  if (wants("prefill")) bench_prefill(h);
  if (wants("rest")) {
    for (uint32_t rows : {1u, 64u, 256u, 4096u}) bench_rest(h, rows);
  }
}
