/// The ops of the avx2 set.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_avx2_##op
/// Queries and vectors of attention's register tile, and whether many queries are computed sixteen to a vector.
#define MK_ATTENTION_QUERIES 3
#define MK_ATTENTION_WIDE 0
#define MK_ATTENTION_VECTORS 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "../ops/lanes.h"

/// sums[i] += a[2i] * b[2i] + a[2i + 1] * b[2i + 1], a and b being 32 signed 16-bit codes each.
MK_INLINE mk_i32x16 mk_dot_pairs(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  const mk_i32x8 low = (mk_i32x8)_mm256_madd_epi16((__m256i)a.lo, (__m256i)b.lo);
  const mk_i32x8 high = (mk_i32x8)_mm256_madd_epi16((__m256i)a.hi, (__m256i)b.hi);
  return sums + __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

#define mk_dot_pairs_of_many mk_dot_pairs

#include "../ops/norm.h"
#include "../ops/gated.h"
#include "../ops/fused.h"
#include "../ops/rope.h"
#include "../ops/attention.h"
#include "../ops/adjust_logits.h"
#include "../ops/sample.h"
#include "../ops/logprobs.h"
#pragma clang attribute pop
#endif
