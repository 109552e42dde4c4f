/// Sampling of the reference set: its draws are defined operation by operation, so all sets share them.
#include "../internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MK_NAME(op) mk_reference_##op

#include "../ops/sampling.h"

