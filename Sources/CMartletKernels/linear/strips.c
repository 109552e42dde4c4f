/// `linear` over packed strips: splits the outputs and tokens in pieces and hands tiles to a variant's micro-kernels.
#include "../team.h"
#include "strips.h"

/// Pieces aim at this much time: short enough that a preempted helper delays little, long enough to claim cheaply. Pieces of
/// panels may take longer, so that a panel meets many groups: making it takes as long as two or three of them.
enum {
  PIECE_MAX_NANOSECONDS = 40000,
  PANEL_PIECE_MAX_NANOSECONDS = 100000,
  PIECE_MIN_NANOSECONDS = 4000,
  PIECES_PER_WORKER = 4,
  STRIPS_PER_PIECE = 4,
};

/// From so many groups on panels pay.
enum { GROUPS_FOR_PANELS = 8 };

/// Blocks of a panel, of which the first-level cache holds most, and groups whose partial sums fit the scratch.
enum { PANEL_BLOCKS = 20, PANEL_GROUPS = 128, PANEL_BYTES = 48 << 10 };
_Static_assert(PANEL_BYTES + PANEL_GROUPS * MK_GROUP_MAX * MK_PAIR * MK_STRIP * sizeof(float) <= MK_SCRATCH_BYTES,
               "a worker has room for a panel and for partial sums");

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

/// Whether a matrix is multiplied by panels.
static bool takes_panels(const strips_context *context, const mk_matrix *matrix) {
  return context->variant->expand[matrix->dtype] && context->groups >= GROUPS_FOR_PANELS;
}

typedef struct {
  uint32_t first, end;
} range;

/// A strip of a segment whose first column of y is `output`.
static mk_tile_strip strip_of(const strips_context *context, const mk_linear_segment *segment, uint32_t output,
                              uint32_t strip) {
  const mk_matrix *matrix = &segment->matrix;
  const uint32_t row = strip * MK_STRIP;
  return (mk_tile_strip){
      .data = (const uint8_t *)matrix->data + strip * mk_strip_shape_of(mk_format_of(matrix->dtype), matrix->cols).bytes,
      .bias = segment->bias ? segment->bias + row : NULL,
      .y = context->args->y + output + row,
      .lanes = smaller(MK_STRIP, matrix->rows - row),
  };
}

/// Multiplies a tile that strip_of has left at the first group with a group.
static void multiply_group(const strips_context *context, mk_tile tile, mk_dtype dtype, const mk_tile_kernel *kernels,
                           uint32_t group) {
  const mk_linear_args *args = context->args;
  const uint32_t token = group * context->variant->group;
  const size_t before = mk_is_coded(dtype)
                            ? context->needs.coded_offset + mk_coded_activation_bytes(token, context->cols)
                            : mk_activation_bytes(token, context->cols);
  tile.group = (const uint8_t *)args->workspace + before;
  tile.x = args->x + (size_t)token * args->x_stride;
  tile.x_stride = args->x_stride;
  tile.y_stride = args->y_stride;
  tile.cols = context->cols;
  for (int s = 0; s < MK_PAIR && tile.strips[s].data; s++) tile.strips[s].y += (size_t)token * args->y_stride;
  kernels[tokens_in_group(context, group) - 1](&tile);
}

static void multiply_strips(const strips_context *context, const mk_linear_segment *segment, uint32_t output, range strips,
                            range groups) {
  const mk_dtype dtype = segment->matrix.dtype;
  for (uint32_t group = groups.first; group < groups.end; group++) {
    for (uint32_t strip = strips.first; strip < strips.end; strip++) {
      const mk_tile tile = {.strips = {strip_of(context, segment, output, strip)}};
      multiply_group(context, tile, dtype, context->variant->kernels[dtype], group);
    }
  }
}

/// Multiplies the two strips of `tile`, blocks by blocks.
static void multiply_panels(const strips_context *context, mk_tile tile, mk_dtype dtype, range groups, uint8_t *scratch) {
  const uint32_t blocks = context->cols / MK_BLOCK, panels = quotient_up(blocks, PANEL_BLOCKS);
  for (tile.first = 0; tile.first < blocks; tile.first = tile.end) {
    tile.end = smaller(tile.first + quotient_up(blocks, panels), blocks);
    context->variant->expand[dtype](&tile, scratch);
    tile.panel = scratch;
    tile.partial = (float *)(void *)(scratch + PANEL_BYTES);
    for (uint32_t group = groups.first; group < groups.end; group++) {
      multiply_group(context, tile, dtype, context->variant->panel_kernels[dtype], group);
      tile.partial += MK_GROUP_MAX * MK_PAIR * MK_STRIP;
    }
  }
}

static void multiply(const strips_context *context, const mk_linear_segment *segment, uint32_t output, range strips,
                     range groups, uint8_t *scratch) {
  if (!takes_panels(context, &segment->matrix)) {
    multiply_strips(context, segment, output, strips, groups);
    return;
  }
  for (uint32_t strip = strips.first; strip < strips.end; strip += MK_PAIR) {
    mk_tile tile = {.strips = {strip_of(context, segment, output, strip)}};
    // A strip that is left alone is its own partner, which stores nothing.
    tile.strips[1] = tile.strips[0];
    tile.strips[1].lanes = 0;
    if (strip + 1 < strips.end) tile.strips[1] = strip_of(context, segment, output, strip + 1);
    multiply_panels(context, tile, segment->matrix.dtype, groups, scratch);
  }
}

static void linear_piece(void *opaque, uint32_t piece, uint32_t worker) {
  const strips_context *context = opaque;
  uint32_t first = piece / context->group_chunks * context->strips_per_piece;
  uint32_t left = smaller(context->strips_per_piece, context->strips - first);
  range groups = {.first = piece % context->group_chunks * context->groups_per_piece};
  groups.end = smaller(groups.first + context->groups_per_piece, context->groups);
  uint32_t offset = 0;
  const mk_linear_segment *segment = context->args->segments;
  for (; left > 0; segment++) {
    const uint32_t strips = mk_strip_count(segment->matrix.rows);
    if (first < strips) {
      const uint32_t count = smaller(left, strips - first);
      multiply(context, segment, offset, (range){first, first + count}, groups,
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
  const bool panels = takes_panels(context, &args->segments[0].matrix);
  const uint64_t most = panels ? PANEL_PIECE_MAX_NANOSECONDS : PIECE_MAX_NANOSECONDS;
  if (target > most) target = most;
  if (target < PIECE_MIN_NANOSECONDS) target = PIECE_MIN_NANOSECONDS;
  // A panel meets as many groups as the piece has time for.
  const uint32_t strips = panels ? MK_PAIR : STRIPS_PER_PIECE, groups = panels ? GROUPS_FOR_PANELS : 1;
  if (all_groups * strips <= target) {
    context->groups_per_piece = context->groups;
    context->strips_per_piece = (uint32_t)(target / all_groups);
  } else {
    context->strips_per_piece = context->groups == 1 ? 1 + (uint32_t)(target / tile) : strips;
    const uint64_t fitting = target / (tile * context->strips_per_piece);
    context->groups_per_piece = smaller(context->groups, fitting > groups ? (uint32_t)fitting : groups);
  }
  if (panels) context->strips_per_piece = quotient_up(context->strips_per_piece, MK_PAIR) * MK_PAIR;
  // A segment behind the first may take panels too.
  context->groups_per_piece = smaller(context->groups_per_piece, PANEL_GROUPS);
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
