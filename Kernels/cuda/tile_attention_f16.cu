/// Tensor-core attention over a half KV.
#include "decode_attention.cuh"

mk_status tile_attention_f16(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope) {
  return tile_attention::run<__half>(stream, p, rope);
}
