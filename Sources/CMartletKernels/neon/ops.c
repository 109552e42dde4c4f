/// The ops of the neon set.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_neon_##op
/// Queries and vectors of attention's register tile, and whether many queries are computed sixteen to a vector; a vector of sixteen lanes is four registers.
#define MK_ATTENTION_QUERIES 3
#define MK_ATTENTION_WIDE 0
#define MK_ATTENTION_VECTORS 1
#include "../ops/lanes.h"

/// sums[i] += a[2i] * b[2i] + a[2i + 1] * b[2i + 1], a and b being 32 signed 16-bit codes each. Even and odd codes are
/// separated first: for what several products share, and for a repeated pair, the compiler does that once.
MK_INLINE mk_i32x16 mk_dot_pairs(mk_i32x16 sums, mk_i32x16 a, mk_i32x16 b) {
  int16x8_t x[4], y[4];
  int32x4_t out[4];
  memcpy(x, &a, sizeof a);
  memcpy(y, &b, sizeof b);
  memcpy(out, &sums, sizeof sums);
  MK_UNROLL for (int i = 0; i < 4; i += 2) {
    const int16x8_t x_even = vuzp1q_s16(x[i], x[i + 1]), x_odd = vuzp2q_s16(x[i], x[i + 1]);
    const int16x8_t y_even = vuzp1q_s16(y[i], y[i + 1]), y_odd = vuzp2q_s16(y[i], y[i + 1]);
    out[i] = vmlal_s16(out[i], vget_low_s16(x_even), vget_low_s16(y_even));
    out[i] = vmlal_s16(out[i], vget_low_s16(x_odd), vget_low_s16(y_odd));
    out[i + 1] = vmlal_high_s16(out[i + 1], x_even, y_even);
    out[i + 1] = vmlal_high_s16(out[i + 1], x_odd, y_odd);
  }
  memcpy(&sums, out, sizeof sums);
  return sums;
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
#endif
