/// The ways to multiply, which `linear` chooses from.
#pragma once
#include "device.cuh"

/// One weight matrix of a product; `offset` is its first column in y. FP8 weights have a scale for each row.
struct product_segment {
  const void *w;
  const float *bias;
  uint32_t rows, offset;
  const float *scales;
};
constexpr int max_product_segments = 4;

/// mk_square_parts, on the device too.
__host__ __device__ constexpr uint32_t square_parts(uint32_t cols) { return (cols + 63) / 64 * 4; }

/// y[row, segment.offset + j] = sum_k x[row, k] * w[j, k] + bias[j], all segments of `dtype`.
struct product {
  const void *x;
  void *y;
  mk_dtype x_dtype, y_dtype;
  uint32_t rows, cols, x_stride, y_stride;
  mk_dtype dtype;
  /// One of MK_OUTPUT; the gated ones have two segments of the same number of rows.
  uint32_t output;
  /// Weights that an earlier kernel of the stream makes; others are constant and read ahead of it.
  bool weights_are_fresh;
  /// A norm that a product left to this one, or that this one leaves to the next: see mk_linear_args.
  const float *squares;
  float epsilon;
  const float *next_norm_weight;
  bf16 *next_x;
  float *next_squares;
  uint32_t segment_count;
  product_segment segments[max_product_segments];
};

__host__ __device__ inline bool is_gated(uint32_t output) { return output >= MK_OUTPUT_SILU; }
inline uint32_t activation_of(uint32_t output) { return output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH; }

/// Tensor-core products with few rows, bound by the read of the weights; bf16, half, and FP8 with x in bf16. `pays`: no
/// other is faster. `defers`: it takes and leaves a norm between products on the way.
bool streaming_product_fits(const product *p);
bool streaming_product_pays(const product *p);
bool streaming_product_defers(const product *p);
/// Whether so many rows pay with so many weights of `dtype`.
bool streaming_rows_pay(mk_dtype dtype, uint32_t rows, uint64_t weights);
mk_status streaming_product(mk_stream *stream, const product *p);

/// Few rows of bf16 and weights in the quantised formats of files; all segments at once, gates too. Up to
/// `most_packed_rows` on Hopper packed_tile_product is faster where there are more than 32, or many outputs.
bool quantized_product_fits(const product *p);
mk_status quantized_product(mk_stream *stream, const product *p);
/// 32 rows read the weights once; turning the weights to bf16 first is faster for more rows than these.
constexpr uint32_t most_quantized_rows = 64;

/// Hopper's tensor cores fed by its copy engine: x of the weights' 16-bit dtype. MK_UNSUPPORTED for anything
/// else and on other GPUs. The results of a row depend on nothing but the row and the weights.
mk_status tile_product(mk_stream *stream, const product *p);
/// Rows that read the weights once.
constexpr uint32_t most_tile_rows = 128;

/// The same for weights in the quantised formats of files and x in bf16.
mk_status packed_tile_product(mk_stream *stream, const product *p);
constexpr uint32_t most_packed_rows = 128;

/// Gated products of many rows on Hopper, all in bf16 and without bias; MK_UNSUPPORTED for anything else. `pays`:
/// cuBLASLt's and a gate of its own are slower.
bool gated_product_pays(const mk_stream *stream, const product *p);
mk_status gated_product(mk_stream *stream, const product *p);

/// Any dense dtype, shape and alignment, in float; meant for few rows. No gates.
mk_status plain_product(mk_stream *stream, const product *p);

/// out[rows, cols] = x[rows, cols] as `out_dtype`, half saturating; it may be done in place between 16-bit types.
struct conversion {
  const void *x;
  void *out;
  mk_dtype x_dtype, out_dtype;
  uint32_t rows, cols, x_stride, out_stride;
};
mk_status convert_activations(mk_stream *stream, const conversion &c);
/// out[rows, cols] = x[rows, cols] divided by the root mean square that `squares` holds, as `out_dtype`; x is bf16.
mk_status resolve_norm(mk_stream *stream, const conversion &c, const float *squares, float epsilon);
/// What a product leaves of y[rows, cols] for the norm after it.
mk_status defer_norm(mk_stream *stream, const float *y, uint32_t rows, uint32_t cols, uint32_t y_stride,
                     const float *weight, bf16 *next_x, float *squares);
/// out[count, cols] = rows [first, first + count) of a quantised matrix of any kind, in bf16.
mk_status dequantize_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out);
/// y[row, j] += bias[j]
mk_status add_bias(mk_stream *stream, void *y, mk_dtype y_dtype, const float *bias, uint32_t rows, uint32_t cols,
                   uint32_t y_stride);
