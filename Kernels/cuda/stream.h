/// What every op of the CUDA backend needs from the host: the stream, argument checks, launches.
///
/// Where pointers point: op arguments, segment lists, KV layer descriptions and the rows of `adjust_logits` and
/// `sample` with all they refer to are host memory, read before the call returns. Everything else is device memory.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

extern "C" {
#include "martlet_kernels.h"
}

struct cublaslt_state;

/// A ring of pinned memory and its image on the device, for small arguments that an op copies along.
struct staging_ring {
  uint8_t *host, *device;
  size_t bytes, used;
};

/// A small copy on its way to the host.
struct download_channel {
  uint8_t *host;
  cudaEvent_t done;
  bool is_busy;
};

struct mk_stream {
  cudaStream_t cuda;
  int device, multiprocessors, compute_capability;
  /// Kernels that meet an index outside its range set this (mapped memory); `stream_synchronize` reports it.
  int32_t *fault_host, *fault;
  staging_ring staging;
  download_channel downloads[MK_DOWNLOAD_CHANNELS];
  cublaslt_state *cublaslt;
  /// Scratch of the backend's own (cuBLASLt, merged partial results).
  void *scratch;
  size_t scratch_bytes;
  uint64_t launches;
  /// Whether results may depend on what else is in a batch.
  bool is_deterministic;
};

/// Room behind the scratch for counters that kernels share: zero whenever no kernel runs.
constexpr size_t counter_bytes = 1 << 20;
inline void *counters_of(mk_stream *stream) { return static_cast<uint8_t *>(stream->scratch) + stream->scratch_bytes; }

inline mk_status status_of(cudaError_t error) {
  switch (error) {
  case cudaSuccess: return MK_OK;
  case cudaErrorMemoryAllocation: return MK_OUT_OF_MEMORY;
  case cudaErrorInvalidValue:
  case cudaErrorInvalidConfiguration: return MK_INVALID_ARGUMENT;
  case cudaErrorNoKernelImageForDevice: return MK_UNSUPPORTED;
  default: return MK_DEVICE_LOST;
  }
}

/// Launches with programmatic stream serialisation: the kernel may start while its predecessor drains, and must call
/// `wait_for_predecessor` before it touches what that wrote.
/// Blocks run in clusters of `cluster`.
template <typename... Parameters, typename... Arguments>
mk_status launch_clusters(mk_stream *stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                          uint32_t cluster, Arguments... arguments) {
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = shared;
  configuration.stream = stream->cuda;
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim.x = cluster;
  attributes[1].val.clusterDim.y = attributes[1].val.clusterDim.z = 1;
  configuration.attrs = attributes;
  configuration.numAttrs = stream->compute_capability < 90 ? 0 : cluster > 1 ? 2 : 1;
  stream->launches++;
  return status_of(cudaLaunchKernelEx(&configuration, kernel, static_cast<Parameters>(arguments)...));
}

template <typename... Parameters, typename... Arguments> mk_status
launch(mk_stream *stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
  return launch_clusters(stream, kernel, grid, block, shared, 1, arguments...);
}

/// Copies `bytes` of host memory to the ring and, in stream order, to the device; `*device` is where it will be.
/// 16-byte aligned. MK_OUT_OF_MEMORY when it is larger than the ring.
mk_status stage(mk_stream *stream, const void *source, size_t bytes, void **device);
/// Room in the ring for `bytes`; `send` then copies them.
mk_status stage_reserve(mk_stream *stream, size_t bytes, uint8_t **host, uint8_t **device);
mk_status stage_send(mk_stream *stream, const uint8_t *host, uint8_t *device, size_t bytes);

inline uint32_t ceil_div(uint64_t a, uint64_t b) { return (uint32_t)((a + b - 1) / b); }
