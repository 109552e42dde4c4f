/// The layouts of GGUF's tensor types, read one block of 32 columns at a time.
#include "formats.h"

size_t mk_row_bytes(mk_dtype dtype, uint32_t cols) {
  if (dtype == MK_F8_E4M3) return cols; // no format of the CPU's
  const mk_format *format = mk_format_of(dtype);
  if (!format || cols % format->columns != 0) return 0;
  return (size_t)(cols / format->columns) * format->bytes;
}

static uint16_t load_u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static uint32_t load_u32(const uint8_t *bytes) {
  return load_u16(bytes) | (uint32_t)load_u16(bytes + 2) << 16;
}

/// Columns i and i + 16 share byte i.
static void split_nibbles(const uint8_t *bytes, uint8_t *codes) {
  for (int i = 0; i < 16; i++) {
    codes[i] = bytes[i] & 15;
    codes[i + 16] = bytes[i] >> 4;
  }
}

static void add_fifth_bits(uint32_t bits, uint8_t *codes) {
  for (int i = 0; i < MK_BLOCK; i++) codes[i] |= (uint8_t)((bits >> i & 1) << 4);
}

/// codes = bits [shift, shift + width) of 32 bytes.
static void take_bits(const uint8_t *bytes, unsigned shift, uint8_t mask, uint8_t *codes) {
  for (int i = 0; i < MK_BLOCK; i++) codes[i] = (uint8_t)(bytes[i] >> shift) & mask;
}

static void or_bits(const uint8_t *bytes, unsigned shift, uint8_t mask, unsigned left, uint8_t *codes) {
  for (int i = 0; i < MK_BLOCK; i++) codes[i] |= (uint8_t)(((bytes[i] >> shift) & mask) << left);
}

/// The eight 6-bit scales and minima that Q4_K and Q5_K squeeze into 12 bytes.
static void take_k_scales(const uint8_t *scales, uint32_t b, mk_block *out) {
  uint8_t scale, minimum;
  if (b < 4) {
    scale = scales[b] & 63;
    minimum = scales[b + 4] & 63;
  } else {
    scale = (uint8_t)((scales[b + 4] & 15) | (scales[b - 4] >> 6) << 4);
    minimum = (uint8_t)(scales[b + 4] >> 4 | (scales[b] >> 6) << 4);
  }
  out->sub_scale[0] = out->sub_scale[1] = (int8_t)scale;
  out->sub_minimum[0] = out->sub_minimum[1] = minimum;
}

/// The sixteen 6-bit scales, biased by 32, of Q3_K.
static int8_t q3_scale(const uint8_t *scales, uint32_t i) {
  const uint8_t low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
  const uint8_t high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
  return (int8_t)((low | high << 4) - 32);
}

static void read_simple(mk_dtype dtype, const uint8_t *unit, mk_block *out) {
  out->scale = load_u16(unit);
  out->sub_scale[0] = out->sub_scale[1] = 1;
  const bool minimum = dtype == MK_Q4_1 || dtype == MK_Q5_1;
  out->minimum = minimum ? load_u16(unit + 2) : 0;
  out->sub_minimum[0] = out->sub_minimum[1] = minimum;
  const uint8_t *codes = unit + (minimum ? 4 : 2);
  switch (dtype) {
  case MK_Q5_0:
  case MK_Q5_1:
    split_nibbles(codes + 4, out->codes);
    add_fifth_bits(load_u32(codes), out->codes);
    break;
  case MK_Q8_0:
    for (int i = 0; i < MK_BLOCK; i++) out->codes[i] = codes[i] ^ 128;
    break;
  default:
    split_nibbles(codes, out->codes);
  }
}

static void read_q2(const uint8_t *unit, uint32_t b, mk_block *out) {
  take_bits(unit + 16 + b / 4 * 32, 2 * (b % 4), 3, out->codes);
  for (int h = 0; h < 2; h++) {
    const uint8_t both = unit[2 * b + h];
    out->sub_scale[h] = both & 15;
    out->sub_minimum[h] = both >> 4;
  }
  out->scale = load_u16(unit + 80);
  out->minimum = load_u16(unit + 82);
}

static void read_q3(const uint8_t *unit, uint32_t b, mk_block *out) {
  take_bits(unit + 32 + b / 4 * 32, 2 * (b % 4), 3, out->codes);
  or_bits(unit, b, 1, 2, out->codes);
  for (int h = 0; h < 2; h++) out->sub_scale[h] = q3_scale(unit + 96, 2 * b + h);
  out->scale = load_u16(unit + 108);
}

static void read_q4(const uint8_t *unit, uint32_t b, mk_block *out) {
  take_bits(unit + 16 + b / 2 * 32, 4 * (b % 2), 15, out->codes);
  take_k_scales(unit + 4, b, out);
  out->scale = load_u16(unit);
  out->minimum = load_u16(unit + 2);
}

static void read_q5(const uint8_t *unit, uint32_t b, mk_block *out) {
  take_bits(unit + 48 + b / 2 * 32, 4 * (b % 2), 15, out->codes);
  or_bits(unit + 16, b, 1, 4, out->codes);
  take_k_scales(unit + 4, b, out);
  out->scale = load_u16(unit);
  out->minimum = load_u16(unit + 2);
}

static void read_q6(const uint8_t *unit, uint32_t b, mk_block *out) {
  const uint32_t half = b / 4, quarter = b % 4;
  take_bits(unit + half * 64 + quarter % 2 * 32, 4 * (quarter / 2), 15, out->codes);
  or_bits(unit + 128 + half * 32, 2 * quarter, 3, 4, out->codes);
  for (int h = 0; h < 2; h++) out->sub_scale[h] = (int8_t)unit[192 + 2 * b + h];
  out->scale = load_u16(unit + 208);
}

void mk_file_block(mk_dtype dtype, const uint8_t *row, uint32_t index, mk_block *out) {
  const mk_format *format = mk_format_of(dtype);
  const uint32_t per_unit = format->columns / MK_BLOCK, b = index % per_unit;
  const uint8_t *unit = row + (size_t)(index / per_unit) * format->bytes;
  out->minimum = 0;
  out->sub_minimum[0] = out->sub_minimum[1] = 0;
  switch (dtype) {
  case MK_Q2_K: read_q2(unit, b, out); break;
  case MK_Q3_K: read_q3(unit, b, out); break;
  case MK_Q4_K: read_q4(unit, b, out); break;
  case MK_Q5_K: read_q5(unit, b, out); break;
  case MK_Q6_K: read_q6(unit, b, out); break;
  default: read_simple(dtype, unit, out);
  }
}

void mk_file_floats(mk_dtype dtype, const uint8_t *row, uint32_t start, uint32_t count, float *out) {
  if (dtype == MK_F32) {
    memcpy(out, row + (size_t)start * 4, (size_t)count * 4);
    return;
  }
  const uint8_t *source = row + (size_t)start * 2;
  if (dtype == MK_F16) {
    for (uint32_t i = 0; i < count; i++) out[i] = mk_float_from_half(load_u16(source + 2 * (size_t)i));
  } else {
    for (uint32_t i = 0; i < count; i++) out[i] = mk_float_from_bfloat(load_u16(source + 2 * (size_t)i));
  }
}
