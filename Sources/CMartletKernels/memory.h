#pragma once
#include "martlet_kernels.h"

mk_status mk_cpu_memory_allocate(mk_stream *stream, size_t bytes, void **out);
void mk_cpu_memory_free(mk_stream *stream, void *pointer, size_t bytes);
/// Also serves as the download: both sides are host memory.
mk_status mk_cpu_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes);
