/// What both kernels for decoding sequences share.
#pragma once
#include "rope.cuh"
#include "tile_attention.cuh"

namespace tile_attention {

struct decode_parameters {
  attention_parameters attention;
  /// Done first where `turns`; else q is ready and the KV complete.
  rope_parameters rope;
  bool turns, turns_whole;
  /// [sequence][KV head]: units whose runs have arrived; zero between launches.
  uint32_t *arrived;
};

} // namespace tile_attention
