/// Reads a buffer of the given bytes over and over with the given threads and prints the median pass, in GB/s.
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { passes = 40, streams = 4 };
static pthread_barrier_t barrier;
static size_t part;
static char *buffer;
static volatile long long sink;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double seconds[passes];

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void *reads(void *opaque) {
  const size_t index = (size_t)opaque;
  const char *base = buffer + index * part;
  const size_t stream = part / streams / 256 * 256;
  for (int pass = 0; pass < passes; pass++) {
    pthread_barrier_wait(&barrier);
    const double start = now();
    __m256i sums[streams] = {0};
    for (size_t offset = 0; offset < stream; offset += 256)
      for (int s = 0; s < streams; s++)
        for (size_t line = 0; line < 256; line += 32)
          sums[s] = _mm256_xor_si256(sums[s], _mm256_load_si256((const __m256i *)(base + s * stream + offset + line)));
    for (int s = 0; s < streams; s++) sink ^= _mm256_extract_epi64(sums[s], 0);
    pthread_barrier_wait(&barrier);
    if (index == 0) seconds[pass] = now() - start;
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 3) return fprintf(stderr, "usage: reads BYTES THREADS\n"), 2;
  const size_t threads = strtoul(arguments[2], NULL, 10);
  if (threads < 1 || threads > 1024) return fprintf(stderr, "THREADS must be 1 to 1024\n"), 2;
  part = strtoull(arguments[1], NULL, 10) / threads / 1024 * 1024;
  const size_t huge = (size_t)2 << 20, bytes = (part * threads + huge - 1) / huge * huge;
  buffer = aligned_alloc(huge, bytes);
  if (!buffer) return fprintf(stderr, "no memory\n"), 1;
  madvise(buffer, bytes, MADV_HUGEPAGE);
  memset(buffer, 1, bytes);
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  pthread_t *team = calloc(threads, sizeof *team);
  for (size_t i = 1; i < threads; i++) pthread_create(&team[i], NULL, reads, (void *)i);
  reads(NULL);
  for (size_t i = 1; i < threads; i++) pthread_join(team[i], NULL);
  qsort(seconds, passes, sizeof *seconds, ascending);
  printf("%.2f\n", (double)(part / streams / 256 * 256 * streams * threads) / seconds[passes / 2] / 1e9);
}
