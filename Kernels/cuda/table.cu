/// The exported table.
#include "ops.h"

#include "cublaslt.h"

#include <stdio.h>

namespace {

constexpr int needed_driver = 13000; // CUDA 13, driver 580

/// Loads only where the library has code for the device.
__global__ void probe_kernel() {}

/// What is missing to use the first device, or NULL.
const char *find_problem() {
  static char text[400];
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return "there is no NVIDIA driver; install driver 580 or later, or use --device cpu";
  }
  if (driver < needed_driver) {
    snprintf(text, sizeof text, "the NVIDIA driver supports CUDA %d.%d only; install driver 580 or later",
             driver / 1000, driver % 1000 / 10);
    return text;
  }
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    snprintf(text, sizeof text, "no GPU can be used: %s; see nvidia-smi", cudaGetErrorString(error));
    return text;
  }
  cudaFuncAttributes attributes;
  if (cudaFuncGetAttributes(&attributes, probe_kernel) != cudaSuccess) {
    cudaDeviceProp properties = {};
    cudaGetDeviceProperties(&properties, 0);
    snprintf(text, sizeof text, "the library was not built for this GPU (sm_%d%d); run ARCHS=%d%d make cuda",
             properties.major, properties.minor, properties.major, properties.minor);
    cudaGetLastError();
    return text;
  }
  cublaslt_state *products = cublaslt_open();
  if (!products) return "libcublasLt.so.13 cannot be loaded; install the CUDA 13 runtime's cuBLAS (libcublas-13-0)";
  cublaslt_close(products);
  return nullptr;
}

/// For `martlet doctor`: the first device and its driver.
const char *describe() {
  static char text[400] = "no device";
  int driver = 0, count = 0;
  cudaDeviceProp properties;
  cudaDriverGetVersion(&driver);
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0 &&
      cudaGetDeviceProperties(&properties, 0) == cudaSuccess) {
    snprintf(text, sizeof text, "%d x %s, sm_%d%d, %zu MiB, driver for CUDA %d.%d", count, properties.name,
             properties.major, properties.minor, properties.totalGlobalMem >> 20, driver / 1000, driver % 1000 / 10);
  }
  cudaGetLastError();
  return text;
}

mk_table make_table() {
  mk_table table = {};
  table.abi_version = MK_ABI_VERSION;
  table.name = "cuda";
  table.description = describe();
  table.activation_dtype = MK_BF16;
  table.fused_linear = 1;
  table.deferred_norm_rows = 8;
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
  table.matrix_quantize = cuda_matrix_quantize;
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
  table.feed_tokens = cuda_feed_tokens;
  table.keep_tokens = cuda_keep_tokens;
  table.separate_memory = 1;
  table.device_info = cuda_device_info;
  table.download_begin = cuda_download_begin;
  table.download_end = cuda_download_end;
  table.graph_begin = cuda_graph_begin;
  table.graph_end = cuda_graph_end;
  table.graph_launch = cuda_graph_launch;
  table.graph_destroy = cuda_graph_destroy;
  return table;
}

} // namespace

mk_status cuda_device_info(mk_device_info *out) {
  if (!out) return MK_INVALID_ARGUMENT;
  *out = mk_device_info{};
  static const char *const problem = find_problem();
  out->problem = problem;
  if (problem) return MK_OK;
  size_t free_bytes = 0, total_bytes = 0;
  const cudaError_t error = cudaMemGetInfo(&free_bytes, &total_bytes);
  if (error != cudaSuccess) {
    out->problem = "the GPU's memory cannot be asked for; another process may hold the device exclusively (nvidia-smi)";
    cudaGetLastError();
    return MK_OK;
  }
  out->free_bytes = free_bytes;
  out->total_bytes = total_bytes;
  return MK_OK;
}

extern "C" __attribute__((visibility("default"))) const mk_table *mk_backend_table(void) {
  static const mk_table table = make_table();
  return &table;
}
