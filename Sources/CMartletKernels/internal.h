/// What the files of the CPU backend share: the parallel region and the op prototypes of each variant.
#pragma once
#include "martlet_kernels.h"
#include "martlet_team.h"

/// Prototypes of an op set; `V` is reference, avx2, avx512 or neon.
#define MK_DECLARE_LINEAR(V)                                                                                   \
  mk_status mk_##V##_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes);          \
  mk_status mk_##V##_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out); \
  mk_status mk_##V##_embedding(mk_stream *stream, const mk_embedding_args *args);                               \
  mk_status mk_##V##_linear(mk_stream *stream, const mk_linear_args *args);
#define MK_DECLARE_OPS(V)                                                               \
  size_t mk_##V##_kv_layer_bytes(const mk_kv_layer *geometry);                            \
  size_t mk_##V##_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim); \
  size_t mk_##V##_sample_workspace_bytes(uint32_t max_rows, uint32_t vocab);              \
  mk_status mk_##V##_norm(mk_stream *stream, const mk_norm_args *args);                  \
  mk_status mk_##V##_rope_kv(mk_stream *stream, const mk_rope_kv_args *args);            \
  mk_status mk_##V##_attention(mk_stream *stream, const mk_attention_args *args);        \
  mk_status mk_##V##_gated(mk_stream *stream, const mk_gated_args *args);                \
  mk_status mk_##V##_adjust_logits(mk_stream *stream, const mk_adjust_args *args);       \
  mk_status mk_##V##_sample(mk_stream *stream, const mk_sample_args *args);              \
  mk_status mk_##V##_logprobs(mk_stream *stream, const mk_logprob_args *args);
MK_DECLARE_LINEAR(reference)
MK_DECLARE_LINEAR(avx2)
MK_DECLARE_LINEAR(avx512)
MK_DECLARE_LINEAR(neon)
MK_DECLARE_OPS(reference)
MK_DECLARE_OPS(avx2)
MK_DECLARE_OPS(avx512)
MK_DECLARE_OPS(neon)

/// NEON's `linear` by dot products and by matrix products of bytes, where the processor has them.
mk_status mk_neon_dot_linear(mk_stream *stream, const mk_linear_args *args);
mk_status mk_neon_matrix_linear(mk_stream *stream, const mk_linear_args *args);

/// AMX's packing and `linear`; its other ops are AVX-512's.
mk_status mk_amx_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
mk_status mk_amx_linear(mk_stream *stream, const mk_linear_args *args);

size_t mk_linear_workspace(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs);
/// With room for activations of MK_LAYOUT_TILES.
size_t mk_tiles_linear_workspace(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs);
