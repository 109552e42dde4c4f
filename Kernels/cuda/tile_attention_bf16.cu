/// Tensor-core attention over a bf16 KV.
#include "decode_attention.cuh"

mk_status tile_attention_bf16(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope) {
  return tile_attention::run<bf16>(stream, p, rope);
}
