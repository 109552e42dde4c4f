/// The ops of the avx2 set.
#include "../internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MK_NAME(op) mk_avx2_##op
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "../ops/norm.h"
#include "../ops/rope.h"
#include "../ops/attention.h"
#include "../ops/sampling.h"
#pragma clang attribute pop
