/// Logit adjustment, sampling (the same tokens as the reference, draw for draw) and log-probabilities.
#include "harness.h"

#include <algorithm>
#include <set>

static std::vector<float> random_logits(harness &h, uint32_t rows, uint32_t vocab, bool has_ties) {
  std::vector<float> logits = h.normals((size_t)rows * vocab, 3);
  for (float &logit : logits) {
    if (has_ties) logit = std::round(logit * 4) / 4;
    const uint32_t kind = h.below(200);
    if (kind == 0) logit = -INFINITY;
    if (kind == 1) logit = NAN;
    if (kind == 2) logit = INFINITY;
    if (kind == 3) logit = -0.0f;
  }
  return logits;
}

static void test_adjust(harness &h) {
  const uint32_t rows = 6, vocab = 1003;
  std::vector<float> logits = h.normals(rows * vocab, 3), wanted = logits;
  std::vector<std::vector<int32_t>> bias(rows), suppressed(rows);
  std::vector<std::vector<float>> values(rows);
  std::vector<std::vector<mk_history_entry>> history(rows);
  std::vector<std::vector<uint32_t>> masks(rows, std::vector<uint32_t>((vocab + 31) / 32));
  std::vector<mk_adjust_row> all(rows);
  for (uint32_t r = 0; r < rows; r++) {
    std::set<int32_t> tokens;
    while (tokens.size() < 60) tokens.insert((int32_t)h.below(vocab));
    for (int32_t token : tokens) {
      if (r > 0) history[r].push_back({token, h.below(4)});
      if (r > 1) bias[r].push_back(token);
      if (r > 1) values[r].push_back(h.normal());
      if (r > 2 && h.below(3) == 0) suppressed[r].push_back(token);
    }
    for (uint32_t &word : masks[r]) word = (uint32_t)h.random();
    all[r] = {bias[r].data(),
              values[r].data(),
              history[r].data(),
              suppressed[r].data(),
              r > 3 ? masks[r].data() : nullptr,
              (uint32_t)bias[r].size(),
              (uint32_t)history[r].size(),
              (uint32_t)suppressed[r].size(),
              r % 2 ? 1.3f : 1.0f,
              0.25f * r,
              0.5f};
  }
  mk_adjust_args args = {wanted.data(), rows, vocab, all.data()};
  h.reference->adjust_logits(h.reference_stream, &args);
  buffer<float> device(h, logits);
  args.logits = device.pointer();
  h.expect(h.device->adjust_logits(h.stream, &args) == MK_OK, "adjust_logits");
  h.compare(device.get(), wanted, 1e-6, "adjust_logits");
  {
    // The same with rows and lists in device memory.
    std::vector<buffer<uint8_t> *> lists;
    const auto upload = [&](const void *list, size_t bytes) -> void * {
      lists.push_back(new buffer<uint8_t>(h, bytes + 1));
      h.device->memory_upload(h.stream, lists.back()->pointer(), list, bytes);
      return lists.back()->pointer();
    };
    std::vector<mk_adjust_row> own = all;
    for (mk_adjust_row &row : own) {
      row.bias_tokens = (const int32_t *)upload(row.bias_tokens, row.bias_count * 4);
      row.bias_values = (const float *)upload(row.bias_values, row.bias_count * 4);
      row.history = (const mk_history_entry *)upload(row.history, row.history_count * sizeof *row.history);
      row.suppressed = (const int32_t *)upload(row.suppressed, row.suppressed_count * 4);
      if (row.allowed_mask) row.allowed_mask = (const uint32_t *)upload(row.allowed_mask, (vocab + 31) / 32 * 4);
    }
    buffer<mk_adjust_row> rows_there(h, own);
    buffer<float> again(h, logits);
    const mk_adjust_args there = {again.pointer(), rows, vocab, rows_there.pointer(), MK_DEVICE_MEMORY};
    h.expect(h.device->adjust_logits(h.stream, &there) == MK_OK, "adjust_logits by rows in device memory");
    h.compare(again.get(), wanted, 1e-6, "adjust_logits by rows in device memory");
    for (auto *list : lists) delete list;
  }
  suppressed[5][0] = (int32_t)vocab;
  h.expect(h.device->adjust_logits(h.stream, &args) == MK_INVALID_ARGUMENT,
           "a token outside the vocabulary is refused");
  h.compare(device.get(), wanted, 1e-6, "a refused adjust_logits changes nothing");
}

static void test_sample(harness &h, uint32_t vocab, bool has_ties) {
  const uint32_t rows = 48;
  const std::vector<float> logits = random_logits(h, rows, vocab, has_ties);
  std::vector<mk_sample_row> all(rows);
  for (uint32_t r = 0; r < rows; r++) {
    const float temperatures[] = {0, 1, 0.3f, 2.5f, 0.7f}, nuclei[] = {1, 0.9f, 0.5f, 0.99f, 0, 0.1f};
    const uint32_t best[] = {0, 1, 5, 40, 1000, vocab, vocab + 5};
    all[r] = {temperatures[r % 5], nuclei[h.below(6)], h.below(3) ? 0.0f : h.uniform(0, 0.2f),
              best[h.below(7)],    h.random(),         h.random()};
  }
  std::vector<int32_t> wanted(rows);
  std::vector<uint8_t> reference_space(h.reference->sample_workspace_bytes(rows, vocab));
  mk_sample_args args = {logits.data(),         rows, vocab, all.data(), wanted.data(), reference_space.data(),
                         reference_space.size()};
  h.expect(h.reference->sample(h.reference_stream, &args) == MK_OK, "reference sample");
  buffer<float> dx(h, logits);
  buffer<int32_t> dt(h, rows);
  const size_t space = h.device->sample_workspace_bytes(rows, vocab);
  buffer<uint8_t> ds(h, space);
  args = {dx.pointer(), rows, vocab, all.data(), dt.pointer(), ds.pointer(), space};
  h.expect(h.device->sample(h.stream, &args) == MK_OK, "sample");
  const std::vector<int32_t> tokens = dt.get();
  buffer<mk_sample_row> rows_there(h, all);
  dt.set(std::vector<int32_t>(rows, -7));
  args.row = rows_there.pointer();
  args.row_memory = MK_DEVICE_MEMORY;
  h.expect(h.device->sample(h.stream, &args) == MK_OK && dt.get() == tokens, "sample by rows in device memory");
  for (uint32_t r = 0; r < rows; r++) {
    char text[200];
    snprintf(text, sizeof text, "sample of %u%s, temperature %g, top_p %g, min_p %g, top_k %u: %d instead of %d", vocab,
             has_ties ? " with ties" : "", all[r].temperature, all[r].top_p, all[r].min_p, all[r].top_k, tokens[r],
             wanted[r]);
    h.expect(tokens[r] == wanted[r], text);
  }
}

static void test_nothing_to_sample(harness &h) {
  const mk_sample_row rows[2] = {{0, 1, 0, 0, 1, 1}, {1, 0.9f, 0, 5, 1, 1}};
  buffer<float> dx(h, std::vector<float>(2 * 100, -INFINITY));
  buffer<int32_t> dt(h, 2);
  mk_sample_args args = {dx.pointer(), 2, 100, rows, dt.pointer(), nullptr, 0};
  h.expect(h.device->sample(h.stream, &args) == MK_OK, "sample");
  h.expect(dt.get() == std::vector<int32_t>{-1, -1}, "a row with no finite logit yields -1");
}

static void test_logprobs(harness &h, uint32_t vocab, uint32_t top) {
  const uint32_t rows = 5;
  std::vector<float> logits = random_logits(h, rows, vocab, vocab < 1000);
  for (uint32_t t = 0; t < vocab; t++) logits[t] = -INFINITY;
  std::vector<int32_t> tokens(rows), best(rows * top);
  for (int32_t &token : tokens) token = (int32_t)h.below(vocab);
  std::vector<float> logprobs(rows), best_logprobs(rows * top);
  mk_logprob_args args = {logits.data(),   rows, vocab,       tokens.data(),
                          logprobs.data(), top,  best.data(), best_logprobs.data()};
  h.reference->logprobs(h.reference_stream, &args);
  buffer<float> dx(h, logits), dl(h, rows), db(h, rows * top + 1);
  buffer<int32_t> dt(h, tokens), dk(h, rows * top + 1);
  args = {dx.pointer(), rows, vocab, dt.pointer(), dl.pointer(), top, dk.pointer(), db.pointer()};
  h.expect(h.device->logprobs(h.stream, &args) == MK_OK, "logprobs");
  const auto first = [&](auto values) {
    values.resize(rows * top);
    return values;
  };
  h.compare(dl.get(), logprobs, 1e-6, "logprobs");
  h.compare(first(db.get()), best_logprobs, 1e-6, "best logprobs");
  h.expect(first(dk.get()) == best, "best tokens");
  std::vector<float> own(rows), own_best(rows * top);
  std::vector<int32_t> own_tokens(rows * top);
  args = {dx.pointer(), rows, vocab, tokens.data(), own.data(), top, own_tokens.data(), own_best.data()};
  h.expect(h.device->logprobs(h.stream, &args) == MK_OK, "logprobs to host memory");
  h.compare(own, logprobs, 1e-6, "logprobs to host memory");
  h.expect(own_tokens == best, "best tokens to host memory");
}

void test_sampling(harness &h) {
  test_adjust(h);
  for (uint32_t vocab : {33u, 1024u, 49152u, 128256u}) {
    if (h.is_quick && vocab > 2000) continue;
    test_sample(h, vocab, false);
    test_sample(h, vocab, true);
  }
  test_nothing_to_sample(h);
  test_logprobs(h, 40, 40);
  test_logprobs(h, h.is_quick ? 2000 : 128256, 20);
  test_logprobs(h, 1000, 0);
}
