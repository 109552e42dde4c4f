/// `linear` over packed strips: splits the outputs and tokens in pieces and hands tiles to a variant's micro-kernels.
#include "../team.h"
#include "strips.h"

/// Pieces aim at this much time: short enough that a preempted helper delays little, long enough to claim cheaply. Pieces of
/// pairs may take longer, so that a panel meets many groups: making it takes as long as two or three of them.
enum {
  PIECE_MAX_NANOSECONDS = 40000,
  PAIR_PIECE_MAX_NANOSECONDS = 100000,
  PIECE_MIN_NANOSECONDS = 4000,
  PIECES_PER_WORKER = 4,
  STRIPS_PER_PIECE = 4,
};

/// From so many tokens on pairs of strips of 16-bit codes pay.
enum { TOKENS_FOR_PAIRS = 6 };

/// Groups that a piece of pairs takes at least, where there are as many.
enum { GROUPS_OF_PAIRS = 8 };

/// Groups whose activations stay in the caches while strips pass that are no pairs.
enum { GROUPS_OF_STRIPS = 8 };

/// Blocks of a panel, of which the first-level cache holds most, and groups whose partial sums fit the scratch.
enum { PANEL_BLOCKS = 20, PAIR_GROUPS = 128, PANEL_BYTES = 48 << 10 };
_Static_assert(PANEL_BYTES + PAIR_GROUPS * MK_GROUP_MAX * MK_PAIR * MK_STRIP * sizeof(float) <= MK_SCRATCH_BYTES,
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

/// Strips times groups whose products of gate and up fit the scratch.
enum { GATED_TILES = 128 };
_Static_assert(GATED_TILES * MK_STRIP * 2 * MK_GROUP_MAX * sizeof(float) <= MK_SCRATCH_BYTES && PAIR_GROUPS <= GATED_TILES,
               "a piece's products fit the scratch");

static bool is_gated(const strips_context *context) { return context->args->output >= MK_OUTPUT_SILU; }

/// The normed rows of x, for segments that multiply them as they are.
static float *normed_rows(const strips_context *context) {
  return (float *)(void *)((uint8_t *)context->args->workspace + context->needs.normed_offset);
}

/// Columns that a group is normed by at a time, before they become codes.
enum { NORM_COLUMNS = 512 };
_Static_assert(NORM_COLUMNS % MK_BLOCK == 0 && NORM_COLUMNS * MK_GROUP_MAX * sizeof(float) <= MK_SCRATCH_BYTES,
               "whole blocks of a group fit the scratch");

/// Turns columns [start, start + width) of the group that begins at token `first` to codes; x begins at `start`.
static void code_columns(const strips_context *context, const float *x, uint32_t stride, uint32_t start, uint32_t width,
                         uint32_t first, uint32_t count) {
  uint8_t *quantized = context->args->workspace, *coded = quantized + context->needs.coded_offset;
  if (context->needs.quantized) {
    quantized += mk_activation_bytes(first, context->cols) + mk_activation_bytes(count, start);
    context->variant->quantize_group(x, stride, width, count, quantized);
  }
  if (context->needs.coded) {
    coded += mk_coded_activation_bytes(first, context->cols) + mk_coded_activation_bytes(count, start);
    context->variant->encode_group(x, stride, width, count, coded);
  }
  if (context->needs.split) {
    uint8_t *split = (uint8_t *)context->args->workspace + context->needs.split_offset;
    split += mk_split_activation_bytes(first, context->cols) + mk_split_activation_bytes(count, start);
    context->variant->split_group(x, stride, width, count, split);
  }
}

/// Norms a group, if the product does, and makes the codes that its segments multiply.
static void prepare_piece(void *opaque, uint32_t piece, uint32_t worker) {
  const strips_context *context = opaque;
  const mk_linear_args *args = context->args;
  const mk_fused_ops *fused = context->variant->fused;
  const uint32_t first = piece * context->variant->group, count = tokens_in_group(context, piece), cols = context->cols;
  const float *x = args->x + (size_t)first * args->x_stride;
  if (!args->norm_weight) {
    code_columns(context, x, args->x_stride, 0, cols, first, count);
    return;
  }
  float factors[MK_GROUP_MAX];
  fused->norm_factors(x, args->x_stride, cols, count, args->norm_epsilon, factors);
  float *normed = context->needs.floats ? normed_rows(context) + (size_t)first * cols
                                        : mk_stream_scratch(context->stream, worker);
  const uint32_t stride = context->needs.floats ? cols : NORM_COLUMNS;
  for (uint32_t start = 0; start < cols; start += NORM_COLUMNS) {
    const uint32_t width = smaller(NORM_COLUMNS, cols - start);
    float *to = context->needs.floats ? normed + start : normed;
    fused->norm_columns(x + start, args->x_stride, width, count, args->norm_weight + start, factors, to, stride);
    code_columns(context, to, stride, start, width, first, count);
  }
}

/// Whether pairs of strips of a format are multiplied as a panel.
static bool is_expanded(const strips_context *context, mk_dtype dtype) {
  return context->variant->expand && context->variant->expand[dtype];
}

/// Whether a matrix is multiplied by pairs of strips.
static bool takes_pairs(const strips_context *context, const mk_matrix *matrix) {
  if (!context->variant->pair_kernels[matrix->dtype]) return false;
  if (is_expanded(context, matrix->dtype)) return context->groups >= context->variant->groups_for_panels;
  return context->args->rows >= TOKENS_FOR_PAIRS;
}

typedef struct {
  uint32_t first, end;
} range;

/// Bytes from a strip of a matrix to the next.
static size_t strip_bytes(const mk_matrix *matrix) {
  return mk_strip_shape_of(mk_format_of(matrix->dtype), matrix->cols).bytes;
}

/// A strip of a segment whose products go to column `output` of y on.
static mk_tile_strip strip_of(const strips_context *context, const mk_linear_segment *segment, uint32_t output,
                              uint32_t strip) {
  const mk_matrix *matrix = &segment->matrix;
  const uint32_t row = strip * MK_STRIP;
  return (mk_tile_strip){
      .data = (const uint8_t *)matrix->data + strip * strip_bytes(matrix),
      .bias = segment->bias ? segment->bias + row : NULL,
      .y = context->args->y + output + row,
      .lanes = smaller(MK_STRIP, matrix->rows - row),
  };
}

/// How far ahead strips are fetched that are no pairs: to the next one. With many groups the caches hold them.
static size_t ahead_of(const strips_context *context, const mk_matrix *matrix) {
  return context->groups > GROUPS_OF_STRIPS ? 0 : strip_bytes(matrix);
}

/// Where a group's activations stand in the workspace, in the form that a matrix takes.
static size_t activations_of(const strips_context *context, const mk_matrix *matrix, uint32_t token) {
  if (matrix->layout == MK_LAYOUT_TILES) {
    return context->needs.split_offset + mk_split_activation_bytes(token, context->cols);
  }
  return mk_is_coded(matrix->dtype) ? context->needs.coded_offset + mk_coded_activation_bytes(token, context->cols)
                                    : mk_activation_bytes(token, context->cols);
}

/// Gives a tile the activations of a group.
static void place_group(const strips_context *context, mk_tile *tile, const mk_matrix *matrix, uint32_t group) {
  const mk_linear_args *args = context->args;
  const uint32_t token = group * context->variant->group;
  const bool normed = args->norm_weight && matrix->dtype == MK_F32;
  tile->group = (const uint8_t *)args->workspace + activations_of(context, matrix, token);
  tile->x_stride = normed ? context->cols : args->x_stride;
  tile->x = (normed ? normed_rows(context) : args->x) + (size_t)token * tile->x_stride;
  tile->cols = context->cols;
}

/// Lets a strip that points to the first token's row of y point to a group's.
static void move_to_group(const strips_context *context, mk_tile_strip *strip, uint32_t group) {
  strip->y += (size_t)group * context->variant->group * context->args->y_stride;
}

/// A strip meets all groups, while the next one is fetched.
static void multiply_strips(const strips_context *context, const mk_linear_segment *segment, uint32_t output, range strips,
                            range groups) {
  const mk_matrix *matrix = &segment->matrix;
  mk_tile tile = {.y_stride = context->args->y_stride, .adds = context->args->output == MK_OUTPUT_ADD};
  tile.ahead = ahead_of(context, matrix);
  tile.parts = groups.end - groups.first;
  for (uint32_t strip = strips.first; strip < strips.end; strip++) {
    for (uint32_t group = groups.first; group < groups.end; group++) {
      place_group(context, &tile, matrix, group);
      tile.part = group - groups.first;
      tile.strips[0] = strip_of(context, segment, output, strip);
      move_to_group(context, &tile.strips[0], group);
      context->variant->kernels[matrix->dtype][tokens_in_group(context, group) - 1](&tile);
    }
  }
}

/// act(gate) * up of a group's products from column `output` of y on.
static void gate_group(const strips_context *context, uint32_t group, const float *gate, const float *up, uint32_t stride,
                       uint32_t output, uint32_t count) {
  const mk_linear_args *args = context->args;
  const uint32_t activation = args->output == MK_OUTPUT_SILU ? MK_SILU : MK_GELU_TANH;
  float *y = args->y + (size_t)group * context->variant->group * args->y_stride + output;
  context->variant->fused->gate(activation, gate, up, stride, smaller(count, args->segments[0].matrix.rows - output),
                                tokens_in_group(context, group), y, args->y_stride);
}

/// Multiplies the two strips of `tile`, blocks by blocks; the next pair stands `next` bytes behind. Gated, they are a strip
/// of gate and one of up.
static void multiply_pair(const strips_context *context, mk_tile tile, const mk_matrix *matrix, range groups, size_t next,
                          uint8_t *scratch) {
  enum { SUMS = MK_GROUP_MAX * MK_PAIR * MK_STRIP };
  const mk_strip_variant *variant = context->variant;
  const bool expanded = is_expanded(context, matrix->dtype);
  const uint32_t blocks = quotient_up(context->cols, expanded ? MK_BLOCK : MK_CODED_COLUMNS);
  const uint32_t step = mk_range_of(blocks, expanded ? PANEL_BLOCKS : variant->pair_blocks[matrix->dtype]);
  const mk_tile_strip strips[MK_PAIR] = {tile.strips[0], tile.strips[1]};
  for (tile.first = 0; tile.first < blocks; tile.first = tile.end) {
    tile.end = smaller(tile.first + step, blocks);
    if (expanded) variant->expand[matrix->dtype](&tile, scratch);
    tile.panel = scratch;
    tile.ahead = (tile.end < blocks ? tile.end * (size_t)MK_CODED_BLOCK : next) - tile.first * (size_t)MK_CODED_BLOCK;
    tile.parts = groups.end - groups.first;
    for (uint32_t group = groups.first; group < groups.end; group++) {
      tile.part = group - groups.first;
      tile.partial = (float *)(void *)(scratch + PANEL_BYTES) + (size_t)tile.part * SUMS;
      place_group(context, &tile, matrix, group);
      for (uint32_t s = 0; s < MK_PAIR; s++) {
        tile.strips[s] = strips[s];
        move_to_group(context, &tile.strips[s], group);
        if (is_gated(context)) tile.strips[s].y = tile.partial + s * MK_STRIP;
      }
      variant->pair_kernels[matrix->dtype][tokens_in_group(context, group) - 1](&tile);
      if (is_gated(context) && tile.end == blocks) {
        const uint32_t output = (uint32_t)(strips[0].y - context->args->y);
        gate_group(context, group, tile.partial, tile.partial + MK_STRIP, MK_PAIR * MK_STRIP, output, MK_STRIP);
      }
    }
  }
}

static void multiply(const strips_context *context, const mk_linear_segment *segment, uint32_t output, range strips,
                     range groups, uint8_t *scratch) {
  const mk_matrix *matrix = &segment->matrix;
  if (!takes_pairs(context, matrix)) {
    multiply_strips(context, segment, output, strips, groups);
    return;
  }
  mk_tile tile = {.y_stride = context->args->y_stride, .adds = context->args->output == MK_OUTPUT_ADD};
  for (uint32_t strip = strips.first; strip < strips.end; strip += MK_PAIR) {
    tile.strips[0] = tile.strips[1] = strip_of(context, segment, output, strip);
    // A strip that is left alone is its own partner, which stores nothing.
    tile.strips[1].lanes = 0;
    if (strip + 1 < strips.end) tile.strips[1] = strip_of(context, segment, output, strip + 1);
    multiply_pair(context, tile, matrix, groups, MK_PAIR * strip_bytes(matrix), scratch);
  }
}

/// Multiplies strips of gate and of up, each a long stream, and gates their products.
static void multiply_gated_strips(const strips_context *context, range strips, range groups, float *products) {
  const mk_linear_segment *segments = context->args->segments;
  const uint32_t count = (strips.end - strips.first) * MK_STRIP;
  mk_tile tile = {.y_stride = 2 * count, .parts = groups.end - groups.first};
  for (uint32_t s = 0; s < 2; s++) {
    const mk_matrix *matrix = &segments[s].matrix;
    tile.ahead = ahead_of(context, matrix);
    for (uint32_t strip = strips.first; strip < strips.end; strip++) {
      tile.strips[0] = strip_of(context, &segments[s], 0, strip);
      tile.strips[0].y = products + s * count + (size_t)(strip - strips.first) * MK_STRIP;
      for (uint32_t group = groups.first; group < groups.end; group++) {
        place_group(context, &tile, matrix, group);
        tile.part = group - groups.first;
        context->variant->kernels[matrix->dtype][tokens_in_group(context, group) - 1](&tile);
        tile.strips[0].y += (size_t)context->variant->group * tile.y_stride;
      }
    }
  }
  for (uint32_t group = groups.first; group < groups.end; group++) {
    const float *gate = products + (size_t)(group - groups.first) * context->variant->group * tile.y_stride;
    gate_group(context, group, gate, gate + count, tile.y_stride, strips.first * MK_STRIP, count);
  }
}

static void multiply_gated(const strips_context *context, range strips, range groups, uint8_t *scratch) {
  const mk_linear_segment *gate = context->args->segments, *up = gate + 1;
  if (gate->matrix.dtype != up->matrix.dtype || !takes_pairs(context, &gate->matrix)) {
    multiply_gated_strips(context, strips, groups, (float *)(void *)scratch);
    return;
  }
  for (uint32_t strip = strips.first; strip < strips.end; strip++) {
    const mk_tile tile = {
        .strips = {strip_of(context, gate, 0, strip), strip_of(context, up, 0, strip)}, .y_stride = MK_PAIR * MK_STRIP};
    multiply_pair(context, tile, &gate->matrix, groups, strip_bytes(&gate->matrix), scratch);
  }
}

/// Multiplies strips, counted over the segments, with groups.
static void multiply_segments(const strips_context *context, range strips, range groups, uint8_t *scratch) {
  uint32_t offset = 0, first = strips.first, left = strips.end - strips.first;
  const mk_linear_segment *segment = context->args->segments;
  for (; left > 0; segment++) {
    const uint32_t count = mk_strip_count(segment->matrix.rows);
    if (first < count) {
      const uint32_t taken = smaller(left, count - first);
      multiply(context, segment, offset, (range){first, first + taken}, groups, scratch);
      left -= taken;
      first = 0;
    } else {
      first -= count;
    }
    offset += segment->matrix.rows;
  }
}

static void linear_piece(void *opaque, uint32_t piece, uint32_t worker) {
  const strips_context *context = opaque;
  // Pieces of the same groups follow each other, whose activations then stay in the second-level cache.
  const uint32_t strip_pieces = quotient_up(context->strips, context->strips_per_piece);
  range strips = {.first = piece % strip_pieces * context->strips_per_piece};
  strips.end = smaller(strips.first + context->strips_per_piece, context->strips);
  range groups = {.first = piece / strip_pieces * context->groups_per_piece};
  groups.end = smaller(groups.first + context->groups_per_piece, context->groups);
  uint8_t *scratch = mk_stream_scratch(context->stream, worker);
  if (context->needs.split) context->variant->begin_tiles();
  if (is_gated(context)) {
    multiply_gated(context, strips, groups, scratch);
  } else {
    multiply_segments(context, strips, groups, scratch);
  }
  if (context->needs.split) context->variant->end_tiles();
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
    if (s == 0 || !is_gated(context)) context->strips += strips;
    total += strips * tile_cost(context, &args->segments[s].matrix, tokens);
  }
  const uint64_t tile = total / context->strips, all_groups = tile * context->groups;
  uint64_t target = total * context->groups / ((uint64_t)workers * PIECES_PER_WORKER);
  const bool pairs = takes_pairs(context, &args->segments[0].matrix);
  const uint64_t most = pairs ? PAIR_PIECE_MAX_NANOSECONDS : PIECE_MAX_NANOSECONDS;
  if (target > most) target = most;
  if (target < PIECE_MIN_NANOSECONDS) target = PIECE_MIN_NANOSECONDS;
  // A panel meets as many groups as the piece has time for.
  const uint32_t pair = is_gated(context) ? 1 : MK_PAIR, strips = pairs ? pair : STRIPS_PER_PIECE;
  const uint32_t groups = pairs ? GROUPS_OF_PAIRS : 1;
  if (all_groups * strips <= target) {
    context->groups_per_piece = context->groups;
    context->strips_per_piece = (uint32_t)(target / all_groups);
  } else {
    context->strips_per_piece = context->groups == 1 ? 1 + (uint32_t)(target / tile) : strips;
    const uint64_t fitting = target / (tile * context->strips_per_piece);
    context->groups_per_piece = smaller(context->groups, fitting > groups ? (uint32_t)fitting : groups);
  }
  if (pairs) context->strips_per_piece = quotient_up(context->strips_per_piece, pair) * pair;
  // A segment behind the first may take pairs too.
  context->groups_per_piece = smaller(context->groups_per_piece, pairs ? PAIR_GROUPS : GROUPS_OF_STRIPS);
  if (is_gated(context)) {
    context->strips_per_piece = smaller(context->strips_per_piece, GATED_TILES / context->groups_per_piece);
  }
  context->group_chunks = quotient_up(context->groups, context->groups_per_piece);
  context->groups_per_piece = quotient_up(context->groups, context->group_chunks);
  return quotient_up(context->strips, context->strips_per_piece) * context->group_chunks;
}

mk_status mk_strips_linear(mk_stream *stream, const mk_linear_args *args, const mk_strip_variant *variant) {
  mk_linear_needs needs;
  const mk_status status = mk_check_linear(args, true, &needs);
  if (status != MK_OK || !needs.work) return status;
  if (!stream) return MK_INVALID_ARGUMENT;
  if (needs.unpacked) return mk_reference_linear(stream, args);
  if (needs.split && !variant->split_group) return MK_INVALID_ARGUMENT;
  strips_context context = {.stream = stream, .args = args, .variant = variant, .needs = needs, .cols = needs.cols};
  context.groups = quotient_up(args->rows, variant->group);
  const uint32_t pieces = plan_pieces(&context, mk_stream_width(stream));
  if (needs.quantized || needs.coded || needs.split || args->norm_weight) {
    if (context.groups == 1) {
      prepare_piece(&context, 0, 0);
    } else {
      mk_parallel(stream, context.groups, prepare_piece, &context);
    }
  }
  mk_parallel(stream, pieces, linear_piece, &context);
  return MK_OK;
}
