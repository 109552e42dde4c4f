/// The choice among the ways to attend. Sequences live on the device, so their lengths cannot choose.
#include "attention.h"
#include "kv_layout.cuh"
#include "ops.h"
#include "rope.cuh"

size_t cuda_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  (void)max_rows;
  (void)heads;
  return most_decode_workers * 2 * decode_tile * (head_dim + 2) * sizeof(float);
}

static mk_status check(const mk_stream *stream, const mk_attention_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->sequence_count == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (!is_valid_kv(kv) || !args->q || !args->y || !args->sequences || !args->page_table) return MK_INVALID_ARGUMENT;
  if (args->heads == 0 || args->heads % kv->kv_heads != 0 || !(args->soft_cap >= 0) ||
      args->q_stride < (uint64_t)args->heads * kv->head_dim) {
    return MK_INVALID_ARGUMENT;
  }
  return is_activation_dtype(args->q_dtype) && is_activation_dtype(args->y_dtype) ? MK_OK : MK_UNSUPPORTED;
}

static attention_parameters parameters_of(mk_stream *stream, const mk_attention_args *args) {
  attention_parameters p = {};
  p.q = args->q;
  p.y = args->y;
  p.q_dtype = args->q_dtype;
  p.y_dtype = args->y_dtype;
  p.sequences = args->sequences;
  p.page_table = args->page_table;
  p.kv = *args->kv;
  p.q_stride = args->q_stride;
  p.heads = args->heads;
  p.sequence_count = args->sequence_count;
  p.window = args->window;
  p.scale = args->scale;
  p.soft_cap = args->soft_cap;
  p.fault = stream->fault;
  p.partial = static_cast<float *>(args->workspace);
  p.partial_bytes = args->workspace ? args->workspace_bytes : 0;
  p.is_deterministic = stream->is_deterministic;
  const uint64_t largest = (uint64_t)args->max_row_count * (args->heads / args->kv->kv_heads);
  p.has_single_rows = args->max_row_count == 1;
  p.has_prompts = p.is_deterministic || largest == 0 || largest > decode_tile;
  return p;
}

mk_status cuda_attention(mk_stream *stream, const mk_attention_args *args) {
  mk_status status = check(stream, args);
  if (status != MK_OK || args->sequence_count == 0) return status;
  const attention_parameters p = parameters_of(stream, args);
  const mk_kv_layer *kv = args->kv;
  const auto aligned = [](const void *pointer, uintptr_t bytes) { return (uintptr_t)pointer % bytes == 0; };
  const bool is_tiled = args->q_stride % 2 == 0 && aligned(args->q, 8) && aligned(args->y, 8) &&
                        aligned(kv->data, 16) && kv->dtype != MK_F32;
  rope_parameters rope;
  const rope_parameters *turns = nullptr;
  if (args->rope) {
    status = rope_parameters_of(stream, args->rope, &rope);
    if (status != MK_OK) return status;
    const uint32_t dim = kv->head_dim;
    if (is_tiled && !p.has_prompts && (dim == 64 || dim == 128 || dim == 256)) {
      turns = &rope;
    } else {
      status = cuda_rope_kv(stream, args->rope);
      if (status != MK_OK) return status;
    }
  }
  status = MK_UNSUPPORTED;
  if (is_tiled && kv->dtype == MK_BF16) status = tile_attention_bf16(stream, &p, turns);
  if (is_tiled && kv->dtype == MK_F16) status = tile_attention_f16(stream, &p, turns);
  if (is_tiled && kv->dtype == MK_F8_E4M3) status = tile_attention_fp8(stream, &p, turns);
  return status == MK_UNSUPPORTED && !turns ? plain_attention(stream, &p) : status;
}
