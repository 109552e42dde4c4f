/// The choice among the products. Few rows read the weights once in their own format; many rows go to cuBLASLt, with x
/// quantised as well for FP8 weights, and other quantised weights turned to bf16 a piece at a time. What a kernel cannot
/// fuse is done by ones of its own: the norm and conversions before it, gates after it.
#include "cublaslt.h"
#include "fp8.cuh"
#include "gated.cuh"
#include "ops.h"
#include "packed.cuh"
#include "products.h"

namespace {

/// Bytes of dequantised weights, and of gates and ups, at a time.
constexpr size_t largest_piece = 64 << 20, largest_gates = 128 << 20;
/// Up to so many rows the backend's own kernels read dense weights once.
constexpr uint32_t few_rows = 16;

size_t round_up(size_t bytes) { return (bytes + 255) & ~(size_t)255; }
size_t width_of(mk_dtype dtype) { return dtype == MK_F32 ? 4 : 2; }

/// A product in the making: x and y move on as parts of the work are done.
struct linear_work {
  const void *x;
  void *y;
  mk_dtype x_dtype, y_dtype;
  uint32_t rows, cols, x_stride, y_stride, output;
  const float *norm_weight;
  float norm_epsilon;
  const mk_linear_segment *segments;
  uint32_t segment_count;
  const float *squares;
  const float *next_norm_weight;
  bf16 *next_x;
  float *next_squares;

  /// Some of its rows.
  linear_work slice(uint32_t first, uint32_t count) const {
    linear_work part = *this;
    part.x = static_cast<const uint8_t *>(x) + (size_t)first * x_stride * width_of(x_dtype);
    part.y = static_cast<uint8_t *>(y) + (size_t)first * y_stride * width_of(y_dtype);
    part.rows = count;
    if (squares) part.squares += (size_t)first * square_parts(cols);
    return part;
  }
};

/// The workspace's parts: x in another form, gates and ups before they are multiplied, dequantised weights.
struct linear_space {
  uint8_t *activations, *gates, *weights;
  size_t activation_bytes, gate_bytes, weight_bytes;
};

size_t activation_bytes(uint32_t rows, uint32_t cols) { return round_up((size_t)rows * cols * 2 + (size_t)cols * 4); }
size_t piece_bytes(size_t all, size_t least, size_t most) {
  return round_up(all < most ? all : most > least ? most : least);
}
size_t gate_bytes(uint32_t rows, uint32_t outputs) {
  return piece_bytes((size_t)rows * outputs * 4, (size_t)outputs * 4, largest_gates);
}

mk_status check(const mk_stream *stream, const mk_linear_args *args) {
  if (!stream || !args || !args->segments || args->segment_count == 0) return MK_INVALID_ARGUMENT;
  uint64_t outputs = 0;
  for (uint32_t s = 0; s < args->segment_count; s++) {
    const mk_matrix *matrix = &args->segments[s].matrix;
    if (!is_valid_matrix(matrix) || matrix->cols != args->segments[0].matrix.cols) return MK_INVALID_ARGUMENT;
    outputs += matrix->rows;
  }
  if (is_gated(args->output)) {
    if (args->output > MK_OUTPUT_GELU_TANH || args->segment_count != 2 ||
        args->segments[0].matrix.rows != args->segments[1].matrix.rows) {
      return MK_INVALID_ARGUMENT;
    }
    outputs /= 2;
  }
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->y || args->x_stride < args->segments[0].matrix.cols || args->y_stride < outputs) {
    return MK_INVALID_ARGUMENT;
  }
  if (args->squares && (args->norm_weight || args->x_dtype != MK_BF16)) return MK_INVALID_ARGUMENT;
  if (args->next_norm_weight && (args->output != MK_OUTPUT_ADD || !args->next_x || !args->next_squares)) {
    return MK_INVALID_ARGUMENT;
  }
  if ((args->norm_weight && args->x_dtype != MK_F32) || (args->output == MK_OUTPUT_ADD && args->y_dtype != MK_F32)) {
    return MK_INVALID_ARGUMENT;
  }
  return is_activation_dtype(args->x_dtype) && is_activation_dtype(args->y_dtype) ? MK_OK : MK_UNSUPPORTED;
}

bool is_dense(const linear_work &work) {
  for (uint32_t s = 0; s < work.segment_count; s++) {
    if (is_quantized(work.segments[s].matrix.dtype)) return false;
  }
  return true;
}

bool has_dtype(const linear_work &work, mk_dtype dtype) {
  for (uint32_t s = 0; s < work.segment_count; s++) {
    if (work.segments[s].matrix.dtype == dtype) return true;
  }
  return false;
}

product product_of(const linear_work &work) {
  product p = {};
  p.x = work.x;
  p.y = work.y;
  p.x_dtype = work.x_dtype;
  p.y_dtype = work.y_dtype;
  p.rows = work.rows;
  p.cols = work.cols;
  p.x_stride = work.x_stride;
  p.y_stride = work.y_stride;
  p.output = work.output;
  p.squares = work.squares;
  p.epsilon = work.norm_epsilon;
  p.next_norm_weight = work.next_norm_weight;
  p.next_x = work.next_x;
  p.next_squares = work.next_squares;
  return p;
}

/// Segment *s and those after it with its dtype, which share a launch; both move past them.
product next_product(const linear_work &work, uint32_t *s, uint32_t *offset) {
  product p = product_of(work);
  p.dtype = work.segments[*s].matrix.dtype;
  while (*s < work.segment_count && p.segment_count < max_product_segments &&
         work.segments[*s].matrix.dtype == p.dtype) {
    const mk_linear_segment &segment = work.segments[(*s)++];
    p.segments[p.segment_count++] = {segment.matrix.data, segment.bias, segment.matrix.rows, *offset,
                                     p.dtype == MK_F8_E4M3 ? fp8_scales(segment.matrix) : nullptr};
    *offset += segment.matrix.rows;
  }
  return p;
}

/// Whether streaming kernels can do all of it but norm and gates.
bool can_stream(const linear_work &work) {
  for (uint32_t s = 0, offset = 0; s < work.segment_count;) {
    const product p = next_product(work, &s, &offset);
    if (!streaming_product_fits(&p)) return false;
  }
  return true;
}

/// Whether streaming kernels do all of it but the norm.
bool streams(const mk_stream *stream, const linear_work &work) {
  if (stream->is_deterministic) return false;
  uint32_t s = 0, offset = 0, products = 0;
  while (s < work.segment_count) {
    const product p = next_product(work, &s, &offset);
    if (!streaming_product_pays(&p) && !quantized_product_fits(&p)) return false;
    products++;
  }
  return products == 1 || !is_gated(work.output);
}

/// Whether quantised weights are multiplied as they are, with x in bf16. Sums of their own would part deterministic rows
/// by number.
bool reads_codes(const mk_stream *stream, const linear_work &work) {
  if (stream->is_deterministic) return false;
  uint64_t weights = 0;
  for (uint32_t s = 0; s < work.segment_count; s++) weights += (uint64_t)work.segments[s].matrix.rows * work.cols;
  for (uint32_t s = 0; s < work.segment_count; s++) {
    const mk_dtype dtype = work.segments[s].matrix.dtype;
    if (!is_quantized(dtype)) continue;
    const bool pays =
        dtype == MK_F8_E4M3 ? streaming_rows_pay(dtype, work.rows, weights) : work.rows <= most_quantized_rows;
    if (!pays) return false;
  }
  return true;
}

/// Whether weights are in a quantised format of files.
bool is_packed(mk_dtype dtype) { return is_quantized(dtype) && dtype != MK_F8_E4M3; }

template <typename Segmented> uint32_t outputs_of(const Segmented &work) {
  uint32_t outputs = 0;
  for (uint32_t s = 0; s < work.segment_count; s++) outputs += work.segments[s].matrix.rows;
  return outputs;
}
template <> uint32_t outputs_of(const product &p) {
  uint32_t outputs = 0;
  for (uint32_t s = 0; s < p.segment_count; s++) outputs += p.segments[s].rows;
  return outputs;
}

/// Whether tiles of quantised weights are turned to bf16 in the product itself. Few outputs make short tiles, of which
/// the codes' own product takes 32 rows as fast.
bool takes_packed_tiles(const mk_stream *stream, uint32_t rows, uint32_t outputs) {
  const bool is_wide = outputs >= 32 * (uint32_t)stream->multiprocessors;
  return stream->is_deterministic || (rows >= (is_wide ? 17 : 33) && rows <= most_packed_rows);
}

/// Few rows without norm and gates.
mk_status multiply_few(mk_stream *stream, const product *p) {
  if (is_packed(p->dtype)) {
    const mk_status status = takes_packed_tiles(stream, p->rows, outputs_of(*p)) ? packed_tile_product(stream, p) : MK_UNSUPPORTED;
    return status == MK_UNSUPPORTED ? quantized_product(stream, p) : status;
  }
  return streaming_product_fits(p) ? streaming_product(stream, p) : plain_product(stream, p);
}

mk_status linear_few(mk_stream *stream, const linear_work &work) {
  uint32_t s = 0, offset = 0;
  while (s < work.segment_count) {
    const product p = next_product(work, &s, &offset);
    const mk_status status = multiply_few(stream, &p);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

/// By cuBLASLt, or else by the backend's own kernels, sixteen rows at a time. cuBLASLt's sums depend on the rows.
mk_status multiply_dense(mk_stream *stream, const dense_product &dense, const float *bias) {
  mk_status status = stream->is_deterministic ? MK_UNSUPPORTED : cublaslt_multiply(stream, &dense);
  if (status == MK_OK) {
    return bias ? add_bias(stream, dense.y, dense.y_dtype, bias, dense.rows, dense.outputs, dense.y_stride) : MK_OK;
  }
  if (status != MK_UNSUPPORTED) return status;
  product all = {};
  all.x = dense.x;
  all.y = dense.y;
  all.x_dtype = dense.dtype;
  all.y_dtype = dense.y_dtype;
  all.rows = dense.rows;
  all.cols = dense.cols;
  all.x_stride = dense.x_stride;
  all.y_stride = dense.y_stride;
  all.dtype = dense.dtype;
  all.output = dense.adds ? MK_OUTPUT_ADD : MK_OUTPUT_STORE;
  all.weights_are_fresh = true;
  all.segment_count = 1;
  all.segments[0] = {dense.w, bias, dense.outputs, 0, nullptr};
  status = tile_product(stream, &all);
  for (uint32_t row = 0; row < dense.rows && (status == MK_UNSUPPORTED || row > 0); row += few_rows) {
    product p = all;
    p.x = static_cast<const uint8_t *>(dense.x) + (size_t)row * dense.x_stride * width_of(dense.dtype);
    p.y = static_cast<uint8_t *>(dense.y) + (size_t)row * dense.y_stride * width_of(dense.y_dtype);
    p.rows = dense.rows - row < few_rows ? dense.rows - row : few_rows;
    status = multiply_few(stream, &p);
    if (status != MK_OK) return status;
  }
  return status;
}

/// Whether one streaming product does all of it, a norm before or after it included.
bool defers(const mk_stream *stream, const linear_work &work) {
  if ((!work.squares && !work.next_norm_weight) || work.norm_weight || stream->is_deterministic) return false;
  uint32_t s = 0, offset = 0;
  const product p = next_product(work, &s, &offset);
  return s == work.segment_count && streaming_product_defers(&p);
}

/// What x is turned to for weights of `dtype`.
mk_dtype activations_for(mk_dtype dtype) { return is_quantized(dtype) ? mk_dtype(MK_BF16) : dtype; }

/// Whether `next` lies behind `matrix`, so that the two are one matrix.
bool continues(const mk_matrix &matrix, const mk_matrix &next) {
  if (next.dtype != matrix.dtype) return false;
  const auto *data = static_cast<const uint8_t *>(matrix.data);
  if (matrix.dtype == MK_F8_E4M3) {
    return next.data == data + (size_t)matrix.rows * fp8_stride(matrix.cols) &&
           fp8_scales(next) == fp8_scales(matrix) + matrix.rows;
  }
  return (!is_quantized(matrix.dtype) || matrix.rows % tile_rows == 0) &&
         next.data == data + device_bytes(matrix.dtype, matrix.rows, matrix.cols);
}

/// Segment *s together with those after it whose weights follow in memory, as one; `*s` moves past them.
mk_linear_segment joined(const linear_work &work, uint32_t *s) {
  mk_linear_segment segment = work.segments[(*s)++];
  for (; *s < work.segment_count && !segment.bias; (*s)++) {
    const mk_linear_segment &next = work.segments[*s];
    if (next.bias || !continues(segment.matrix, next.matrix)) break;
    segment.matrix.rows += next.matrix.rows;
  }
  return segment;
}

/// x normed, or of the dtype that the weights want, in the workspace where it is not so already.
mk_status prepare(mk_stream *stream, const linear_work &work, const linear_space &space, mk_dtype wanted,
                  linear_work *out) {
  *out = work;
  if (!work.norm_weight && !work.squares && work.x_dtype == wanted) return MK_OK;
  out->x = space.activations;
  out->x_dtype = wanted;
  out->x_stride = work.cols;
  out->norm_weight = nullptr;
  out->squares = nullptr;
  conversion c = {work.x, space.activations, work.x_dtype, wanted, work.rows, work.cols, work.x_stride, work.cols};
  if (work.squares) return resolve_norm(stream, c, work.squares, work.norm_epsilon);
  if (work.norm_weight) {
    if (work.x_stride != work.cols) return MK_UNSUPPORTED;
    mk_norm_args norm = {};
    norm.x = static_cast<const float *>(work.x);
    norm.weight = work.norm_weight;
    norm.y = reinterpret_cast<float *>(space.activations);
    norm.rows = work.rows;
    norm.cols = work.cols;
    norm.epsilon = work.norm_epsilon;
    norm.y_dtype = wanted == MK_F32 ? MK_F32 : MK_BF16;
    const mk_status status = cuda_norm(stream, &norm);
    if (status != MK_OK || wanted != MK_F16) return status;
    c.x = space.activations;
    c.x_dtype = MK_BF16;
    c.x_stride = work.cols;
  }
  return convert_activations(stream, c);
}

/// Whether x may be quantised to multiply FP8 weights. Few rows are faster as they are, and x that is in the workspace
/// already would be overwritten while it is read.
bool quantizes_rows(const mk_stream *stream, const linear_work &work, const linear_space &space) {
  constexpr uint32_t least_columns = 32; // from these on codes and scales of x fit where it would be in bf16
  return !stream->is_deterministic && stream->cublaslt && work.rows > 8 && work.cols >= least_columns &&
         work.x != space.activations;
}

/// An FP8 segment with x in FP8 too, which `ready` becomes where it is not so yet; the norm is done on the way.
/// MK_UNSUPPORTED where cuBLASLt has no such product.
mk_status multiply_fp8(mk_stream *stream, const linear_work &work, const mk_linear_segment &segment, uint8_t *y,
                       const linear_space &space, linear_work *ready) {
  const mk_matrix *matrix = &segment.matrix;
  const uint32_t stride = fp8_stride(work.cols);
  float *x_scales = reinterpret_cast<float *>(space.activations + (size_t)work.rows * stride);
  if ((uintptr_t)matrix->data % 16 != 0 || (uintptr_t)fp8_scales(*matrix) % 16 != 0) return MK_UNSUPPORTED;
  if (ready->x_dtype != MK_F8_E4M3) {
    const mk_status status = quantize_rows(stream, {work.x, work.x_dtype, work.rows, work.cols, work.x_stride,
                                                    work.norm_weight, work.norm_epsilon, space.activations, x_scales});
    if (status != MK_OK) return status;
    *ready = work;
    ready->x = space.activations;
    ready->x_dtype = MK_F8_E4M3;
    ready->x_stride = stride;
    ready->norm_weight = nullptr;
  }
  dense_product dense = {};
  dense.x = ready->x;
  dense.w = matrix->data;
  dense.y = y;
  dense.dtype = MK_F8_E4M3;
  dense.y_dtype = work.y_dtype;
  dense.adds = work.output == MK_OUTPUT_ADD;
  dense.rows = work.rows;
  dense.outputs = matrix->rows;
  dense.cols = dense.x_stride = stride; // the zeros behind the columns too
  dense.y_stride = work.y_stride;
  dense.x_scales = x_scales;
  dense.w_scales = fp8_scales(*matrix);
  const mk_status status = cublaslt_multiply(stream, &dense);
  if (status != MK_OK || !segment.bias) return status;
  return add_bias(stream, y, work.y_dtype, segment.bias, work.rows, matrix->rows, work.y_stride);
}

/// The rows of a segment, a piece of them at a time where they are quantised or y needs a conversion.
mk_status multiply_segment(mk_stream *stream, const linear_work &work, const mk_linear_segment &segment, uint8_t *y,
                           const linear_space &space) {
  const mk_matrix *matrix = &segment.matrix;
  const bool has_codes = is_quantized(matrix->dtype);
  if (has_codes) {
    linear_work part = work;
    part.y = y;
    part.segments = &segment;
    part.segment_count = 1;
    uint32_t s = 0, offset = 0;
    const product p = next_product(part, &s, &offset);
    if (is_packed(matrix->dtype) && takes_packed_tiles(stream, work.rows, matrix->rows)) {
      const mk_status status = packed_tile_product(stream, &p);
      if (status != MK_UNSUPPORTED) return status;
    }
    const bool fits = matrix->dtype == MK_F8_E4M3 ? streaming_product_fits(&p) : work.rows <= most_quantized_rows;
    if (fits && !stream->is_deterministic) return multiply_few(stream, &p);
  }
  dense_product dense = {};
  dense.x = work.x;
  dense.w = matrix->data;
  dense.y = y;
  dense.dtype = work.x_dtype;
  dense.y_dtype = work.y_dtype;
  dense.adds = work.output == MK_OUTPUT_ADD;
  dense.rows = work.rows;
  dense.outputs = matrix->rows;
  dense.cols = work.cols;
  dense.x_stride = work.x_stride;
  dense.y_stride = work.y_stride;
  const bool is_converted = work.y_dtype == MK_BF16 && work.x_dtype != MK_BF16;
  if (!has_codes && !is_converted) return multiply_dense(stream, dense, segment.bias);
  const uint64_t each = has_codes ? (uint64_t)matrix->cols * 2 : (uint64_t)work.rows * 4;
  // The same pieces whatever else the workspace holds: how a piece's sums are split may depend on its size.
  const size_t bytes = space.weight_bytes < largest_piece ? space.weight_bytes : largest_piece;
  const uint64_t room = bytes / each, piece = room < matrix->rows ? room : matrix->rows;
  if (piece == 0) return MK_OUT_OF_MEMORY;
  for (uint32_t first = 0; first < matrix->rows; first += (uint32_t)piece) {
    dense.outputs = matrix->rows - first < piece ? matrix->rows - first : (uint32_t)piece;
    uint8_t *place = y + first * width_of(work.y_dtype);
    const float *bias = segment.bias ? segment.bias + first : nullptr;
    mk_status status = MK_OK;
    if (has_codes) {
      dense.w = space.weights;
      dense.y = place;
      status = dequantize_rows(stream, matrix, first, dense.outputs, space.weights);
    } else {
      dense.w = static_cast<const uint8_t *>(matrix->data) + first * row_bytes_of(matrix->dtype, matrix->cols);
      dense.y = space.weights;
      dense.y_dtype = MK_F32;
      dense.y_stride = dense.outputs;
    }
    if (status == MK_OK) status = multiply_dense(stream, dense, bias);
    if (status == MK_OK && !has_codes) {
      status = convert_activations(
          stream, {space.weights, place, MK_F32, MK_BF16, work.rows, dense.outputs, dense.outputs, work.y_stride});
    }
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

/// Everything but gates.
mk_status multiply(mk_stream *stream, const linear_work &work, const linear_space &space) {
  if (work.rows <= few_rows && !work.norm_weight && !work.squares && is_dense(work) &&
      (stream->is_deterministic || !stream->cublaslt || !can_stream(work))) {
    return linear_few(stream, work);
  }
  linear_work ready = work;
  uint32_t offset = 0;
  for (uint32_t s = 0; s < work.segment_count;) {
    const mk_linear_segment segment = joined(work, &s);
    const mk_dtype wanted = activations_for(segment.matrix.dtype);
    uint8_t *y = static_cast<uint8_t *>(work.y) + offset * width_of(work.y_dtype);
    mk_status status = MK_UNSUPPORTED;
    if (segment.matrix.dtype == MK_F8_E4M3 && !work.squares && quantizes_rows(stream, work, space)) {
      status = multiply_fp8(stream, work, segment, y, space, &ready);
    }
    if (status == MK_UNSUPPORTED) {
      status = MK_OK;
      // What was rounded already may have to be rounded to another type.
      if (ready.norm_weight || ready.squares || ready.x_dtype != wanted) {
        status = prepare(stream, work, space, wanted, &ready);
      }
      if (status == MK_OK) status = multiply_segment(stream, ready, segment, y, space);
    }
    if (status != MK_OK) return status;
    offset += segment.matrix.rows;
  }
  return MK_OK;
}

/// Gates and ups to the workspace, then what they make of each other.
mk_status multiply_gated(mk_stream *stream, const linear_work &work, const linear_space &space) {
  const uint32_t n = work.segments[0].matrix.rows;
  linear_work inner = work;
  inner.y = space.gates;
  inner.y_dtype = has_dtype(work, MK_F32) ? MK_F32 : MK_BF16;
  inner.y_stride = 2 * n;
  inner.output = MK_OUTPUT_STORE;
  const mk_status status = multiply(stream, inner, space);
  if (status != MK_OK) return status;
  return gate(stream, {space.gates, work.y, inner.y_dtype, work.y_dtype, work.rows, n, 2 * n, work.y_stride,
                       activation_of(work.output)});
}

/// Whether one launch of tile products may do all of it but the norm.
bool suits_tiles(const linear_work &work) {
  const mk_dtype dtype = work.segments[0].matrix.dtype;
  if (dtype != MK_BF16 && dtype != MK_F16 && !is_packed(dtype)) return false;
  if (work.segment_count > max_product_segments) return false;
  for (uint32_t s = 1; s < work.segment_count; s++) {
    if (work.segments[s].matrix.dtype != dtype) return false;
  }
  return true;
}

/// Whether tile products do it. Where nothing may depend on the number of rows, no others can. Elsewhere they do where
/// they are faster than streaming products and cuBLASLt's, which neither start under their predecessor's end nor let
/// others start under theirs: with over 64 rows, blocks of few outputs would read x too often.
bool takes_tiles(const mk_stream *stream, const linear_work &work) {
  constexpr uint32_t least_rows = 9, most_rows = 64;
  constexpr uint64_t most_weights = 32 << 20; // of a product that neither adds nor gates
  const mk_dtype dtype = work.segments[0].matrix.dtype;
  if (is_packed(dtype)) return takes_packed_tiles(stream, work.rows, outputs_of(work)) && suits_tiles(work);
  if (stream->is_deterministic) return suits_tiles(work);
  const uint32_t outputs = outputs_of(work);
  const uint64_t weights = (uint64_t)outputs * work.cols;
  if (work.rows < least_rows || streaming_rows_pay(dtype, work.rows, weights)) return false;
  const bool is_stored = work.output == MK_OUTPUT_STORE;
  const bool pays = work.rows <= most_rows ? !is_stored || weights <= most_weights
                                           : work.rows <= most_tile_rows && !is_stored && work.cols <= outputs;
  return pays && suits_tiles(work);
}

/// Whether all segments want x in the same form.
bool is_uniform(const linear_work &work) {
  for (uint32_t s = 1; s < work.segment_count; s++) {
    if (activations_for(work.segments[s].matrix.dtype) != activations_for(work.segments[0].matrix.dtype)) return false;
  }
  return true;
}

mk_status run(mk_stream *stream, const linear_work &work, const linear_space &space) {
  linear_work ready = work;
  if (takes_tiles(stream, work)) {
    const mk_dtype dtype = work.segments[0].matrix.dtype;
    mk_status status = prepare(stream, work, space, activations_for(dtype), &ready);
    if (status != MK_OK) return status;
    uint32_t s = 0, offset = 0;
    const product p = next_product(ready, &s, &offset);
    status = is_packed(dtype) ? packed_tile_product(stream, &p) : tile_product(stream, &p);
    if (status != MK_UNSUPPORTED) return status;
  } else if (is_uniform(work) &&
             (work.squares || (is_dense(work) ? work.norm_weight != nullptr : reads_codes(stream, work)))) {
    const mk_status status = prepare(stream, work, space, has_dtype(work, MK_F32) ? MK_F32 : MK_BF16, &ready);
    if (status != MK_OK) return status;
  }
  if (!ready.norm_weight && !ready.squares && streams(stream, ready)) return linear_few(stream, ready);
  return is_gated(work.output) ? multiply_gated(stream, ready, space) : multiply(stream, ready, space);
}

/// Rows that the workspace takes at once.
uint32_t rows_at_once(const linear_work &work, const linear_space &space) {
  uint64_t rows = work.rows;
  const auto bound = [&rows](size_t bytes, uint64_t each) {
    if (bytes / each < rows) rows = bytes / each;
  };
  const bool has_float = has_dtype(work, MK_F32), converts = work.norm_weight || work.x_dtype == MK_BF16;
  if (converts || !has_float) {
    bound(space.activation_bytes, (uint64_t)work.cols * (has_float && converts ? 4 : 2));
  }
  if (is_gated(work.output)) {
    bound(space.gate_bytes, (uint64_t)work.segments[0].matrix.rows * 2 * (has_float ? 4 : 2));
  }
  return (uint32_t)(rows > 256 ? rows / 256 * 256 : rows);
}

/// All rows at once, with the gates in the product itself: none pass through the workspace.
mk_status multiply_with_gates(mk_stream *stream, const linear_work &work, const linear_space &space) {
  if (stream->is_deterministic || !is_gated(work.output)) return MK_UNSUPPORTED;
  const auto both = [](const linear_work &of) {
    uint32_t s = 0, offset = 0;
    return next_product(of, &s, &offset);
  };
  product p = both(work);
  if (p.dtype != MK_BF16 || p.segment_count != 2 || !gated_product_pays(stream, &p)) return MK_UNSUPPORTED;
  linear_work ready;
  const mk_status status = prepare(stream, work, space, MK_BF16, &ready);
  if (status != MK_OK) return status;
  p = both(ready);
  return gated_product(stream, &p);
}

/// All but what is left for a norm after it.
mk_status multiply_all(mk_stream *stream, const linear_work &work, void *workspace, size_t workspace_bytes) {
  if (!work.norm_weight && !work.squares && !takes_tiles(stream, work) && streams(stream, work)) {
    return linear_few(stream, work);
  }
  const uint32_t outputs = outputs_of(work);
  linear_space space = {};
  space.activation_bytes = activation_bytes(work.rows, work.cols);
  space.gate_bytes = is_gated(work.output) ? gate_bytes(work.rows, outputs) : 0;
  if (!workspace || workspace_bytes < space.activation_bytes + space.gate_bytes) return MK_INVALID_ARGUMENT;
  space.activations = static_cast<uint8_t *>(workspace);
  space.gates = space.activations + space.activation_bytes;
  space.weights = space.gates + space.gate_bytes;
  space.weight_bytes = workspace_bytes - space.activation_bytes - space.gate_bytes;
  const mk_status status = multiply_with_gates(stream, work, space);
  if (status != MK_UNSUPPORTED) return status;
  const uint32_t piece = rows_at_once(work, space);
  if (piece == 0) return MK_INVALID_ARGUMENT;
  for (uint32_t first = 0; first < work.rows; first += piece) {
    const linear_work part = work.slice(first, work.rows - first < piece ? work.rows - first : piece);
    const mk_status status = run(stream, part, space);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

} // namespace

size_t cuda_linear_workspace_bytes(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs) {
  return activation_bytes(max_rows, max_cols) + gate_bytes(max_rows, max_outputs) +
         piece_bytes((size_t)max_cols * max_outputs * 2, (size_t)max_cols * 2, largest_piece);
}

mk_status cuda_linear(mk_stream *stream, const mk_linear_args *args) {
  mk_status status = check(stream, args);
  if (status != MK_OK || args->rows == 0) return status;
  linear_work work = {};
  work.x = args->x;
  work.y = args->y;
  work.x_dtype = args->x_dtype;
  work.y_dtype = args->y_dtype;
  work.rows = args->rows;
  work.cols = args->segments[0].matrix.cols;
  work.x_stride = args->x_stride;
  work.y_stride = args->y_stride;
  work.output = args->output;
  work.norm_weight = args->norm_weight;
  work.norm_epsilon = args->norm_epsilon;
  work.segments = args->segments;
  work.segment_count = args->segment_count;
  work.squares = args->squares;
  work.next_norm_weight = args->next_norm_weight;
  work.next_x = static_cast<bf16 *>(args->next_x);
  work.next_squares = args->next_squares;
  if (defers(stream, work)) return linear_few(stream, work);
  work.next_norm_weight = nullptr;
  status = multiply_all(stream, work, args->workspace, args->workspace_bytes);
  if (status != MK_OK || !args->next_norm_weight) return status;
  return defer_norm(stream, args->y, args->rows, outputs_of(*args), args->y_stride, args->next_norm_weight, work.next_x,
                    args->next_squares);
}
