/// Tensor-core attention over an FP8 KV.
#include "decode_attention.cuh"

mk_status tile_attention_fp8(mk_stream *stream, const attention_parameters *p, const rope_parameters *rope) {
  return tile_attention::run<e4m3>(stream, p, rope);
}
