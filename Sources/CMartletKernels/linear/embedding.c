/// Embedding look-up in matrices of either layout; the work is too small to specialise.
#include "packed.h"

typedef struct {
  const mk_embedding_args *args;
} embedding_context;

static void embed_row(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const mk_embedding_args *args = ((const embedding_context *)opaque)->args;
  float *out = args->y + (size_t)piece * args->table->cols;
  mk_matrix_row(args->table, (uint32_t)args->ids[piece], out);
  if (args->scale != 1) {
    for (uint32_t i = 0; i < args->table->cols; i++) out[i] *= args->scale;
  }
}

static mk_status embed(mk_stream *stream, const mk_embedding_args *args) {
  if (!stream || !args || !mk_matrix_is_valid(args->table)) return MK_INVALID_ARGUMENT;
  if (args->rows == 0) return MK_OK;
  if (!args->ids || !args->y) return MK_INVALID_ARGUMENT;
  for (uint32_t row = 0; row < args->rows; row++) {
    if (args->ids[row] < 0 || (uint32_t)args->ids[row] >= args->table->rows) return MK_INVALID_ARGUMENT;
  }
  embedding_context context = {args};
  mk_parallel(stream, args->rows, embed_row, &context);
  return MK_OK;
}

mk_status mk_reference_embedding(mk_stream *stream, const mk_embedding_args *args) { return embed(stream, args); }
#if defined(__x86_64__)
mk_status mk_avx2_embedding(mk_stream *stream, const mk_embedding_args *args) { return embed(stream, args); }
mk_status mk_avx512_embedding(mk_stream *stream, const mk_embedding_args *args) { return embed(stream, args); }
#elif defined(__aarch64__)
mk_status mk_neon_embedding(mk_stream *stream, const mk_embedding_args *args) { return embed(stream, args); }
#endif
