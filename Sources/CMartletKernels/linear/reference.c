/// The scalar `linear`: it defines, operation by operation, the bits that the fast variants reproduce.
#include "arguments.h"
#include <math.h>

enum { ROWS_PER_PIECE = 8 };

typedef struct {
  const mk_linear_args *args;
  uint32_t cols, outputs;
} linear_context;

/// The fields of token 0 in a block of a group of one.
typedef struct {
  int8_t codes[MK_BLOCK];
  float scale, sum;
  int32_t pair, pair_halves[2];
} token_block;
_Static_assert(sizeof(token_block) == MK_TOKEN_BLOCK_BYTES, "a group of one is an array of these");

static void quantize_row(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const linear_context *context = opaque;
  const mk_linear_args *args = context->args;
  uint8_t *out = (uint8_t *)args->workspace + mk_activation_bytes(piece, context->cols);
  mk_quantize_group(args->x + (size_t)piece * args->x_stride, args->x_stride, context->cols, 1, out);
}

/// sum of (code - offset) * (x + zero) over 16 columns, exact.
static int32_t half_dot(const uint8_t *codes, int offset, const int8_t *x, int32_t zero) {
  int32_t sum = 0;
  for (int i = 0; i < 16; i++) sum += (codes[i] - offset) * (x[i] + zero);
  return sum;
}

static float add_block(float sum, const mk_format *format, const mk_block *block, const mk_block_scales *scales,
                       const token_block *x) {
  const int32_t zero = mk_pair_zero(x->pair);
  const int32_t low = half_dot(block->codes, format->offset, x->codes, zero);
  const int32_t high = half_dot(block->codes + 16, format->offset, x->codes + 16, zero);
  if (format->sub_blocks == 1) {
    sum = fmaf(scales->scale[0] * x->scale, (float)(low + high), sum);
    return format->minimum ? fmaf(scales->minimum[0], x->sum, sum) : sum;
  }
  sum = fmaf(scales->scale[0] * x->scale, (float)low, sum);
  sum = fmaf(scales->scale[1] * x->scale, (float)high, sum);
  if (!format->minimum) return sum;
  sum = fmaf(scales->minimum[0], x->scale * (float)mk_pair_sum(x->pair_halves[0], 16), sum);
  return fmaf(scales->minimum[1], x->scale * (float)mk_pair_sum(x->pair_halves[1], 16), sum);
}

static void quantized_row(const mk_linear_args *args, const mk_matrix *matrix, uint32_t row, float *y) {
  const mk_format *format = mk_format_of(matrix->dtype);
  const mk_strip_shape shape = mk_strip_shape_of(format, matrix->cols);
  const uint32_t blocks = matrix->cols / MK_BLOCK;
  for (uint32_t token = 0; token < args->rows; token++) y[(size_t)token * args->y_stride] = 0;
  for (uint32_t b = 0; b < blocks; b++) {
    mk_block block;
    mk_matrix_block(matrix, &shape, row, b, &block);
    const mk_block_scales scales = mk_multiply_scales(format, &block);
    for (uint32_t token = 0; token < args->rows; token++) {
      const token_block *x = (const token_block *)args->workspace + (size_t)token * blocks + b;
      float *sum = y + (size_t)token * args->y_stride;
      *sum = add_block(*sum, format, &block, &scales, x);
    }
  }
}

static void float_row(const mk_linear_args *args, const mk_matrix *matrix, uint32_t row, float *y) {
  enum { CHUNK = 64 };
  for (uint32_t token = 0; token < args->rows; token++) y[(size_t)token * args->y_stride] = 0;
  for (uint32_t start = 0; start < matrix->cols; start += CHUNK) {
    float w[CHUNK];
    const uint32_t left = matrix->cols - start, count = left < CHUNK ? left : CHUNK;
    mk_matrix_floats(matrix, row, start, count, w);
    for (uint32_t token = 0; token < args->rows; token++) {
      const float *x = args->x + (size_t)token * args->x_stride + start;
      float sum = y[(size_t)token * args->y_stride];
      for (uint32_t k = 0; k < count; k++) sum = fmaf(w[k], x[k], sum);
      y[(size_t)token * args->y_stride] = sum;
    }
  }
}

static void linear_row(const linear_context *context, uint32_t output) {
  const mk_linear_args *args = context->args;
  uint32_t row = output;
  const mk_linear_segment *segment = args->segments;
  while (row >= segment->matrix.rows) row -= (segment++)->matrix.rows;
  float *y = args->y + output;
  if (mk_format_of(segment->matrix.dtype)->quantized) {
    quantized_row(args, &segment->matrix, row, y);
  } else {
    float_row(args, &segment->matrix, row, y);
  }
  if (!segment->bias) return;
  for (uint32_t token = 0; token < args->rows; token++) y[(size_t)token * args->y_stride] += segment->bias[row];
}

static void linear_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const linear_context *context = opaque;
  const uint32_t first = piece * ROWS_PER_PIECE, left = context->outputs - first;
  for (uint32_t i = 0; i < (left < ROWS_PER_PIECE ? left : ROWS_PER_PIECE); i++) linear_row(context, first + i);
}

mk_status mk_reference_linear(mk_stream *stream, const mk_linear_args *args) {
  mk_linear_needs needs;
  const mk_status status = mk_check_linear(args, false, &needs);
  if (status != MK_OK || !needs.work) return status;
  if (!stream) return MK_INVALID_ARGUMENT;
  linear_context context = {args, needs.cols, 0};
  for (uint32_t s = 0; s < args->segment_count; s++) context.outputs += args->segments[s].matrix.rows;
  if (needs.quantized) mk_parallel(stream, args->rows, quantize_row, &context);
  mk_parallel(stream, (context.outputs + ROWS_PER_PIECE - 1) / ROWS_PER_PIECE, linear_piece, &context);
  return MK_OK;
}

/// The file's layout is used in place.
mk_status mk_reference_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  const mk_status status = mk_strips_packed_bytes(dtype, rows, cols, bytes);
  if (status == MK_OK) *bytes = 0;
  return status;
}

mk_status mk_reference_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  (void)destination;
  if (!stream || !mk_matrix_is_valid(source) || !out) return MK_INVALID_ARGUMENT;
  *out = *source;
  return MK_OK;
}
