/// Tokens that travel from one step to the next without the host.
#include "device.cuh"
#include "ops.h"

namespace {

constexpr int threads = 256;

__global__ void feed_kernel(int32_t *ids, uint32_t rows, const int32_t *last, uint32_t slots, int32_t *fault) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= rows || ids[i] >= 0) return;
  const uint32_t slot = (uint32_t)~ids[i];
  if (slot >= slots) {
    *fault = 1;
    ids[i] = 0;
  } else {
    ids[i] = max(last[slot], 0);
  }
}

__global__ void keep_kernel(const int32_t *tokens, const int32_t *slot, uint32_t rows, int32_t *last, uint32_t slots,
                            int32_t *fault) {
  wait_for_predecessor();
  release_successor();
  const uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= rows || slot[i] < 0) return;
  if ((uint32_t)slot[i] >= slots) {
    *fault = 1;
  } else {
    last[slot[i]] = tokens[i];
  }
}

} // namespace

mk_status cuda_feed_tokens(mk_stream *stream, const mk_feed_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->ids || !args->last) return MK_INVALID_ARGUMENT;
  return launch(stream, feed_kernel, ceil_div(args->rows, threads), threads, 0, args->ids, args->rows, args->last,
                args->slots, stream->fault);
}

mk_status cuda_keep_tokens(mk_stream *stream, const mk_keep_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->tokens || !args->slot || !args->last) return MK_INVALID_ARGUMENT;
  return launch(stream, keep_kernel, ceil_div(args->rows, threads), threads, 0, args->tokens, args->slot, args->rows,
                args->last, args->slots, stream->fault);
}
