/// The CPU's kernel tables and the choice among them.
#define _GNU_SOURCE
#include "internal.h"
#include "memory.h"
#include "plain.h"
#include "team.h"

/// `V` is the op set; `P` and `L` are those that packing and `linear` are taken from, W what gives the size of linear's
/// workspace; FUSED says whether `linear` takes other ops in.
#define MK_CPU_TABLE_OF(V, P, L, W, FUSED, NAME, DESCRIPTION)                                                \
  {                                                                                                          \
      .abi_version = MK_ABI_VERSION, .name = NAME, .description = DESCRIPTION,                                 \
      .activation_dtype = MK_F32, .fused_linear = FUSED,                                                       \
      .stream_create = mk_cpu_stream_create, .stream_destroy = mk_cpu_stream_destroy,                          \
      .stream_synchronize = mk_cpu_stream_synchronize, .stream_statistics = mk_cpu_stream_statistics,          \
      .memory_allocate = mk_cpu_memory_allocate, .memory_free = mk_cpu_memory_free,                            \
      .memory_upload = mk_cpu_memory_upload, .memory_download = mk_cpu_memory_upload,                          \
      .matrix_packed_bytes = mk_##V##_matrix_packed_bytes, .matrix_pack = mk_##P##_matrix_pack,                \
      .linear_workspace_bytes = W, .kv_layer_bytes = mk_##V##_kv_layer_bytes,                                  \
      .attention_workspace_bytes = mk_##V##_attention_workspace_bytes,                                         \
      .sample_workspace_bytes = mk_##V##_sample_workspace_bytes, .embedding = mk_##V##_embedding,              \
      .norm = mk_##V##_norm, .linear = mk_##L##_linear, .rope_table = mk_plain_rope_table,                     \
      .rope_kv = mk_##V##_rope_kv, .attention = mk_##V##_attention, .gated = mk_##V##_gated,                   \
      .gather = mk_plain_gather, .scale = mk_plain_scale, .soft_cap = mk_plain_soft_cap,                       \
      .adjust_logits = mk_##V##_adjust_logits, .sample = mk_##V##_sample, .logprobs = mk_##V##_logprobs,       \
      .feed_tokens = mk_plain_feed_tokens, .keep_tokens = mk_plain_keep_tokens,                                \
  }

#define MK_CPU_TABLE(V, L, FUSED, NAME, DESCRIPTION) \
  MK_CPU_TABLE_OF(V, V, L, mk_linear_workspace, FUSED, NAME, DESCRIPTION)

static const mk_table reference_table = MK_CPU_TABLE(reference, reference, 0, "cpu-reference", "scalar C on any processor");

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static const mk_table avx2_table = MK_CPU_TABLE(avx2, avx2, 1, "cpu-avx2", "AVX2, FMA and F16C");
static const mk_table avx512_table =
    MK_CPU_TABLE(avx512, avx512, 1, "cpu-avx512", "AVX-512 with VNNI integer dot products");
static const mk_table amx_table = MK_CPU_TABLE_OF(avx512, amx, amx, mk_tiles_linear_workspace, 1, "cpu-amx",
                                                  "AMX tiles for bfloat16, AVX-512 with VNNI for all else");

static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static int has_avx512(void) {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

/// Whether the processor has tiles of bfloat16, and the system lets this process use them: it must be asked,
/// since their state is large. To ask again changes nothing.
static int has_amx(void) {
#if defined(MK_EMULATE_TILES)
  return has_avx512();
#else
  enum { BFLOAT16 = 1 << 22, TILES = 1 << 24, SAVED_EXTENDED = 1 << 27, TILE_STATE = 3 << 17 };
  enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; // ARCH_REQ_XCOMP_PERM and XFEATURE_XTILEDATA
  unsigned a, b, c, d;
  if (!has_avx512() || !__get_cpuid(1, &a, &b, &c, &d) || !(c & SAVED_EXTENDED)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  if ((d & (BFLOAT16 | TILES)) != (BFLOAT16 | TILES)) return 0;
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return (a & TILE_STATE) == TILE_STATE && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#endif
}

static const mk_table *best_table(void) {
  return has_amx() ? &amx_table : has_avx512() ? &avx512_table : has_avx2() ? &avx2_table : &reference_table;
}

const mk_table *mk_cpu_table(mk_cpu_variant variant) {
  switch (variant) {
  case MK_CPU_BEST: return best_table();
  case MK_CPU_REFERENCE: return &reference_table;
  case MK_CPU_AVX2: return has_avx2() ? &avx2_table : NULL;
  case MK_CPU_AVX512: return has_avx512() ? &avx512_table : NULL;
  case MK_CPU_AMX: return has_amx() ? &amx_table : NULL;
  default: return NULL;
  }
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

static const mk_table neon_table = MK_CPU_TABLE(neon, neon, 1, "cpu-neon", "NEON");
static const mk_table neon_dot_table = MK_CPU_TABLE(neon, neon_dot, 1, "cpu-neon", "NEON with dot products of bytes");
static const mk_table neon_matrix_table =
    MK_CPU_TABLE(neon, neon_matrix, 1, "cpu-neon", "NEON with matrix products of bytes");

/// NEON itself is part of the architecture as Linux has it.
static const mk_table *best_neon_table(void) {
  enum { HAS_DOT_PRODUCTS = 1 << 20, HAS_MATRIX_PRODUCTS = 1 << 13 }; // HWCAP_ASIMDDP and HWCAP2_I8MM
  if (!(getauxval(AT_HWCAP) & HAS_DOT_PRODUCTS)) return &neon_table;
  return getauxval(AT_HWCAP2) & HAS_MATRIX_PRODUCTS ? &neon_matrix_table : &neon_dot_table;
}

const mk_table *mk_cpu_table(mk_cpu_variant variant) {
  switch (variant) {
  case MK_CPU_BEST: return best_neon_table();
  case MK_CPU_REFERENCE: return &reference_table;
  case MK_CPU_NEON: return best_neon_table();
  default: return NULL;
  }
}
#else
const mk_table *mk_cpu_table(mk_cpu_variant variant) {
  return variant == MK_CPU_BEST || variant == MK_CPU_REFERENCE ? &reference_table : NULL;
}
#endif
