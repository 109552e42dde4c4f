/// The ops of the reference set.
#include "../internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MK_NAME(op) mk_reference_##op

#include "../ops/norm.h"
#include "../ops/rope.h"
#include "../ops/attention.h"
#include "../ops/sampling.h"

