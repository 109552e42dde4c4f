/// The ops of the avx2 set.
#include "../ops/arguments.h"

#include <math.h>
#include <string.h>

#define MK_NAME(op) mk_avx2_##op
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "../ops/norm.h"
#include "../ops/gated.h"
#include "../ops/rope.h"
#include "../ops/attention.h"
#include "../ops/adjust_logits.h"
#include "../ops/sample.h"
#include "../ops/logprobs.h"
#pragma clang attribute pop
