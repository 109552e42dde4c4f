/// The entries of the table, each in the file of its name.
#pragma once
#include "stream.h"

mk_status cuda_stream_create(const mk_stream_options *options, mk_stream **out);
void cuda_stream_destroy(mk_stream *stream);
mk_status cuda_stream_synchronize(mk_stream *stream);
mk_status cuda_stream_statistics(mk_stream *stream, mk_stream_statistics *out);

mk_status cuda_memory_allocate(mk_stream *stream, size_t bytes, void **out);
void cuda_memory_free(mk_stream *stream, void *pointer, size_t bytes);
mk_status cuda_memory_upload(mk_stream *stream, void *destination, const void *source, size_t bytes);
mk_status cuda_memory_download(mk_stream *stream, void *destination, const void *source, size_t bytes);

mk_status cuda_matrix_packed_bytes(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes);
mk_status cuda_matrix_pack(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
mk_status cuda_matrix_quantize(mk_stream *stream, const mk_matrix *source, mk_dtype dtype, void *destination,
                               uint32_t all_rows, uint32_t first_row, mk_matrix *out);

mk_status cuda_device_info(mk_device_info *out);
mk_status cuda_download_begin(mk_stream *stream, uint32_t channel, const void *source, size_t bytes);
mk_status cuda_download_end(mk_stream *stream, uint32_t channel, void *destination, size_t bytes);
mk_status cuda_graph_begin(mk_stream *stream);
mk_status cuda_graph_end(mk_stream *stream, mk_graph **out);
mk_status cuda_graph_launch(mk_stream *stream, mk_graph *graph);
void cuda_graph_destroy(mk_stream *stream, mk_graph *graph);

size_t cuda_linear_workspace_bytes(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs);
size_t cuda_kv_layer_bytes(const mk_kv_layer *geometry);
size_t cuda_attention_workspace_bytes(uint32_t max_rows, uint32_t heads, uint32_t head_dim);
size_t cuda_sample_workspace_bytes(uint32_t max_rows, uint32_t vocab);

mk_status cuda_embedding(mk_stream *stream, const mk_embedding_args *args);
mk_status cuda_norm(mk_stream *stream, const mk_norm_args *args);
mk_status cuda_linear(mk_stream *stream, const mk_linear_args *args);
mk_status cuda_rope_table(mk_stream *stream, const mk_rope_table_args *args);
mk_status cuda_rope_kv(mk_stream *stream, const mk_rope_kv_args *args);
mk_status cuda_attention(mk_stream *stream, const mk_attention_args *args);
mk_status cuda_gated(mk_stream *stream, const mk_gated_args *args);
mk_status cuda_gather(mk_stream *stream, const mk_gather_args *args);
mk_status cuda_scale(mk_stream *stream, float *x, size_t count, float factor);
mk_status cuda_soft_cap(mk_stream *stream, float *x, size_t count, float cap);
mk_status cuda_adjust_logits(mk_stream *stream, const mk_adjust_args *args);
mk_status cuda_sample(mk_stream *stream, const mk_sample_args *args);
mk_status cuda_logprobs(mk_stream *stream, const mk_logprob_args *args);
mk_status cuda_feed_tokens(mk_stream *stream, const mk_feed_args *args);
mk_status cuda_keep_tokens(mk_stream *stream, const mk_keep_args *args);
