/// `linear` for any 64-bit Arm processor, and the packing that all NEON variants share.
#if defined(__aarch64__)
#include "tile.h"

mk_status mk_neon_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  return mk_strips_packed_bytes(dtype, rows, cols, bytes);
}

mk_status mk_neon_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_strips_pack(stream, source, destination, out);
}

static void quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_quantize_group(x, stride, cols, count, out);
}

INLINE int32x4_t code_sum(const int8x16_t *w, int first, int end) {
  int16x8_t pairs = vdupq_n_s16(0);
  UNROLL for (int j = first; j < end; j++) pairs = vpadalq_s8(pairs, w[j]);
  return vpaddlq_s16(pairs);
}

/// Products of a column pile up in 16 bits over as many vectors as cannot overflow: 8 of up to 5 bits (8 * 31 * 127),
/// 4 of 6 bits, 2 of 8 bits (2 * 128 * 127).
INLINE void add_products(uint8_t bits, uint32_t n, const int8x16_t *w, int first, int end, const uint8_t *x,
                         int32x4_t *dots) {
  const int run = bits <= 5 ? 8 : bits == 6 ? 4 : 2;
  UNROLL for (uint32_t t = 0; t < n; t++) {
    UNROLL for (int start = first; start < end; start += run) {
      int16x8_t low = vdupq_n_s16(0), high = vdupq_n_s16(0);
      UNROLL for (int j = start; j < end && j < start + run; j++) {
        const int8x16_t columns = vreinterpretq_s8_s32(vdupq_n_s32(load_integer(x + MK_BLOCK * t + 4 * j)));
        low = vmlal_s8(low, vget_low_s8(w[j]), vget_low_s8(columns));
        high = vmlal_high_s8(high, w[j], columns);
      }
      dots[t] = vaddq_s32(dots[t], vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
    }
  }
}

#include "tile_kernels.h"

mk_status mk_neon_linear(mk_stream *stream, const mk_linear_args *args) {
  return mk_strips_linear(stream, args, &strip_variant);
}
#endif
