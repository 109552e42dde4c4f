/// Descriptions of matrices for Hopper's copy engine.
#pragma once
#include "stream.h"

#include <cuda.h>

/// A matrix of 16-bit elements, up to four dimensions with the innermost first; strides in bytes of all but the first.
struct tensor_shape {
  uint32_t rank;
  uint64_t sizes[4], strides[3];
  uint32_t box[4]; ///< what one copy takes; the first is 64, 128 bytes
};

/// False when the driver has no such thing or the shape does not suit it. Elements outside the matrix are read as 0.
bool make_tensor_map(const void *data, mk_dtype dtype, const tensor_shape &shape, CUtensorMap *out);
