/// Host memory for the CPU backend: zeroed anonymous mappings in huge pages where the kernel offers them.
///
/// Weights are read in long streams, which a processor prefetches across the pages of a huge page only: in pages of 4 KiB
/// they arrive at little more than half the speed. So what is smaller than a few huge pages shares mappings, cut one
/// after the other; a mapping goes when all that was cut from it has been given back.
#define _GNU_SOURCE
#include "memory.h"
#include "team.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 256 };
static const size_t huge_page = (size_t)2 << 20, mapping_bytes = (size_t)64 << 20, largest_cut = (size_t)32 << 20;

struct mk_arena {
  mk_arena *next;
  uint8_t *base;
  size_t used, live;
};

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// A mapping that begins with a huge page; NULL when there is no memory.
static void *map(size_t bytes) {
  const size_t padded = bytes + huge_page;
  uint8_t *raw = mmap(NULL, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return NULL;
  uint8_t *base = raw + (huge_page - (uintptr_t)raw % huge_page) % huge_page;
  if (base > raw) munmap(raw, (size_t)(base - raw));
  munmap(base + bytes, padded - bytes - (size_t)(base - raw));
  madvise(base, bytes, MADV_HUGEPAGE);
  return base;
}

static void *cut(mk_stream *stream, size_t size) {
  mk_arena *arena = stream->arena;
  if (!arena || arena->used + size > mapping_bytes) {
    arena = calloc(1, sizeof *arena);
    if (arena) arena->base = map(mapping_bytes);
    if (!arena || !arena->base) {
      free(arena);
      return NULL;
    }
    arena->next = stream->arena;
    stream->arena = arena;
  }
  uint8_t *pointer = arena->base + arena->used;
  arena->used += size;
  arena->live += size;
  return pointer;
}

mk_status mk_cpu_memory_allocate(mk_stream *stream, size_t bytes, void **out) {
  if (!stream || !out || bytes == 0 || bytes > SIZE_MAX / 2) return MK_INVALID_ARGUMENT;
  const size_t size = round_up(bytes, ALIGNMENT);
  if (size > largest_cut) {
    *out = map(round_up(bytes, huge_page));
  } else {
    pthread_mutex_lock(&stream->memory_lock);
    *out = cut(stream, size);
    pthread_mutex_unlock(&stream->memory_lock);
  }
  return *out ? MK_OK : MK_OUT_OF_MEMORY;
}

static void give_back(mk_stream *stream, const uint8_t *pointer, size_t size) {
  for (mk_arena **link = &stream->arena; *link; link = &(*link)->next) {
    mk_arena *arena = *link;
    if (pointer < arena->base || pointer >= arena->base + mapping_bytes) continue;
    arena->live -= size;
    if (arena->live > 0) return;
    *link = arena->next;
    munmap(arena->base, mapping_bytes);
    free(arena);
    return;
  }
}

void mk_cpu_memory_free(mk_stream *stream, void *pointer, size_t bytes) {
  if (!stream || !pointer) return;
  const size_t size = round_up(bytes, ALIGNMENT);
  if (size > largest_cut) {
    munmap(pointer, round_up(bytes, huge_page));
    return;
  }
  pthread_mutex_lock(&stream->memory_lock);
  give_back(stream, pointer, size);
  pthread_mutex_unlock(&stream->memory_lock);
}

void mk_arena_destroy(mk_arena *arena) {
  while (arena) {
    mk_arena *next = arena->next;
    munmap(arena->base, mapping_bytes);
    free(arena);
    arena = next;
  }
}

mk_status mk_cpu_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes) {
  if (!stream || !destination || !source) return MK_INVALID_ARGUMENT;
  memcpy(destination, source, bytes);
  return MK_OK;
}
