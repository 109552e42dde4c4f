/// Weights on their way to the device: dense ones as they are or quantised to FP8, quantised ones turned to the layout of
/// packed.cuh there.
#include "fp8.cuh"
#include "ops.h"
#include "packed.cuh"

namespace {

constexpr uint32_t device_layout = 2;
constexpr int threads = 256;

/// Units of most formats are aligned to two bytes only.
__device__ __forceinline__ uint32_t load16(const uint8_t *bytes) { return *reinterpret_cast<const uint16_t *>(bytes); }
__device__ __forceinline__ uint32_t load32(const uint8_t *bytes) { return load16(bytes) | load16(bytes + 2) << 16; }
__device__ __forceinline__ float load_half(const uint8_t *bytes) {
  return __half2float(__ushort_as_half((unsigned short)load16(bytes)));
}

/// The 6-bit scale and minimum of block b that Q4_K and Q5_K squeeze into 12 bytes.
__device__ __forceinline__ void k_scales(const uint8_t *scales, uint32_t b, float *scale, float *minimum) {
  uint32_t s, m;
  if (b < 4) {
    s = scales[b] & 63;
    m = scales[b + 4] & 63;
  } else {
    s = (scales[b + 4] & 15) | (scales[b - 4] >> 6) << 4;
    m = scales[b + 4] >> 4 | (scales[b] >> 6) << 4;
  }
  *scale = (float)s;
  *minimum = (float)m;
}

/// The 6-bit scale, biased by 32, of sub-block i of Q3_K.
__device__ __forceinline__ float q3_scale(const uint8_t *scales, uint32_t i) {
  const uint32_t low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
  const uint32_t high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
  return (float)(int)(low | high << 4) - 32;
}

/// 32 columns of a row: value = scale * (code - centre) + minimum, with a scale for each half.
struct file_block {
  int codes[block_columns];
  float scales[2], minimums[2];
};

/// Block `index` of a row in the file's layout. Codes of 4 bits are biased by the format's centre.
template <mk_dtype dtype> __device__ __forceinline__ file_block read_file(const uint8_t *row, uint32_t index) {
  constexpr weight_format format = format_of(dtype);
  constexpr uint32_t per_unit = format.columns / block_columns;
  const uint32_t b = index % per_unit;
  const uint8_t *unit = row + (size_t)(index / per_unit) * format.bytes;
  file_block out = {};
  if constexpr (dtype == MK_Q8_0) {
    out.scales[0] = load_half(unit);
#pragma unroll
    for (int i = 0; i < 32; i++) out.codes[i] = (int8_t)unit[2 + i];
  } else if constexpr (dtype == MK_Q4_0 || dtype == MK_Q4_1 || dtype == MK_Q5_0 || dtype == MK_Q5_1) {
    constexpr bool has_minimum = dtype == MK_Q4_1 || dtype == MK_Q5_1, is_five = dtype == MK_Q5_0 || dtype == MK_Q5_1;
    out.scales[0] = load_half(unit);
    if (has_minimum) out.minimums[0] = load_half(unit + 2);
    const uint8_t *codes = unit + (has_minimum ? 4 : 2);
    const uint32_t high = is_five ? load32(codes) : 0;
    if (is_five) codes += 4;
#pragma unroll
    for (int i = 0; i < 16; i++) {
      out.codes[i] = (codes[i] & 15) | (high >> i & 1) << 4;
      out.codes[i + 16] = codes[i] >> 4 | (high >> (i + 16) & 1) << 4;
    }
    if (dtype == MK_Q5_0) {
#pragma unroll
      for (int i = 0; i < 32; i++) out.codes[i] -= 16;
    }
  } else if constexpr (dtype == MK_Q4_K || dtype == MK_Q5_K) {
    float sub_scale, sub_minimum;
    k_scales(unit + 4, b, &sub_scale, &sub_minimum);
    out.scales[0] = load_half(unit) * sub_scale;
    out.minimums[0] = -load_half(unit + 2) * sub_minimum;
    const uint8_t *codes = unit + (dtype == MK_Q4_K ? 16 : 48) + b / 2 * 32;
#pragma unroll
    for (int i = 0; i < 32; i++) {
      const uint32_t fifth = dtype == MK_Q5_K ? unit[16 + i] >> b & 1 : 0;
      out.codes[i] = (codes[i] >> (4 * (b % 2)) & 15) | fifth << 4;
    }
  } else if constexpr (dtype == MK_Q6_K) {
    const uint32_t half = b / 4, quarter = b % 4;
    const float scale = load_half(unit + 208);
    out.scales[0] = scale * (float)(int8_t)unit[192 + 2 * b];
    out.scales[1] = scale * (float)(int8_t)unit[193 + 2 * b];
    const uint8_t *low = unit + half * 64 + quarter % 2 * 32, *high = unit + 128 + half * 32;
#pragma unroll
    for (int i = 0; i < 32; i++) {
      out.codes[i] = (int)((low[i] >> (4 * (quarter / 2)) & 15) | (high[i] >> (2 * quarter) & 3) << 4) - 32;
    }
  } else if constexpr (dtype == MK_Q2_K) {
    const uint8_t *codes = unit + 16 + b / 4 * 32;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      out.scales[h] = load_half(unit + 80) * (float)(unit[2 * b + h] & 15);
      out.minimums[h] = -load_half(unit + 82) * (float)(unit[2 * b + h] >> 4);
    }
#pragma unroll
    for (int i = 0; i < 32; i++) out.codes[i] = codes[i] >> (2 * (b % 4)) & 3;
  } else {
    static_assert(dtype == MK_Q3_K);
    const uint8_t *codes = unit + 32 + b / 4 * 32;
#pragma unroll
    for (int h = 0; h < 2; h++) out.scales[h] = load_half(unit + 108) * q3_scale(unit + 96, 2 * b + h);
#pragma unroll
    for (int i = 0; i < 32; i++) out.codes[i] = (codes[i] >> (2 * (b % 4)) & 3) | (unit[i] >> b & 1) << 2;
  }
  return out;
}

/// A thread for each block of each row of whole tiles; what lies past the matrix becomes zero.
template <mk_dtype dtype>
__global__ void pack_kernel(const uint8_t *file, size_t row_bytes, uint32_t rows, uint32_t cols, uint8_t *out) {
  wait_for_predecessor();
  release_successor();
  constexpr packed_format format = packed_format_of(dtype);
  const uint32_t block = blockIdx.x * threads + threadIdx.x, row = blockIdx.y;
  if (block >= (cols + unit_columns - 1) / unit_columns * unit_blocks) return;
  file_block from = {};
  if (row < rows && block < cols / block_columns) from = read_file<dtype>(file + row * row_bytes, block);
  const packed_place<format.bits> place(row, block, cols);
  uint8_t *unit = out + place.unit * unit_bytes(format);
  uint32_t *codes = reinterpret_cast<uint32_t *>(unit);
#pragma unroll
  for (int quad = 0; quad < 4; quad++) {
    uint32_t words[2] = {};
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const uint32_t code = (uint32_t)from.codes[16 * half + 4 * quad + i] & (format.bits == 4 ? 15 : 255);
        words[format.bits == 4 ? 0 : half] |= code << place.shift(half, i);
      }
    }
    codes[place.word(quad, 0)] = words[0];
    if (format.bits == 8) codes[place.word(quad, 1)] = words[1];
  }
  __half *scales = reinterpret_cast<__half *>(unit + code_bytes(format) + place.row * scale_bytes(format));
#pragma unroll
  for (int g = 0; g < format.groups; g++) {
    constexpr int each = format.has_minimum ? 2 : 1;
    __half *own = scales + (place.block * format.groups + g) * each;
    own[0] = __float2half_rn(from.scales[g]);
    if (format.has_minimum) own[each - 1] = __float2half_rn(from.minimums[g]);
  }
}

/// Uploads as many rows at a time as the stream's scratch takes, and packs them.
mk_status pack_quantized(mk_stream *stream, const mk_matrix *source, uint8_t *destination) {
  const size_t row_bytes = row_bytes_of(source->dtype, source->cols);
  const uint64_t most = stream->scratch_bytes / row_bytes / tile_rows * tile_rows;
  if (most == 0) return MK_UNSUPPORTED;
  const uint32_t piece = most < 32768 ? (uint32_t)most : 32768;
  const auto *file = static_cast<const uint8_t *>(source->data);
  uint8_t *raw = static_cast<uint8_t *>(stream->scratch);
  for (uint32_t first = 0; first < source->rows; first += piece) {
    const uint32_t count = source->rows - first < piece ? source->rows - first : piece;
    mk_status status = cuda_memory_upload(stream, raw, file + first * row_bytes, count * row_bytes);
    if (status != MK_OK) return status;
    const dim3 grid(ceil_div(ceil_div(source->cols, unit_columns) * unit_blocks, threads),
                    ceil_div(count, tile_rows) * tile_rows);
    with_quantized(source->dtype, [&](auto dtype) {
      status = launch(stream, pack_kernel<decltype(dtype)::value>, grid, threads, 0, raw, row_bytes, count,
                      source->cols, destination + device_bytes(source->dtype, first, source->cols));
    });
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

} // namespace

mk_status cuda_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes) {
  const weight_format format = format_of(dtype);
  if (!bytes || format.columns == 0 || rows == 0 || cols == 0 || cols % format.columns != 0) return MK_INVALID_ARGUMENT;
  const size_t exact = dtype == MK_F8_E4M3 ? fp8_bytes(rows, cols) : device_bytes(dtype, rows, cols);
  *bytes = (exact + 255) & ~(size_t)255;
  return MK_OK;
}

/// `source` is host memory, such as a mapped file; `destination` is device memory.
mk_status cuda_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out) {
  if (!stream || !is_valid_matrix(source) || source->layout != 0 || !destination || !out) return MK_INVALID_ARGUMENT;
  *out = *source;
  out->data = destination;
  out->layout = device_layout;
  if (is_quantized(source->dtype)) return pack_quantized(stream, source, static_cast<uint8_t *>(destination));
  return cuda_memory_upload(stream, destination, source->data,
                            source->rows * row_bytes_of(source->dtype, source->cols));
}

/// `source` is host memory, `destination` device memory, at least 16-byte aligned.
mk_status cuda_matrix_quantize(mk_stream *stream, const mk_matrix *source, mk_dtype dtype, void *destination,
                               uint32_t all_rows, uint32_t first_row, mk_matrix *out) {
  if (!stream || !is_valid_matrix(source) || source->layout != 0 || !destination || !out ||
      (uintptr_t)destination % 16 != 0 || first_row > all_rows || source->rows > all_rows - first_row) {
    return MK_INVALID_ARGUMENT;
  }
  const uint64_t layout = fp8_layout(all_rows, first_row, source->cols);
  if (dtype != MK_F8_E4M3 || is_quantized(source->dtype) || layout > UINT32_MAX) return MK_UNSUPPORTED;
  uint8_t *codes = static_cast<uint8_t *>(destination) + (size_t)first_row * fp8_stride(source->cols);
  *out = {codes, dtype, (uint32_t)layout, source->rows, source->cols};
  const size_t row_bytes = row_bytes_of(source->dtype, source->cols);
  const uint64_t piece = stream->scratch_bytes / row_bytes;
  if (piece == 0) return MK_UNSUPPORTED;
  for (uint64_t first = 0; first < source->rows; first += piece) {
    fp8_quantization q = {};
    q.x = stream->scratch;
    q.x_dtype = source->dtype;
    q.rows = (uint32_t)(source->rows - first < piece ? source->rows - first : piece);
    q.cols = q.x_stride = source->cols;
    q.codes = codes + first * fp8_stride(source->cols);
    q.scales = const_cast<float *>(fp8_scales(*out)) + first;
    mk_status status = cuda_memory_upload(
        stream, stream->scratch, static_cast<const uint8_t *>(source->data) + first * row_bytes, q.rows * row_bytes);
    if (status == MK_OK) status = quantize_rows(stream, q);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}
