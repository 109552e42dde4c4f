/// Paged causal attention with online softmax (Milakov and Gimelshein, 2018), included once for each instruction set.
///
/// A piece is a tile of rows of one sequence with the query heads that share one kv head. Keys are taken in blocks of 64
/// positions and ranges of 512, both counted from position 0: a range's partial result begins empty, and ranges are
/// merged in order. So a row's bits depend neither on its tile nor on whether ranges were computed in different pieces.
///
/// With a 16-bit cache (cache.h), queries take codes as keys do, and a block's weights take codes that add up to 32767,
/// so that both products are exact in 32-bit integers.
#include "cache.h"

enum {
  BLOCK = 64,
  RANGE = 512,
  BLOCK_VECTORS = BLOCK / LANES,
  TILE_VALUES = 6144, ///< queries of a tile times their dimensions
  TILE_QUERIES = 96,
  TILE_ROWS = 32,
  SPLIT_ROWS = 8, ///< sequences of up to so many rows may be split by range
  RANGES_PER_PIECE = 4,
};

typedef struct {
  const mk_attention_args *args;
  mk_kv_shape shape;
  uint32_t group;       ///< query heads per kv head
  uint32_t head_chunk;  ///< query heads of one piece
  uint32_t head_chunks; ///< pieces of a kv head's group
  uint32_t tile_rows;
  uint32_t *pieces;       ///< [sequences + 1]: pieces before each sequence
  uint32_t *split_states; ///< [sequences + 1]: states before each sequence; none of its own when it is not split
  float *states;          ///< of split sequences: [row][head][range][dim + 2]
} attention_context;

/// Softmax over the positions seen so far, in powers of two: output = sum of 2^(score - maximum) * value.
typedef struct {
  float maximum, sum;
} softmax_state;

/// Those of a tile's wide queries; see attention_wide.h.
typedef struct {
  float maximum[TILE_QUERIES], sum[TILE_QUERIES];
} wide_states;

typedef struct {
  const attention_context *context;
  const mk_attention_sequence *sequence;
  uint32_t kv_head, heads, queries;
  uint32_t wide; ///< queries, a multiple of sixteen, that are held sixteen to a vector
  uint32_t position; ///< of the first row
  const float *q[TILE_QUERIES];
  float scale[TILE_QUERIES];
  softmax_state partial[TILE_QUERIES], total[TILE_QUERIES];
  wide_states wide_partial, wide_total;
  int32_t first_visible[TILE_QUERIES], last_visible[TILE_QUERIES]; ///< positions, of wide queries
  _Alignas(64) int16_t codes[TILE_VALUES];
  _Alignas(64) float partial_output[TILE_VALUES], total_output[TILE_VALUES];
} attention_tile;

/// Where a block's groups of sixteen positions lie.
typedef struct {
  uint32_t first, end; ///< groups needed
  const uint8_t *keys[BLOCK_VECTORS], *values[BLOCK_VECTORS];
  const float *key_scales[BLOCK_VECTORS], *value_scales[BLOCK_VECTORS];
} key_block;

/// 2^x for x <= 0 with under 3e-7 relative error, by a minimax polynomial of degree 5; NaN stays NaN.
MK_INLINE mk_f32x16 power_of_two(mk_f32x16 x) {
  x = x < mk_splat(-126.0f) ? mk_splat(-126.0f) : x;
  const mk_f32x16 magic = mk_splat(12582912.0f), shifted = x + magic, r = x - (shifted - magic);
  mk_f32x16 p = mk_splat(1.32647203e-3f);
  p = mk_fma(p, r, mk_splat(9.67151299e-3f));
  p = mk_fma(p, r, mk_splat(5.55073358e-2f));
  p = mk_fma(p, r, mk_splat(2.40222424e-1f));
  p = mk_fma(p, r, mk_splat(6.93147004e-1f));
  p = mk_fma(p, r, mk_splat(1.0f));
  mk_i32x16 exponent, bits;
  memcpy(&exponent, &shifted, sizeof exponent);
  memcpy(&bits, &p, sizeof bits);
  // The shift drops the constant's own bits.
  bits += exponent << 23;
  memcpy(&p, &bits, sizeof p);
  return p;
}

MK_INLINE mk_i32x16 lane_numbers(void) { return (mk_i32x16){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

MK_INLINE mk_i32x16 load_integers(const void *p) {
  mk_i32x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

MK_INLINE mk_i32x16 splat_pair(const int16_t *pair) {
  int32_t both;
  memcpy(&both, pair, sizeof both);
  return (mk_i32x16)(both);
}

/// scores[n][BLOCK] of n queries from `first` on, in units of the queries' scales. Groups are taken one after the other,
/// in the order of memory.
MK_INLINE void score_floats(const attention_tile *tile, const key_block *keys, uint32_t first, const uint32_t n,
                            float *scores) {
  for (uint32_t g = keys->first; g < keys->end; g++) {
    mk_f32x16 sums[MK_ATTENTION_QUERIES];
    MK_UNROLL for (uint32_t i = 0; i < n; i++) sums[i] = mk_splat(0);
    for (uint32_t d = 0; d < tile->context->args->kv->head_dim; d++) {
      const mk_f32x16 key = mk_load((const float *)(const void *)keys->keys[g] + d * LANES);
      MK_UNROLL for (uint32_t i = 0; i < n; i++) sums[i] = mk_fma(mk_splat(tile->q[first + i][d]), key, sums[i]);
    }
    MK_UNROLL for (uint32_t i = 0; i < n; i++) mk_store(scores + i * BLOCK + g * LANES, sums[i]);
  }
}

MK_INLINE void score_codes(const attention_tile *tile, const key_block *keys, uint32_t first, const uint32_t n,
                           float *scores) {
  // Several sums for each of a few queries hide the latency of a product; integers add up in any order.
  enum { MOST = 4 };
  const uint32_t dim = tile->context->shape.dim, phases = n == 1 ? MOST : n <= 3 ? 2 : 1;
  for (uint32_t g = keys->first; g < keys->end; g++) {
    mk_i32x16 sums[MK_ATTENTION_QUERIES][MOST];
    MK_UNROLL for (uint32_t i = 0; i < n * MOST; i++) sums[i / MOST][i % MOST] = (mk_i32x16)(0);
    const int16_t *codes = tile->codes + (size_t)first * dim;
    const uint8_t *from = keys->keys[g];
    for (uint32_t d = 0; d < dim; d += 2 * phases, from += 64 * phases) {
      MK_UNROLL for (uint32_t p = 0; p < phases; p++) {
        const mk_i32x16 key = load_integers(from + 64 * p);
        MK_UNROLL for (uint32_t i = 0; i < n; i++) {
          sums[i][p] = mk_dot_pairs(sums[i][p], key, splat_pair(codes + i * dim + d + 2 * p));
        }
      }
    }
    const mk_f32x16 scale = mk_load(keys->key_scales[g]);
    MK_UNROLL for (uint32_t i = 0; i < n; i++) {
      MK_UNROLL for (uint32_t p = 1; p < phases; p++) sums[i][0] += sums[i][p];
      mk_store(scores + i * BLOCK + g * LANES, __builtin_convertvector(sums[i][0], mk_f32x16) * scale);
    }
  }
}

/// A block's effect on one query: its output is multiplied by `factor`, then gains `scale` times the weights' codes times
/// the values' codes.
typedef struct {
  float factor, scale;
} block_effect;

/// Turns a query's scores of positions [from, to) of a block to weights: floats, or codes of weight times value scale.
MK_INLINE block_effect weigh_part(const int floats, const int whole, const attention_tile *tile, const key_block *keys,
                                  uint32_t query, uint32_t from, uint32_t to, float *scores, int16_t *codes,
                                  softmax_state *state) {
  const mk_attention_args *args = tile->context->args;
  const float log2e = 1.44269504f;
  mk_f32x16 s[BLOCK_VECTORS];
  MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
    s[v] = whole || (v >= keys->first && v < keys->end) ? mk_load(scores + v * LANES) : mk_splat(0);
    if (args->soft_cap > 0) {
      s[v] = s[v] * mk_splat(tile->scale[query]) / mk_splat(args->soft_cap);
      s[v] = mk_splat(args->soft_cap * log2e) * mk_tanh(s[v]);
    }
  }
  // The scale is not negative, so that the largest score stays the largest exponent of two.
  const float scale = args->soft_cap > 0 ? 1 : tile->scale[query] * log2e;
  mk_i32x16 visible[BLOCK_VECTORS];
  if (!whole) {
    MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
      const mk_i32x16 at = lane_numbers() + (int32_t)(v * LANES);
      visible[v] = (at >= (int32_t)from) & (at < (int32_t)to);
      s[v] = visible[v] ? s[v] : mk_splat(-INFINITY);
    }
  }
  const float largest = mk_max_lanes(mk_max(mk_max(s[0], s[1]), mk_max(s[2], s[3]))) * scale;
  block_effect effect = {1, 1};
  if (largest > state->maximum) {
    effect.factor = power_of_two(mk_splat(state->maximum - largest))[0];
    state->maximum = largest;
  }
  MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
    s[v] = power_of_two(mk_fma(s[v], mk_splat(scale), mk_splat(-state->maximum)));
    if (!whole) s[v] = visible[v] ? s[v] : mk_splat(0);
  }
  state->sum = fmaf(state->sum, effect.factor, mk_sum_lanes((s[0] + s[1]) + (s[2] + s[3])));
  if (floats) {
    MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) mk_store(scores + v * LANES, s[v]);
    return effect;
  }
  MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
    if (!whole && (v < keys->first || v >= keys->end)) continue;
    s[v] = s[v] * mk_load(keys->value_scales[v]);
    if (!whole) s[v] = visible[v] ? s[v] : mk_splat(0);
  }
  const float weight = mk_sum_lanes((s[0] + s[1]) + (s[2] + s[3]));
  const mk_f32x16 inverse = mk_splat(weight > 1e-30f ? 32767.0f / weight : 0.0f);
  MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
    mk_store_rounded(codes + v * LANES, s[v] * inverse);
  }
  effect.scale = weight * (1.0f / 32767.0f);
  return effect;
}

MK_INLINE block_effect weigh(const int floats, const attention_tile *tile, const key_block *keys, uint32_t query,
                             uint32_t from, uint32_t to, float *scores, int16_t *codes, softmax_state *state) {
  if (from == 0 && to == BLOCK) return weigh_part(floats, 1, tile, keys, query, 0, BLOCK, scores, codes, state);
  return weigh_part(floats, 0, tile, keys, query, from, to, scores, codes, state);
}

/// output[n][dim] of queries takes in the block's values; `columns` vectors from dimension `d` on.
MK_INLINE void accumulate(int floats, const key_block *keys, uint32_t dim, uint32_t d, const uint32_t columns,
                          const uint32_t n, const float *weights, const int16_t *codes, const block_effect *effects,
                          float *output) {
  mk_f32x16 gains[MK_ATTENTION_QUERIES][MK_ATTENTION_VECTORS];
  if (floats) {
    MK_UNROLL for (uint32_t i = 0; i < n * columns; i++) gains[i / columns][i % columns] = mk_splat(0);
    for (uint32_t t = keys->first * LANES; t < keys->end * LANES; t++) {
      const float *from = (const float *)(const void *)keys->values[t / LANES] + (size_t)(t % LANES) * dim + d;
      MK_UNROLL for (uint32_t i = 0; i < n; i++) {
        // A position that nobody sees may hold anything.
        if (weights[i * BLOCK + t] == 0) continue;
        const mk_f32x16 w = mk_splat(weights[i * BLOCK + t]);
        MK_UNROLL for (uint32_t c = 0; c < columns; c++) gains[i][c] = mk_fma(w, mk_load(from + c * LANES), gains[i][c]);
      }
    }
  } else {
    mk_i32x16 sums[MK_ATTENTION_QUERIES][MK_ATTENTION_VECTORS];
    MK_UNROLL for (uint32_t i = 0; i < n * columns; i++) sums[i / columns][i % columns] = (mk_i32x16)(0);
    for (uint32_t g = keys->first; g < keys->end; g++) {
      const uint8_t *from = keys->values[g] + (size_t)d * 4;
      for (uint32_t t = g * LANES; t < (g + 1) * LANES; t += 2, from += (size_t)dim * 4) {
        mk_i32x16 value[MK_ATTENTION_VECTORS];
        MK_UNROLL for (uint32_t c = 0; c < columns; c++) value[c] = load_integers(from + c * 64);
        MK_UNROLL for (uint32_t i = 0; i < n; i++) {
          const mk_i32x16 w = splat_pair(codes + i * BLOCK + t);
          MK_UNROLL for (uint32_t c = 0; c < columns; c++) sums[i][c] = mk_dot_pairs(sums[i][c], value[c], w);
        }
      }
    }
    MK_UNROLL for (uint32_t i = 0; i < n; i++) {
      MK_UNROLL for (uint32_t c = 0; c < columns; c++) {
        gains[i][c] = __builtin_convertvector(sums[i][c], mk_f32x16) * mk_splat(effects[i].scale);
      }
    }
  }
  MK_UNROLL for (uint32_t i = 0; i < n; i++) {
    MK_UNROLL for (uint32_t c = 0; c < columns; c++) {
      float *y = output + (size_t)i * dim + d + c * LANES;
      mk_store(y, mk_fma(mk_load(y), mk_splat(effects[i].factor), gains[i][c]));
    }
  }
}

/// Takes a block of positions from `block` on into n queries from `first` on.
MK_INLINE void attend_queries(int floats, attention_tile *tile, const key_block *keys, uint32_t block, uint32_t first,
                              const uint32_t n) {
  const uint32_t dim = tile->context->shape.dim, window = tile->context->args->window;
  _Alignas(64) float scores[MK_ATTENTION_QUERIES * BLOCK];
  _Alignas(64) int16_t codes[MK_ATTENTION_QUERIES * BLOCK];
  block_effect effects[MK_ATTENTION_QUERIES];
  if (floats) {
    score_floats(tile, keys, first, n, scores);
  } else {
    score_codes(tile, keys, first, n, scores);
  }
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t position = tile->position + (first + i) / tile->heads;
    const uint32_t lowest = mk_first_visible(window, position), past = position + 1 - block;
    effects[i] = weigh(floats, tile, keys, first + i, lowest > block ? lowest - block : 0, past < BLOCK ? past : BLOCK,
                       scores + i * BLOCK, codes + i * BLOCK, &tile->partial[first + i]);
  }
  float *output = tile->partial_output + (size_t)first * dim;
  uint32_t d = 0;
  for (; d + MK_ATTENTION_VECTORS * LANES <= dim; d += MK_ATTENTION_VECTORS * LANES) {
    accumulate(floats, keys, dim, d, MK_ATTENTION_VECTORS, n, scores, codes, effects, output);
  }
  for (; d < dim; d += LANES) accumulate(floats, keys, dim, d, 1, n, scores, codes, effects, output);
}

#define MK_ATTEND(FLOATS, KIND, N)                                                                                  \
  static __attribute__((noinline)) void attend_##KIND##_##N(attention_tile *tile, const key_block *keys,             \
                                                            uint32_t block, uint32_t first) {                       \
    attend_queries(FLOATS, tile, keys, block, first, N);                                                            \
  }
#define MK_ATTEND_ALL(FLOATS, KIND) \
  MK_ATTEND(FLOATS, KIND, 1) MK_ATTEND(FLOATS, KIND, 2) MK_ATTEND(FLOATS, KIND, 3)
MK_ATTEND_ALL(1, floats)
MK_ATTEND_ALL(0, codes)
#if MK_ATTENTION_QUERIES > 3
MK_ATTEND(1, floats, 4) MK_ATTEND(1, floats, 5) MK_ATTEND(1, floats, 6)
MK_ATTEND(0, codes, 4) MK_ATTEND(0, codes, 5) MK_ATTEND(0, codes, 6)
#endif

typedef void (*attend_kernel)(attention_tile *tile, const key_block *keys, uint32_t block, uint32_t first);
static const attend_kernel attend_kernels[2][MK_ATTENTION_QUERIES] = {
#if MK_ATTENTION_QUERIES > 3
    {attend_codes_1, attend_codes_2, attend_codes_3, attend_codes_4, attend_codes_5, attend_codes_6},
    {attend_floats_1, attend_floats_2, attend_floats_3, attend_floats_4, attend_floats_5, attend_floats_6},
#else
    {attend_codes_1, attend_codes_2, attend_codes_3},
    {attend_floats_1, attend_floats_2, attend_floats_3},
#endif
};

/// Finds the groups of sixteen that hold positions [from, to) of the block.
MK_INLINE key_block locate(const attention_tile *tile, uint32_t block, uint32_t from, uint32_t to) {
  const attention_context *context = tile->context;
  const mk_kv_layer *kv = context->args->kv;
  const int32_t *pages = context->args->page_table + tile->sequence->page_offset;
  key_block keys = {.first = from / LANES, .end = (to + LANES - 1) / LANES};
  for (uint32_t g = keys.first; g < keys.end; g++) {
    const uint32_t position = block + g * LANES;
    const size_t slot = (size_t)pages[position / kv->page_size] * kv->page_size + position % kv->page_size;
    const uint8_t *key = mk_kv_keys(kv, &context->shape, slot, tile->kv_head);
    const uint8_t *value = mk_kv_values(kv, &context->shape, slot, tile->kv_head);
    keys.key_scales[g] = (const float *)(const void *)key;
    keys.value_scales[g] = (const float *)(const void *)value;
    keys.keys[g] = key + context->shape.scales;
    keys.values[g] = value + context->shape.scales;
  }
  return keys;
}

#include "attention_wide.h"

MK_INLINE void begin_range(attention_tile *tile) {
  for (uint32_t i = 0; i < tile->wide; i++) {
    tile->wide_partial.maximum[i] = -INFINITY;
    tile->wide_partial.sum[i] = 0;
  }
  for (uint32_t i = tile->wide; i < tile->queries; i++) tile->partial[i] = (softmax_state){-INFINITY, 0};
  memset(tile->partial_output, 0, (size_t)tile->queries * tile->context->shape.dim * sizeof(float));
}

/// Computes the partial results of positions [start, end), which lie in one range.
static void attend_range(attention_tile *tile, uint32_t start, uint32_t end) {
  const mk_attention_args *args = tile->context->args;
  const uint32_t rows = tile->queries / tile->heads;
  const attend_kernel *kernels = attend_kernels[args->kv->dtype == MK_F32];
  begin_range(tile);
  for (uint32_t block = start / BLOCK * BLOCK; block < end; block += BLOCK) {
    // Rows [low, high) see something of the block.
    const uint32_t low = block > tile->position ? block - tile->position : 0;
    uint32_t high = rows;
    while (args->window && high > low && mk_first_visible(args->window, tile->position + high - 1) >= block + BLOCK) high--;
    if (low >= high) continue;
    const uint32_t lowest = mk_first_visible(args->window, tile->position + low), most = tile->position + high - block;
    const key_block keys = locate(tile, block, lowest > block ? lowest - block : 0, most < BLOCK ? most : BLOCK);
    const uint32_t last = high * tile->heads;
    uint32_t first = low * tile->heads;
    if (MK_ATTENTION_WIDE && first < tile->wide) {
      first = first / LANES * LANES;
      for (; first < tile->wide && first < last; first += WIDE_MOST * LANES) {
        (first + LANES < tile->wide && first + LANES < last ? attend_wide_2 : attend_wide_1)(tile, &keys, block, first);
      }
      first = tile->wide;
    }
    for (; first < last; first += MK_ATTENTION_QUERIES) {
      const uint32_t n = last - first < MK_ATTENTION_QUERIES ? last - first : MK_ATTENTION_QUERIES;
      kernels[n - 1](tile, &keys, block, first);
    }
  }
}

/// total gains partial; both outputs have `dim` values.
MK_INLINE void merge(softmax_state *total, float *total_output, softmax_state partial, const float *output,
                     uint32_t dim) {
  if (partial.maximum == -INFINITY && partial.sum == 0) return;
  if (total->maximum == -INFINITY && total->sum == 0) {
    *total = partial;
    memcpy(total_output, output, dim * sizeof(float));
    return;
  }
  const float largest = partial.maximum > total->maximum ? partial.maximum : total->maximum;
  const float old = power_of_two(mk_splat(total->maximum - largest))[0];
  const float new = power_of_two(mk_splat(partial.maximum - largest))[0];
  total->maximum = largest;
  total->sum = fmaf(partial.sum, new, total->sum * old);
  for (uint32_t d = 0; d < dim; d += LANES) {
    mk_store(total_output + d, mk_fma(mk_load(output + d), mk_splat(new), mk_load(total_output + d) * mk_splat(old)));
  }
}

MK_INLINE void write_output(const attention_context *context, size_t row, uint32_t head, softmax_state state,
                            const float *output) {
  const uint32_t dim = context->args->kv->head_dim;
  float *y = context->args->y + (row * context->args->heads + head) * dim;
  const float inverse = 1.0f / state.sum;
  for (uint32_t d = 0; d < dim; d++) y[d] = output[d] * inverse;
}

MK_INLINE uint32_t tiles_of(const attention_context *context, const mk_attention_sequence *sequence) {
  return (sequence->row_count + context->tile_rows - 1) / context->tile_rows;
}

/// Ranges that the sequence's rows see, from the first of them on.
MK_INLINE uint32_t first_range(const attention_context *context, const mk_attention_sequence *sequence) {
  return mk_first_visible(context->args->window, sequence->kv_length - sequence->row_count) / RANGE;
}
MK_INLINE uint32_t ranges_of(const attention_context *context, const mk_attention_sequence *sequence) {
  return (sequence->kv_length - 1) / RANGE + 1 - first_range(context, sequence);
}

MK_INLINE float *split_state(const attention_context *context, uint32_t s, uint32_t row, uint32_t head, uint32_t range) {
  const uint32_t ranges = ranges_of(context, &context->args->sequences[s]);
  const size_t index = context->split_states[s] + ((size_t)row * context->args->heads + head) * ranges + range;
  return context->states + index * (context->shape.dim + 2);
}

MK_INLINE void prepare_tile(attention_tile *tile, const attention_context *context, uint32_t s, uint32_t first_row,
                            uint32_t rows, uint32_t kv_head, uint32_t first_head, uint32_t heads, int split) {
  const mk_attention_args *args = context->args;
  const uint32_t dim = args->kv->head_dim;
  tile->context = context;
  tile->sequence = &args->sequences[s];
  tile->kv_head = kv_head;
  tile->heads = heads;
  tile->queries = rows * heads;
  tile->wide = MK_ATTENTION_WIDE && !split && args->kv->dtype != MK_F32 ? tile->queries / LANES * LANES : 0;
  tile->position = tile->sequence->kv_length - tile->sequence->row_count + first_row;
  for (uint32_t i = 0; i < tile->queries; i++) {
    const size_t row = tile->sequence->row_start + first_row + i / heads;
    tile->q[i] = args->q + row * args->q_stride + (size_t)(first_head + i % heads) * dim;
    tile->scale[i] = args->scale;
    if (i < tile->wide) {
      tile->wide_total.maximum[i] = -INFINITY;
      tile->wide_total.sum[i] = 0;
      tile->last_visible[i] = (int32_t)(tile->position + i / heads);
      tile->first_visible[i] = (int32_t)mk_first_visible(args->window, tile->position + i / heads);
      continue;
    }
    tile->total[i] = (softmax_state){-INFINITY, 0};
    if (args->kv->dtype == MK_F32) continue;
    int16_t *codes = tile->codes + (size_t)i * context->shape.dim;
    tile->scale[i] *= mk_encode(tile->q[i], dim, context->shape.dim, mk_length(tile->q[i], dim), codes);
  }
  for (uint32_t i = 0; i < tile->wide; i += LANES) encode_wide(tile, i);
}

static void attention_piece(void *opaque, uint32_t piece, uint32_t worker) {
  (void)worker;
  const attention_context *context = opaque;
  const mk_attention_args *args = context->args;
  uint32_t s = 0, above = args->sequence_count;
  while (above - s > 1) {
    const uint32_t middle = s + (above - s) / 2;
    if (context->pieces[middle] <= piece) {
      s = middle;
    } else {
      above = middle;
    }
  }
  const mk_attention_sequence *sequence = &args->sequences[s];
  const uint32_t per_tile = args->kv->kv_heads * context->head_chunks, index = piece - context->pieces[s];
  const int split = context->split_states[s + 1] > context->split_states[s];
  // The longest tiles first, so that the region does not end with one of them.
  const uint32_t tile_number = split ? 0 : tiles_of(context, sequence) - 1 - index / per_tile;
  const uint32_t first_row = tile_number * context->tile_rows, left = sequence->row_count - first_row;
  const uint32_t rows = left < context->tile_rows ? left : context->tile_rows, part = index % per_tile;
  const uint32_t kv_head = part / context->head_chunks, chunk = part % context->head_chunks * context->head_chunk;
  const uint32_t heads = context->group - chunk < context->head_chunk ? context->group - chunk : context->head_chunk;
  const uint32_t first_head = kv_head * context->group + chunk, dim = context->shape.dim;
  attention_tile tile;
  prepare_tile(&tile, context, s, first_row, rows, kv_head, first_head, heads, split);
  uint32_t start = mk_first_visible(args->window, tile.position), end = tile.position + rows;
  const uint32_t base = first_range(context, sequence);
  if (split) {
    const uint32_t first = (base + index / per_tile * RANGES_PER_PIECE) * RANGE, last = first + RANGES_PER_PIECE * RANGE;
    start = start > first ? start : first;
    end = end < last ? end : last;
  }
  for (uint32_t range = start / RANGE; start < end; range++, start = range * RANGE) {
    attend_range(&tile, start, end < (range + 1) * RANGE ? end : (range + 1) * RANGE);
    for (uint32_t i = 0; i < tile.wide; i += LANES) merge_wide(&tile, i);
    for (uint32_t i = tile.wide; i < tile.queries; i++) {
      const float *output = tile.partial_output + (size_t)i * dim;
      if (split) {
        float *state = split_state(context, s, first_row + i / heads, first_head + i % heads, range - base);
        memcpy(state, &tile.partial[i], sizeof tile.partial[i]);
        memcpy(state + 2, output, dim * sizeof(float));
      } else {
        merge(&tile.total[i], tile.total_output + (size_t)i * dim, tile.partial[i], output, dim);
      }
    }
  }
  for (uint32_t first = 0; first < tile.wide; first += LANES) {
    float *rows[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
      const size_t row = sequence->row_start + first_row + (first + i) / heads;
      rows[i] = args->y + (row * args->heads + first_head + (first + i) % heads) * args->kv->head_dim;
    }
    write_wide(&tile, first, rows);
  }
  for (uint32_t i = tile.wide; !split && i < tile.queries; i++) {
    write_output(context, sequence->row_start + first_row + i / heads, first_head + i % heads, tile.total[i],
                 tile.total_output + (size_t)i * dim);
  }
}

/// Merges the states of a split sequence.
static void merge_piece(void *opaque, uint32_t s, uint32_t worker) {
  (void)worker;
  const attention_context *context = opaque;
  const mk_attention_args *args = context->args;
  const mk_attention_sequence *sequence = &args->sequences[s];
  if (context->split_states[s + 1] == context->split_states[s]) return;
  const uint32_t ranges = ranges_of(context, sequence);
  float output[MK_MAX_HEAD_DIM];
  for (uint32_t row = 0; row < sequence->row_count; row++) {
    for (uint32_t head = 0; head < args->heads; head++) {
      softmax_state total = {-INFINITY, 0}, partial;
      for (uint32_t range = 0; range < ranges; range++) {
        const float *state = split_state(context, s, row, head, range);
        memcpy(&partial, state, sizeof partial);
        merge(&total, output, partial, state + 2, context->shape.dim);
      }
      write_output(context, sequence->row_start + row, head, total, output);
    }
  }
}

/// Lays out pieces and states; returns the number of pieces, or 0 when there are too many.
MK_INLINE uint32_t plan_attention(attention_context *context, uint32_t workers) {
  const mk_attention_args *args = context->args;
  const size_t header = ((size_t)args->sequence_count + 1) * 2 * sizeof(uint32_t);
  const uint64_t capacity = (args->workspace_bytes - header) / ((context->shape.dim + 2) * sizeof(float));
  uint64_t pieces = 0, states = 0;
  for (uint32_t s = 0; s < args->sequence_count; s++) {
    const mk_attention_sequence *sequence = &args->sequences[s];
    const uint64_t ranges = ranges_of(context, sequence), needed = ranges * sequence->row_count * args->heads;
    const int split = workers > 1 && sequence->row_count <= SPLIT_ROWS && sequence->row_count <= context->tile_rows &&
                      ranges > RANGES_PER_PIECE && needed <= capacity - states;
    context->pieces[s] = (uint32_t)pieces;
    context->split_states[s] = (uint32_t)states;
    if (split) states += needed;
    pieces += (split ? (ranges + RANGES_PER_PIECE - 1) / RANGES_PER_PIECE : tiles_of(context, sequence)) *
              args->kv->kv_heads * context->head_chunks;
    if (pieces > UINT32_MAX) return 0;
  }
  context->pieces[args->sequence_count] = (uint32_t)pieces;
  context->split_states[args->sequence_count] = (uint32_t)states;
  return (uint32_t)pieces;
}

mk_status MK_NAME(attention)(mk_stream *stream, const mk_attention_args *args) {
  if (args && args->rope) {
    mk_attention_args rest = *args;
    rest.rope = NULL;
    const mk_status written = MK_NAME(rope_kv)(stream, args->rope);
    return written == MK_OK ? MK_NAME(attention)(stream, &rest) : written;
  }
  const mk_status status = mk_check_attention(stream, args);
  if (status != MK_OK) return status;
  if (args->sequence_count == 0) return MK_OK;
  const mk_kv_layer *kv = args->kv;
  const size_t header = ((size_t)args->sequence_count + 1) * 2 * sizeof(uint32_t);
  if (!args->workspace || args->workspace_bytes < header) return MK_INVALID_ARGUMENT;
  attention_context context = {.args = args, .shape = mk_kv_shape_of(kv), .group = args->heads / kv->kv_heads};
  const uint32_t most = TILE_VALUES / context.shape.dim, queries = most < TILE_QUERIES ? most : TILE_QUERIES;
  context.head_chunk = context.group < queries ? context.group : queries;
  context.head_chunks = (context.group + context.head_chunk - 1) / context.head_chunk;
  context.tile_rows = queries / context.head_chunk < TILE_ROWS ? queries / context.head_chunk : TILE_ROWS;
  context.pieces = args->workspace;
  context.split_states = context.pieces + args->sequence_count + 1;
  context.states = (float *)(void *)(context.split_states + args->sequence_count + 1);
  const uint32_t pieces = plan_attention(&context, mk_stream_width(stream));
  if (pieces == 0) return MK_INVALID_ARGUMENT;
  mk_parallel(stream, pieces, attention_piece, &context);
  if (context.split_states[args->sequence_count] > 0) mk_parallel(stream, args->sequence_count, merge_piece, &context);
  return MK_OK;
}

/// Room for the plan, and for the states of as many rows that are split in ranges.
size_t MK_NAME(attention_workspace_bytes)(uint32_t max_rows, uint32_t heads, uint32_t head_dim) {
  const size_t rows = max_rows > 64 ? max_rows : 64;
  return (rows + 1) * 2 * sizeof(uint32_t) + rows * heads * (head_dim + LANES + 1) * sizeof(float);
}

size_t MK_NAME(kv_layer_bytes)(const mk_kv_layer *kv) {
  if (kv->dtype > MK_BF16) return 0;
  const size_t slots = (size_t)kv->pages * kv->page_size;
  return (slots / MK_KV_CHUNK + (slots % MK_KV_CHUNK != 0)) * mk_kv_shape_of(kv).chunk;
}
