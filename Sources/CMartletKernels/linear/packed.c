/// Packing to strips of 16 rows, and reading single blocks and rows back.
#include "packed.h"

bool mk_matrix_is_valid(const mk_matrix *matrix) {
  if (!matrix) return false;
  const mk_format *format = mk_format_of(matrix->dtype);
  return format && matrix->data && matrix->cols % format->columns == 0 && matrix->layout <= MK_LAYOUT_STRIPS;
}

mk_status mk_strips_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  const mk_format *format = mk_format_of(dtype);
  if (!format || !bytes || cols % format->columns != 0) return MK_INVALID_ARGUMENT;
  size_t total;
  const size_t strip = mk_strip_shape_of(format, cols).bytes;
  if (__builtin_mul_overflow(strip, (size_t)mk_strip_count(rows), &total)) return MK_INVALID_ARGUMENT;
  *bytes = total;
  return MK_OK;
}

/// Stores vectors [8][64] of codes as planes.
static void store_planes(uint8_t bits, uint8_t (*vectors)[64], uint8_t *out) {
  if (bits == 8) {
    memcpy(out, vectors, 512);
    return;
  }
  uint8_t shift = 0;
  if (bits >= 4) {
    for (int p = 0; p < 4; p++, out += 64) {
      for (int i = 0; i < 64; i++) out[i] = (uint8_t)((vectors[p][i] & 15) | vectors[p + 4][i] << 4);
    }
    shift = 4;
  }
  if (bits == 2 || bits == 3 || bits == 6) {
    for (int p = 0; p < 2; p++, out += 64) {
      for (int i = 0; i < 64; i++) {
        const unsigned a = vectors[p][i] >> shift & 3, b = vectors[p + 2][i] >> shift & 3,
                       c = vectors[p + 4][i] >> shift & 3, d = vectors[p + 6][i] >> shift & 3;
        out[i] = (uint8_t)(a | b << 2 | c << 4 | d << 6);
      }
    }
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    for (int j = 0; j < 8; j++, out += 8) {
      for (int i = 0; i < 8; i++) {
        unsigned byte = 0;
        for (int b = 0; b < 8; b++) byte |= (vectors[j][8 * i + b] >> shift & 1u) << b;
        out[i] = (uint8_t)byte;
      }
    }
  }
}

/// One row's codes of one block from the planes.
static void load_planes(uint8_t bits, const uint8_t *planes, uint32_t lane, uint8_t *codes) {
  if (bits == 8) {
    for (int j = 0; j < 8; j++) memcpy(codes + 4 * j, planes + 64 * j + 4 * lane, 4);
    return;
  }
  memset(codes, 0, MK_BLOCK);
  uint8_t shift = 0;
  if (bits >= 4) {
    for (uint32_t k = 0; k < MK_BLOCK; k++) {
      codes[k] = planes[k / 4 % 4 * 64 + 4 * lane + k % 4] >> (k / 16 * 4) & 15;
    }
    planes += 256;
    shift = 4;
  }
  if (bits == 2 || bits == 3 || bits == 6) {
    for (uint32_t k = 0; k < MK_BLOCK; k++) {
      codes[k] |= (uint8_t)((planes[k / 4 % 2 * 64 + 4 * lane + k % 4] >> (k / 8 * 2) & 3) << shift);
    }
    planes += 128;
    shift += 2;
  }
  if (bits == 3 || bits == 5) {
    for (uint32_t k = 0; k < MK_BLOCK; k++) {
      const uint32_t bit = 4 * lane + k % 4;
      codes[k] |= (uint8_t)((planes[k / 4 * 8 + bit / 8] >> bit % 8 & 1) << shift);
    }
  }
}

static void store_half(uint8_t *base, uint32_t lane, uint16_t half) { memcpy(base + 2 * lane, &half, 2); }

static uint16_t load_half(const uint8_t *base, uint32_t lane) {
  uint16_t half;
  memcpy(&half, base + 2 * lane, 2);
  return half;
}

static void store_scales(const mk_format *format, const mk_strip_shape *shape, uint8_t *strip, uint32_t index,
                         uint32_t lane, const mk_block *block) {
  uint8_t *halves = strip + mk_strip_halves(shape, index);
  store_half(halves, lane, block->scale);
  if (format->minimum) store_half(halves + 2 * MK_STRIP, lane, block->minimum);
  if (!format->super) return;
  uint8_t *subs = strip + mk_strip_block(shape, index);
  for (uint32_t h = 0; h < format->sub_blocks; h++, subs += MK_STRIP) subs[lane] = (uint8_t)block->sub_scale[h];
  if (!format->minimum) return;
  for (uint32_t h = 0; h < format->sub_blocks; h++, subs += MK_STRIP) subs[lane] = block->sub_minimum[h];
}

static void load_scales(const mk_format *format, const mk_strip_shape *shape, const uint8_t *strip, uint32_t index,
                        uint32_t lane, mk_block *block) {
  const uint8_t *halves = strip + mk_strip_halves(shape, index), *subs = strip + mk_strip_block(shape, index);
  block->scale = load_half(halves, lane);
  block->minimum = format->minimum ? load_half(halves + 2 * MK_STRIP, lane) : 0;
  for (uint32_t h = 0; h < 2; h++) {
    const uint32_t part = format->sub_blocks == 2 ? h : 0;
    block->sub_scale[h] = format->super ? (int8_t)subs[part * MK_STRIP + lane] : 1;
    block->sub_minimum[h] = format->minimum;
    if (format->super && format->minimum) {
      block->sub_minimum[h] = subs[(format->sub_blocks + part) * MK_STRIP + lane];
    }
  }
}

static void pack_quantized_strip(const mk_matrix *source, uint32_t strip, uint8_t *out) {
  const mk_format *format = mk_format_of(source->dtype);
  const mk_strip_shape shape = mk_strip_shape_of(format, source->cols);
  const size_t row_bytes = mk_row_bytes(source->dtype, source->cols);
  const uint32_t first = strip * MK_STRIP, left = source->rows - first, blocks = source->cols / MK_BLOCK;
  const uint32_t lanes = left < MK_STRIP ? left : MK_STRIP;
  const uint8_t *rows = (const uint8_t *)source->data + first * row_bytes;
  if (lanes < MK_STRIP) memset(out, 0, shape.bytes);
  _Alignas(64) uint8_t vectors[8][64];
  memset(vectors, 0, sizeof vectors);
  for (uint32_t index = 0; index < blocks; index++) {
    for (uint32_t lane = 0; lane < lanes; lane++) {
      mk_block block;
      mk_file_block(source->dtype, rows + lane * row_bytes, index, &block);
      for (int j = 0; j < 8; j++) memcpy(vectors[j] + 4 * lane, block.codes + 4 * j, 4);
      store_scales(format, &shape, out, index, lane, &block);
    }
    store_planes(format->bits, vectors, out + mk_strip_block(&shape, index) + shape.block_scales);
  }
}

static void pack_float_strip(const mk_matrix *source, uint32_t strip, uint8_t *out) {
  const size_t width = mk_format_of(source->dtype)->bytes, row_bytes = width * source->cols;
  const uint32_t first = strip * MK_STRIP, left = source->rows - first;
  const uint32_t lanes = left < MK_STRIP ? left : MK_STRIP;
  const uint8_t *rows = (const uint8_t *)source->data + first * row_bytes;
  if (lanes < MK_STRIP) memset(out, 0, row_bytes * MK_STRIP);
  for (uint32_t start = 0; start < source->cols; start += MK_STRIP) {
    const uint32_t rest = source->cols - start, count = rest < MK_STRIP ? rest : MK_STRIP;
    for (uint32_t lane = 0; lane < lanes; lane++) {
      const uint8_t *from = rows + lane * row_bytes + start * width;
      uint8_t *to = out + ((size_t)start * MK_STRIP + lane) * width;
      if (width == 4) {
        for (uint32_t k = 0; k < count; k++) memcpy(to + (size_t)k * MK_STRIP * 4, from + (size_t)k * 4, 4);
      } else {
        for (uint32_t k = 0; k < count; k++) memcpy(to + (size_t)k * MK_STRIP * 2, from + (size_t)k * 2, 2);
      }
    }
  }
}

typedef struct {
  const mk_matrix *source;
  uint8_t *destination;
  size_t strip_bytes;
  uint32_t strips, strips_per_piece;
} pack_context;

static void pack_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const pack_context *context = opaque;
  const uint32_t first = piece * context->strips_per_piece, left = context->strips - first;
  const uint32_t end = first + (left < context->strips_per_piece ? left : context->strips_per_piece);
  const bool quantized = mk_format_of(context->source->dtype)->quantized;
  for (uint32_t strip = first; strip < end; strip++) {
    uint8_t *out = context->destination + strip * context->strip_bytes;
    if (quantized) {
      pack_quantized_strip(context->source, strip, out);
    } else {
      pack_float_strip(context->source, strip, out);
    }
  }
}

mk_status mk_strips_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  if (!stream || !mk_matrix_is_valid(source) || source->layout != MK_LAYOUT_FILE || !destination || !out) {
    return MK_INVALID_ARGUMENT;
  }
  size_t bytes;
  const mk_status status = mk_strips_packed_bytes(source->dtype, source->rows, source->cols, &bytes);
  if (status != MK_OK) return status;
  const size_t strip_bytes = mk_strip_shape_of(mk_format_of(source->dtype), source->cols).bytes;
  const uint32_t strips = mk_strip_count(source->rows);
  const uint32_t per_piece = strip_bytes >= 1 << 16 ? 1 : (uint32_t)((1 << 16) / (strip_bytes + 1)) + 1;
  pack_context context = {source, destination, strip_bytes, strips, per_piece};
  mk_parallel(stream, (strips + per_piece - 1) / per_piece, pack_piece, &context);
  *out = *source;
  out->data = destination;
  out->layout = MK_LAYOUT_STRIPS;
  return MK_OK;
}

void mk_matrix_block(const mk_matrix *matrix, const mk_strip_shape *shape, uint32_t row, uint32_t index,
                     mk_block *out) {
  const uint8_t *data = matrix->data;
  if (matrix->layout == MK_LAYOUT_FILE) {
    mk_file_block(matrix->dtype, data + row * mk_row_bytes(matrix->dtype, matrix->cols), index, out);
    return;
  }
  const mk_format *format = mk_format_of(matrix->dtype);
  const uint8_t *strip = data + row / MK_STRIP * shape->bytes;
  load_planes(format->bits, strip + mk_strip_block(shape, index) + shape->block_scales, row % MK_STRIP, out->codes);
  load_scales(format, shape, strip, index, row % MK_STRIP, out);
}

static void read_float_row(const mk_matrix *matrix, uint32_t row, float *out) {
  const uint8_t *data = matrix->data;
  const size_t width = mk_format_of(matrix->dtype)->bytes;
  if (matrix->layout == MK_LAYOUT_FILE) {
    mk_file_floats(matrix->dtype, data + row * width * matrix->cols, 0, matrix->cols, out);
    return;
  }
  const size_t strip_bytes = mk_strip_shape_of(mk_format_of(matrix->dtype), matrix->cols).bytes;
  const uint8_t *lane = data + row / MK_STRIP * strip_bytes + row % MK_STRIP * width;
  for (uint32_t k = 0; k < matrix->cols; k++) {
    mk_file_floats(matrix->dtype, lane + (size_t)k * MK_STRIP * width, 0, 1, out + k);
  }
}

void mk_matrix_row(const mk_matrix *matrix, uint32_t row, float *out) {
  const mk_format *format = mk_format_of(matrix->dtype);
  if (!format->quantized) {
    read_float_row(matrix, row, out);
    return;
  }
  const mk_strip_shape shape = mk_strip_shape_of(format, matrix->cols);
  for (uint32_t index = 0; index < matrix->cols / MK_BLOCK; index++) {
    mk_block block;
    mk_matrix_block(matrix, &shape, row, index, &block);
    const mk_block_scales scales = mk_multiply_scales(format, &block);
    float *values = out + (size_t)index * MK_BLOCK;
    for (int k = 0; k < MK_BLOCK; k++) {
      values[k] = scales.scale[k / 16] * (float)(block.codes[k] - format->offset) + scales.minimum[k / 16];
    }
  }
}
