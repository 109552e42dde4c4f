/// The ops of the avx512 set.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_avx512_##op
/// Queries and vectors of attention's register tile, and whether many queries are computed sixteen to a vector.
#define MK_ATTENTION_QUERIES 6
#define MK_ATTENTION_WIDE 1
#define MK_ATTENTION_VECTORS 4
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"), min_vector_width(512))), apply_to = function)
#include "../ops/lanes.h"

/// sums[i] += a[2i] * b[2i] + a[2i + 1] * b[2i + 1], a and b being 32 signed 16-bit codes each.
MK_INLINE mk_i32x16 mk_dot_pairs(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  return (mk_i32x16)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
}

/// The same, kept one instruction. Where products form a chain the compiler makes two of one, which wait less for each other;
/// among many independent ones that only costs.
MK_INLINE mk_i32x16 mk_dot_pairs_of_many(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
}

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
