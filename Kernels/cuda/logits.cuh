/// One block per row of logits: a row is cut in as many contiguous runs as the block has warps.
#pragma once
#include "device.cuh"

namespace logits {

constexpr int threads = 1024, warps = threads / 32;

/// What is not finite counts as -inf; -0 as 0, so that equal logits have equal bits.
__device__ __forceinline__ float canonical(float x) { return fabsf(x) <= FLT_MAX ? x + 0.0f : -CUDART_INF_F; }

/// Tokens [begin, end) of a warp. Lanes take them in turn.
struct token_run {
  uint32_t begin, end;
};
__device__ __forceinline__ token_run run_of(uint32_t warp, uint32_t vocab) {
  const uint32_t length = (vocab + threads - 1) / threads * 32;
  return {min(warp * length, vocab), min((warp + 1) * length, vocab)};
}

/// Calls action(token, logit) for the tokens of the thread, ids ascending. All lanes of a warp make as many calls: past
/// the run's end with a logit of -inf and a token of UINT32_MAX.
template <typename Action> __device__ __forceinline__ void for_each(const float *x, uint32_t vocab, Action action) {
  constexpr int ahead = 16;
  const token_run run = run_of(threadIdx.x / 32, vocab);
  for (uint32_t start = run.begin; start < run.end; start += 32 * ahead) {
    float values[ahead];
#pragma unroll
    for (int i = 0; i < ahead; i++) {
      const uint32_t token = start + i * 32 + threadIdx.x % 32;
      values[i] = token < run.end ? x[token] : -CUDART_INF_F;
    }
#pragma unroll
    for (int i = 0; i < ahead; i++) {
      const uint32_t token = start + i * 32 + threadIdx.x % 32;
      action(token < run.end ? token : UINT32_MAX, canonical(values[i]));
    }
  }
}

struct candidate {
  float logit;
  uint32_t token;
};
/// Higher logits come first, then lower ids.
__device__ __forceinline__ bool is_better(candidate a, candidate b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

/// The block's best candidate, for all threads.
__device__ inline candidate block_best(candidate own) {
  __shared__ candidate best[32];
  for (int offset = 16; offset > 0; offset /= 2) {
    const candidate other = {__shfl_xor_sync(~0u, own.logit, offset), __shfl_xor_sync(~0u, own.token, offset)};
    if (is_better(other, own)) own = other;
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) best[threadIdx.x / 32] = own;
  __syncthreads();
  own = best[threadIdx.x % 32];
  for (int offset = 16; offset > 0; offset /= 2) {
    const candidate other = {__shfl_xor_sync(~0u, own.logit, offset), __shfl_xor_sync(~0u, own.token, offset)};
    if (is_better(other, own)) own = other;
  }
  return own;
}

/// The best token of the row; its logit is -inf when none is finite.
__device__ inline candidate best_of(const float *x, uint32_t vocab) {
  candidate own = {-CUDART_INF_F, UINT32_MAX};
  for_each(x, vocab, [&](uint32_t token, float logit) {
    if (logit > own.logit) own = {logit, token};
  });
  return block_best(own);
}

} // namespace logits
