/// Tensor-core attention over a bf16 KV.
#include "tile_attention.cuh"

mk_status tile_attention_bf16(mk_stream *stream, const attention_parameters *p) {
  return tile_attention::choose<bf16>(stream, p);
}
