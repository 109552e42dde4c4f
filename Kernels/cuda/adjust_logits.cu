/// Logit bias, penalties and masks. Rows and lists in host memory travel in one staged copy.
///
/// A token stands once in a row's bias list, history and suppressed list; the host merges what repeats.
#include "device.cuh"
#include "ops.h"

#include <string.h>

namespace {

constexpr int threads = 512;

/// The rows' lists lie in device memory. What names no token is skipped.
__global__ void adjust_kernel(float *logits, uint32_t vocab, const mk_adjust_row *rows, int32_t *fault) {
  wait_for_predecessor();
  release_successor();
  const mk_adjust_row row = rows[blockIdx.x];
  float *x = logits + (size_t)blockIdx.x * vocab;
  const auto is_token = [=](int32_t token) {
    if ((uint32_t)token < vocab) return true;
    *fault = 1;
    return false;
  };
  for (uint32_t i = threadIdx.x; i < row.bias_count; i += threads) {
    if (is_token(row.bias_tokens[i])) x[row.bias_tokens[i]] += row.bias_values[i];
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < row.history_count; i += threads) {
    const mk_history_entry entry = row.history[i];
    if (!is_token(entry.token)) continue;
    float value = x[entry.token];
    value = value > 0 ? value / row.repetition : value * row.repetition;
    if (entry.generated_count > 0) value -= row.presence + row.frequency * (float)entry.generated_count;
    x[entry.token] = value;
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < row.suppressed_count; i += threads) {
    if (is_token(row.suppressed[i])) x[row.suppressed[i]] = -CUDART_INF_F;
  }
  if (!row.allowed_mask) return;
  __syncthreads();
  for (uint32_t t = threadIdx.x; t < vocab; t += threads) {
    if (!(row.allowed_mask[t / 32] >> (t % 32) & 1)) x[t] = -CUDART_INF_F;
  }
}

bool are_tokens(const int32_t *tokens, size_t stride, uint32_t count, uint32_t vocab) {
  bool valid = true;
  for (uint32_t i = 0; i < count; i++) valid &= (uint32_t)tokens[i * stride] < vocab;
  return valid;
}

bool is_valid(const mk_adjust_row &row, uint32_t vocab) {
  if ((row.bias_count && (!row.bias_tokens || !row.bias_values)) || (row.history_count && !row.history) ||
      (row.suppressed_count && !row.suppressed) || !(row.repetition > 0)) {
    return false;
  }
  static_assert(sizeof(mk_history_entry) == 2 * sizeof(int32_t), "the token leads each pair");
  return are_tokens(row.bias_tokens, 1, row.bias_count, vocab) &&
         are_tokens(reinterpret_cast<const int32_t *>(row.history), 2, row.history_count, vocab) &&
         are_tokens(row.suppressed, 1, row.suppressed_count, vocab);
}

size_t mask_bytes(uint32_t vocab) { return (size_t)ceil_div(vocab, 32) * 4; }

size_t list_bytes(const mk_adjust_row &row, uint32_t vocab) {
  return (size_t)row.bias_count * 8 + (size_t)row.history_count * sizeof(mk_history_entry) +
         (size_t)row.suppressed_count * 4 + (row.allowed_mask ? mask_bytes(vocab) : 0);
}

/// A list on its way to the device: copied behind what the ring's piece holds already.
template <typename T> const T *append(uint8_t *host, const uint8_t *device, size_t *used, const T *list, size_t bytes) {
  if (bytes == 0) return nullptr;
  const size_t at = *used;
  memcpy(host + at, list, bytes);
  *used += bytes;
  return reinterpret_cast<const T *>(device + at);
}

mk_status adjust_rows(mk_stream *stream, float *logits, uint32_t vocab, const mk_adjust_row *rows, uint32_t count,
                      size_t bytes) {
  uint8_t *host, *device;
  mk_status status = stage_reserve(stream, bytes, &host, &device);
  if (status != MK_OK) return status;
  size_t used = count * sizeof(mk_adjust_row);
  for (uint32_t i = 0; i < count; i++) {
    const mk_adjust_row &row = rows[i];
    mk_adjust_row out = row;
    out.bias_tokens = append(host, device, &used, row.bias_tokens, (size_t)row.bias_count * 4);
    out.bias_values = append(host, device, &used, row.bias_values, (size_t)row.bias_count * 4);
    out.history = append(host, device, &used, row.history, (size_t)row.history_count * sizeof(mk_history_entry));
    out.suppressed = append(host, device, &used, row.suppressed, (size_t)row.suppressed_count * 4);
    out.allowed_mask = append(host, device, &used, row.allowed_mask, row.allowed_mask ? mask_bytes(vocab) : 0);
    memcpy(host + i * sizeof out, &out, sizeof out);
  }
  status = stage_send(stream, host, device, used);
  if (status != MK_OK) return status;
  return launch(stream, adjust_kernel, count, threads, 0, logits, vocab, (const mk_adjust_row *)device, stream->fault);
}

} // namespace

mk_status cuda_adjust_logits(mk_stream *stream, const mk_adjust_args *args) {
  if (!stream || !args || args->vocab == 0) return MK_INVALID_ARGUMENT;
  if (args->rows > 0 && (!args->logits || !args->row)) return MK_INVALID_ARGUMENT;
  if (args->rows > 0 && args->row_memory == MK_DEVICE_MEMORY) {
    return launch(stream, adjust_kernel, args->rows, threads, 0, args->logits, args->vocab, args->row, stream->fault);
  }
  for (uint32_t i = 0; i < args->rows; i++) {
    if (!is_valid(args->row[i], args->vocab)) return MK_INVALID_ARGUMENT;
  }
  // As many rows at once as half the ring takes.
  const size_t room = stream->staging.bytes / 2;
  for (uint32_t first = 0; first < args->rows;) {
    uint32_t count = 0;
    size_t bytes = 0;
    do {
      bytes += sizeof(mk_adjust_row) + list_bytes(args->row[first + count++], args->vocab);
    } while (first + count < args->rows &&
             bytes + sizeof(mk_adjust_row) + list_bytes(args->row[first + count], args->vocab) <= room);
    const mk_status status =
        adjust_rows(stream, args->logits + (size_t)first * args->vocab, args->vocab, args->row + first, count, bytes);
    if (status != MK_OK) return status;
    first += count;
  }
  return MK_OK;
}
