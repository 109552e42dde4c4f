/// What the device tests share: both tables, device buffers with poisoned guards, random numbers, comparisons.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>
extern "C" {
#include "martlet_kernels.h"
}

struct harness {
  const mk_table *device, *reference;
  mk_stream *stream, *deterministic_stream, *reference_stream;
  std::mt19937 random{12345};
  uint64_t state = 88172645463325252u;
  bool is_quick = false; ///< under a sanitizer: fewer and smaller cases
  int passed = 0, failed = 0;

  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(random); }
  /// Nearly normal, and fast: four uniform numbers of 16 bits from xorshift64, added.
  float normal() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const uint32_t sum = (uint32_t)(state & 0xffff) + (uint32_t)(state >> 16 & 0xffff) +
                         (uint32_t)(state >> 32 & 0xffff) + (uint32_t)(state >> 48);
    return ((float)sum - 131070.0f) * (1.7320508f / 65536.0f);
  }
  uint32_t below(uint32_t n) { return random() % n; }
  std::vector<float> normals(size_t count, float deviation = 1) {
    std::vector<float> values(count);
    for (float &value : values) value = deviation * normal();
    return values;
  }
  void expect(bool condition, const std::string &what) {
    if (condition) {
      passed++;
    } else {
      failed++;
      printf("FAILED %s\n", what.c_str());
      fflush(stdout);
    }
  }
  /// ||out - wanted|| / ||wanted|| <= tolerance, no element further off than 16 tolerances of the largest wanted one.
  void compare(const std::vector<float> &out, const std::vector<float> &wanted, double tolerance,
               const std::string &what) {
    double difference = 0, norm = 0, largest = 0, worst = 0;
    bool is_same_kind = out.size() == wanted.size();
    for (size_t i = 0; i < wanted.size() && is_same_kind; i++) {
      if (!std::isfinite(wanted[i])) {
        is_same_kind = out[i] == wanted[i];
        continue;
      }
      const double d = std::fabs((double)out[i] - wanted[i]);
      if (!(d < INFINITY)) is_same_kind = false;
      difference += d * d;
      norm += (double)wanted[i] * wanted[i];
      worst = std::max(worst, d);
      largest = std::max(largest, std::fabs((double)wanted[i]));
    }
    const double relative = std::sqrt(difference / (norm + 1e-30));
    const bool is_close = is_same_kind && relative <= tolerance && worst <= 16 * tolerance * largest + 1e-30;
    char text[160];
    snprintf(text, sizeof text, ": relative error %.3g, worst %.3g of %.3g, tolerance %.3g%s", relative, worst, largest,
             tolerance, is_same_kind ? "" : ", not finite where it should be");
    expect(is_close, what + text);
  }
};

/// Device memory that starts poisoned (NaN) between guards that must stay.
template <typename T> struct buffer {
  static constexpr size_t guard = 256;
  harness &h;
  size_t count;
  uint8_t *memory = nullptr;

  buffer(harness &h, size_t count) : h(h), count(count) {
    h.expect(h.device->memory_allocate(h.stream, bytes() + 2 * guard, (void **)&memory) == MK_OK, "allocation");
    const std::vector<uint8_t> poison(bytes() + 2 * guard, 0xff);
    h.device->memory_upload(h.stream, memory, poison.data(), poison.size());
  }
  buffer(harness &h, const std::vector<T> &values) : buffer(h, values.size()) { set(values); }
  buffer(const buffer &) = delete;
  ~buffer() {
    std::vector<uint8_t> ends(2 * guard);
    h.device->memory_download(h.stream, ends.data(), memory, guard);
    h.device->memory_download(h.stream, ends.data() + guard, memory + guard + bytes(), guard);
    for (uint8_t byte : ends) {
      if (byte != 0xff) {
        h.expect(false, "guard of a buffer was overwritten");
        break;
      }
    }
    h.device->memory_free(h.stream, memory, bytes() + 2 * guard);
  }
  size_t bytes() const { return count * sizeof(T); }
  T *pointer() const { return reinterpret_cast<T *>(memory + guard); }
  void set(const std::vector<T> &values) { h.device->memory_upload(h.stream, pointer(), values.data(), bytes()); }
  std::vector<T> get() const {
    std::vector<T> values(count);
    h.device->memory_download(h.stream, values.data(), pointer(), bytes());
    return values;
  }
};

inline uint16_t half_bits(float value) {
  const _Float16 half = (_Float16)value;
  uint16_t bits;
  memcpy(&bits, &half, 2);
  return bits;
}
inline uint16_t bfloat_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline std::vector<uint16_t> bfloats(const std::vector<float> &values) {
  std::vector<uint16_t> bits(values.size());
  for (size_t i = 0; i < values.size(); i++) bits[i] = bfloat_bits(values[i]);
  return bits;
}
inline std::vector<float> floats(const std::vector<uint16_t> &bits) {
  std::vector<float> values(bits.size());
  for (size_t i = 0; i < bits.size(); i++) {
    const uint32_t wide = (uint32_t)bits[i] << 16;
    memcpy(&values[i], &wide, 4);
  }
  return values;
}

/// The nearest value of E4M3, ties to even, at most 448.
inline float nearest_fp8(float x) {
  const float magnitude = std::fabs(x);
  if (magnitude >= 448) return std::copysign(448.0f, x);
  // Eight values to a power of two; below 2^-6 they stay as far apart.
  const float step = std::ldexp(1.0f, (magnitude < 0x1p-6f ? -6 : std::ilogb(magnitude)) - 3);
  return std::copysign(std::nearbyint(magnitude / step) * step, x);
}

/// An activation on the device, in either dtype. Values of a bf16 one are rounded in `values` too.
struct activation {
  mk_dtype dtype;
  buffer<uint8_t> memory;

  activation(harness &h, mk_dtype dtype, size_t count) : dtype(dtype), memory(h, count * (dtype == MK_F32 ? 4 : 2)) {}
  activation(harness &h, mk_dtype dtype, std::vector<float> &values) : activation(h, dtype, values.size()) {
    set(values);
  }
  float *pointer() const { return reinterpret_cast<float *>(memory.pointer()); }
  void set(std::vector<float> &values) {
    if (dtype == MK_F32) {
      memory.h.device->memory_upload(memory.h.stream, pointer(), values.data(), memory.bytes());
      return;
    }
    const std::vector<uint16_t> bits = bfloats(values);
    memory.h.device->memory_upload(memory.h.stream, pointer(), bits.data(), memory.bytes());
    values = floats(bits);
  }
  std::vector<float> get() const {
    const std::vector<uint8_t> bytes = memory.get();
    if (dtype == MK_F32) {
      std::vector<float> values(bytes.size() / 4);
      memcpy(values.data(), bytes.data(), bytes.size());
      return values;
    }
    std::vector<uint16_t> bits(bytes.size() / 2);
    memcpy(bits.data(), bytes.data(), bytes.size());
    return floats(bits);
  }
};

/// What rounding to bf16 adds to a tolerance.
inline double tolerance_of(mk_dtype dtype, double exact) { return dtype == MK_BF16 ? exact + 3e-3 : exact; }

struct format_name {
  mk_dtype dtype;
  const char *name;
};
extern const std::vector<format_name> all_formats;
/// Random weights of a format in the file's layout, values of about unit size.
std::vector<uint8_t> random_weights(harness &h, mk_dtype dtype, uint32_t rows, uint32_t cols);

void test_pointwise(harness &h);
void test_embedding_and_linear(harness &h);
void test_many_rows(harness &h);
void test_fp8(harness &h);
void test_attention(harness &h);
void test_sampling(harness &h);
void test_deterministic_linear(harness &h);
void test_deterministic_attention(harness &h);
void bench(harness &h, const std::string &only);
void bench_prefill(harness &h);
