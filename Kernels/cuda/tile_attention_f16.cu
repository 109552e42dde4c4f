/// Tensor-core attention over a half-precision KV.
#include "tile_attention.cuh"

mk_status tile_attention_f16(mk_stream *stream, const attention_parameters *p) {
  return tile_attention::choose<__half>(stream, p);
}
