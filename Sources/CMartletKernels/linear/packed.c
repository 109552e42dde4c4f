/// Packing to strips of 16 rows, and reading single blocks and rows back.
#include "packed.h"

bool mk_matrix_is_valid(const mk_matrix *matrix) {
  if (!matrix) return false;
  const mk_format *format = mk_format_of(matrix->dtype);
  if (!format || !matrix->data || matrix->cols % format->columns != 0) return false;
  return matrix->layout <= MK_LAYOUT_STRIPS || (matrix->layout == MK_LAYOUT_TILES && matrix->dtype == MK_BF16);
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

static void store_code_sum(uint8_t *sums, uint32_t lane, const mk_block *block) {
  uint16_t sum = 0;
  for (int i = 0; i < MK_BLOCK; i++) sum = (uint16_t)(sum + block->codes[i]);
  memcpy(sums + 2 * lane, &sum, 2);
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
      if (format->bits == 8) store_code_sum(out + mk_strip_block(&shape, index) + shape.code_sums, lane, &block);
    }
    store_planes(format->bits, vectors, out + mk_strip_block(&shape, index) + shape.block_scales);
  }
}

static void pack_float_strip(const mk_matrix *source, uint32_t strip, uint8_t *out) {
  const size_t row_bytes = 4 * (size_t)source->cols;
  const uint32_t first = strip * MK_STRIP, left = source->rows - first;
  const uint32_t lanes = left < MK_STRIP ? left : MK_STRIP;
  const uint8_t *rows = (const uint8_t *)source->data + first * row_bytes;
  if (lanes < MK_STRIP) memset(out, 0, row_bytes * MK_STRIP);
  for (uint32_t lane = 0; lane < lanes; lane++) {
    const uint8_t *from = rows + lane * row_bytes;
    for (uint32_t k = 0; k < source->cols; k++) memcpy(out + 4 * ((size_t)k * MK_STRIP + lane), from + 4 * (size_t)k, 4);
  }
}

/// Values of 64 columns from `start` on, zeros past the last; vectorises. Infinities and NaNs become NaN.
static void load_coded_block(const mk_matrix *source, const uint8_t *row, uint32_t start, float *out) {
  uint16_t bits[MK_CODED_COLUMNS] = {0};
  const uint32_t left = source->cols - start;
  memcpy(bits, row + 2 * (size_t)start, 2 * (left < MK_CODED_COLUMNS ? left : MK_CODED_COLUMNS));
  for (int i = 0; i < MK_CODED_COLUMNS; i++) {
    const bool half = source->dtype == MK_F16;
    // A half's exponent and mantissa, moved to their places in a float, lack 112 in the exponent.
    const uint32_t magnitude = bits[i] & 0x7fffu, sign = (uint32_t)(bits[i] & 0x8000u) << 16;
    const float value = half ? mk_float_from_bits(magnitude << 13) * 0x1p112f : mk_float_from_bits(magnitude << 16);
    const float special = value - value, finite = half && magnitude >= 0x7c00u ? __builtin_nanf("") : value + special;
    out[i] = sign ? -finite : finite;
  }
}

static void pack_coded_row(const mk_matrix *source, const uint8_t *row, uint8_t *strip, uint32_t lane) {
  float values[MK_CODED_COLUMNS], longest = 0;
  bool finite = true;
  for (uint32_t start = 0; start < source->cols; start += MK_CODED_COLUMNS) {
    float squares[4] = {0};
    load_coded_block(source, row, start, values);
    for (int i = 0; i < MK_CODED_COLUMNS; i++) squares[i % 4] += values[i] * values[i];
    const float length = __builtin_sqrtf((squares[0] + squares[1]) + (squares[2] + squares[3]));
    finite &= length < 1e30f;
    longest = length > longest ? length : longest;
  }
  const bool usable = finite && longest > 1e-30f;
  const float scale = usable ? longest / 32767.0f : finite ? 0.0f : __builtin_nanf("");
  const float inverse = usable ? 32767.0f / longest : 0.0f;
  memcpy(strip + 4 * lane, &scale, 4);
  for (uint32_t start = 0; start < source->cols; start += MK_CODED_COLUMNS) {
    int16_t codes[MK_CODED_COLUMNS];
    uint8_t *to = strip + MK_CODED_SCALES + (size_t)start * MK_STRIP * 2 + 4 * lane;
    load_coded_block(source, row, start, values);
    for (int i = 0; i < MK_CODED_COLUMNS; i++) {
      // Rounds to the nearest; see mk_nearest in activations.h.
      const float shifted = (usable ? values[i] * inverse : 0.0f) + 12582912.0f;
      int32_t code;
      memcpy(&code, &shifted, 4);
      code -= 0x4B400000;
      codes[i] = (int16_t)(code > 32767 ? 32767 : code);
    }
    for (int i = 0; i < MK_CODED_COLUMNS; i += 2) memcpy(to + (size_t)i * MK_STRIP * 2, codes + i, 4);
  }
}

static void pack_coded_strip(const mk_matrix *source, uint32_t strip, uint8_t *out) {
  const size_t row_bytes = 2 * (size_t)source->cols;
  const uint32_t first = strip * MK_STRIP, left = source->rows - first;
  const uint32_t lanes = left < MK_STRIP ? left : MK_STRIP;
  if (lanes < MK_STRIP) memset(out, 0, mk_strip_shape_of(mk_format_of(source->dtype), source->cols).bytes);
  for (uint32_t lane = 0; lane < lanes; lane++) {
    pack_coded_row(source, (const uint8_t *)source->data + (first + lane) * row_bytes, out, lane);
  }
}

static void pack_bfloat_strip(const mk_matrix *source, uint32_t strip, uint8_t *out) {
  const size_t row_bytes = 2 * (size_t)source->cols;
  const uint32_t first = strip * MK_STRIP, left = source->rows - first, cols = source->cols;
  memset(out, 0, mk_strip_shape_of(mk_format_of(source->dtype), cols).bytes);
  for (uint32_t lane = 0; lane < (left < MK_STRIP ? left : MK_STRIP); lane++) {
    const uint8_t *row = (const uint8_t *)source->data + (first + lane) * row_bytes;
    uint8_t *to = out + MK_CODED_SCALES + 4 * lane;
    for (uint32_t k = 0; k < cols; k += 2, to += 4 * MK_STRIP) memcpy(to, row + 2 * (size_t)k, cols - k < 2 ? 2 : 4);
  }
}

typedef struct {
  const mk_matrix *source;
  uint8_t *destination;
  size_t strip_bytes;
  uint32_t strips, strips_per_piece, layout;
} pack_context;

static void pack_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const pack_context *context = opaque;
  const uint32_t first = piece * context->strips_per_piece, left = context->strips - first;
  const uint32_t end = first + (left < context->strips_per_piece ? left : context->strips_per_piece);
  const mk_dtype dtype = context->source->dtype;
  for (uint32_t strip = first; strip < end; strip++) {
    uint8_t *out = context->destination + strip * context->strip_bytes;
    if (mk_format_of(dtype)->quantized) {
      pack_quantized_strip(context->source, strip, out);
    } else if (context->layout == MK_LAYOUT_TILES) {
      pack_bfloat_strip(context->source, strip, out);
    } else if (mk_is_coded(dtype)) {
      pack_coded_strip(context->source, strip, out);
    } else {
      pack_float_strip(context->source, strip, out);
    }
  }
}

static mk_status pack_as(uint32_t layout, mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  if (!stream || !mk_matrix_is_valid(source) || source->layout != MK_LAYOUT_FILE || !destination || !out) {
    return MK_INVALID_ARGUMENT;
  }
  size_t bytes;
  const mk_status status = mk_strips_packed_bytes(source->dtype, source->rows, source->cols, &bytes);
  if (status != MK_OK) return status;
  const size_t strip_bytes = mk_strip_shape_of(mk_format_of(source->dtype), source->cols).bytes;
  const uint32_t strips = mk_strip_count(source->rows);
  const uint32_t per_piece = strip_bytes >= 1 << 16 ? 1 : (uint32_t)((1 << 16) / (strip_bytes + 1)) + 1;
  pack_context context = {source, destination, strip_bytes, strips, per_piece, layout};
  mk_parallel(stream, (strips + per_piece - 1) / per_piece, pack_piece, &context);
  *out = *source;
  out->data = destination;
  out->layout = layout;
  return MK_OK;
}

mk_status mk_strips_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  return pack_as(MK_LAYOUT_STRIPS, stream, source, destination, out);
}

mk_status mk_tiles_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  const bool kept = source && source->dtype == MK_BF16;
  return pack_as(kept ? MK_LAYOUT_TILES : MK_LAYOUT_STRIPS, stream, source, destination, out);
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

void mk_matrix_floats(const mk_matrix *matrix, uint32_t row, uint32_t start, uint32_t count, float *out) {
  const uint8_t *data = matrix->data;
  const mk_format *format = mk_format_of(matrix->dtype);
  if (matrix->layout == MK_LAYOUT_FILE) {
    mk_file_floats(matrix->dtype, data + (size_t)row * format->bytes * matrix->cols, start, count, out);
    return;
  }
  const uint8_t *strip = data + row / MK_STRIP * mk_strip_shape_of(format, matrix->cols).bytes;
  const uint32_t lane = row % MK_STRIP;
  if (!mk_is_coded(matrix->dtype)) {
    for (uint32_t k = 0; k < count; k++) memcpy(out + k, strip + 4 * ((size_t)(start + k) * MK_STRIP + lane), 4);
    return;
  }
  float scale;
  memcpy(&scale, strip + 4 * lane, 4);
  for (uint32_t k = start; k < start + count; k++) {
    uint16_t code;
    memcpy(&code, strip + MK_CODED_SCALES + 2 * ((size_t)(k / 2 * MK_STRIP + lane) * 2 + k % 2), 2);
    out[k - start] = matrix->layout == MK_LAYOUT_TILES ? mk_float_from_bfloat(code) : scale * (float)(int16_t)code;
  }
}

void mk_matrix_row(const mk_matrix *matrix, uint32_t row, float *out) {
  const mk_format *format = mk_format_of(matrix->dtype);
  if (!format->quantized) {
    mk_matrix_floats(matrix, row, 0, matrix->cols, out);
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
