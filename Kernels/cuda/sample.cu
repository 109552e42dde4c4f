/// Sampling without sorting: a block per row.
///
/// Weights are whole numbers of 2^-32 and add up exactly in any order, so top-k and top-p become a threshold on the
/// logits, found by a radix search over their bits with counts or weights per bucket. Tokens equal to the threshold are
/// kept up to a limiting id. Where the row's parameters allow it, all this runs on a short list of the tokens that
/// matter.
#include "logits.cuh"
#include "ops.h"

namespace {

using namespace logits;

constexpr uint32_t largest_vocabulary = 1u << 21;
constexpr int buckets = 2048, radix_passes = 3;
constexpr double unit = 1.0 / 4294967296.0;

struct row_plan {
  double uniform;
  float inverse, top_p, least;
  uint32_t top_k, is_greedy;
};

/// Tokens still in play: logits above `threshold`, and those at it with ids up to `limit`.
struct selection {
  const float *x;
  uint32_t vocab;
  float largest, inverse, least, threshold;
  uint32_t limit;

  __device__ __forceinline__ bool holds(uint32_t token, float logit) const {
    return logit > threshold || (logit == threshold && token <= limit);
  }
};

/// e^x for x <= 0 by the polynomial that every backend uses: a draw needs the same bits everywhere.
__device__ __forceinline__ float exponential(float x) {
  if (x < -87.0f) return 0;
  const float shifted = fmaf(x, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
  float r = fmaf(n, -0.693145752f, x);
  r = fmaf(n, -1.42860677e-6f, r);
  float p = 1.3981999e-3f;
  p = fmaf(p, r, 8.3334519e-3f);
  p = fmaf(p, r, 4.1665796e-2f);
  p = fmaf(p, r, 1.66666657e-1f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  return p * __int_as_float(((int)n + 127) << 23); // n >= -126
}

/// Weight in units of 2^-32; 0 for what falls under the least weight to keep.
__device__ __forceinline__ uint64_t weight_of(const selection &s, float logit) {
  const float weight = exponential(__fmul_rn(__fsub_rn(logit, s.largest), s.inverse));
  return weight >= s.least ? __float2ull_rn(weight * 4294967296.0f) : 0;
}

/// Order-preserving integer of a float.
__device__ __forceinline__ uint32_t key_of(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float float_of(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/// Adds to a bucket for lanes that participate; lanes of one bucket go together.
__device__ __forceinline__ void add_to_bucket(unsigned long long *histogram, bool participates, uint32_t bucket,
                                              uint64_t value) {
  const uint32_t active = __ballot_sync(~0u, participates);
  if (!participates) return;
  const uint32_t peers = __match_any_sync(active, bucket);
  const uint64_t low = __reduce_add_sync(peers, (uint32_t)(value & 0xffff));
  const uint64_t high = __reduce_add_sync(peers, (uint32_t)(value >> 16));
  if (threadIdx.x % 32 == (uint32_t)__ffs(peers) - 1) atomicAdd(histogram + bucket, (high << 16) + low);
}

struct bucket_place {
  uint32_t bucket;
  uint64_t above; ///< sum of the buckets over it
  bool found;
};

/// Inclusive sum over lanes.
__device__ __forceinline__ uint64_t running_sum(uint64_t value) {
  for (int offset = 1; offset < 32; offset *= 2) {
    const uint64_t before = __shfl_up_sync(~0u, value, offset);
    if (threadIdx.x % 32 >= (uint32_t)offset) value += before;
  }
  return value;
}

/// Finds the highest bucket that is not empty and with all over it, `above` counted in, is enough.
template <typename Reaches>
__device__ bucket_place find_bucket(const unsigned long long *histogram, uint64_t above, Reaches reaches) {
  __shared__ uint64_t sums[warps];
  __shared__ bucket_place place;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  // Warp w holds buckets downward from the top, two per lane.
  const uint32_t high = buckets - 1 - (warp * 64 + lane * 2), low = high - 1;
  const uint64_t first = histogram[high], second = histogram[low], own = warp_sum((unsigned long long)(first + second));
  if (lane == 0) sums[warp] = own;
  if (threadIdx.x == 0) place.found = false;
  __syncthreads();
  const uint64_t of_warp = lane < warp ? sums[lane] : 0;
  uint64_t before = above + warp_sum((unsigned long long)of_warp);
  before += running_sum(first + second) - first - second;
  // Sums grow downward: one bucket is the first to reach the goal. A goal of nothing takes the first that is not empty.
  const auto is_it = [&](uint64_t over, uint64_t own) {
    return own > 0 && reaches(over + own) && (over == above || !reaches(over));
  };
  if (is_it(before, first)) place = {high, before, true};
  if (is_it(before + first, second)) place = {low, before + first, true};
  __syncthreads();
  const bucket_place found = place;
  __syncthreads();
  return found;
}

/// Radix search for the threshold: value(token, logit) is what a token adds to its bucket, 0 to skip it.
/// `reaches(sum)` says whether the tokens so far are enough. `above` and the key of the threshold come back.
template <typename Value, typename Reaches>
__device__ bool find_threshold(const selection &s, unsigned long long *histogram, Value value, Reaches reaches,
                               uint32_t *key, uint64_t *above) {
  const int shifts[radix_passes] = {21, 10, 0};
  uint32_t low = 0, high = UINT32_MAX;
  *above = 0;
  for (int pass = 0; pass < radix_passes; pass++) {
    for (int i = threadIdx.x; i < buckets; i += threads) histogram[i] = 0;
    __syncthreads();
    for_each(s.x, s.vocab, [&](uint32_t token, float logit) {
      const uint32_t own = key_of(logit);
      const bool in_range = token != UINT32_MAX && logit > -CUDART_INF_F && own >= low && own <= high;
      if (!__any_sync(~0u, in_range)) return;
      const uint64_t added = in_range ? value(token, logit) : 0;
      add_to_bucket(histogram, added > 0, (own - low) >> shifts[pass], added);
    });
    __syncthreads();
    const bucket_place place = find_bucket(histogram, *above, reaches);
    if (!place.found) return false;
    *above = place.above;
    low += place.bucket << shifts[pass];
    high = low + ((1u << shifts[pass]) - 1);
  }
  *key = low;
  return true;
}

/// Id of the `ties`-th token whose logit is the threshold.
__device__ uint32_t limit_of(const selection &s, float threshold, uint32_t ties) {
  __shared__ uint32_t counts[warps], limit;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  uint32_t count = 0;
  for_each(s.x, s.vocab, [&](uint32_t, float logit) { count += __popc(__ballot_sync(~0u, logit == threshold)); });
  if (lane == 0) counts[warp] = count;
  if (threadIdx.x == 0) limit = UINT32_MAX;
  __syncthreads();
  const uint32_t before = warp_sum(lane < warp ? counts[lane] : 0u);
  if (before < ties && before + count >= ties) {
    uint32_t seen = before;
    for_each(s.x, s.vocab, [&](uint32_t token, float logit) {
      const uint32_t equal = __ballot_sync(~0u, logit == threshold);
      if (logit == threshold && seen + __popc(equal & ((2u << lane) - 1)) == ties) limit = token;
      seen += __popc(equal);
    });
  }
  __syncthreads();
  return limit;
}

/// Cuts the selection to its best k.
__device__ void keep_best(selection *s, unsigned long long *histogram, uint32_t k) {
  uint32_t key;
  uint64_t above;
  const auto one = [](uint32_t, float) { return (uint64_t)1; };
  const auto reaches = [k](uint64_t count) { return count >= k; };
  if (!find_threshold(*s, histogram, one, reaches, &key, &above)) return; // fewer than k tokens are finite
  const float threshold = float_of(key);
  const uint32_t limit = limit_of(*s, threshold, k - (uint32_t)above);
  s->threshold = threshold;
  s->limit = limit;
}

/// Weight of the selection and, for the calling warp, of its run.
__device__ uint64_t selected_weight(const selection &s, uint64_t *of_run) {
  uint64_t sum = 0;
  for_each(s.x, s.vocab, [&](uint32_t token, float logit) {
    if (logit > -CUDART_INF_F && s.holds(token, logit)) sum += weight_of(s, logit);
  });
  *of_run = warp_sum((unsigned long long)sum);
  return block_sum((unsigned long long)sum);
}

/// Cuts the selection to the shortest run of its best whose weight reaches `goal`; a selection that does not stays.
__device__ void keep_mass(selection *s, unsigned long long *histogram, double goal) {
  uint32_t key;
  uint64_t above;
  const selection held = *s;
  const auto value = [&held](uint32_t token, float logit) {
    return held.holds(token, logit) ? weight_of(held, logit) : 0;
  };
  const auto reaches = [goal](uint64_t sum) { return (double)sum * unit >= goal; };
  if (!find_threshold(*s, histogram, value, reaches, &key, &above)) return;
  const float threshold = float_of(key);
  const double weight = (double)weight_of(held, threshold) * unit, over = (double)above * unit;
  uint32_t ties = 1;
  const double needed = (goal - over) / weight;
  if (needed > 1) ties = (uint32_t)needed;
  while (over + ties * weight < goal) ties++;
  while (ties > 1 && over + (ties - 1) * weight >= goal) ties--;
  const uint32_t limit = limit_of(*s, threshold, ties);
  s->threshold = threshold;
  s->limit = limit;
}

/// Inclusive sum over the block's threads.
__device__ uint64_t block_running_sum(uint64_t value) {
  __shared__ uint64_t sums[warps];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  value = running_sum(value);
  if (lane == 31) sums[warp] = value;
  __syncthreads();
  value += warp_sum((unsigned long long)(lane < warp ? sums[lane] : 0));
  __syncthreads();
  return value;
}

/// The first selected token in id order at which the running weight exceeds u times the total, for all threads.
__device__ uint32_t draw(const selection &s, double uniform) {
  __shared__ uint64_t runs[warps];
  __shared__ uint32_t drawn;
  const uint32_t lane = threadIdx.x % 32;
  uint64_t of_run;
  const uint64_t total = selected_weight(s, &of_run);
  const double target = uniform * ((double)total * unit);
  // Rounding may put the target at the total: the last weight then counts.
  const auto exceeds = [=](uint64_t mass) { return (double)mass * unit > target || mass == total; };
  if (lane == 0) runs[threadIdx.x / 32] = of_run;
  __syncthreads();
  const uint64_t until = running_sum(runs[lane]);
  const uint32_t warp = (uint32_t)__ffs(__ballot_sync(~0u, exceeds(until))) - 1;
  const uint64_t before = __shfl_sync(~0u, until, warp) - runs[warp];
  // All threads share the run in which it happens.
  const token_run run = run_of(warp, s.vocab);
  const uint32_t each = (run.end - run.begin + threads - 1) / threads;
  const uint32_t begin = min(run.begin + threadIdx.x * each, run.end), end = min(begin + each, run.end);
  const auto weight = [&](uint32_t token) {
    const float logit = canonical(s.x[token]);
    return logit > -CUDART_INF_F && s.holds(token, logit) ? weight_of(s, logit) : 0;
  };
  uint64_t own = 0;
  for (uint32_t token = begin; token < end; token++) own += weight(token);
  uint64_t mass = before + block_running_sum(own);
  if (own > 0 && exceeds(mass) && !exceeds(mass - own)) {
    mass -= own;
    for (uint32_t token = begin; token < end; token++) {
      mass += weight(token);
      if (exceeds(mass)) {
        drawn = token;
        break;
      }
    }
  }
  __syncthreads();
  return drawn;
}

/// Tokens that a draw can depend on, in id order: a warp's run leaves at most `each` of them.
struct short_list {
  static constexpr uint32_t each = 192, capacity = warps * each;
  float logits[capacity];
  uint32_t tokens[capacity];
};

/// Gathers the tokens for which `keep(logit)` holds. False when a run has too many.
template <typename Keep> __device__ bool shorten(const selection &s, short_list *list, Keep keep, uint32_t *count) {
  __shared__ uint32_t counts[warps];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  // Counting first lets the second pass write without gaps.
  uint32_t own = 0;
  for_each(s.x, s.vocab,
           [&](uint32_t, float logit) { own += __popc(__ballot_sync(~0u, logit > -CUDART_INF_F && keep(logit))); });
  if (lane == 0) counts[warp] = own;
  __syncthreads();
  const uint32_t until = (uint32_t)running_sum(counts[lane]);
  *count = __shfl_sync(~0u, until, 31);
  if (*count > short_list::capacity) return false;
  uint32_t at = __shfl_sync(~0u, until, warp) - own;
  if (own > 0) {
    for_each(s.x, s.vocab, [&](uint32_t token, float logit) {
      const bool is_kept = logit > -CUDART_INF_F && keep(logit);
      const uint32_t kept = __ballot_sync(~0u, is_kept);
      if (is_kept) {
        const uint32_t place = at + __popc(kept & ((1u << lane) - 1));
        list->logits[place] = logit;
        list->tokens[place] = token;
      }
      at += __popc(kept);
    });
  }
  __syncthreads();
  return true;
}

/// A logit that at least k tokens reach: the k-th largest of the threads' own largest.
__device__ float bound_of_best(const float *x, uint32_t vocab, unsigned long long *histogram, uint32_t k) {
  __shared__ float maxima[threads];
  float own = -CUDART_INF_F;
  for_each(x, vocab, [&](uint32_t, float logit) { own = fmaxf(own, logit); });
  maxima[threadIdx.x] = own;
  __syncthreads();
  const selection all = {maxima, threads, 0, 0, 0, -CUDART_INF_F, UINT32_MAX};
  uint32_t key;
  uint64_t above;
  const auto one = [](uint32_t, float) { return (uint64_t)1; };
  const bool is_found = find_threshold(all, histogram, one, [k](uint64_t count) { return count >= k; }, &key, &above);
  __syncthreads();
  return is_found ? float_of(key) : -FLT_MAX;
}

/// Philox4x32-10 (Salmon et al., 2011): the draw's number, uniform in (0, 1).
__device__ double uniform_of(const mk_sample_row &row) {
  uint32_t c[4] = {(uint32_t)row.position, (uint32_t)(row.position >> 32), 0, 0};
  uint32_t k0 = (uint32_t)row.seed, k1 = (uint32_t)(row.seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1,
                              (uint32_t)a};
    for (int i = 0; i < 4; i++) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const uint64_t wide = (uint64_t)c[0] << 32 | c[1];
  return ((double)(wide >> 12) + 0.5) / 4503599627370496.0;
}

__device__ row_plan plan_of(const mk_sample_row &row) {
  row_plan plan = {};
  plan.uniform = uniform_of(row);
  plan.inverse = 1.0f / row.temperature;
  plan.is_greedy = !(row.temperature > 0) || row.top_k == 1 || plan.inverse > 3.4e38f;
  plan.top_p = row.top_p;
  plan.top_k = row.top_k;
  plan.least = row.min_p > 0 ? (row.min_p < 1 ? row.min_p : 1) : 0;
  return plan;
}

__global__ void __launch_bounds__(threads)
    sample_kernel(const float *all, uint32_t vocab, const mk_sample_row *rows, int32_t *tokens) {
  extern __shared__ __align__(16) uint8_t shared[];
  auto *histogram = reinterpret_cast<unsigned long long *>(shared);
  auto *list = reinterpret_cast<short_list *>(histogram + buckets);
  wait_for_predecessor();
  release_successor();
  const row_plan plan = plan_of(rows[blockIdx.x]);
  const float *x = all + (size_t)blockIdx.x * vocab;
  const candidate best = best_of(x, vocab);
  if (plan.is_greedy || best.logit == -CUDART_INF_F) {
    if (threadIdx.x == 0) tokens[blockIdx.x] = best.logit == -CUDART_INF_F ? -1 : (int32_t)best.token;
    return;
  }
  selection s = {x, vocab, best.logit, plan.inverse, 0, -CUDART_INF_F, UINT32_MAX};
  const bool cuts_count = plan.top_k > 0 && plan.top_k < vocab, cuts_mass = plan.top_p < 1;
  // The weight that top-p is a share of; with top-k it is that of the best k.
  uint64_t of_run, total = cuts_mass && !cuts_count ? selected_weight(s, &of_run) : 0;
  bool is_short = false;
  uint32_t count = 0;
  if (cuts_count && plan.top_k <= threads / 2) {
    const float bound = bound_of_best(x, vocab, histogram, plan.top_k);
    is_short = shorten(s, list, [=](float logit) { return logit >= bound; }, &count);
  } else if (!cuts_count && (cuts_mass || plan.least > 0)) {
    // All tokens lighter than this together are less than what top-p leaves out; those lighter than min-p are never
    // drawn.
    const double share = cuts_mass ? (1 - (double)plan.top_p) * (double)total / vocab * 0.999 : 0;
    const selection least = {x, vocab, s.largest, s.inverse, plan.least, -CUDART_INF_F, UINT32_MAX};
    is_short = shorten(
        s, list,
        [=](float logit) {
          const uint64_t weight = weight_of(least, logit);
          return weight > 0 && (double)weight >= share;
        },
        &count);
  }
  if (is_short) {
    s.x = list->logits;
    s.vocab = count;
  }
  if (cuts_count) keep_best(&s, histogram, plan.top_k);
  if (cuts_mass && cuts_count) total = selected_weight(s, &of_run);
  if (cuts_mass) keep_mass(&s, histogram, (double)plan.top_p * ((double)total * unit));
  s.least = plan.least;
  const uint32_t drawn = draw(s, plan.uniform);
  if (threadIdx.x == 0) tokens[blockIdx.x] = (int32_t)(is_short ? list->tokens[drawn] : drawn);
}

} // namespace

size_t cuda_sample_workspace_bytes(uint32_t max_rows, uint32_t vocab) {
  (void)max_rows;
  (void)vocab;
  return 64;
}

mk_status cuda_sample(mk_stream *stream, const mk_sample_args *args) {
  if (!stream || !args || args->vocab == 0 || args->vocab > largest_vocabulary) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->logits || !args->row || !args->tokens) return MK_INVALID_ARGUMENT;
  constexpr size_t shared = buckets * sizeof(unsigned long long) + sizeof(short_list);
  static const cudaError_t prepared =
      cudaFuncSetAttribute(sample_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
  if (prepared != cudaSuccess) return status_of(prepared);
  const mk_sample_row *rows = args->row;
  if (args->row_memory != MK_DEVICE_MEMORY) {
    void *staged;
    const mk_status status = stage(stream, args->row, args->rows * sizeof(mk_sample_row), &staged);
    if (status != MK_OK) return status;
    rows = static_cast<const mk_sample_row *>(staged);
  }
  return launch(stream, sample_kernel, args->rows, threads, shared, args->logits, args->vocab, rows, args->tokens);
}
