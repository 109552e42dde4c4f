/// What kernels share: conversions, reductions, the order between kernels of a stream.
#pragma once
#include "stream.h"

#include <float.h>
#include <math_constants.h>

using bf16 = __nv_bfloat16;

/// What an op's dtype fields may name.
inline bool is_activation_dtype(mk_dtype dtype) { return dtype == MK_F32 || dtype == MK_BF16; }

/// Every kernel calls this before it reads or writes what an earlier kernel of the stream may still use, on every path:
/// a successor's wait counts on it.
__device__ __forceinline__ void wait_for_predecessor() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next kernel of the stream start its prologue.
__device__ __forceinline__ void release_successor() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(bf16 x) { return __bfloat162float(x); }

template <typename T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) { return x; }
template <> __device__ __forceinline__ __half from_float<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ bf16 from_float<bf16>(float x) { return __float2bfloat16_rn(x); }

/// Two floats as the bits of a pair of bf16 or half, the first in the low half.
template <typename T> __device__ __forceinline__ uint32_t pack_pair(float low, float high);
template <> __device__ __forceinline__ uint32_t pack_pair<bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t *>(&pair);
}
template <> __device__ __forceinline__ uint32_t pack_pair<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t *>(&pair);
}

/// d += a * b with a 16x16 tile of T row-major, b 16x8 column-major, d 16x8 in float.
template <typename T> __device__ __forceinline__ void multiply_tile(float d[4], uint32_t a0, uint32_t a1, uint32_t a2,
                                                                    uint32_t a3, uint32_t b0, uint32_t b1);
template <> __device__ __forceinline__ void multiply_tile<bf16>(float d[4], uint32_t a0, uint32_t a1, uint32_t a2,
                                                                uint32_t a3, uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
template <> __device__ __forceinline__ void multiply_tile<__half>(float d[4], uint32_t a0, uint32_t a1, uint32_t a2,
                                                                  uint32_t a3, uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// Four neighbours, aligned to their size.
__device__ __forceinline__ float4 load_four(const float *from) { return *reinterpret_cast<const float4 *>(from); }
__device__ __forceinline__ float4 load_four(const bf16 *from) {
  const uint2 bits = *reinterpret_cast<const uint2 *>(from);
  const float2 low = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(&bits.x)),
               high = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(&bits.y));
  return make_float4(low.x, low.y, high.x, high.y);
}
__device__ __forceinline__ float4 load_four(const __half *from) {
  const uint2 bits = *reinterpret_cast<const uint2 *>(from);
  const float2 low = __half22float2(*reinterpret_cast<const __half2 *>(&bits.x)),
               high = __half22float2(*reinterpret_cast<const __half2 *>(&bits.y));
  return make_float4(low.x, low.y, high.x, high.y);
}
__device__ __forceinline__ void store_four(float *to, float4 v) { *reinterpret_cast<float4 *>(to) = v; }
__device__ __forceinline__ void store_four(bf16 *to, float4 v) {
  *reinterpret_cast<uint2 *>(to) = make_uint2(pack_pair<bf16>(v.x, v.y), pack_pair<bf16>(v.z, v.w));
}

/// Elements of an activation of either dtype; a pair is aligned to its size.
__device__ __forceinline__ float load_activation(const void *x, mk_dtype dtype, size_t i) {
  return dtype == MK_BF16 ? to_float(static_cast<const bf16 *>(x)[i]) : static_cast<const float *>(x)[i];
}
__device__ __forceinline__ float2 load_activation_pair(const void *x, mk_dtype dtype, size_t i) {
  if (dtype != MK_BF16) return *reinterpret_cast<const float2 *>(static_cast<const float *>(x) + i);
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(static_cast<const bf16 *>(x) + i));
}
__device__ __forceinline__ void store_activation(void *y, mk_dtype dtype, size_t i, float value) {
  if (dtype == MK_BF16) {
    static_cast<bf16 *>(y)[i] = from_float<bf16>(value);
  } else {
    static_cast<float *>(y)[i] = value;
  }
}
__device__ __forceinline__ void store_activation_pair(void *y, mk_dtype dtype, size_t i, float low, float high) {
  if (dtype == MK_BF16) {
    *reinterpret_cast<uint32_t *>(static_cast<bf16 *>(y) + i) = pack_pair<bf16>(low, high);
  } else {
    *reinterpret_cast<float2 *>(static_cast<float *>(y) + i) = make_float2(low, high);
  }
}

/// 2^x by the hardware's approximation; 0 for very small results.
__device__ __forceinline__ float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 1 / x by the hardware's approximation; 0 for very large x.
__device__ __forceinline__ float fast_reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

template <typename T> __device__ __forceinline__ T warp_sum(T value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  return value;
}
__device__ __forceinline__ float warp_max(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value = fmaxf(value, __shfl_xor_sync(~0u, value, offset));
  return value;
}

/// The sum over a block's threads, for all of them, in an order that depends on the block's size only.
template <typename T> __device__ T block_sum(T value) {
  __shared__ T partial[32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = (blockDim.x + 31) / 32;
  value = warp_sum(value);
  __syncthreads();
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? partial[lane] : T(0));
}

/// The largest over a block's threads, for all of them.
__device__ inline float block_max(float value) {
  __shared__ float partial[32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = (blockDim.x + 31) / 32;
  value = warp_max(value);
  __syncthreads();
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return warp_max(lane < warps ? partial[lane] : -FLT_MAX);
}
