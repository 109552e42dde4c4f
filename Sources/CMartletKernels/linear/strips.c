/// `linear` over packed strips: splits the outputs and tokens in pieces and hands tiles to a variant's micro-kernels.
#include "../team.h"
#include "strips.h"

/// Pieces aim at this much time: short enough that a preempted helper delays little, long enough to claim cheaply.
enum { PIECE_MAX_NANOSECONDS = 40000, PIECE_MIN_NANOSECONDS = 4000, PIECES_PER_WORKER = 4, STRIPS_PER_PIECE = 4 };

/// From so many groups on a panel pays.
enum { GROUPS_FOR_PANELS = 8 };

typedef struct {
  const mk_stream *stream;
  const mk_linear_args *args;
  const mk_strip_variant *variant;
  mk_linear_needs needs;
  uint32_t cols, groups, strips;
  uint32_t strips_per_piece, groups_per_piece, group_chunks;
} strips_context;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t quotient_up(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

static uint32_t tokens_in_group(const strips_context *context, uint32_t group) {
  return smaller(context->variant->group, context->args->rows - group * context->variant->group);
}

static void quantize_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const strips_context *context = opaque;
  const mk_linear_args *args = context->args;
  const uint32_t first = piece * context->variant->group;
  const uint32_t count = tokens_in_group(context, piece);
  uint8_t *out = args->workspace;
  if (context->needs.quantized) {
    context->variant->quantize_group(args->x, args->x_stride, context->cols, first, count,
                                     out + mk_activation_bytes(first, context->cols));
  }
  if (context->needs.coded) {
    context->variant->encode_group(args->x, args->x_stride, context->cols, first, count,
                                   out + context->needs.coded_offset + mk_coded_activation_bytes(first, context->cols));
  }
}

/// One strip, or its panel, times one group; `output` is the segment's first column of y.
static void multiply_tile(const strips_context *context, const mk_linear_segment *segment, uint32_t output,
                          uint32_t strip, uint32_t group, const uint8_t *panel) {
  const mk_linear_args *args = context->args;
  const mk_matrix *matrix = &segment->matrix;
  const mk_format *format = mk_format_of(matrix->dtype);
  const uint32_t token = group * context->variant->group, row = strip * MK_STRIP;
  const mk_tile tile = {
      .strip = panel ? panel : (const uint8_t *)matrix->data + strip * mk_strip_shape_of(format, matrix->cols).bytes,
      .group = (const uint8_t *)args->workspace +
               (mk_is_coded(matrix->dtype)
                    ? context->needs.coded_offset + mk_coded_activation_bytes(token, context->cols)
                    : mk_activation_bytes(token, context->cols)),
      .x = args->x + (size_t)token * args->x_stride,
      .x_stride = args->x_stride,
      .cols = context->cols,
      .lanes = smaller(MK_STRIP, matrix->rows - row),
      .bias = segment->bias ? segment->bias + row : NULL,
      .y = args->y + (size_t)token * args->y_stride + output + row,
      .y_stride = args->y_stride,
  };
  const mk_tile_kernel *kernels = panel ? context->variant->panel_kernels[format->sub_blocks - 1][format->minimum]
                                        : context->variant->kernels[matrix->dtype];
  kernels[tokens_in_group(context, group) - 1](&tile);
}

/// Multiplies strips [first, end) of a segment with groups [group_first, group_end). With few groups, one's activations
/// stay in the first-level cache while the strips stream past; with many, a strip's panel does.
static void multiply(const strips_context *context, const mk_linear_segment *segment, uint32_t output, uint32_t first,
                     uint32_t end, uint32_t group_first, uint32_t group_end, uint8_t *scratch) {
  const mk_matrix *matrix = &segment->matrix;
  const mk_format *format = mk_format_of(matrix->dtype);
  if (!context->variant->expand[matrix->dtype] || group_end - group_first < GROUPS_FOR_PANELS ||
      context->cols / MK_BLOCK * mk_panel_block_bytes(format) > MK_SCRATCH_BYTES) {
    for (uint32_t group = group_first; group < group_end; group++) {
      for (uint32_t strip = first; strip < end; strip++) {
        multiply_tile(context, segment, output, strip, group, NULL);
      }
    }
    return;
  }
  const size_t bytes = mk_strip_shape_of(format, matrix->cols).bytes;
  for (uint32_t strip = first; strip < end; strip++) {
    context->variant->expand[matrix->dtype]((const uint8_t *)matrix->data + strip * bytes, context->cols, scratch);
    for (uint32_t group = group_first; group < group_end; group++) {
      multiply_tile(context, segment, output, strip, group, scratch);
    }
  }
}

static void linear_piece(void *opaque, uint32_t piece, uint32_t worker) {
  const strips_context *context = opaque;
  uint32_t first = piece / context->group_chunks * context->strips_per_piece;
  uint32_t left = smaller(context->strips_per_piece, context->strips - first);
  const uint32_t group_first = piece % context->group_chunks * context->groups_per_piece;
  const uint32_t group_end = smaller(group_first + context->groups_per_piece, context->groups);
  uint32_t offset = 0;
  const mk_linear_segment *segment = context->args->segments;
  for (; left > 0; segment++) {
    const uint32_t strips = mk_strip_count(segment->matrix.rows);
    if (first < strips) {
      const uint32_t count = smaller(left, strips - first);
      multiply(context, segment, offset, first, first + count, group_first, group_end,
               mk_stream_scratch(context->stream, worker));
      left -= count;
      first = 0;
    } else {
      first -= strips;
    }
    offset += segment->matrix.rows;
  }
}

/// Nanoseconds of one group of tokens on one strip, roughly: reading the strip or multiplying, whichever is longer.
static uint64_t tile_cost(const strips_context *context, const mk_matrix *matrix, uint32_t tokens) {
  const mk_format *format = mk_format_of(matrix->dtype);
  const uint64_t reading = mk_strip_shape_of(format, matrix->cols).bytes / 10;
  const uint64_t cols = context->cols;
  const uint64_t multiplying = format->quantized              ? cols / 32 * (4 + 3 * tokens)
                               : mk_is_coded(matrix->dtype) ? cols * (1 + tokens) / 6
                                                            : cols * (1 + tokens) / 3;
  return 1 + (reading > multiplying ? reading : multiplying);
}

static uint32_t plan_pieces(strips_context *context, uint32_t workers) {
  const mk_linear_args *args = context->args;
  uint64_t total = 0;
  const uint32_t tokens = smaller(args->rows, context->variant->group);
  for (uint32_t s = 0; s < args->segment_count; s++) {
    const uint32_t strips = mk_strip_count(args->segments[s].matrix.rows);
    context->strips += strips;
    total += strips * tile_cost(context, &args->segments[s].matrix, tokens);
  }
  const uint64_t tile = total / context->strips, all_groups = tile * context->groups;
  uint64_t target = total * context->groups / ((uint64_t)workers * PIECES_PER_WORKER);
  if (target > PIECE_MAX_NANOSECONDS) target = PIECE_MAX_NANOSECONDS;
  if (target < PIECE_MIN_NANOSECONDS) target = PIECE_MIN_NANOSECONDS;
  // One strip's panel meets as many groups as the piece has time for.
  const bool expands =
      context->variant->expand[args->segments[0].matrix.dtype] && context->groups >= GROUPS_FOR_PANELS;
  const uint32_t strips = expands ? 1 : STRIPS_PER_PIECE, groups = expands ? GROUPS_FOR_PANELS : 1;
  if (all_groups * strips <= target) {
    context->groups_per_piece = context->groups;
    context->strips_per_piece = (uint32_t)(target / all_groups);
  } else {
    context->strips_per_piece = context->groups == 1 ? 1 + (uint32_t)(target / tile) : strips;
    const uint64_t fitting = target / (tile * context->strips_per_piece);
    context->groups_per_piece = smaller(context->groups, fitting > groups ? (uint32_t)fitting : groups);
  }
  context->group_chunks = quotient_up(context->groups, context->groups_per_piece);
  context->groups_per_piece = quotient_up(context->groups, context->group_chunks);
  return quotient_up(context->strips, context->strips_per_piece) * context->group_chunks;
}

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant) {
  mk_linear_needs needs;
  const mk_status status = mk_check_linear(args, &needs);
  if (status != MK_OK || !needs.work) return status;
  if (!stream) return MK_INVALID_ARGUMENT;
  if (needs.unpacked) return mk_reference_linear(stream, args);
  strips_context context = {.stream = stream, .args = args, .variant = variant, .needs = needs, .cols = needs.cols};
  context.groups = quotient_up(args->rows, variant->group);
  const uint32_t pieces = plan_pieces(&context, mk_stream_width(stream));
  if (needs.quantized || needs.coded) {
    if (context.groups == 1) {
      quantize_piece(&context, 0, 0);
    } else {
      mk_parallel(stream, context.groups, quantize_piece, &context);
    }
  }
  mk_parallel(stream, pieces, linear_piece, &context);
  return MK_OK;
}
