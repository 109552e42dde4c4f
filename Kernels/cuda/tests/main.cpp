/// Holds every op of the CUDA table to the scalar reference of the CPU: martlet_cuda_test [--quick | --bench [name]]
/// library
#include "harness.h"

#include <dlfcn.h>

int main(int argc, char **argv) {
  bool is_bench = false;
  std::string library, only;
  harness h = {};
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      h.is_quick = true;
    } else if (argument == "--bench") {
      is_bench = true;
    } else if (library.empty()) {
      library = argument;
    } else {
      only = argument;
    }
  }
  void *handle = dlopen(library.c_str(), RTLD_NOW);
  if (!handle) {
    printf("error: %s\n", dlerror());
    return 1;
  }
  auto entry = reinterpret_cast<const mk_table *(*)()>(dlsym(handle, "mk_backend_table"));
  if (!entry || entry()->abi_version != MK_ABI_VERSION) {
    printf("error: %s exports no table of ABI version %u\n", library.c_str(), MK_ABI_VERSION);
    return 1;
  }
  h.device = entry();
  h.reference = mk_cpu_table(MK_CPU_REFERENCE);
  printf("%s: %s\n", h.device->name, h.device->description);
  const mk_stream_options options = {}, deterministic = {0, 0, 0, 1};
  if (h.device->stream_create(&options, &h.stream) != MK_OK ||
      h.device->stream_create(&deterministic, &h.deterministic_stream) != MK_OK ||
      h.reference->stream_create(&options, &h.reference_stream) != MK_OK) {
    printf("error: no stream\n");
    return 1;
  }
  if (is_bench) {
    bench(h, only);
  } else {
    const struct {
      const char *name;
      void (*run)(harness &);
      bool is_deterministic;
    } suites[] = {{"pointwise", test_pointwise, false},
                  {"linear", test_embedding_and_linear, false},
                  {"many rows", test_many_rows, false},
                  {"fp8", test_fp8, false},
                  {"attention", test_attention, false},
                  {"sampling", test_sampling, false},
                  {"deterministic linear", test_deterministic_linear, true},
                  {"deterministic attention", test_deterministic_attention, true},
                  {"attention", test_attention, true}};
    mk_stream *const streams[] = {h.stream, h.deterministic_stream};
    for (const auto &suite : suites) {
      if (!only.empty() && only != suite.name) continue;
      const int failed = h.failed, passed = h.passed;
      h.stream = streams[suite.is_deterministic];
      const bool is_quick = h.is_quick;
      // The reference is slow: what runs a second time is kept short.
      h.is_quick |= suite.is_deterministic && suite.run == test_attention;
      suite.run(h);
      h.is_quick = is_quick;
      h.expect(h.device->stream_synchronize(h.stream) == MK_OK, std::string("no fault is left by ") + suite.name);
      printf("%s: %d passed, %d failed\n", suite.name, h.passed - passed, h.failed - failed);
      fflush(stdout);
    }
    h.stream = streams[0];
  }
  h.device->stream_destroy(h.stream);
  h.device->stream_destroy(h.deterministic_stream);
  h.reference->stream_destroy(h.reference_stream);
  return h.failed > 0;
}
