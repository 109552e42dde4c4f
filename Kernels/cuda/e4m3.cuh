/// The 8-bit float of FP8 weights and of an FP8 KV.
#pragma once
#include "device.cuh"

#include <cuda_fp8.h>

using e4m3 = __nv_fp8_e4m3;

__device__ __forceinline__ float to_float(e4m3 x) { return static_cast<float>(x); }
/// The nearest, ties to even; what is larger than 448 becomes that.
template <> __device__ __forceinline__ e4m3 from_float<e4m3>(float x) { return e4m3(x); }

/// Four codes, as they lie in memory, as two pairs of bf16, the first and third and the second and fourth, exactly: moved
/// to where bf16 has its exponent and mantissa they are 2^120 too small, subnormal ones too. NaN, which is never stored
/// but for NaN, becomes 480.
__device__ __forceinline__ uint2 widen_codes(uint32_t word) {
  constexpr uint32_t signs = 0x80008000, magnitudes = 0x07f007f0;
  const auto grown = [](uint32_t pair) {
    const uint32_t factor = 0x7b807b80; // 2^120
    const __nv_bfloat162 product = __hmul2(*reinterpret_cast<const __nv_bfloat162 *>(&pair),
                                           *reinterpret_cast<const __nv_bfloat162 *>(&factor));
    return *reinterpret_cast<const uint32_t *>(&product);
  };
  return make_uint2(grown((word << 8 & signs) | (word << 4 & magnitudes)),
                    grown((word & signs) | (word >> 4 & magnitudes)));
}
