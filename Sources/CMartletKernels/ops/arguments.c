/// The checks of op arguments that every variant shares.
#include "arguments.h"

mk_status mk_check_norm(const mk_stream *stream, const mk_norm_args *args) {
  if (!stream || !args || args->cols == 0 || args->mode > MK_NORM_ADD_AFTER) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->x || !args->weight) return MK_INVALID_ARGUMENT;
  if ((args->mode == MK_NORM_PLAIN) != (args->residual == NULL)) return MK_INVALID_ARGUMENT;
  if (args->mode != MK_NORM_ADD_AFTER && !args->y) return MK_INVALID_ARGUMENT;
  return args->y_dtype == MK_F32 ? MK_OK : MK_UNSUPPORTED;
}

static mk_status check_kv(const mk_kv_layer *kv) {
  if (!kv || !kv->data || kv->dtype > MK_BF16 || kv->kv_heads == 0 || kv->head_dim == 0 ||
      kv->head_dim > MK_MAX_HEAD_DIM || kv->page_size == 0 || kv->page_size % 16 != 0) {
    return MK_INVALID_ARGUMENT;
  }
  return MK_OK;
}

mk_status mk_check_rope_kv(const mk_stream *stream, const mk_rope_kv_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (check_kv(kv) != MK_OK || !args->qkv || !args->slots || (args->half > 0 && !args->rope_table)) {
    return MK_INVALID_ARGUMENT;
  }
  const uint64_t width = ((uint64_t)args->heads + 2 * (uint64_t)kv->kv_heads) * kv->head_dim;
  if (args->half > kv->head_dim / 2 || args->style > MK_ROPE_PAIRS || args->stride < width) return MK_INVALID_ARGUMENT;
  for (uint32_t row = 0; row < args->rows; row++) {
    if (args->slots[row] < 0 || (uint32_t)args->slots[row] / kv->page_size >= kv->pages) return MK_INVALID_ARGUMENT;
  }
  return args->qkv_dtype == MK_F32 ? MK_OK : MK_UNSUPPORTED;
}

mk_status mk_check_attention(const mk_stream *stream, const mk_attention_args *args) {
  if (!stream || !args) return MK_INVALID_ARGUMENT;
  if (args->sequence_count == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  if (check_kv(kv) != MK_OK || !args->q || !args->y || !args->sequences || !args->page_table) return MK_INVALID_ARGUMENT;
  if (args->heads == 0 || args->heads % kv->kv_heads != 0 || !(args->soft_cap >= 0) || !(args->scale >= 0) ||
      args->q_stride < (uint64_t)args->heads * kv->head_dim) {
    return MK_INVALID_ARGUMENT;
  }
  for (uint32_t s = 0; s < args->sequence_count; s++) {
    const mk_attention_sequence *sequence = &args->sequences[s];
    // Positions are int32 elsewhere, and a block past the last one must not wrap.
    if (sequence->row_count == 0 || sequence->row_count > sequence->kv_length || sequence->kv_length > INT32_MAX) {
      return MK_INVALID_ARGUMENT;
    }
    const uint32_t first = mk_first_visible(args->window, sequence->kv_length - sequence->row_count);
    for (uint32_t p = first / kv->page_size; p <= (sequence->kv_length - 1) / kv->page_size; p++) {
      const int32_t page = args->page_table[(size_t)sequence->page_offset + p];
      if (page < 0 || (uint32_t)page >= kv->pages) return MK_INVALID_ARGUMENT;
    }
  }
  return args->q_dtype == MK_F32 && args->y_dtype == MK_F32 && !args->rope ? MK_OK : MK_UNSUPPORTED;
}

mk_status mk_check_gated(const mk_stream *stream, const mk_gated_args *args) {
  if (!stream || !args || args->n == 0 || args->activation > MK_GELU_TANH) return MK_INVALID_ARGUMENT;
  if (args->rows > 0 && (!args->x || !args->y)) return MK_INVALID_ARGUMENT;
  return args->y_dtype == MK_F32 ? MK_OK : MK_UNSUPPORTED;
}

static int is_token(int32_t token, uint32_t vocab) { return token >= 0 && (uint32_t)token < vocab; }

static mk_status check_adjust_row(const mk_adjust_row *row, uint32_t vocab) {
  if ((row->bias_count && (!row->bias_tokens || !row->bias_values)) || (row->history_count && !row->history) ||
      (row->suppressed_count && !row->suppressed) || !(row->repetition > 0)) {
    return MK_INVALID_ARGUMENT;
  }
  int valid = 1;
  for (uint32_t i = 0; i < row->bias_count; i++) valid &= is_token(row->bias_tokens[i], vocab);
  for (uint32_t i = 0; i < row->history_count; i++) valid &= is_token(row->history[i].token, vocab);
  for (uint32_t i = 0; i < row->suppressed_count; i++) valid &= is_token(row->suppressed[i], vocab);
  return valid ? MK_OK : MK_INVALID_ARGUMENT;
}

mk_status mk_check_adjust_logits(const mk_stream *stream, const mk_adjust_args *args) {
  if (!stream || !args || args->vocab == 0) return MK_INVALID_ARGUMENT;
  if (args->rows > 0 && (!args->logits || !args->row)) return MK_INVALID_ARGUMENT;
  for (uint32_t row = 0; row < args->rows; row++) {
    if (check_adjust_row(&args->row[row], args->vocab) != MK_OK) return MK_INVALID_ARGUMENT;
  }
  return MK_OK;
}

mk_status mk_check_sample(const mk_stream *stream, const mk_sample_args *args, size_t needed) {
  if (!stream || !args || args->vocab == 0 || args->vocab > MK_MAX_SAMPLED_VOCABULARY) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->logits || !args->row || !args->tokens) return MK_INVALID_ARGUMENT;
  return needed > 0 && (!args->workspace || args->workspace_bytes < needed) ? MK_INVALID_ARGUMENT : MK_OK;
}

mk_status mk_check_logprobs(const mk_stream *stream, const mk_logprob_args *args) {
  if (!stream || !args || args->vocab == 0 || args->top_count > args->vocab) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->logits || (args->tokens && !args->token_logprobs) ||
      (args->top_count > 0 && (!args->top_tokens || !args->top_logprobs))) {
    return MK_INVALID_ARGUMENT;
  }
  for (uint32_t row = 0; args->tokens && row < args->rows; row++) {
    if (!is_token(args->tokens[row], args->vocab)) return MK_INVALID_ARGUMENT;
  }
  return MK_OK;
}
