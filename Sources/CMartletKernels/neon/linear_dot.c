/// `linear` for Arm processors with dot products of bytes (most since Armv8.2).
#if defined(__aarch64__)
#include "tile.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "dot_products.h"

static void quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_quantize_group(x, stride, cols, count, out);
}

INLINE void add_products(uint8_t bits, uint32_t n, const int8x16_t *w, int first, int end, const uint8_t *x,
                         int32x4_t *dots) {
  (void)bits;
  UNROLL for (uint32_t t = 0; t < n; t++) dots[t] = add_dot_products(dots[t], w, first, end, x + MK_BLOCK * t);
}

#include "tile_kernels.h"

#pragma clang attribute pop

mk_status mk_neon_dot_linear(mk_stream *stream, const mk_linear_args *args) {
  return mk_strips_linear(stream, args, &strip_variant);
}
#endif
