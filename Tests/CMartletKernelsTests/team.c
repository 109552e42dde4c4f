/// Parallel regions: every piece runs once, and what a region wrote is seen by the next.
#include "check.h"

#include <stdatomic.h>
#include <string.h>

enum { MOST_PIECES = 61 };

typedef struct {
  uint32_t runs[MOST_PIECES], sources[MOST_PIECES], wrong, most_workers;
  _Atomic uint32_t calls;
} region;

static void run_piece(void *opaque, uint32_t piece, uint32_t worker) {
  region *r = opaque;
  r->runs[piece]++;
  // Another piece's work of the last region.
  if (r->sources[MOST_PIECES - 1 - piece] != r->sources[piece]) r->wrong++;
  if (worker >= r->most_workers) r->wrong++;
  atomic_fetch_add(&r->calls, 1);
}

static void advance(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  ((region *)opaque)->sources[piece]++;
}

void test_team(const pair *p) {
  region r = {.most_workers = mk_stream_width(p->stream)};
  check(r.most_workers == p->threads, "the stream has %u threads, not %u", r.most_workers, p->threads);
  const uint32_t rounds = 400;
  for (uint32_t round = 0; round < rounds; round++) {
    mk_parallel(p->stream, MOST_PIECES, advance, &r);
    mk_parallel(p->stream, MOST_PIECES, run_piece, &r);
    mk_parallel(p->stream, round % MOST_PIECES, advance, &r);
    for (uint32_t i = 0; i < MOST_PIECES; i++) r.sources[i] = round;
  }
  bool once = true;
  for (uint32_t i = 0; i < MOST_PIECES; i++) once &= r.runs[i] == rounds;
  check(once && atomic_load(&r.calls) == rounds * MOST_PIECES, "pieces did not run once each");
  check(r.wrong == 0, "%u pieces saw an old value or a wrong worker", r.wrong);
}
