#pragma once
#include "activations.h"
#include "packed.h"

/// What a checked `linear` call asks for.
typedef struct mk_linear_needs {
  uint32_t cols;
  bool work;             ///< false: nothing to compute
  bool quantized;        ///< some segment multiplies quantised activations
  bool packed, unpacked; ///< the layouts among the segments
} mk_linear_needs;

mk_status mk_check_linear(const mk_linear_args *args, mk_linear_needs *needs);
