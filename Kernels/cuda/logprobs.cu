/// Log softmax of chosen and best tokens. Token lists and results may be device memory, or host memory; in the latter
/// case the call waits for the results.
#include "logits.cuh"
#include "ops.h"

namespace {

using namespace logits;

struct logprob_parameters {
  const float *logits;
  uint32_t vocab, top_count;
  const int32_t *tokens;
  float *token_logprobs;
  int32_t *top_tokens;
  float *top_logprobs;
  int32_t *fault;
};

/// The best candidate that comes after `last`.
__device__ candidate best_after(const float *x, uint32_t vocab, candidate last) {
  candidate own = {-CUDART_INF_F, UINT32_MAX};
  for_each(x, vocab, [&](uint32_t token, float logit) {
    const candidate c = {logit, token};
    if (token != UINT32_MAX && is_better(last, c) && is_better(c, own)) own = c;
  });
  return block_best(own);
}

__global__ void __launch_bounds__(threads) logprobs_kernel(const logprob_parameters p) {
  wait_for_predecessor();
  release_successor();
  const uint32_t row = blockIdx.x;
  const float *x = p.logits + (size_t)row * p.vocab;
  const candidate best = best_of(x, p.vocab);
  double sum = 0;
  if (best.logit > -CUDART_INF_F) {
    for_each(x, p.vocab, [&](uint32_t, float logit) { sum += (double)expf(logit - best.logit); });
  }
  const double normaliser = best.logit + log(block_sum(sum));
  const auto logprob = [&](float logit) { return logit > -CUDART_INF_F ? (float)(logit - normaliser) : -CUDART_INF_F; };
  if (p.tokens && threadIdx.x == 0) {
    const int32_t token = p.tokens[row];
    if (token >= 0 && (uint32_t)token < p.vocab) {
      p.token_logprobs[row] = logprob(canonical(x[token]));
    } else {
      *p.fault = 1;
    }
  }
  candidate last = {CUDART_INF_F, 0};
  for (uint32_t i = 0; i < p.top_count; i++) {
    last = best_after(x, p.vocab, last);
    if (threadIdx.x == 0) {
      p.top_tokens[(size_t)row * p.top_count + i] = (int32_t)last.token;
      p.top_logprobs[(size_t)row * p.top_count + i] = logprob(last.logit);
    }
  }
}

bool is_host(const void *pointer) {
  cudaPointerAttributes attributes;
  if (cudaPointerGetAttributes(&attributes, pointer) != cudaSuccess) return cudaGetLastError() != cudaSuccess;
  return attributes.type == cudaMemoryTypeUnregistered || attributes.type == cudaMemoryTypeHost;
}

mk_status check(const mk_stream *stream, const mk_logprob_args *args) {
  if (!stream || !args || args->vocab == 0 || args->top_count > args->vocab) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->logits || (args->tokens && !args->token_logprobs) ||
      (args->top_count > 0 && (!args->top_tokens || !args->top_logprobs))) {
    return MK_INVALID_ARGUMENT;
  }
  return MK_OK;
}

/// Lists and results of the call in the staging ring's device half.
mk_status run_for_host(mk_stream *stream, const mk_logprob_args *args, logprob_parameters p) {
  for (uint32_t row = 0; args->tokens && row < args->rows; row++) {
    if (args->tokens[row] < 0 || (uint32_t)args->tokens[row] >= args->vocab) return MK_INVALID_ARGUMENT;
  }
  const size_t column = (size_t)args->rows * 4, table = column * args->top_count;
  uint8_t *host, *device;
  mk_status status = stage_reserve(stream, 2 * column + 2 * table, &host, &device);
  if (status != MK_OK) return status;
  if (args->tokens) {
    for (uint32_t row = 0; row < args->rows; row++) reinterpret_cast<int32_t *>(host)[row] = args->tokens[row];
    status = stage_send(stream, host, device, column);
    if (status != MK_OK) return status;
    p.tokens = reinterpret_cast<const int32_t *>(device);
  }
  p.token_logprobs = reinterpret_cast<float *>(device + column);
  p.top_tokens = reinterpret_cast<int32_t *>(device + 2 * column);
  p.top_logprobs = reinterpret_cast<float *>(device + 2 * column + table);
  status = launch(stream, logprobs_kernel, args->rows, threads, 0, p);
  if (status == MK_OK && args->tokens)
    status = cuda_memory_download(stream, args->token_logprobs, p.token_logprobs, column);
  if (status == MK_OK && table > 0) status = cuda_memory_download(stream, args->top_tokens, p.top_tokens, table);
  if (status == MK_OK && table > 0) status = cuda_memory_download(stream, args->top_logprobs, p.top_logprobs, table);
  return status;
}

} // namespace

mk_status cuda_logprobs(mk_stream *stream, const mk_logprob_args *args) {
  const mk_status status = check(stream, args);
  if (status != MK_OK || args->rows == 0 || (!args->tokens && args->top_count == 0)) return status;
  const logprob_parameters p = {args->logits,         args->vocab,      args->top_count,    args->tokens,
                                args->token_logprobs, args->top_tokens, args->top_logprobs, stream->fault};
  if (is_host(args->tokens ? (const void *)args->tokens : args->top_tokens)) return run_for_host(stream, args, p);
  return launch(stream, logprobs_kernel, args->rows, threads, 0, p);
}
