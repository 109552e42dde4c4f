#pragma once
#include "activations.h"
#include "packed.h"

/// What a checked `linear` call asks for.
typedef struct mk_linear_needs {
  uint32_t cols;
  bool work;             ///< false: nothing to compute
  bool quantized;        ///< some segment multiplies activations quantised to 8 bits
  bool coded;            ///< some packed segment multiplies activations of 16-bit codes
  size_t coded_offset;   ///< where these stand in the workspace
  bool packed, unpacked; ///< the layouts among the segments
} mk_linear_needs;

mk_status mk_check_linear(const mk_linear_args *args, mk_linear_needs *needs);
