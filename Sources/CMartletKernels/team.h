/// The CPU stream's state.
#pragma once
#include "internal.h"
#include "memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

/// What an op may use on each worker within a region.
enum { MK_SCRATCH_BYTES = 192 << 10 };

typedef struct mk_helper {
  mk_stream *stream;
  uint32_t worker;
  pthread_t thread;
} mk_helper;

struct mk_stream {
  /// Written by every worker: a line each.
  _Alignas(64) _Atomic uint64_t claim;
  _Alignas(64) _Atomic uint32_t done;
  /// Written by the caller between regions.
  _Alignas(64) _Atomic uint32_t epoch;
  _Atomic uint32_t pieces, active;
  mk_task task;
  void *context;
  _Atomic uint32_t parked;
  _Atomic uint64_t parks;
  _Atomic bool stopping;
  uint32_t threads;
  uint64_t spin_nanoseconds;
  mk_helper *helpers;
  uint8_t *scratch; ///< MK_SCRATCH_BYTES for each worker
  pthread_mutex_t memory_lock; ///< memory may be given back by any thread
  mk_arena *arena;
  uint64_t regions, busy, waiting;
  uint64_t window_waiting, window_total;
  uint32_t window_regions, slow_windows;
  uint32_t same_windows, patience; ///< windows since the team changed, and how many a smaller one waits
};

static inline void *mk_stream_scratch(const mk_stream *stream, uint32_t worker) {
  return stream->scratch + (size_t)worker * MK_SCRATCH_BYTES;
}

mk_status mk_cpu_stream_create(const mk_stream_options *options, mk_stream **out);
void mk_cpu_stream_destroy(mk_stream *stream);
mk_status mk_cpu_stream_synchronize(mk_stream *stream);
mk_status mk_cpu_stream_statistics(mk_stream *stream, mk_stream_statistics *out);
