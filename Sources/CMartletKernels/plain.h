#pragma once
#include "internal.h"

mk_status mk_plain_rope_table(mk_stream *stream, const mk_rope_table_args *args);
mk_status mk_plain_gather(mk_stream *stream, const mk_gather_args *args);
mk_status mk_plain_scale(mk_stream *stream, float *x, size_t count, float factor);
mk_status mk_plain_soft_cap(mk_stream *stream, float *x, size_t count, float cap);
mk_status mk_plain_feed_tokens(mk_stream *stream, const mk_feed_args *args);
mk_status mk_plain_keep_tokens(mk_stream *stream, const mk_keep_args *args);
