/// The ops of the avx512 set.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_avx512_##op
/// Queries and vectors of attention's register tile.
#define MK_ATTENTION_QUERIES 6
#define MK_ATTENTION_VECTORS 4
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"), min_vector_width(512))), apply_to = function)
#include "../ops/lanes.h"

/// sums[i] += a[2i] * b[2i] + a[2i + 1] * b[2i + 1], a and b being 32 signed 16-bit codes each.
MK_INLINE mk_i32x16 mk_dot_pairs(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  return (mk_i32x16)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
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
