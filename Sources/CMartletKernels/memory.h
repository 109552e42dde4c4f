/// Host memory for the CPU backend.
#pragma once
#include "internal.h"

/// Large mappings that a stream's allocations are cut from.
typedef struct mk_arena mk_arena;

mk_status mk_cpu_memory_allocate(mk_stream *stream, size_t bytes, void **out);
void mk_cpu_memory_free(mk_stream *stream, void *pointer, size_t bytes);
/// Also serves as the download: both sides are host memory.
mk_status mk_cpu_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes);
/// Unmaps what is left.
void mk_arena_destroy(mk_arena *arena);
