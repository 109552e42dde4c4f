/// The ways to attend, which `attention` chooses from, and how a sequence's work is cut.
#pragma once
#include "stream.h"

struct attention_parameters {
  const void *q;
  void *y;
  mk_dtype q_dtype, y_dtype;
  const mk_attention_sequence *sequences;
  const int32_t *page_table;
  mk_kv_layer kv;
  uint32_t q_stride, heads, sequence_count, window;
  float scale, soft_cap;
  /// Parts that a decoding sequence's positions are cut into at most; their results lie in `partial`.
  uint32_t splits;
  float *partial;
  int32_t *fault;
};

/// Rows of a query tile of a decoding sequence: row_count * (heads / kv_heads) must not exceed it.
constexpr uint32_t decode_tile = 16;
/// Bound on sequences * kv heads * splits where splits > 1.
constexpr uint32_t max_split_items = 1024;

/// Floats that one part of one decode tile leaves: its outputs, then maximum and sum of each row.
inline size_t partial_floats(uint32_t head_dim) { return (size_t)decode_tile * (head_dim + 2); }

/// Tensor-core attention for 16-bit KV and head dims 64, 128 and 256, in `dtype`'s own file.
mk_status tile_attention_bf16(mk_stream *stream, const attention_parameters *p);
mk_status tile_attention_f16(mk_stream *stream, const attention_parameters *p);
/// Any dtype and head dim, in float.
mk_status plain_attention(mk_stream *stream, const attention_parameters *p);
