/// Every CPU variant that this processor runs against the scalar reference, on one to four threads.
///
/// `kernel-tests [description]`: with an argument, the best variant's description must be this and it alone is tested, so
/// that a run under an emulated processor, or with emulated tiles, tests the kernels that it is meant to.
#include "check.h"

#include <stdio.h>
#include <string.h>

static mk_stream *make_stream(const mk_table *table, uint32_t threads) {
  const mk_stream_options options = {.threads = threads, .spin_microseconds = 20};
  mk_stream *stream = NULL;
  check_status(table->stream_create(&options, &stream), "stream_create");
  return stream;
}

static void test_variant(const mk_table *table, const mk_table *reference) {
  static const struct {
    const char *name;
    void (*run)(const pair *);
  } suites[] = {{"team", test_team}, {"linear", test_linear}, {"attention", test_attention}, {"rows", test_rows},
                {"logits", test_logits}, {"fused", test_fused}};
  for (uint32_t threads = 1; threads <= 4; threads++) {
    pair p = {.table = table, .reference = reference, .threads = threads};
    p.stream = make_stream(table, threads);
    p.reference_stream = make_stream(reference, 1);
    if (!p.stream || !p.reference_stream) return;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
      const unsigned before = failures();
      seed_random(threads * 16 + (uint32_t)i);
      suites[i].run(&p);
      if (failures() > before) printf("%s (%s), %u threads: %s failed\n", table->name, table->description, threads, suites[i].name);
    }
    table->stream_destroy(p.stream);
    reference->stream_destroy(p.reference_stream);
  }
}

int main(int count, char **arguments) {
  static const mk_cpu_variant variants[] = {MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON};
  const mk_table *reference = mk_cpu_table(MK_CPU_REFERENCE), *best = mk_cpu_table(MK_CPU_BEST);
  check(best != NULL && reference != NULL, "there is no best variant");
  if (count > 1) {
    check(strcmp(best->description, arguments[1]) == 0, "the best variant is '%s', not '%s'", best->description, arguments[1]);
  }
  unsigned tested = 0;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
    const mk_table *table = mk_cpu_table(variants[i]);
    if (!table || (count > 1 && table != best)) continue;
    test_variant(table, reference);
    printf("%s: %s\n", table->name, table->description);
    tested++;
  }
  check(tested > 0, "this processor runs no variant but the reference");
  printf("%u checks, %u failed\n", checks(), failures());
  return failures() != 0;
}
