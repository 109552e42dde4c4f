/// The CPU stream: a team of threads that share parallel regions piece by piece.
///
/// A region is published by bumping an epoch. Helpers spin on it for a short while, then park on a futex. Pieces are
/// claimed from an atomic counter, the caller claims too, and the end of a region waits for claimed pieces only: a helper
/// that is preempted or still asleep holds up nobody unless it has claimed a piece, and then one piece at most.
#define _GNU_SOURCE
#include "team.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/// The claim word holds the region's epoch above the next piece, so that a late helper cannot claim a piece of a region
/// that has ended: its compare fails.
enum { PIECE_BITS = 32 };

/// Claims and runs pieces of region `epoch` until none is left.
static void work(mk_stream *stream, uint32_t epoch, uint32_t worker) {
  for (;;) {
    uint64_t claim = atomic_load_explicit(&stream->claim, memory_order_acquire);
    uint32_t piece;
    do {
      piece = (uint32_t)claim;
      if ((uint32_t)(claim >> PIECE_BITS) != epoch) return;
      if (piece >= atomic_load_explicit(&stream->pieces, memory_order_acquire)) return;
    } while (!atomic_compare_exchange_weak_explicit(&stream->claim, &claim, claim + 1, memory_order_acq_rel,
                                                    memory_order_acquire));
    stream->task(stream->context, piece, worker);
    atomic_fetch_add_explicit(&stream->done, 1, memory_order_release);
  }
}

static void *helper_main(void *opaque) {
  mk_helper *helper = opaque;
  mk_stream *stream = helper->stream;
  uint32_t seen = 0;
  for (;;) {
    uint32_t epoch = atomic_load_explicit(&stream->epoch, memory_order_acquire);
    if (epoch == seen) {
      const uint64_t limit = now_nanoseconds() + stream->spin_nanoseconds;
      for (uint32_t spins = 1; (epoch = atomic_load_explicit(&stream->epoch, memory_order_acquire)) == seen; spins++) {
        relax();
        if (spins % 64 != 0 || now_nanoseconds() < limit) continue;
        atomic_fetch_add_explicit(&stream->parked, 1, memory_order_seq_cst);
        if (atomic_load_explicit(&stream->epoch, memory_order_seq_cst) == seen) {
          atomic_fetch_add_explicit(&stream->parks, 1, memory_order_relaxed);
          futex_wait(&stream->epoch, seen);
        }
        atomic_fetch_sub_explicit(&stream->parked, 1, memory_order_seq_cst);
      }
    }
    seen = epoch;
    if (atomic_load_explicit(&stream->stopping, memory_order_acquire)) return NULL;
    if (helper->worker < atomic_load_explicit(&stream->active, memory_order_relaxed)) work(stream, seen, helper->worker);
  }
}

/// Shrinks the team when the caller waits much for helpers that do not run, and tries a larger one again later. A third
/// is enough: the other process takes turns on the caller's core too, and that time does not show as waiting.
///
/// A window is longer than a step of a large batch: when a step ends, the threads that send its tokens and their readers
/// take a core for some milliseconds, which is no reason to give that core up. One window may be slow for other reasons
/// (pages come in, weights are packed in uneven pieces): two in a row count, or one of a team that shrank lately. A smaller
/// team tries again soon; each time that this was in vain it waits four times as long, up to MOST_PATIENCE windows.
static void adapt(mk_stream *stream) {
  enum { WINDOW_REGIONS = 64, WINDOW_NANOSECONDS = 50000000 };
  enum { SLOW_WINDOWS = 2, LEAST_PATIENCE = 2, MOST_PATIENCE = 32, STEADY_WINDOWS = 16 };
  if (++stream->window_regions < WINDOW_REGIONS || stream->window_total < WINDOW_NANOSECONDS) return;
  const uint32_t active = atomic_load_explicit(&stream->active, memory_order_relaxed);
  const bool is_slow = stream->window_waiting * 3 > stream->window_total && active > 1;
  stream->window_regions = 0;
  stream->window_waiting = stream->window_total = 0;
  stream->slow_windows = is_slow ? stream->slow_windows + 1 : 0;
  stream->same_windows++;
  if (stream->slow_windows >= (stream->patience > 0 ? 1 : SLOW_WINDOWS)) {
    atomic_store_explicit(&stream->active, active - 1, memory_order_relaxed);
    const uint32_t patience = 4 * stream->patience;
    stream->patience = patience < LEAST_PATIENCE ? LEAST_PATIENCE : patience > MOST_PATIENCE ? MOST_PATIENCE : patience;
    stream->slow_windows = stream->same_windows = 0;
  } else if (active < stream->threads) {
    if (stream->same_windows < stream->patience) return;
    atomic_store_explicit(&stream->active, active + 1, memory_order_relaxed);
    stream->same_windows = 0;
  } else if (stream->same_windows >= STEADY_WINDOWS) {
    stream->patience = 0;
  }
}

void mk_parallel(mk_stream *stream, uint32_t pieces, mk_task task, void *context) {
  if (pieces == 0) return;
  stream->regions++;
  const uint64_t start = now_nanoseconds();
  if (pieces == 1 || atomic_load_explicit(&stream->active, memory_order_relaxed) == 1) {
    for (uint32_t piece = 0; piece < pieces; piece++) task(context, piece, 0);
    const uint64_t end = now_nanoseconds();
    stream->busy += end - start;
    stream->window_total += end - start;
    if (stream->threads > 1 && pieces > 1) adapt(stream);
    return;
  }
  const uint32_t epoch = atomic_load_explicit(&stream->epoch, memory_order_relaxed) + 1;
  // A late helper of the last region may still look at the claim word: first leave it nothing to claim, then change what
  // a claim refers to (who sees the new count also sees that nothing is left), then offer the new pieces.
  atomic_store_explicit(&stream->claim, (uint64_t)(epoch - 1) << PIECE_BITS | UINT32_MAX, memory_order_seq_cst);
  stream->task = task;
  stream->context = context;
  atomic_store_explicit(&stream->done, 0, memory_order_relaxed);
  atomic_store_explicit(&stream->pieces, pieces, memory_order_release);
  atomic_store_explicit(&stream->claim, (uint64_t)epoch << PIECE_BITS, memory_order_release);
  atomic_store_explicit(&stream->epoch, epoch, memory_order_seq_cst);
  if (atomic_load_explicit(&stream->parked, memory_order_seq_cst) > 0) futex_wake(&stream->epoch);
  work(stream, epoch, 0);
  const uint64_t own = now_nanoseconds();
  for (uint32_t spins = 0; atomic_load_explicit(&stream->done, memory_order_acquire) != pieces;) {
    relax();
    if (++spins % 4096 == 0) sched_yield();
  }
  const uint64_t end = now_nanoseconds();
  stream->busy += own - start;
  stream->waiting += end - own;
  stream->window_waiting += end - own;
  stream->window_total += end - start;
  adapt(stream);
}

uint32_t mk_stream_width(const mk_stream *stream) { return stream->threads; }

static uint32_t usable_cores(cpu_set_t *set) {
  CPU_ZERO(set);
  if (sched_getaffinity(0, sizeof *set, set) != 0) return 1;
  const int count = CPU_COUNT(set);
  return count > 0 ? (uint32_t)count : 1;
}

static void pin(pthread_t thread, const cpu_set_t *set, uint32_t index) {
  uint32_t seen = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, set) || seen++ != index) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof one, &one);
    return;
  }
}

mk_status mk_cpu_stream_create(const mk_stream_options *options, mk_stream **out) {
  enum { MAX_THREADS = 1024 };
  if (!options || !out || options->threads > MAX_THREADS) return MK_INVALID_ARGUMENT;
  cpu_set_t cores;
  const uint32_t usable = usable_cores(&cores);
  const uint32_t threads = options->threads ? options->threads : usable;
  // The counters that workers share are aligned to cache lines, which calloc does not promise.
  mk_stream *stream = aligned_alloc(_Alignof(mk_stream), sizeof *stream);
  if (stream) memset(stream, 0, sizeof *stream);
  mk_helper *helpers = calloc(threads, sizeof *helpers);
  // Untouched until a worker uses its part.
  uint8_t *scratch = aligned_alloc(4096, (size_t)threads * MK_SCRATCH_BYTES);
  if (!stream || !helpers || !scratch) {
    free(stream);
    free(helpers);
    free(scratch);
    return MK_OUT_OF_MEMORY;
  }
  stream->helpers = helpers;
  stream->scratch = scratch;
  pthread_mutex_init(&stream->memory_lock, NULL);
  stream->spin_nanoseconds = (uint64_t)options->spin_microseconds * 1000;
  stream->threads = 1;
  for (uint32_t worker = 1; worker < threads; worker++) {
    helpers[worker] = (mk_helper){.stream = stream, .worker = worker};
    if (pthread_create(&helpers[worker].thread, NULL, helper_main, &helpers[worker]) != 0) break;
    if (options->pin) pin(helpers[worker].thread, &cores, worker % usable);
    stream->threads++;
  }
  atomic_store(&stream->active, stream->threads);
  *out = stream;
  return MK_OK;
}

void mk_cpu_stream_destroy(mk_stream *stream) {
  if (!stream) return;
  atomic_store(&stream->stopping, true);
  atomic_fetch_add(&stream->epoch, 1);
  futex_wake(&stream->epoch);
  for (uint32_t worker = 1; worker < stream->threads; worker++) pthread_join(stream->helpers[worker].thread, NULL);
  mk_arena_destroy(stream->arena);
  pthread_mutex_destroy(&stream->memory_lock);
  free(stream->helpers);
  free(stream->scratch);
  free(stream);
}

mk_status mk_cpu_stream_synchronize(mk_stream *stream) { return stream ? MK_OK : MK_INVALID_ARGUMENT; }

mk_status mk_cpu_stream_statistics(mk_stream *stream, mk_stream_statistics *out) {
  if (!stream || !out) return MK_INVALID_ARGUMENT;
  *out = (mk_stream_statistics){
      .regions = stream->regions,
      .busy_nanoseconds = stream->busy,
      .waiting_nanoseconds = stream->waiting,
      .parks = atomic_load(&stream->parks),
      .threads = stream->threads,
      .active_threads = atomic_load(&stream->active),
  };
  return MK_OK;
}
