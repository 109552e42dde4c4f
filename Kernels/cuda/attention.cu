/// The choice among the ways to attend. Sequences live on the device, so their lengths cannot choose.
#include "attention.h"
#include "kv_layout.cuh"
#include "ops.h"

size_t cuda_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  (void)max_rows;
  (void)heads;
  return max_split_items * partial_floats(head_dim) * sizeof(float);
}

mk_status cuda_attention(mk_stream *stream, const mk_attention_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->sequence_count == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (!is_valid_kv(kv) || !args->q || !args->y || !args->sequences || !args->page_table) return MK_INVALID_ARGUMENT;
  if (args->heads == 0 || args->heads % kv->kv_heads != 0 || !(args->soft_cap >= 0) ||
      args->q_stride < (uint64_t)args->heads * kv->head_dim) {
    return MK_INVALID_ARGUMENT;
  }
  if (!is_activation_dtype(args->q_dtype) || !is_activation_dtype(args->y_dtype)) return MK_UNSUPPORTED;
  if (args->rope) {
    const mk_status status = cuda_rope_kv(stream, args->rope);
    if (status != MK_OK) return status;
  }
  attention_parameters p = {};
  p.q = args->q;
  p.y = args->y;
  p.q_dtype = args->q_dtype;
  p.y_dtype = args->y_dtype;
  p.sequences = args->sequences;
  p.page_table = args->page_table;
  p.kv = *kv;
  p.q_stride = args->q_stride;
  p.heads = args->heads;
  p.sequence_count = args->sequence_count;
  p.window = args->window;
  p.scale = args->scale;
  p.soft_cap = args->soft_cap;
  p.fault = stream->fault;
  p.partial = static_cast<float *>(args->workspace);
  const uint64_t items = (uint64_t)args->sequence_count * kv->kv_heads;
  const uint64_t room = args->workspace ? args->workspace_bytes / (partial_floats(kv->head_dim) * sizeof(float)) : 0;
  const uint64_t splits = (room < max_split_items ? room : max_split_items) / items;
  p.splits = splits < 1 ? 1 : splits > 64 ? 64 : (uint32_t)splits;
  const bool is_aligned = args->q_stride % 2 == 0 && (uintptr_t)args->q % 8 == 0 && (uintptr_t)args->y % 8 == 0 &&
                          (uintptr_t)kv->data % 16 == 0;
  mk_status status = MK_UNSUPPORTED;
  if (is_aligned && kv->dtype == MK_BF16) status = tile_attention_bf16(stream, &p);
  if (is_aligned && kv->dtype == MK_F16) status = tile_attention_f16(stream, &p);
  return status == MK_UNSUPPORTED ? plain_attention(stream, &p) : status;
}
