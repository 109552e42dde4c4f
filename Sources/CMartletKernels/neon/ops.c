/// The ops of the neon set.
#if defined(__aarch64__)
#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_neon_##op
/// Queries and vectors of attention's register tile; a vector of sixteen lanes is four registers.
#define MK_ATTENTION_QUERIES 3
#define MK_ATTENTION_VECTORS 1
#include "../ops/lanes.h"

/// sums[i] += a[2i] * b[2i] + a[2i + 1] * b[2i + 1], a and b being 32 signed 16-bit codes each.
MK_INLINE mk_i32x16 mk_dot_pairs(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  return sums + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
}

#include "../ops/norm.h"
#include "../ops/gated.h"
#include "../ops/rope.h"
#include "../ops/attention.h"
#include "../ops/adjust_logits.h"
#include "../ops/sample.h"
#include "../ops/logprobs.h"
#endif
