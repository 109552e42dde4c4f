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

static void test_case(harness &h, const attention_case &c) {
  const kv_setup setup = lay_out(h, c);
  const uint32_t dim = c.head_dim, stride = (c.heads + 2 * c.kv_heads) * dim;
  std::vector<float> qkv = h.normals((size_t)setup.positions * stride);
  activation dqkv(h, c.activations, qkv);
  const std::vector<float> table = h.normals((size_t)setup.positions * 2 * c.half), norms = h.normals(dim);
  std::vector<float> wanted = qkv;
  mk_kv_layer reference = {nullptr, c.dtype, setup.page_count, c.page_size, c.kv_heads, dim}, device = reference;
  std::vector<uint8_t> reference_memory(h.reference->kv_layer_bytes(&reference));
  reference.data = reference_memory.data();
  buffer<uint8_t> device_memory(h, h.device->kv_layer_bytes(&device));
  device.data = device_memory.pointer();
  const float *norm = c.has_norms ? norms.data() : nullptr;
  mk_rope_kv_args rope = {
      wanted.data(), setup.positions,    stride,    c.heads, table.data(), c.half, c.style, norm, norm,
      1e-6f,         setup.slots.data(), &reference};
  h.expect(h.reference->rope_kv(h.reference_stream, &rope) == MK_OK, "reference rope_kv");
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
  mk_attention_args args = {wanted.data(),
                            stride,
                            c.heads,
                            y.data(),
                            setup.sequences.data(),
                            (uint32_t)setup.sequences.size(),
                            setup.pages.data(),
                            &reference,
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
  activation dq(h, c.activations, wanted), dy(h, c.activations, y.size());
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
  const double tolerance = !is_tiled ? 2e-5 : c.dtype == MK_F16 ? 1.5e-3 : 1e-2;
  h.compare(dy.get(), y, tolerance_of(c.activations, tolerance), "attention " + what);
}

void test_attention(harness &h) {
  const std::vector<std::pair<uint32_t, uint32_t>> mixed = {{1, 1},   {1, 130}, {5, 5},  {33, 97},
                                                            {1, 700}, {2, 64},  {70, 70}};
  const std::vector<std::pair<uint32_t, uint32_t>> small = {{1, 40}, {20, 33}};
  for (mk_dtype dtype : {MK_F32, MK_F16, MK_BF16}) {
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
    test_case(h, {MK_BF16, 4, 2, dim, dim / 2, MK_ROPE_HALVES, 16, 0, 0, true, h.is_quick ? small : mixed, MK_BF16});
  }
  if (h.is_quick) return;
  // Long enough for many parts, and for parts that a window leaves empty.
  test_case(h, {MK_BF16, 8, 2, 128, 64, MK_ROPE_HALVES, 16, 0, 0, false, {{1, 9000}, {4, 5000}}});
  test_case(h, {MK_BF16, 8, 2, 128, 64, MK_ROPE_HALVES, 16, 1024, 0, false, {{1, 9000}, {4, 5000}, {200, 3000}}});
  test_case(h, {MK_F16, 8, 1, 128, 64, MK_ROPE_HALVES, 16, 0, 0, false, {{600, 1800}, {2, 2500}}});
}
