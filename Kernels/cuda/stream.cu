/// Streams: a CUDA stream with the fault flag, the staging ring and the scratch that its ops share.
#include "cublaslt.h"
#include "ops.h"

#include <new>
#include <string.h>

namespace {

constexpr size_t staging_bytes = 32 << 20, scratch_size = 64 << 20;

mk_status create(mk_stream *stream) {
  cudaError_t error = cudaGetDevice(&stream->device);
  if (error != cudaSuccess) return MK_UNSUPPORTED;
  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&stream->multiprocessors, cudaDevAttrMultiProcessorCount, stream->device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, stream->device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, stream->device);
  stream->compute_capability = major * 10 + minor;
  error = cudaStreamCreateWithFlags(&stream->cuda, cudaStreamNonBlocking);
  if (error == cudaSuccess) error = cudaHostAlloc((void **)&stream->fault_host, 64, cudaHostAllocMapped);
  if (error == cudaSuccess) error = cudaHostGetDevicePointer((void **)&stream->fault, stream->fault_host, 0);
  if (error == cudaSuccess) error = cudaHostAlloc((void **)&stream->staging.host, staging_bytes, cudaHostAllocDefault);
  if (error == cudaSuccess) error = cudaMalloc((void **)&stream->staging.device, staging_bytes);
  for (download_channel &channel : stream->downloads) {
    if (error == cudaSuccess) error = cudaHostAlloc((void **)&channel.host, MK_DOWNLOAD_BYTES, cudaHostAllocDefault);
    if (error == cudaSuccess) error = cudaEventCreateWithFlags(&channel.done, cudaEventDisableTiming);
  }
  if (error == cudaSuccess) error = cudaMalloc(&stream->scratch, scratch_size + counter_bytes);
  if (error == cudaSuccess) error = cudaMemset(stream->scratch, 0, scratch_size + counter_bytes);
  if (error != cudaSuccess) return status_of(error);
  *stream->fault_host = 0;
  stream->staging.bytes = staging_bytes;
  stream->scratch_bytes = scratch_size;
  stream->cublaslt = cublaslt_open();
  return MK_OK;
}

mk_status take_fault(mk_stream *stream) {
  const int32_t fault = *stream->fault_host;
  *stream->fault_host = 0;
  return fault ? MK_INVALID_ARGUMENT : MK_OK;
}

} // namespace

mk_status cuda_stream_create(const mk_stream_options *options, mk_stream **out) {
  if (!out) return MK_INVALID_ARGUMENT;
  mk_stream *stream = new (std::nothrow) mk_stream();
  if (!stream) return MK_OUT_OF_MEMORY;
  stream->is_deterministic = options && options->deterministic;
  const mk_status status = create(stream);
  if (status == MK_OK) {
    *out = stream;
  } else {
    cuda_stream_destroy(stream);
  }
  return status;
}

void cuda_stream_destroy(mk_stream *stream) {
  if (!stream) return;
  if (stream->cuda) cudaStreamSynchronize(stream->cuda);
  cublaslt_close(stream->cublaslt);
  if (stream->scratch) cudaFree(stream->scratch);
  if (stream->staging.device) cudaFree(stream->staging.device);
  if (stream->staging.host) cudaFreeHost(stream->staging.host);
  for (download_channel &channel : stream->downloads) {
    if (channel.host) cudaFreeHost(channel.host);
    if (channel.done) cudaEventDestroy(channel.done);
  }
  if (stream->fault_host) cudaFreeHost(stream->fault_host);
  if (stream->cuda) cudaStreamDestroy(stream->cuda);
  delete stream;
}

mk_status cuda_stream_synchronize(mk_stream *stream) {
  if (!stream) return MK_INVALID_ARGUMENT;
  const cudaError_t error = cudaStreamSynchronize(stream->cuda);
  return error == cudaSuccess ? take_fault(stream) : MK_DEVICE_LOST;
}

mk_status cuda_download_begin(mk_stream *stream, uint32_t channel, const void *source, size_t bytes) {
  if (!stream || channel >= MK_DOWNLOAD_CHANNELS || !source || bytes > MK_DOWNLOAD_BYTES) return MK_INVALID_ARGUMENT;
  download_channel *own = &stream->downloads[channel];
  if (own->is_busy) return MK_INVALID_ARGUMENT;
  cudaError_t error = cudaMemcpyAsync(own->host, source, bytes, cudaMemcpyDeviceToHost, stream->cuda);
  if (error == cudaSuccess) error = cudaEventRecord(own->done, stream->cuda);
  own->is_busy = error == cudaSuccess;
  return status_of(error);
}

mk_status cuda_download_end(mk_stream *stream, uint32_t channel, void *destination, size_t bytes) {
  if (!stream || channel >= MK_DOWNLOAD_CHANNELS || !destination || bytes > MK_DOWNLOAD_BYTES) {
    return MK_INVALID_ARGUMENT;
  }
  download_channel *own = &stream->downloads[channel];
  if (!own->is_busy) return MK_INVALID_ARGUMENT;
  own->is_busy = false;
  if (cudaEventSynchronize(own->done) != cudaSuccess) return MK_DEVICE_LOST;
  memcpy(destination, own->host, bytes);
  return take_fault(stream);
}

mk_status cuda_stream_statistics(mk_stream *stream, mk_stream_statistics *out) {
  if (!stream || !out) return MK_INVALID_ARGUMENT;
  *out = mk_stream_statistics{};
  out->regions = stream->launches;
  return MK_OK;
}

mk_status stage_reserve(mk_stream *stream, size_t bytes, uint8_t **host, uint8_t **device) {
  staging_ring *ring = &stream->staging;
  bytes = (bytes + 15) & ~(size_t)15;
  if (bytes > ring->bytes) return MK_OUT_OF_MEMORY;
  if (ring->used + bytes > ring->bytes) {
    // Copies from the ring's start may still be under way.
    if (cudaStreamSynchronize(stream->cuda) != cudaSuccess) return MK_DEVICE_LOST;
    ring->used = 0;
  }
  *host = ring->host + ring->used;
  *device = ring->device + ring->used;
  ring->used += bytes;
  return MK_OK;
}

mk_status stage_send(mk_stream *stream, const uint8_t *host, uint8_t *device, size_t bytes) {
  return status_of(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream->cuda));
}

mk_status stage(mk_stream *stream, const void *source, size_t bytes, void **device) {
  uint8_t *host, *image;
  const mk_status status = stage_reserve(stream, bytes, &host, &image);
  if (status != MK_OK) return status;
  memcpy(host, source, bytes);
  *device = image;
  return stage_send(stream, host, image, bytes);
}
