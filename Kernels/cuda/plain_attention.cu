/// Attention for any KV dtype and head dim, in float: a warp per query head of a row, one position after the other.
#include "sequences.cuh"

namespace {

constexpr int warps = 8, kept = max_head_dim / 32;

template <typename T>
__device__ void attend(const attention_parameters &p, const mk_attention_sequence &s, uint32_t index) {
  const uint32_t lane = threadIdx.x % 32, dim = p.kv.head_dim;
  const uint32_t i = index / p.heads, head = index % p.heads, kv_head = head / (p.heads / p.kv.kv_heads);
  const uint32_t position = s.kv_length - s.row_count + i;
  const size_t row = s.row_start + i;
  const size_t q = row * p.q_stride + (size_t)head * dim;
  const int32_t *pages = p.page_table + s.page_offset;
  const T *data = static_cast<const T *>(p.kv.data);
  float query[kept], output[kept] = {}, largest = -CUDART_INF_F, total = 0;
#pragma unroll
  for (int j = 0; j < kept; j++) {
    query[j] = j * 32 + lane < dim ? load_activation(p.q, p.q_dtype, q + j * 32 + lane) * p.scale : 0;
  }
  for (uint32_t at = first_visible(p.window, position); at <= position; at++) {
    const T *key = data + key_index(p.kv, page_of(p, pages, at), at % p.kv.page_size, kv_head);
    const T *value = key + value_offset(p.kv);
    float score = 0;
#pragma unroll
    for (int j = 0; j < kept; j++) {
      if (j * 32 + lane < dim) score += query[j] * to_float(key[j * 32 + lane]);
    }
    score = warp_sum(score);
    if (p.soft_cap > 0) score = p.soft_cap * tanhf(score / p.soft_cap);
    const float next = fmaxf(largest, score), shrink = __expf(largest - next), weight = __expf(score - next);
    largest = next;
    total = total * shrink + weight;
#pragma unroll
    for (int j = 0; j < kept; j++) {
      if (j * 32 + lane < dim) output[j] = output[j] * shrink + weight * to_float(value[j * 32 + lane]);
    }
  }
  const size_t y = (row * p.heads + head) * dim;
#pragma unroll
  for (int j = 0; j < kept; j++) {
    if (j * 32 + lane < dim) store_activation(p.y, p.y_dtype, y + j * 32 + lane, output[j] / total);
  }
}

template <typename T> __global__ void __launch_bounds__(warps * 32)
    plain_attention_kernel(const attention_parameters p) {
  wait_for_predecessor();
  release_successor();
  for (uint32_t item = blockIdx.x * warps + threadIdx.x / 32;; item += gridDim.x * warps) {
    const work_item work = find_item(p.sequence_count, item, [&](uint32_t s) {
      return is_valid_sequence(p.sequences[s], p.fault) ? p.sequences[s].row_count * p.heads : 0;
    });
    if (!work.found) return;
    attend<T>(p, p.sequences[work.sequence], work.index);
  }
}

} // namespace

mk_status plain_attention(mk_stream *stream, const attention_parameters *p) {
  const dim3 grid(stream->multiprocessors * 4);
  switch (p->kv.dtype) {
  case MK_F32: return launch(stream, plain_attention_kernel<float>, grid, warps * 32, 0, *p);
  case MK_F16: return launch(stream, plain_attention_kernel<__half>, grid, warps * 32, 0, *p);
  case MK_F8_E4M3: return launch(stream, plain_attention_kernel<e4m3>, grid, warps * 32, 0, *p);
  default: return launch(stream, plain_attention_kernel<bf16>, grid, warps * 32, 0, *p);
  }
}
