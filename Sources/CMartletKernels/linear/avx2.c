/// `linear` for processors with AVX2, FMA and F16C, on the same strips as AVX-512: a strip is two halves of 8 rows.
#if defined(__x86_64__)
#include "strips.h"

#include <immintrin.h>

mk_status mk_avx2_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  return mk_strips_packed_bytes(dtype, rows, cols, bytes);
}

mk_status mk_avx2_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return mk_strips_pack(stream, source, destination, out);
}

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

enum { GROUP = 4 };

static void quantize_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_quantize_group(x, stride, cols, count, out);
}

#include "../ops/codes.h"

static void encode_group(const float *x, uint32_t stride, uint32_t cols, uint32_t count, uint8_t *out) {
  mk_encode_group(x, stride, cols, count, out);
}

INLINE __m256i load_bytes(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)(const void *)from); }

/// Byte i is `value` where bit i is set, else 0.
INLINE __m256i spread_bits(const uint8_t *from, uint8_t value) {
  int32_t bits;
  memcpy(&bits, from, 4);
  const __m256i source = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), source);
  const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
  return _mm256_and_si256(set, _mm256_set1_epi8((char)value));
}

/// Eight vectors of unsigned bytes of one half from the planes; see packed.h.
INLINE void unpack(uint8_t bits, const uint8_t *planes, int half, __m256i *w) {
  const uint8_t *from = planes + 32 * half;
  if (bits == 8) {
    UNROLL for (int j = 0; j < 8; j++) w[j] = load_bytes(from + 64 * j);
    return;
  }
  uint8_t shift = 0;
  if (bits >= 4) {
    const __m256i nibble = _mm256_set1_epi8(15);
    UNROLL for (int p = 0; p < 4; p++) {
      const __m256i both = load_bytes(from + 64 * p);
      w[p] = _mm256_and_si256(both, nibble);
      w[p + 4] = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
    }
    from += 256;
    shift = 4;
  }
  if (bits == 2 || bits == 3 || bits == 6) {
    const __m256i pair = _mm256_set1_epi8((char)(3 << shift));
    UNROLL for (int j = 0; j < 8; j++) {
      const __m256i four = load_bytes(from + 64 * (j % 2));
      const int right = j / 2 * 2 - shift;
      const __m256i moved = right >= 0 ? _mm256_srli_epi16(four, right) : _mm256_slli_epi16(four, -right);
      const __m256i high = _mm256_and_si256(moved, pair);
      w[j] = shift ? _mm256_or_si256(w[j], high) : high;
    }
    from += 128;
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    const uint8_t *masks = from - 32 * half + 4 * half;
    UNROLL for (int j = 0; j < 8; j++) {
      const __m256i high = spread_bits(masks + 8 * j, (uint8_t)(1 << shift));
      w[j] = _mm256_or_si256(w[j], high);
    }
  }
}

typedef struct {
  __m256 scale[2], minimum[2];
} vector_scales;

INLINE __m256 load_halves(const uint8_t *from) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

INLINE __m256 load_signed(const uint8_t *from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from)));
}

/// Scales of one half of a block. Sub-minima stay below 128, so that reading them as signed bytes fits all formats.
INLINE vector_scales load_scales(const mk_format format, const uint8_t *halves, const uint8_t *subs, int half) {
  vector_scales out;
  out.scale[0] = out.scale[1] = load_halves(halves + 16 * half);
  out.minimum[0] = out.minimum[1] = format.minimum ? load_halves(halves + 32 + 16 * half) : _mm256_setzero_ps();
  if (!format.super) return out;
  subs += 8 * half;
  const __m256 minimum = _mm256_xor_ps(out.minimum[0], _mm256_set1_ps(-0.0f));
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    out.scale[h] = _mm256_mul_ps(out.scale[h], load_signed(subs + 16 * h));
    if (format.minimum) out.minimum[h] = _mm256_mul_ps(minimum, load_signed(subs + 16 * (format.sub_blocks + h)));
  }
  return out;
}

INLINE __m256i broadcast_integer(const uint8_t *from) {
  int32_t value;
  memcpy(&value, from, 4);
  return _mm256_set1_epi32(value);
}

INLINE __m256 broadcast_float(const uint8_t *from) {
  float value;
  memcpy(&value, from, 4);
  return _mm256_set1_ps(value);
}

/// The weights' side of a pair (activations.h) over vectors [first, end). Codes of 8 bits are multiplied with their
/// offset taken off, so that it is not in the pair.
INLINE __m256i code_pair(const mk_format format, const __m256i *w, int first, int end) {
  __m256i pairs = _mm256_setzero_si256();
  UNROLL for (int j = first; j < end; j++) {
    pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(w[j], _mm256_set1_epi8(1)));
  }
  const __m256i sum = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  const __m256i centred = _mm256_sub_epi32(sum, _mm256_set1_epi32(format.offset * 4 * (end - first)));
  const int16_t offset = format.bits == 8 ? 0 : (int16_t)-format.offset;
  return _mm256_blend_epi16(centred, _mm256_set1_epi16(offset), 0xAA);
}

/// Exact dot product over vectors [first, end) of one token: sum of (code - offset) * (x + zero). Pairs of products are added
/// in 16 bits over as many vectors as cannot overflow: 8 for 4-bit codes (8 * 2 * 15 * 127), 4 for 5 bits, 2 for 6; for
/// 8 bits the weight's sign moves to the activation and one vector stays below 2 * 128 * 127.
INLINE __m256i dot(const mk_format format, const __m256i *w, int first, int end, const uint8_t *x,
                   __m256i code_pair, const uint8_t *pair) {
  const __m256i ones = _mm256_set1_epi16(1);
  const int run = format.bits <= 4 ? 8 : format.bits == 5 ? 4 : format.bits == 6 ? 2 : 1;
  __m256i sum = _mm256_madd_epi16(code_pair, broadcast_integer(pair));
  UNROLL for (int start = first; start < end; start += run) {
    __m256i pairs = _mm256_setzero_si256();
    UNROLL for (int j = start; j < end && j < start + run; j++) {
      __m256i weights = w[j], activations = broadcast_integer(x + 4 * j);
      if (format.bits == 8) {
        const __m256i centred = _mm256_xor_si256(weights, _mm256_set1_epi8((char)128));
        activations = _mm256_sign_epi8(activations, centred);
        weights = _mm256_abs_epi8(centred);
      }
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(weights, activations));
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
  }
  return sum;
}

/// sums[t] gains the block's share, in the order of operations of the reference.
INLINE void add_block(const mk_format format, uint32_t n, const __m256i *w, const vector_scales scales,
                      const uint8_t *x, __m256 *sums) {
  const uint8_t *fields = x + 32 * n, *pairs = fields + 8 * n, *halves = pairs + 4 * n;
  const bool whole = format.sub_blocks == 1;
  __m256i code_pairs[2];
  UNROLL for (int h = 0; h < format.sub_blocks; h++) {
    code_pairs[h] = code_pair(format, w, whole ? 0 : 4 * h, whole ? 8 : 4 * h + 4);
  }
  UNROLL for (uint32_t t = 0; t < n; t++) {
    UNROLL for (int h = 0; h < format.sub_blocks; h++) {
      const uint8_t *pair = (whole ? pairs : halves + 4 * n * h) + 4 * t;
      const __m256i exact =
          dot(format, w, whole ? 0 : 4 * h, whole ? 8 : 4 * h + 4, x + 32 * t, code_pairs[h], pair);
      const __m256 scale = _mm256_mul_ps(scales.scale[h], broadcast_float(fields + 4 * t));
      sums[t] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(exact), sums[t]);
    }
    if (!format.minimum) continue;
    UNROLL for (int h = 0; h < format.sub_blocks; h++) {
      __m256 sum = broadcast_float(fields + 4 * n + 4 * t);
      if (!whole) {
        int32_t pair;
        float scale;
        memcpy(&pair, halves + 4 * (n * h + t), 4);
        memcpy(&scale, fields + 4 * t, 4);
        sum = _mm256_set1_ps(scale * (float)mk_pair_sum(pair, 16));
      }
      sums[t] = _mm256_fmadd_ps(scales.minimum[h], sum, sums[t]);
    }
  }
}

INLINE void store_half(const mk_tile *tile, uint32_t n, int half, const __m256 *sums) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const int32_t rest = (int32_t)tile->strips[0].lanes - 8 * half;
  if (rest <= 0) return;
  const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32(rest), index);
  UNROLL for (uint32_t t = 0; t < n; t++) {
    __m256 sum = sums[t];
    if (tile->strips[0].bias) sum = _mm256_add_ps(sum, _mm256_maskload_ps(tile->strips[0].bias + 8 * half, lanes));
    float *y = tile->strips[0].y + (size_t)t * tile->y_stride + 8 * half;
    if (tile->adds) sum = _mm256_add_ps(_mm256_maskload_ps(y, lanes), sum);
    _mm256_maskstore_ps(y, lanes, sum);
  }
}

INLINE void quantized_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  const mk_format format = mk_formats[dtype];
  const mk_strip_shape shape = mk_strip_shape_of(&format, 256);
  const uint32_t blocks = tile->cols / MK_BLOCK, per_unit = format.super ? 8 : 1;
  const uint8_t *at = tile->strips[0].data, *x = tile->group;
  __m256 sums[2][GROUP];
  UNROLL for (uint32_t t = 0; t < n; t++) sums[0][t] = sums[1][t] = _mm256_setzero_ps();
  for (uint32_t first = 0; first < blocks; first += per_unit) {
    const uint8_t *halves = at;
    at += shape.unit_header;
    for (uint32_t block = 0; block < per_unit; block++, at += shape.block, x += n * MK_TOKEN_BLOCK_BYTES) {
      mk_fetch_ahead(tile, at, shape.block);
      UNROLL for (int half = 0; half < 2; half++) {
        __m256i w[8];
        unpack(format.bits, at + shape.block_scales, half, w);
        add_block(format, n, w, load_scales(format, halves, at, half), x, sums[half]);
      }
    }
  }
  UNROLL for (int half = 0; half < 2; half++) store_half(tile, n, half, sums[half]);
}

INLINE void float_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  const float *strip = (const float *)(const void *)tile->strips[0].data;
  __m256 sums[2][GROUP];
  UNROLL for (uint32_t t = 0; t < n; t++) sums[0][t] = sums[1][t] = _mm256_setzero_ps();
  for (uint32_t k = 0; k < tile->cols; k++, strip += MK_STRIP) {
    if (n > 1 && k % MK_BLOCK == 0) mk_fetch_ahead(tile, (const uint8_t *)strip, 64 * MK_BLOCK);
    const __m256 low = _mm256_loadu_ps(strip), high = _mm256_loadu_ps(strip + 8);
    UNROLL for (uint32_t t = 0; t < n; t++) {
      const __m256 x = _mm256_set1_ps(tile->x[(size_t)t * tile->x_stride + k]);
      sums[0][t] = _mm256_fmadd_ps(low, x, sums[0][t]);
      sums[1][t] = _mm256_fmadd_ps(high, x, sums[1][t]);
    }
  }
  UNROLL for (int half = 0; half < 2; half++) store_half(tile, n, half, sums[half]);
}

/// A block's products are exact; the blocks are added in order, each with its activations' scale.
INLINE void coded_tile(mk_dtype dtype, uint32_t n, const mk_tile *tile) {
  (void)dtype;
  UNROLL for (int half = 0; half < 2; half++) {
    const uint8_t *at = tile->strips[0].data + MK_CODED_SCALES + 32 * half, *x = tile->group;
    __m256 sums[GROUP];
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm256_setzero_ps();
    for (uint32_t k = 0; k < tile->cols; k += MK_CODED_COLUMNS, at += MK_CODED_BLOCK, x += n * MK_CODED_TOKEN_BLOCK_BYTES) {
      if (n > 1 && half == 0) mk_fetch_ahead(tile, at, MK_CODED_BLOCK);
      __m256i dots[GROUP];
      UNROLL for (uint32_t t = 0; t < n; t++) dots[t] = _mm256_setzero_si256();
      _Pragma("clang loop unroll_count(4)") for (int p = 0; p < MK_CODED_COLUMNS / 2; p++) {
        const __m256i w = load_bytes(at + 64 * p);
        UNROLL for (uint32_t t = 0; t < n; t++) {
          dots[t] = _mm256_add_epi32(dots[t], _mm256_madd_epi16(w, broadcast_integer(x + MK_CODED_TOKEN_BYTES * t + 4 * p)));
        }
      }
      UNROLL for (uint32_t t = 0; t < n; t++) {
        sums[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[t]), broadcast_float(x + MK_CODED_TOKEN_BYTES * n + 4 * t), sums[t]);
      }
    }
    const __m256 scale = _mm256_loadu_ps((const float *)(const void *)tile->strips[0].data + 8 * half);
    UNROLL for (uint32_t t = 0; t < n; t++) sums[t] = _mm256_mul_ps(sums[t], scale);
    store_half(tile, n, half, sums);
  }
}

#define KERNEL(D, N, KIND) \
  static void tile_##D##_##N(const mk_tile *tile) { KIND##_tile(MK_##D, N, tile); }
#define KERNELS(D, KIND) KERNEL(D, 1, KIND) KERNEL(D, 2, KIND) KERNEL(D, 3, KIND) KERNEL(D, 4, KIND)
#define ENTRY(D) [MK_##D] = (const mk_tile_kernel[]){tile_##D##_1, tile_##D##_2, tile_##D##_3, tile_##D##_4}

KERNELS(F32, float)
KERNELS(F16, coded)
KERNELS(BF16, coded)
KERNELS(Q4_0, quantized)
KERNELS(Q4_1, quantized)
KERNELS(Q5_0, quantized)
KERNELS(Q5_1, quantized)
KERNELS(Q8_0, quantized)
KERNELS(Q2_K, quantized)
KERNELS(Q3_K, quantized)
KERNELS(Q4_K, quantized)
KERNELS(Q5_K, quantized)
KERNELS(Q6_K, quantized)

#pragma clang attribute pop

static const mk_strip_variant strip_variant = {
    .group = GROUP,
    .fused = &mk_avx2_fused_ops,
    .quantize_group = quantize_group,
    .encode_group = encode_group,
    .kernels = {ENTRY(F32), ENTRY(F16), ENTRY(BF16), ENTRY(Q4_0), ENTRY(Q4_1), ENTRY(Q5_0), ENTRY(Q5_1),
                ENTRY(Q8_0), ENTRY(Q2_K), ENTRY(Q3_K), ENTRY(Q4_K), ENTRY(Q5_K), ENTRY(Q6_K)},
};

mk_status mk_avx2_linear(mk_stream *stream, const mk_linear_args *args) {
  return mk_strips_linear(stream, args, &strip_variant);
}
#endif
