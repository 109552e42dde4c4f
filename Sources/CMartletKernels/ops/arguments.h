/// The checks of op arguments that every variant shares.
#pragma once
#include "../internal.h"

/// The largest head that attention holds a query's state for.
enum { MK_MAX_HEAD_DIM = 512 };
/// Sampling's weights are multiples of 2^-32, of which so many add up exactly in double precision.
enum { MK_MAX_SAMPLED_VOCABULARY = 1 << 21 };

mk_status mk_check_norm(const mk_stream *stream, const mk_norm_args *args);
mk_status mk_check_rope_kv(const mk_stream *stream, const mk_rope_kv_args *args);
mk_status mk_check_attention(const mk_stream *stream, const mk_attention_args *args);
mk_status mk_check_gated(const mk_stream *stream, const mk_gated_args *args);
mk_status mk_check_adjust_logits(const mk_stream *stream, const mk_adjust_args *args);
/// `needed` is the variant's workspace.
mk_status mk_check_sample(const mk_stream *stream, const mk_sample_args *args, size_t needed);
mk_status mk_check_logprobs(const mk_stream *stream, const mk_logprob_args *args);

/// The first position that the query at `position` sees.
static inline uint32_t mk_first_visible(uint32_t window, uint32_t position) {
  return window && position >= window ? position - window + 1 : 0;
}
