/// The choice among the products. Few rows read the weights once in their own format; many rows go to cuBLASLt, with
/// quantised weights turned to bf16 a piece at a time.
#include "cublaslt.h"
#include "formats.cuh"
#include "ops.h"
#include "products.h"

namespace {

constexpr size_t dequantized_piece = 64 << 20;
/// Up to so many rows dense weights are streamed by the backend's own kernels.
constexpr uint32_t few_rows = 16;

size_t round_up(size_t bytes) { return (bytes + 255) & ~(size_t)255; }

mk_status check(const mk_stream *stream, const mk_linear_args *args) {
  if (!stream || !args || !args->segments || args->segment_count == 0) return MK_INVALID_ARGUMENT;
  uint64_t outputs = 0;
  for (uint32_t s = 0; s < args->segment_count; s++) {
    const mk_matrix *matrix = &args->segments[s].matrix;
    if (!is_valid_matrix(matrix) || matrix->cols != args->segments[0].matrix.cols) return MK_INVALID_ARGUMENT;
    outputs += matrix->rows;
  }
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->y || args->x_stride < args->segments[0].matrix.cols || args->y_stride < outputs) {
    return MK_INVALID_ARGUMENT;
  }
  return MK_OK;
}

/// The product of some rows of x with neighbouring segments of one dtype.
product product_of(const mk_linear_args *args, uint32_t first_row, uint32_t rows) {
  product p = {};
  p.x = args->x + (size_t)first_row * args->x_stride;
  p.y = args->y + (size_t)first_row * args->y_stride;
  p.rows = rows;
  p.cols = args->segments[0].matrix.cols;
  p.x_stride = args->x_stride;
  p.y_stride = args->y_stride;
  return p;
}

mk_status multiply_few(mk_stream *stream, const product *p) {
  return streaming_product_fits(p) ? streaming_product(stream, p) : plain_product(stream, p);
}

/// All segments with few rows: neighbours of the same dtype share a launch.
mk_status linear_few(mk_stream *stream, const mk_linear_args *args) {
  uint32_t offset = 0;
  for (uint32_t s = 0; s < args->segment_count;) {
    product p = product_of(args, 0, args->rows);
    p.dtype = args->segments[s].matrix.dtype;
    while (s < args->segment_count && p.segment_count < max_product_segments &&
           args->segments[s].matrix.dtype == p.dtype) {
      const mk_linear_segment &segment = args->segments[s++];
      p.segments[p.segment_count++] = {segment.matrix.data, segment.bias, segment.matrix.rows, offset};
      offset += segment.matrix.rows;
    }
    const mk_status status = multiply_few(stream, &p);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

/// The workspace's two parts.
struct linear_space {
  void *activations;
  void *weights;
  size_t weight_bytes;
};

/// Dense rows `first`.. of a segment, already 16-bit or float; falls back to the backend's own kernels.
mk_status multiply_dense(mk_stream *stream, const mk_linear_args *args, dense_product dense, const float *bias) {
  mk_status status = cublaslt_multiply(stream, &dense);
  if (status == MK_OK) {
    return bias ? add_bias(stream, dense.y, bias, dense.rows, dense.outputs, dense.y_stride) : MK_OK;
  }
  if (status != MK_UNSUPPORTED) return status;
  for (uint32_t row = 0; row < dense.rows; row += 16) {
    product p = product_of(args, row, dense.rows - row < 16 ? dense.rows - row : 16);
    p.y = dense.y + (size_t)row * dense.y_stride;
    p.dtype = dense.dtype;
    p.weights_are_fresh = true;
    p.segment_count = 1;
    p.segments[0] = {dense.w, bias, dense.outputs, 0};
    status = multiply_few(stream, &p);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

mk_status multiply_quantized(mk_stream *stream, const mk_linear_args *args, const mk_linear_segment &segment, float *y,
                             const linear_space &space) {
  const mk_matrix *matrix = &segment.matrix;
  const size_t row_bytes = (size_t)matrix->cols * 2;
  const uint32_t piece = (uint32_t)(space.weight_bytes / row_bytes);
  if (piece == 0) return MK_INVALID_ARGUMENT;
  for (uint32_t first = 0; first < matrix->rows; first += piece) {
    const uint32_t count = matrix->rows - first < piece ? matrix->rows - first : piece;
    mk_status status = dequantize_rows(stream, matrix, first, count, space.weights);
    if (status != MK_OK) return status;
    const dense_product dense = {space.activations, space.weights, y + first,     MK_BF16, args->rows, count,
                                 matrix->cols,      matrix->cols,  args->y_stride};
    status = multiply_dense(stream, args, dense, segment.bias ? segment.bias + first : nullptr);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

/// What x is turned to for weights of `dtype`.
mk_dtype activations_for(mk_dtype dtype) { return is_quantized(dtype) ? mk_dtype(MK_BF16) : dtype; }

/// Segment *s together with those after it whose weights follow in memory, as one; `*s` moves past them.
mk_linear_segment joined(const mk_linear_args *args, uint32_t *s) {
  mk_linear_segment segment = args->segments[(*s)++];
  const size_t row_bytes = row_bytes_of(segment.matrix.dtype, segment.matrix.cols);
  for (; *s < args->segment_count && !segment.bias; (*s)++) {
    const mk_linear_segment &next = args->segments[*s];
    const auto *end = static_cast<const uint8_t *>(segment.matrix.data) + segment.matrix.rows * row_bytes;
    if (next.matrix.data != end || next.matrix.dtype != segment.matrix.dtype || next.bias) break;
    segment.matrix.rows += next.matrix.rows;
  }
  return segment;
}

mk_status linear_many(mk_stream *stream, const mk_linear_args *args) {
  const uint32_t cols = args->segments[0].matrix.cols;
  const size_t converted = round_up((size_t)args->rows * cols * 2);
  bool needs_conversion = false;
  for (uint32_t s = 0; s < args->segment_count; s++) needs_conversion |= args->segments[s].matrix.dtype != MK_F32;
  if (needs_conversion && (!args->workspace || args->workspace_bytes < converted)) return MK_INVALID_ARGUMENT;
  const linear_space space = {args->workspace, (uint8_t *)args->workspace + converted,
                              args->workspace_bytes - converted};
  mk_dtype current = MK_F32;
  uint32_t offset = 0;
  for (uint32_t s = 0; s < args->segment_count;) {
    const mk_linear_segment segment = joined(args, &s);
    const mk_dtype wanted = activations_for(segment.matrix.dtype);
    mk_status status = MK_OK;
    if (wanted != MK_F32 && wanted != current) {
      status = convert_activations(stream, args->x, args->rows, cols, args->x_stride, wanted, space.activations);
      current = wanted;
    }
    if (status != MK_OK) return status;
    float *y = args->y + offset;
    if (is_quantized(segment.matrix.dtype)) {
      status = multiply_quantized(stream, args, segment, y, space);
    } else {
      const bool is_float = segment.matrix.dtype == MK_F32;
      const dense_product dense = {is_float ? (const void *)args->x : space.activations,
                                   segment.matrix.data,
                                   y,
                                   segment.matrix.dtype,
                                   args->rows,
                                   segment.matrix.rows,
                                   cols,
                                   is_float ? args->x_stride : cols,
                                   args->y_stride};
      status = multiply_dense(stream, args, dense, segment.bias);
    }
    if (status != MK_OK) return status;
    offset += segment.matrix.rows;
  }
  return MK_OK;
}

} // namespace

size_t cuda_linear_workspace_bytes(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs) {
  const size_t weights = (size_t)max_cols * max_outputs * 2, one_row = (size_t)max_cols * 2;
  const size_t piece = weights < dequantized_piece   ? weights
                       : dequantized_piece > one_row ? dequantized_piece
                                                     : one_row;
  return round_up((size_t)max_rows * max_cols * 2) + round_up(piece);
}

mk_status cuda_linear(mk_stream *stream, const mk_linear_args *args) {
  const mk_status status = check(stream, args);
  if (status != MK_OK || args->rows == 0) return status;
  bool is_dense = true;
  for (uint32_t s = 0; s < args->segment_count; s++) is_dense &= !is_quantized(args->segments[s].matrix.dtype);
  return is_dense && args->rows <= few_rows ? linear_few(stream, args) : linear_many(stream, args);
}
