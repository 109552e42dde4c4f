/// Host memory for the CPU backend: zeroed anonymous mappings, in huge pages where the kernel offers them.
#define _GNU_SOURCE
#include "memory.h"

#include <string.h>
#include <sys/mman.h>

mk_status mk_cpu_memory_allocate(mk_stream *stream, size_t bytes, void **out) {
  if (!stream || !out || bytes == 0) return MK_INVALID_ARGUMENT;
  void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return MK_OUT_OF_MEMORY;
  if (bytes >= (size_t)4 << 20) madvise(mapping, bytes, MADV_HUGEPAGE);
  *out = mapping;
  return MK_OK;
}

void mk_cpu_memory_free(mk_stream *stream, void *pointer, size_t bytes) {
  (void)stream;
  if (pointer) munmap(pointer, bytes);
}

mk_status mk_cpu_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes) {
  if (!stream || !destination || !source) return MK_INVALID_ARGUMENT;
  memcpy(destination, source, bytes);
  return MK_OK;
}
