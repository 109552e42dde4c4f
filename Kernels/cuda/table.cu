/// The exported table.
#include "ops.h"

#include <stdio.h>

namespace {

/// For `martlet doctor`: the first device and its driver, or what is missing.
const char *describe() {
  static char text[400];
  int driver = 0, count = 0;
  cudaDeviceProp properties;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return "no NVIDIA driver; install driver 580 or later";
  }
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    snprintf(text, sizeof text, "the NVIDIA driver supports CUDA %d.%d only; install driver 580 or later",
             driver / 1000, driver % 1000 / 10);
  } else if (error != cudaSuccess || count == 0 || cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
    snprintf(text, sizeof text, "no usable GPU: %s", cudaGetErrorString(error));
  } else {
    snprintf(text, sizeof text, "%d x %s, sm_%d%d, %zu MiB, driver for CUDA %d.%d", count, properties.name,
             properties.major, properties.minor, properties.totalGlobalMem >> 20, driver / 1000, driver % 1000 / 10);
  }
  return text;
}

mk_table make_table() {
  mk_table table = {};
  table.abi_version = MK_ABI_VERSION;
  table.name = "cuda";
  table.description = describe();
  table.activation_dtype = MK_BF16;
  table.fused_linear = 1;
  table.stream_create = cuda_stream_create;
  table.stream_destroy = cuda_stream_destroy;
  table.stream_synchronize = cuda_stream_synchronize;
  table.stream_statistics = cuda_stream_statistics;
  table.memory_allocate = cuda_memory_allocate;
  table.memory_free = cuda_memory_free;
  table.memory_upload = cuda_memory_upload;
  table.memory_download = cuda_memory_download;
  table.matrix_packed_bytes = cuda_matrix_packed_bytes;
  table.matrix_pack = cuda_matrix_pack;
  table.linear_workspace_bytes = cuda_linear_workspace_bytes;
  table.kv_layer_bytes = cuda_kv_layer_bytes;
  table.attention_workspace_bytes = cuda_attention_workspace_bytes;
  table.sample_workspace_bytes = cuda_sample_workspace_bytes;
  table.embedding = cuda_embedding;
  table.norm = cuda_norm;
  table.linear = cuda_linear;
  table.rope_table = cuda_rope_table;
  table.rope_kv = cuda_rope_kv;
  table.attention = cuda_attention;
  table.gated = cuda_gated;
  table.gather = cuda_gather;
  table.scale = cuda_scale;
  table.soft_cap = cuda_soft_cap;
  table.adjust_logits = cuda_adjust_logits;
  table.sample = cuda_sample;
  table.logprobs = cuda_logprobs;
  return table;
}

} // namespace

extern "C" __attribute__((visibility("default"))) const mk_table *mk_backend_table(void) {
  static const mk_table table = make_table();
  return &table;
}
