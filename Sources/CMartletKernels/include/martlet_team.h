/// What the CPU backend is built on and tests reach directly: the parallel region and the random generator.
#pragma once
#include "martlet_kernels.h"

/// One piece of a parallel region. Pieces are claimed from an atomic counter: any worker may run any piece, so a
/// result must not depend on `worker` (it only selects private scratch; 0 <= worker < mk_stream_width).
typedef void (*mk_task)(void *context, uint32_t piece, uint32_t worker);

/// Runs pieces 0..<pieces on a CPU stream's team and returns when all are done. Not reentrant.
void mk_parallel(mk_stream *stream, uint32_t pieces, mk_task task, void *context);
uint32_t mk_stream_width(const mk_stream *stream);

/// Philox4x32-10 (Salmon et al., 2011).
void mk_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
