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
  /// Whether some sequence may have more rows than a decoding one, and whether none has more than one.
  bool has_prompts, has_single_rows;
  /// Whether all sequences take the way of prompts, whose results depend on nothing else.
  bool is_deterministic;
  /// Where runs of decoding sequences leave what is merged.
  float *partial;
  size_t partial_bytes;
  int32_t *fault;
};

/// Rows of the query tile of a decoding sequence: row_count * (heads / kv_heads) must not exceed it.
constexpr uint32_t decode_tile = 16;
/// Bound on the workers of a decode launch, blocks or warps; each leaves up to two decode tiles with maximum and sum of
/// each row.
constexpr size_t most_decode_workers = 1280;

struct rope_parameters;

/// Tensor-core attention for 16-bit and FP8 KV and head dims 64, 128 and 256, in `dtype`'s own file. With `rope` nothing
/// but decoding sequences, whose rows are turned and stored first.
mk_status tile_attention_bf16(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope);
mk_status tile_attention_f16(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope);
mk_status tile_attention_fp8(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope);
/// Prompts on Hopper over a bf16 KV with head dims 64 and 128; MK_UNSUPPORTED for anything else.
mk_status prompt_attention(mk_stream *stream, const attention_parameters *p);
/// Any dtype and head dim, in float.
mk_status plain_attention(mk_stream *stream, const attention_parameters *p);
