/// Head norms, rotation, the KV write and attention, which reads what was written.
#include "harness.h"

#include <algorithm>

struct attention_case {
  mk_dtype dtype;
  uint32_t heads, kv_heads, head_dim, half, style, page_size, window;
  float soft_cap;
  bool has_norms;
  std::vector<std::pair<uint32_t, uint32_t>> sequences; ///< rows, kv_length
  mk_dtype activations = MK_F32;
};

struct kv_setup {
  std::vector<int32_t> pages, slots; ///< slots of all positions, sequence after sequence
  std::vector<mk_attention_sequence> sequences;
  uint32_t page_count, positions, rows;
};

static kv_setup lay_out(harness &h, const attention_case &c) {
  kv_setup setup = {};
  for (const auto &[rows, length] : c.sequences) setup.page_count += (length + c.page_size - 1) / c.page_size;
  setup.page_count += 3;
  std::vector<int32_t> free(setup.page_count);
  for (uint32_t i = 0; i < setup.page_count; i++) free[i] = (int32_t)i;
  std::shuffle(free.begin(), free.end(), h.random);
  for (const auto &[rows, length] : c.sequences) {
    setup.sequences.push_back({setup.rows, rows, length, (uint32_t)setup.pages.size()});
    for (uint32_t position = 0; position < length; position++) {
      if (position % c.page_size == 0) {
        setup.pages.push_back(free.back());
        free.pop_back();
      }
      setup.slots.push_back(setup.pages.back() * (int32_t)c.page_size + (int32_t)(position % c.page_size));
    }
    setup.rows += rows;
    setup.positions += length;
  }
  return setup;
}

/// The reference's own KV: it keeps FP8 values as floats, which `round_codes` rounds once all are written.
struct reference_kv {
  std::vector<uint8_t> memory;
  mk_kv_layer layer;

  reference_kv(harness &h, mk_kv_layer kv) : layer(kv) {
    if (kv.dtype == MK_F8_E4M3) layer.dtype = MK_F32;
    memory.resize(h.reference->kv_layer_bytes(&layer));
    layer.data = memory.data();
  }
  void round_codes(mk_dtype dtype) {
    if (dtype != MK_F8_E4M3) return;
    for (size_t i = 0; i < memory.size(); i += sizeof(float)) {
      float value;
      memcpy(&value, &memory[i], sizeof value);
      value = nearest_fp8(value);
      memcpy(&memory[i], &value, sizeof value);
    }
  }
};

static double tolerance_of_kv(mk_dtype dtype, bool is_tiled) {
  // Keys and values of few bits near the middle of two may be rounded to either.
  return dtype == MK_F32 ? 2e-5 : dtype == MK_F16 ? (is_tiled ? 1.5e-3 : 3e-4) : is_tiled ? 1e-2 : 2e-3;
}

static void test_case(harness &h, const attention_case &c) {
  const kv_setup setup = lay_out(h, c);
  const uint32_t dim = c.head_dim, stride = (c.heads + 2 * c.kv_heads) * dim;
  std::vector<float> qkv = h.normals((size_t)setup.positions * stride);
  activation dqkv(h, c.activations, qkv);
  const std::vector<float> table = h.normals((size_t)setup.positions * 2 * c.half), norms = h.normals(dim);
  std::vector<float> wanted = qkv;
  mk_kv_layer device = {nullptr, c.dtype, setup.page_count, c.page_size, c.kv_heads, dim};
  reference_kv reference(h, device);
  buffer<uint8_t> device_memory(h, h.device->kv_layer_bytes(&device));
  device.data = device_memory.pointer();
  const float *norm = c.has_norms ? norms.data() : nullptr;
  mk_rope_kv_args rope = {
      wanted.data(), setup.positions,    stride,    c.heads, table.data(), c.half, c.style, norm, norm,
      1e-6f,         setup.slots.data(), &reference.layer};
  h.expect(h.reference->rope_kv(h.reference_stream, &rope) == MK_OK, "reference rope_kv");
  reference.round_codes(c.dtype);
  buffer<float> dtable(h, table), dnorms(h, norms);
  buffer<int32_t> dslots(h, setup.slots), dpages(h, setup.pages);
  norm = c.has_norms ? dnorms.pointer() : nullptr;
  rope = {dqkv.pointer(), setup.positions, stride,           c.heads, dtable.pointer(), c.half, c.style, norm,
          norm,           1e-6f,           dslots.pointer(), &device, c.activations};
  h.expect(h.device->rope_kv(h.stream, &rope) == MK_OK, "rope_kv");
  std::string what = "dtype " + std::to_string(c.dtype) + " heads " + std::to_string(c.heads) + "/" +
                     std::to_string(c.kv_heads) + " dim " + std::to_string(dim) + " page " +
                     std::to_string(c.page_size) + " window " + std::to_string(c.window) + " cap " +
                     std::to_string((int)c.soft_cap) + " sequences";
  for (const auto &[rows, length] : c.sequences) what += " " + std::to_string(rows) + "@" + std::to_string(length);
  // Only the queries have to be turned in place.
  std::vector<float> turned = dqkv.get();
  for (uint32_t row = 0; row < setup.positions; row++) {
    const auto from = wanted.begin() + (size_t)row * stride;
    std::copy(from + c.heads * dim, from + stride, turned.begin() + (size_t)row * stride + c.heads * dim);
  }
  h.compare(turned, wanted, tolerance_of(c.activations, 1e-6), "rope_kv " + what);
  // The queries are the first `rows` rows of qkv: which they are does not matter to attention.
  const float scale = 1 / std::sqrt((float)dim);
  std::vector<float> y((size_t)setup.rows * c.heads * dim);
  activation dq(h, c.activations, wanted), dy(h, c.activations, y.size());
  mk_attention_args args = {wanted.data(),
                            stride,
                            c.heads,
                            y.data(),
                            setup.sequences.data(),
                            (uint32_t)setup.sequences.size(),
                            setup.pages.data(),
                            &reference.layer,
                            scale,
                            c.soft_cap,
                            c.window,
                            nullptr,
                            0};
  std::vector<uint8_t> reference_space(h.reference->attention_workspace_bytes(setup.rows, c.heads, dim));
  args.workspace = reference_space.data();
  args.workspace_bytes = reference_space.size();
  h.expect(h.reference->attention(h.reference_stream, &args) == MK_OK, "reference attention");
  buffer<mk_attention_sequence> dsequences(h, setup.sequences);
  const size_t space = h.device->attention_workspace_bytes(setup.rows, c.heads, dim);
  buffer<uint8_t> dspace(h, space);
  args = {dq.pointer(),
          stride,
          c.heads,
          dy.pointer(),
          dsequences.pointer(),
          (uint32_t)setup.sequences.size(),
          dpages.pointer(),
          &device,
          scale,
          c.soft_cap,
          c.window,
          dspace.pointer(),
          space,
          c.activations,
          c.activations};
  h.expect(h.device->attention(h.stream, &args) == MK_OK, "attention");
  const bool is_tiled = c.dtype != MK_F32 && (dim == 64 || dim == 128 || dim == 256);
  h.compare(dy.get(), y, tolerance_of(c.activations, tolerance_of_kv(c.dtype, is_tiled)), "attention " + what);
}

/// Decoding sequences whose newest rows attention turns and stores itself.
static void test_fused(harness &h, const attention_case &c) {
  const kv_setup setup = lay_out(h, c);
  const uint32_t dim = c.head_dim, stride = (c.heads + 2 * c.kv_heads) * dim;
  std::vector<float> qkv = h.normals((size_t)setup.positions * stride);
  const std::vector<float> table = h.normals((size_t)setup.positions * 2 * c.half), norms = h.normals(dim);
  activation dqkv(h, c.activations, qkv);
  std::vector<float> turned = qkv, fresh, fresh_table, queries;
  std::vector<int32_t> old_slots = setup.slots, fresh_slots;
  const float scale = 1 / std::sqrt((float)dim);
  mk_kv_layer device = {nullptr, c.dtype, setup.page_count, c.page_size, c.kv_heads, dim};
  reference_kv reference(h, device);
  mk_rope_kv_args rope = {turned.data(), setup.positions, stride,       c.heads, table.data(),       c.half,
                          c.style,       norms.data(),    norms.data(), 1e-6f,   setup.slots.data(), &reference.layer};
  h.expect(h.reference->rope_kv(h.reference_stream, &rope) == MK_OK, "reference rope_kv");
  reference.round_codes(c.dtype);
  size_t end = 0;
  for (const mk_attention_sequence &s : setup.sequences) {
    end += s.kv_length;
    for (size_t at = end - s.row_count; at < end; at++) {
      fresh.insert(fresh.end(), qkv.begin() + at * stride, qkv.begin() + (at + 1) * stride);
      queries.insert(queries.end(), turned.begin() + at * stride, turned.begin() + (at + 1) * stride);
      fresh_table.insert(fresh_table.end(), table.begin() + at * 2 * c.half, table.begin() + (at + 1) * 2 * c.half);
      fresh_slots.push_back(setup.slots[at]);
      old_slots[at] = -1;
    }
  }
  std::vector<float> y((size_t)setup.rows * c.heads * dim);
  mk_attention_args args = {queries.data(),
                            stride,
                            c.heads,
                            y.data(),
                            setup.sequences.data(),
                            (uint32_t)setup.sequences.size(),
                            setup.pages.data(),
                            &reference.layer,
                            scale,
                            c.soft_cap,
                            c.window};
  std::vector<uint8_t> reference_space(h.reference->attention_workspace_bytes(setup.rows, c.heads, dim));
  args.workspace = reference_space.data();
  args.workspace_bytes = reference_space.size();
  h.expect(h.reference->attention(h.reference_stream, &args) == MK_OK, "reference attention");

  buffer<uint8_t> device_memory(h, h.device->kv_layer_bytes(&device));
  device.data = device_memory.pointer();
  buffer<float> dtable(h, table), dfresh_table(h, fresh_table), dnorms(h, norms);
  buffer<int32_t> dold(h, old_slots), dfresh_slots(h, fresh_slots), dpages(h, setup.pages);
  rope = {dqkv.pointer(),   setup.positions,  stride, c.heads,        dtable.pointer(), c.half,       c.style,
          dnorms.pointer(), dnorms.pointer(), 1e-6f,  dold.pointer(), &device,          c.activations};
  h.expect(h.device->rope_kv(h.stream, &rope) == MK_OK, "rope_kv of old rows");
  activation dfresh(h, c.activations, fresh), dy(h, c.activations, y.size());
  // Sequences of no rows are left out.
  std::vector<mk_attention_sequence> padded = setup.sequences;
  padded.push_back({0, 0, 0, 0});
  padded.insert(padded.begin(), {0, 0, 0, 0});
  buffer<mk_attention_sequence> dsequences(h, padded);
  const size_t space = h.device->attention_workspace_bytes(setup.rows, c.heads, dim);
  buffer<uint8_t> dspace(h, space);
  rope.qkv = dfresh.pointer();
  rope.rows = setup.rows;
  rope.rope_table = dfresh_table.pointer();
  rope.slots = dfresh_slots.pointer();
  uint32_t largest = 0;
  for (const auto &sequence : setup.sequences) largest = std::max(largest, sequence.row_count);
  args = {dfresh.pointer(),
          stride,
          c.heads,
          dy.pointer(),
          dsequences.pointer(),
          (uint32_t)padded.size(),
          dpages.pointer(),
          &device,
          scale,
          c.soft_cap,
          c.window,
          dspace.pointer(),
          space,
          c.activations,
          c.activations,
          largest,
          &rope};
  h.expect(h.device->attention(h.stream, &args) == MK_OK, "attention with rope");
  h.compare(dy.get(), y, tolerance_of(c.activations, tolerance_of_kv(c.dtype, true)),
            "attention with rope, dtype " + std::to_string(c.dtype) + " dim " + std::to_string(dim) + " window " +
                std::to_string(c.window) + " sequences " + std::to_string(c.sequences.size()));
}

/// A value that is all that its row sees comes back as the nearest of FP8, of whatever size: subnormal ones, and what is
/// beyond the largest.
static void test_codes(harness &h, uint32_t dim, uint32_t half, bool is_fused) {
  const uint32_t rows = 40, heads = 4, kv_heads = 2, stride = (heads + 2 * kv_heads) * dim, page_size = 16;
  std::vector<float> qkv = h.normals((size_t)rows * stride), values((size_t)rows * kv_heads * dim);
  std::vector<mk_attention_sequence> sequences;
  std::vector<int32_t> pages, slots;
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t i = 0; i < kv_heads * dim; i++) {
      float &value = qkv[(size_t)row * stride + (heads + kv_heads) * dim + i];
      value *= std::ldexp(1.0f, (int)h.below(22) - 12);
      values[(size_t)row * kv_heads * dim + i] = value;
    }
    sequences.push_back({row, 1, 1, row});
    pages.push_back((int32_t)(rows - 1 - row));
    slots.push_back(pages.back() * (int32_t)page_size);
  }
  mk_kv_layer kv = {nullptr, MK_F8_E4M3, rows, page_size, kv_heads, dim};
  buffer<uint8_t> memory(h, h.device->kv_layer_bytes(&kv));
  kv.data = memory.pointer();
  buffer<float> dqkv(h, qkv), dtable(h, h.normals((size_t)rows * 2 * half)), dy(h, (size_t)rows * heads * dim);
  buffer<int32_t> dpages(h, pages), dslots(h, slots);
  buffer<mk_attention_sequence> dsequences(h, sequences);
  const size_t space = h.device->attention_workspace_bytes(rows, heads, dim);
  buffer<uint8_t> dspace(h, space);
  const mk_rope_kv_args rope = {dqkv.pointer(),   rows,    stride,  heads, dtable.pointer(), half,
                                MK_ROPE_HALVES, nullptr, nullptr, 1e-6f, dslots.pointer(), &kv};
  if (!is_fused) h.expect(h.device->rope_kv(h.stream, &rope) == MK_OK, "rope_kv");
  const mk_attention_args args = {dqkv.pointer(),
                                  stride,
                                  heads,
                                  dy.pointer(),
                                  dsequences.pointer(),
                                  rows,
                                  dpages.pointer(),
                                  &kv,
                                  0.1f,
                                  0,
                                  0,
                                  dspace.pointer(),
                                  space,
                                  MK_F32,
                                  MK_F32,
                                  1,
                                  is_fused ? &rope : nullptr};
  h.expect(h.device->attention(h.stream, &args) == MK_OK, "attention");
  const std::vector<float> y = dy.get();
  for (size_t at = 0; at < y.size(); at++) {
    const size_t row = at / dim / heads, head = at / dim % heads;
    const float value = values[(row * kv_heads + head / (heads / kv_heads)) * dim + at % dim];
    const float wanted = nearest_fp8(value);
    if (std::fabs(y[at] - wanted) <= 1e-5f * std::fabs(wanted)) continue;
    h.expect(false, "FP8 KV of dim " + std::to_string(dim) + (is_fused ? " with rope" : "") + ": " +
                        std::to_string(value) + " became " + std::to_string(y[at]) + ", not " + std::to_string(wanted));
    return;
  }
  h.expect(true, "FP8 values");
}

/// On a deterministic stream: the same bits for a row alone, beside others and at the end of a prompt.
static void test_deterministic_case(harness &h, mk_dtype dtype) {
  const uint32_t dim = 128, heads = 8, kv_heads = 2, stride = (heads + 2 * kv_heads) * dim, length = 300, pages = 19;
  std::vector<float> q = h.normals((size_t)length * stride);
  activation dq(h, MK_BF16, q), dy(h, MK_BF16, (size_t)(length + 8) * heads * dim);
  mk_kv_layer kv = {nullptr, dtype, pages, 16, kv_heads, dim};
  std::vector<uint8_t> values(h.device->kv_layer_bytes(&kv));
  if (dtype == MK_BF16) {
    const std::vector<uint16_t> bits = bfloats(h.normals(values.size() / 2));
    memcpy(values.data(), bits.data(), values.size());
  } else {
    // Codes of at least 0.5 and less than 4, of both signs.
    for (uint8_t &code : values) code = (uint8_t)(0x30 + h.below(24) + 128 * h.below(2));
  }
  buffer<uint8_t> memory(h, values);
  kv.data = memory.pointer();
  std::vector<int32_t> table(pages);
  for (uint32_t i = 0; i < pages; i++) table[i] = (int32_t)((i * 7) % pages);
  buffer<int32_t> dtable(h, table);
  const size_t space = h.device->attention_workspace_bytes(length, heads, dim);
  buffer<uint8_t> dspace(h, space);
  const auto row = [&](const std::vector<mk_attention_sequence> &sequences, uint32_t at) {
    buffer<mk_attention_sequence> ds(h, sequences);
    const mk_attention_args args = {dq.pointer(),
                                    stride,
                                    heads,
                                    dy.pointer(),
                                    ds.pointer(),
                                    (uint32_t)sequences.size(),
                                    dtable.pointer(),
                                    &kv,
                                    0.1f,
                                    0,
                                    0,
                                    dspace.pointer(),
                                    space,
                                    MK_BF16,
                                    MK_BF16};
    h.expect(h.device->attention(h.stream, &args) == MK_OK, "attention");
    const std::vector<float> y = dy.get();
    return std::vector<float>(y.begin() + (size_t)at * heads * dim, y.begin() + (size_t)(at + 1) * heads * dim);
  };
  // Row 299 of q at position 299, by several ways.
  const std::vector<float> prompt = row({{0, 300, 300, 0}}, 299), alone = row({{299, 1, 300, 0}}, 299),
                           chunk = row({{260, 40, 300, 0}}, 299), beside = row({{0, 7, 100, 0}, {299, 1, 300, 0}}, 299);
  const std::string what = "invariant attention, dtype " + std::to_string(dtype);
  h.expect(prompt == alone, what + ": alone");
  h.expect(prompt == chunk, what + ": in a chunk");
  h.expect(prompt == beside, what + ": beside others");
}

void test_deterministic_attention(harness &h) {
  test_deterministic_case(h, MK_BF16);
  test_deterministic_case(h, MK_F8_E4M3);
}

void test_attention(harness &h) {
  const std::vector<std::pair<uint32_t, uint32_t>> mixed = {{1, 1},   {1, 130}, {5, 5},  {33, 97},
                                                            {1, 700}, {2, 64},  {70, 70}};
  const std::vector<std::pair<uint32_t, uint32_t>> small = {{1, 40}, {20, 33}};
  for (mk_dtype dtype : {MK_F32, MK_F16, MK_BF16, MK_F8_E4M3}) {
    for (uint32_t dim : {64u, 128u, 256u, 80u, 20u}) {
      if (h.is_quick) {
        test_case(h, {dtype, 4, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, small});
        continue;
      }
      test_case(h, {dtype, 8, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, false, mixed});
      test_case(h, {dtype, 9, 3, dim, dim / 4, MK_ROPE_PAIRS, 32, 50, 0, true, mixed});
      test_case(h, {dtype, 4, 4, dim, dim / 2, MK_ROPE_HALVES, 48, 0, 5, true, mixed});
      test_case(h, {dtype, 40, 2, dim, 0, MK_ROPE_HALVES, 16, 0, 0, false, {{1, 300}, {3, 200}}});
    }
  }
  for (uint32_t dim : {64u, 128u, 256u, 80u}) {
    for (mk_dtype dtype : {MK_BF16, MK_F8_E4M3}) {
      test_case(h, {dtype, 4, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, h.is_quick ? small : mixed, MK_BF16});
    }
    // Heads that turn whole, and not.
    for (uint32_t half : {dim / 2, dim / 4}) {
      for (bool is_fused : {false, true}) test_codes(h, dim, half, is_fused);
    }
  }
  const std::vector<std::pair<uint32_t, uint32_t>> decoding = {{1, 1}, {1, 130}, {2, 65}, {1, 700}, {3, 192}, {2, 2}};
  for (mk_dtype dtype : {MK_F32, MK_F16, MK_BF16, MK_F8_E4M3}) {
    for (uint32_t dim : {64u, 128u, 256u, 80u}) {
      const auto &sequences = h.is_quick ? std::vector<std::pair<uint32_t, uint32_t>>{{1, 70}, {2, 65}} : decoding;
      const mk_dtype kind = dtype == MK_F32 || dtype == MK_F16 ? mk_dtype(MK_F32) : mk_dtype(MK_BF16);
      test_fused(h, {dtype, 8, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, sequences, kind});
      test_fused(h, {dtype, 4, 4, dim, dim / 4, MK_ROPE_PAIRS, 32, 50, 5, true, sequences, kind});
    }
  }
  // Single rows: a cluster for each head, and, of many sequences, a warp for each run.
  std::vector<std::pair<uint32_t, uint32_t>> singles = {{1, 130}, {1, 1}, {1, 64}, {1, 700}, {1, 17}}, crowd, uneven;
  for (uint32_t i = 0; i < 130; i++) crowd.push_back({1, 1 + i * 7 % 60});
  for (uint32_t i = 0; i < 40; i++) uneven.push_back({1, i == 11 ? 3000u : 1 + i % 30});
  for (uint32_t dim : {64u, 128u}) {
    test_fused(h, {MK_BF16, 8, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, singles, MK_BF16});
    test_fused(h, {MK_BF16, 12, 1, dim, dim / 2, MK_ROPE_HALVES, 48, 50, 5, false, singles, MK_BF16});
    test_fused(h, {MK_BF16, 16, 8, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, crowd, MK_BF16});
    if (h.is_quick) continue;
    test_fused(h, {MK_F8_E4M3, 8, 2, dim, dim / 2, MK_ROPE_HALVES, 32, 0, 0, true, singles, MK_BF16});
    test_fused(h, {MK_F8_E4M3, 24, 8, dim, dim / 2, MK_ROPE_HALVES, 16, 20, 0, false, crowd, MK_BF16});
    test_fused(h, {MK_F8_E4M3, 8, 4, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, false, uneven, MK_BF16});
    test_fused(h, {MK_BF16, 24, 8, dim, dim / 2, MK_ROPE_HALVES, 16, 20, 0, false, crowd, MK_BF16});
    test_fused(h, {MK_BF16, 8, 4, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, false, uneven, MK_BF16});
    crowd.push_back({40, 90});
    crowd.push_back({3, 500});
    test_case(h, {MK_BF16, 16, 8, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, crowd, MK_BF16});
    crowd.resize(130);
  }
  if (h.is_quick) return;
  for (mk_dtype dtype : {MK_BF16, MK_F8_E4M3}) {
    test_fused(h, {dtype, 8, 1, 128, 64, MK_ROPE_HALVES, 16, 0, 0, true, {{1, 20000}, {2, 3000}}, MK_BF16});
  }
  // More sequences than a scan by one warp takes, and than blocks.
  std::vector<std::pair<uint32_t, uint32_t>> many;
  for (uint32_t i = 0; i < 300; i++) many.push_back({1, 1 + i * 37 % 200});
  test_fused(h, {MK_BF16, 4, 2, 64, 32, MK_ROPE_HALVES, 16, 0, 0, true, many, MK_BF16});
  // Long enough for many parts, and for parts that a window leaves empty.
  test_case(h, {MK_BF16, 8, 2, 128, 64, MK_ROPE_HALVES, 16, 0, 0, false, {{1, 9000}, {4, 5000}}});
  test_case(h, {MK_BF16, 8, 2, 128, 64, MK_ROPE_HALVES, 16, 1024, 0, false, {{1, 9000}, {4, 5000}, {200, 3000}}});
  test_case(h, {MK_F16, 8, 1, 128, 64, MK_ROPE_HALVES, 16, 0, 0, false, {{600, 1800}, {2, 2500}}});
  test_case(h, {MK_F8_E4M3, 8, 2, 128, 64, MK_ROPE_HALVES, 16, 1024, 0, false, {{1, 9000}, {4, 5000}, {200, 3000}}});
  test_case(h, {MK_F8_E4M3, 8, 1, 64, 32, MK_ROPE_HALVES, 16, 0, 0, false, {{600, 1800}, {2, 2500}}});
}
