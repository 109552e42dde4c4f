/// Device memory and copies, in stream order. A download is done when the call returns; the source of an upload may
/// change.
#include "ops.h"

#include <string.h>

#include <atomic>
#include <thread>

namespace {

/// Uploads of at least so many bytes are copied to pinned memory by several threads.
constexpr size_t large_upload = 8 << 20;
constexpr size_t upload_threads = 8, slots_per_thread = 2;

/// One thread's share of a large upload: every `upload_threads`-th piece, through pinned slots of its own.
cudaError_t upload_share(mk_stream *stream, size_t thread, uint8_t *destination, const uint8_t *source, size_t bytes) {
  cudaError_t error = cudaSetDevice(stream->device);
  const size_t piece = stream->staging.bytes / (upload_threads * slots_per_thread);
  cudaEvent_t sent[slots_per_thread] = {};
  for (cudaEvent_t &event : sent) {
    if (error == cudaSuccess) error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  }
  size_t turn = 0;
  for (size_t done = thread * piece; error == cudaSuccess && done < bytes; done += upload_threads * piece, turn++) {
    const size_t count = bytes - done < piece ? bytes - done : piece, slot = turn % slots_per_thread;
    uint8_t *host = stream->staging.host + (thread * slots_per_thread + slot) * piece;
    error = cudaEventSynchronize(sent[slot]);
    memcpy(host, source + done, count);
    if (error == cudaSuccess) {
      error = cudaMemcpyAsync(destination + done, host, count, cudaMemcpyHostToDevice, stream->cuda);
    }
    if (error == cudaSuccess) error = cudaEventRecord(sent[slot], stream->cuda);
  }
  for (cudaEvent_t event : sent) {
    if (event) cudaEventDestroy(event);
  }
  return error;
}

mk_status upload_large(mk_stream *stream, uint8_t *destination, const uint8_t *source, size_t bytes) {
  // The ring is used as a whole: what it held must have left, and later uses wait for this one.
  cudaError_t error = cudaStreamSynchronize(stream->cuda);
  if (error != cudaSuccess) return MK_DEVICE_LOST;
  stream->staging.used = stream->staging.bytes;
  std::atomic<cudaError_t> failure{cudaSuccess};
  std::thread workers[upload_threads];
  for (size_t i = 0; i < upload_threads; i++) {
    workers[i] = std::thread([=, &failure] {
      const cudaError_t own = upload_share(stream, i, destination, source, bytes);
      if (own != cudaSuccess) failure = own;
    });
  }
  for (std::thread &worker : workers) worker.join();
  return status_of(failure);
}

} // namespace

mk_status cuda_memory_allocate(mk_stream *stream, size_t bytes, void **out) {
  if (!stream || !out || bytes == 0) return MK_INVALID_ARGUMENT;
  void *pointer = nullptr;
  cudaError_t error = cudaMalloc(&pointer, bytes);
  if (error != cudaSuccess) {
    cudaGetLastError(); // an allocation that fails leaves its error for the next call to find
    return status_of(error);
  }
  error = cudaMemsetAsync(pointer, 0, bytes, stream->cuda);
  if (error == cudaSuccess) *out = pointer;
  return status_of(error);
}

void cuda_memory_free(mk_stream *stream, void *pointer, size_t bytes) {
  (void)bytes;
  if (!stream || !pointer) return;
  cudaStreamSynchronize(stream->cuda);
  cudaFree(pointer);
}

/// Pageable memory goes through the staging ring in quarters, each sent while the next is filled.
mk_status cuda_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes) {
  if (!stream || (bytes > 0 && (!destination || !source))) return MK_INVALID_ARGUMENT;
  if (bytes >= large_upload) return upload_large(stream, (uint8_t *)destination, (const uint8_t *)source, bytes);
  const size_t piece = stream->staging.bytes / 4;
  for (size_t done = 0; done < bytes; done += piece) {
    const size_t count = bytes - done < piece ? bytes - done : piece;
    uint8_t *host, *unused;
    mk_status status = stage_reserve(stream, count, &host, &unused);
    if (status != MK_OK) return status;
    memcpy(host, (const uint8_t *)source + done, count);
    status = stage_send(stream, host, (uint8_t *)destination + done, count);
    if (status != MK_OK) return status;
  }
  return MK_OK;
}

mk_status cuda_memory_download(mk_stream *stream, void *destination, const void *source, size_t bytes) {
  if (!stream || (bytes > 0 && (!destination || !source))) return MK_INVALID_ARGUMENT;
  if (bytes == 0) return MK_OK;
  const cudaError_t error = cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToHost, stream->cuda);
  if (error != cudaSuccess) return status_of(error);
  return status_of(cudaStreamSynchronize(stream->cuda));
}
