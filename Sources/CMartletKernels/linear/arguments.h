#pragma once
#include "activations.h"
#include "packed.h"

/// What a checked `linear` call asks for.
typedef struct mk_linear_needs {
  uint32_t cols;
  bool work;             ///< false: nothing to compute
  bool quantized;        ///< some segment multiplies activations quantised to 8 bits
  bool coded;            ///< some packed segment multiplies activations of 16-bit codes
  bool split;            ///< some segment multiplies activations split in two bfloat16
  bool floats;           ///< some segment multiplies activations as they are
  size_t coded_offset;   ///< where 16-bit codes stand in the workspace
  size_t split_offset;   ///< where split activations stand there, a multiple of 64
  size_t normed_offset;  ///< where normed rows [rows][cols] stand there, for segments that multiply them as they are
  bool packed, unpacked; ///< the layouts among the segments
} mk_linear_needs;

/// `fused`: whether the variant norms its input, and adds or gates its output; it does so with packed matrices.
mk_status mk_check_linear(const mk_linear_args *args, bool fused, mk_linear_needs *needs);
