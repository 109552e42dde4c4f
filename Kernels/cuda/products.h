/// The ways to multiply, which `linear` chooses from.
#pragma once
#include "stream.h"

/// One weight matrix of a product; `offset` is its first column in y.
struct product_segment {
  const void *w;
  const float *bias;
  uint32_t rows, offset;
};
constexpr int max_product_segments = 4;

/// y[row, segment.offset + j] = sum_k x[row, k] * w[j, k] + bias[j], all segments of `dtype`.
struct product {
  const float *x;
  float *y;
  uint32_t rows, cols, x_stride, y_stride;
  mk_dtype dtype;
  uint32_t segment_count;
  /// Weights that an earlier kernel of the stream makes; others are constant and read ahead of it.
  bool weights_are_fresh;
  product_segment segments[max_product_segments];
};

/// Tensor-core products with few rows, bound by the read of the weights; bf16 and half.
bool streaming_product_fits(const product *p);
mk_status streaming_product(mk_stream *stream, const product *p);

/// Any dtype, shape and alignment, in float; meant for few rows.
mk_status plain_product(mk_stream *stream, const product *p);

/// out[rows, cols] = x[rows, cols], rounded to half (saturating) or bf16.
mk_status convert_activations(mk_stream *stream, const float *x, uint32_t rows, uint32_t cols, uint32_t x_stride,
                              mk_dtype dtype, void *out);
/// out[count, cols] = rows [first, first + count) of a quantised matrix, in bf16.
mk_status dequantize_rows(mk_stream *stream, const mk_matrix *matrix, uint32_t first, uint32_t count, void *out);
/// y[row, j] += bias[j]
mk_status add_bias(mk_stream *stream, float *y, const float *bias, uint32_t rows, uint32_t cols, uint32_t y_stride);
