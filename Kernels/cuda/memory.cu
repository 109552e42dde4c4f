/// Device memory and copies, in stream order. A download is done when the call returns; the source of an upload may
/// change.
#include "ops.h"

#include <string.h>

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
