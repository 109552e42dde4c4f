/// How kernels find their share of work among sequences that only the device knows.
#pragma once
#include "attention.h"
#include "kv_layout.cuh"

struct work_item {
  uint32_t sequence, index; ///< `index` counts within the sequence
  bool found;
};

/// Item `item` of the list in which sequence s has count(s) items. All lanes of a warp call it together.
template <typename Count>
__device__ __forceinline__ work_item find_item(uint32_t sequence_count, uint32_t item, Count count) {
  const uint32_t lane = threadIdx.x % 32;
  for (uint32_t base = 0; base < sequence_count; base += 32) {
    const uint32_t own = base + lane < sequence_count ? count(base + lane) : 0;
    uint32_t end = own;
    for (int offset = 1; offset < 32; offset *= 2) {
      const uint32_t before = __shfl_up_sync(~0u, end, offset);
      if (lane >= offset) end += before;
    }
    const uint32_t hits = __ballot_sync(~0u, item < end);
    if (hits) {
      const int at = __ffs(hits) - 1;
      return {base + at, item - __shfl_sync(~0u, end - own, at), true};
    }
    item -= __shfl_sync(~0u, end, 31);
  }
  return {0, 0, false};
}

/// ends[i] = count(0) + ... + count(i), i below n, in shared memory. All threads of the block call it together.
template <typename Count> __device__ __forceinline__ void running_sums(uint32_t n, uint32_t *ends, Count count) {
  __shared__ uint32_t sums[32];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, each = (n + blockDim.x - 1) / blockDim.x;
  const uint32_t from = min(threadIdx.x * each, n), to = min(from + each, n);
  uint32_t own = 0;
  __syncthreads();
  for (uint32_t i = from; i < to; i++) {
    own += count(i);
    ends[i] = own;
  }
  uint32_t until = own;
  for (int offset = 1; offset < 32; offset *= 2) {
    const uint32_t before = __shfl_up_sync(~0u, until, offset);
    if (lane >= (uint32_t)offset) until += before;
  }
  if (lane == 31) sums[warp] = until;
  __syncthreads();
  uint32_t base = until - own;
  for (uint32_t w = 0; w < warp; w++) base += sums[w];
  for (uint32_t i = from; i < to; i++) ends[i] += base;
  __syncthreads();
}

/// The first of n running sums that is larger than `value`, the last at the latest.
__device__ __forceinline__ uint32_t first_end_behind(const uint32_t *ends, uint32_t n, uint32_t value) {
  uint32_t low = 0, high = n - 1;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (ends[middle] > value) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// The first position that the query at `position` sees.
__device__ __forceinline__ uint32_t first_visible(uint32_t window, uint32_t position) {
  return window && position >= window ? position - window + 1 : 0;
}

/// Whether the sequence has rows that agree with its length; sets the fault when they do not.
__device__ __forceinline__ bool is_valid_sequence(const mk_attention_sequence &s, int32_t *fault) {
  if (s.row_count == 0) return false;
  if (s.row_count <= s.kv_length && s.kv_length <= INT32_MAX) return true;
  *fault = 1;
  return false;
}

/// The page of `position`, or page 0 with the fault set when the table names none.
__device__ __forceinline__ uint32_t page_of(const attention_parameters &p, const int32_t *pages, uint32_t position) {
  const int32_t page = pages[position / p.kv.page_size];
  if (page >= 0 && (uint32_t)page < p.kv.pages) return (uint32_t)page;
  *p.fault = 1;
  return 0;
}
