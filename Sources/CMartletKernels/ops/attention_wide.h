/// Attention of many queries, for instruction sets with MK_ATTENTION_WIDE: a vector holds a value of each of sixteen
/// queries, so that largest scores and sums over positions take no steps across lanes, and two such vectors share what is
/// loaded of keys and values. Operations and their order are those of attend_queries: a query's bits do not depend on
/// which of the two computes it.
///
/// A tile's first `wide` queries are held so: codes [vector][dim / 2][16][2], outputs [vector][dim][16].
#pragma once

/// Vectors of queries that are computed together, and positions or dimensions that meet them at a time.
enum { WIDE_MOST = 2, WIDE_STEP = 8 };

/// What a block does to sixteen queries; see block_effect. Those that see nothing of it keep their outputs.
typedef struct {
  mk_f32x16 factor, scale;
  mk_i32x16 seen;
} wide_effect;

/// Queries [query, query + 16) of the tile take codes; their dot products' scales go to tile->scale.
MK_INLINE void encode_wide(attention_tile *tile, uint32_t query) {
  const mk_attention_args *args = tile->context->args;
  const uint32_t dim = tile->context->shape.dim;
  int16_t codes[LANES][MK_MAX_HEAD_DIM];
  for (uint32_t i = 0; i < LANES; i++) {
    const float *q = tile->q[query + i];
    tile->scale[query + i] *= mk_encode(q, args->kv->head_dim, dim, mk_length(q, args->kv->head_dim), codes[i]);
  }
  int16_t *to = tile->codes + (size_t)query * dim;
  for (uint32_t d = 0; d < dim; d += 2 * LANES) {
    mk_i32x16 v[LANES];
    // A last half vector is read past its end, within the array, and not stored.
    MK_UNROLL for (uint32_t i = 0; i < LANES; i++) v[i] = load_integers(codes[i] + d);
    mk_transpose(v);
    for (uint32_t i = 0; i < LANES && d + 2 * i < dim; i++) memcpy(to + (size_t)(d / 2 + i) * 2 * LANES, &v[i], sizeof v[i]);
  }
}

/// scores[BLOCK][n][16] of n vectors of queries from `query` on, in units of the queries' scales.
MK_INLINE void score_wide(const uint32_t n, const attention_tile *tile, const key_block *keys, uint32_t query,
                          float *scores) {
  const uint32_t dim = tile->context->shape.dim;
  for (uint32_t at = keys->first * LANES; at < keys->end * LANES; at += WIDE_STEP) {
    const int16_t *codes = tile->codes + (size_t)query * dim;
    const uint8_t *from = keys->keys[at / LANES] + at % LANES * 4;
    mk_i32x16 sums[WIDE_STEP][WIDE_MOST];
    MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP * n; i++) sums[i / n][i % n] = (mk_i32x16)(0);
    for (uint32_t d = 0; d < dim; d += 2, codes += 2 * LANES, from += 4 * LANES) {
      mk_i32x16 q[WIDE_MOST];
      MK_UNROLL for (uint32_t j = 0; j < n; j++) q[j] = load_integers(codes + (size_t)j * LANES * dim);
      MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP; i++) {
        const mk_i32x16 key = splat_pair((const int16_t *)(const void *)(from + 4 * i));
        MK_UNROLL for (uint32_t j = 0; j < n; j++) sums[i][j] = mk_dot_pairs_of_many(sums[i][j], q[j], key);
      }
    }
    const float *scales = keys->key_scales[at / LANES] + at % LANES;
    MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP; i++) {
      MK_UNROLL for (uint32_t j = 0; j < n; j++) {
        mk_store(scores + ((at + i) * n + j) * LANES, __builtin_convertvector(sums[i][j], mk_f32x16) * mk_splat(scales[i]));
      }
    }
  }
}

/// Which of sixteen queries from `query` on see a position.
MK_INLINE mk_i32x16 sees(const attention_tile *tile, uint32_t query, uint32_t position) {
  mk_i32x16 first, last;
  memcpy(&first, tile->first_visible + query, sizeof first);
  memcpy(&last, tile->last_visible + query, sizeof last);
  return (first <= (int32_t)position) & (last >= (int32_t)position);
}

/// Turns the scores of one vector of queries to codes of weight times value scale, pairs of positions [BLOCK / 2][stride].
MK_INLINE wide_effect weigh_wide(const int whole, attention_tile *tile, const key_block *keys, uint32_t block,
                                 uint32_t query, uint32_t stride, float *scores, int32_t *codes) {
  const mk_attention_args *args = tile->context->args;
  const float log2e = 1.44269504f;
  const mk_f32x16 scales = mk_load(tile->scale + query);
  const uint32_t from = keys->first * LANES, to = keys->end * LANES;
  mk_f32x16 largest = mk_splat(-INFINITY);
  for (uint32_t k = from; k < to; k++) {
    mk_f32x16 s = mk_load(scores + k * stride);
    if (args->soft_cap > 0) {
      s = s * scales / mk_splat(args->soft_cap);
      s = mk_splat(args->soft_cap * log2e) * mk_tanh(s);
    }
    if (!whole) s = sees(tile, query, block + k) ? s : mk_splat(-INFINITY);
    if (!whole || args->soft_cap > 0) mk_store(scores + k * stride, s);
    largest = mk_max(s, largest);
  }
  const mk_f32x16 scale = args->soft_cap > 0 ? mk_splat(1) : scales * mk_splat(log2e);
  largest = largest * scale;
  mk_f32x16 maximum = mk_load(tile->wide_partial.maximum + query);
  const mk_i32x16 grows = largest > maximum;
  wide_effect effect = {.seen = (mk_i32x16)(-1)};
  effect.factor = grows ? power_of_two(maximum - largest) : mk_splat(1);
  maximum = grows ? largest : maximum;
  if (!whole) {
    mk_i32x16 first, last;
    memcpy(&first, tile->first_visible + query, sizeof first);
    memcpy(&last, tile->last_visible + query, sizeof last);
    effect.seen = (first < (int32_t)(block + BLOCK)) & (last >= (int32_t)block);
  }
  // Sums are folded as mk_sum_lanes folds them: position k stands for lane k % 16 of vector k / 16.
  mk_f32x16 sums[4], weights[4];
  MK_UNROLL for (uint32_t i = 0; i < 4; i++) {
    mk_f32x16 sum[4], weight[4];
    MK_UNROLL for (uint32_t part = 0; part < 4; part++) {
      const uint32_t lane = i + 4 * part;
      mk_f32x16 s[BLOCK_VECTORS], w[BLOCK_VECTORS];
      MK_UNROLL for (uint32_t v = 0; v < BLOCK_VECTORS; v++) {
        s[v] = w[v] = mk_splat(0);
        if (!whole && (v < keys->first || v >= keys->end)) continue;
        const uint32_t k = v * LANES + lane;
        s[v] = power_of_two(mk_fma(mk_load(scores + k * stride), scale, -maximum));
        w[v] = s[v] * mk_splat(keys->value_scales[v][lane]);
        if (!whole) {
          const mk_i32x16 visible = sees(tile, query, block + k);
          s[v] = visible ? s[v] : mk_splat(0);
          w[v] = visible ? w[v] : mk_splat(0);
        }
        mk_store(scores + k * stride, w[v]);
      }
      sum[part] = (s[0] + s[1]) + (s[2] + s[3]);
      weight[part] = (w[0] + w[1]) + (w[2] + w[3]);
    }
    sums[i] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
    weights[i] = (weight[0] + weight[2]) + (weight[1] + weight[3]);
  }
  const mk_f32x16 sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
  const mk_f32x16 weight = (weights[0] + weights[2]) + (weights[1] + weights[3]);
  mk_store(tile->wide_partial.sum + query, mk_fma(mk_load(tile->wide_partial.sum + query), effect.factor, sum));
  mk_store(tile->wide_partial.maximum + query, maximum);
  const mk_f32x16 inverse = weight > mk_splat(1e-30f) ? mk_splat(32767.0f) / weight : mk_splat(0);
  for (uint32_t k = from; k < to; k += 2) {
    // The codes are the low halves of the shifted values; see mk_store_rounded.
    const mk_f32x16 even = mk_load(scores + k * stride) * inverse, odd = mk_load(scores + (k + 1) * stride) * inverse;
    const mk_f32x16 low = even + mk_splat(12582912.0f), high = odd + mk_splat(12582912.0f);
    mk_i32x16 bits[2];
    memcpy(&bits[0], &low, sizeof low);
    memcpy(&bits[1], &high, sizeof high);
    const mk_i32x16 both = (bits[0] & 0xFFFF) | (bits[1] << 16);
    memcpy(codes + k / 2 * stride, &both, sizeof both);
  }
  effect.scale = weight * mk_splat(1.0f / 32767.0f);
  return effect;
}

/// Outputs of n vectors of queries take in the block's values.
MK_INLINE void accumulate_wide(const uint32_t n, const key_block *keys, uint32_t dim, const int32_t *codes,
                               const wide_effect *effects, float *output) {
  for (uint32_t d = 0; d < dim; d += WIDE_STEP) {
    mk_i32x16 sums[WIDE_STEP][WIDE_MOST];
    MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP * n; i++) sums[i / n][i % n] = (mk_i32x16)(0);
    for (uint32_t g = keys->first; g < keys->end; g++) {
      const int32_t *weights = codes + (size_t)g * (LANES / 2) * n * LANES;
      const uint8_t *from = keys->values[g] + (size_t)d * 4;
      for (uint32_t pair = 0; pair < LANES / 2; pair++, weights += n * LANES, from += (size_t)dim * 4) {
        mk_i32x16 w[WIDE_MOST];
        MK_UNROLL for (uint32_t j = 0; j < n; j++) w[j] = load_integers(weights + j * LANES);
        MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP; i++) {
          const mk_i32x16 value = splat_pair((const int16_t *)(const void *)(from + 4 * i));
          MK_UNROLL for (uint32_t j = 0; j < n; j++) sums[i][j] = mk_dot_pairs_of_many(sums[i][j], value, w[j]);
        }
      }
    }
    MK_UNROLL for (uint32_t i = 0; i < WIDE_STEP; i++) {
      MK_UNROLL for (uint32_t j = 0; j < n; j++) {
        float *y = output + ((size_t)j * dim + d + i) * LANES;
        const mk_f32x16 gain = __builtin_convertvector(sums[i][j], mk_f32x16) * effects[j].scale, old = mk_load(y);
        mk_store(y, effects[j].seen ? mk_fma(old, effects[j].factor, gain) : old);
      }
    }
  }
}

/// Takes a block of positions into n vectors of queries from `query` on.
MK_INLINE void attend_wide(const uint32_t n, attention_tile *tile, const key_block *keys, uint32_t block,
                           uint32_t query) {
  const uint32_t dim = tile->context->shape.dim;
  _Alignas(64) float scores[BLOCK * WIDE_MOST * LANES];
  _Alignas(64) int32_t codes[BLOCK / 2 * WIDE_MOST * LANES];
  wide_effect effects[WIDE_MOST];
  score_wide(n, tile, keys, query, scores);
  for (uint32_t j = 0; j < n; j++) {
    const uint32_t first = query + j * LANES, last = first + LANES - 1;
    const int whole = tile->last_visible[first] >= (int32_t)(block + BLOCK - 1) && tile->first_visible[last] <= (int32_t)block;
    effects[j] = whole ? weigh_wide(1, tile, keys, block, first, n * LANES, scores + j * LANES, codes + j * LANES)
                       : weigh_wide(0, tile, keys, block, first, n * LANES, scores + j * LANES, codes + j * LANES);
  }
  accumulate_wide(n, keys, dim, codes, effects, tile->partial_output + (size_t)query * dim);
}
static __attribute__((noinline)) void attend_wide_1(attention_tile *tile, const key_block *keys, uint32_t block,
                                                    uint32_t query) {
  attend_wide(1, tile, keys, block, query);
}
static __attribute__((noinline)) void attend_wide_2(attention_tile *tile, const key_block *keys, uint32_t block,
                                                    uint32_t query) {
  attend_wide(2, tile, keys, block, query);
}

/// Totals of sixteen queries gain their partial results, as `merge` does.
MK_INLINE void merge_wide(attention_tile *tile, uint32_t query) {
  const uint32_t dim = tile->context->shape.dim;
  const float *output = tile->partial_output + (size_t)query * dim;
  float *total_output = tile->total_output + (size_t)query * dim;
  const mk_f32x16 maximum = mk_load(tile->wide_partial.maximum + query), sum = mk_load(tile->wide_partial.sum + query);
  const mk_f32x16 total_maximum = mk_load(tile->wide_total.maximum + query);
  const mk_f32x16 total_sum = mk_load(tile->wide_total.sum + query);
  const mk_i32x16 nothing = (maximum == mk_splat(-INFINITY)) & (sum == mk_splat(0));
  const mk_i32x16 first = (total_maximum == mk_splat(-INFINITY)) & (total_sum == mk_splat(0));
  const mk_f32x16 largest = maximum > total_maximum ? maximum : total_maximum;
  const mk_f32x16 old = power_of_two(total_maximum - largest), new = power_of_two(maximum - largest);
  const mk_f32x16 merged = mk_fma(sum, new, total_sum * old);
  mk_store(tile->wide_total.maximum + query, nothing ? total_maximum : first ? maximum : largest);
  mk_store(tile->wide_total.sum + query, nothing ? total_sum : first ? sum : merged);
  for (uint32_t d = 0; d < dim; d++) {
    const mk_f32x16 part = mk_load(output + d * LANES), before = mk_load(total_output + d * LANES);
    const mk_f32x16 both = mk_fma(part, new, before * old);
    mk_store(total_output + d * LANES, nothing ? before : first ? part : both);
  }
}

/// Writes the outputs of sixteen queries to y[query][head_dim], `rows[i]` being query i's place.
MK_INLINE void write_wide(const attention_tile *tile, uint32_t query, float *const *rows) {
  const uint32_t dim = tile->context->shape.dim, head_dim = tile->context->args->kv->head_dim;
  const float *output = tile->total_output + (size_t)query * dim;
  const mk_f32x16 inverse = mk_splat(1) / mk_load(tile->wide_total.sum + query);
  for (uint32_t d = 0; d < dim; d += LANES) {
    const uint32_t count = head_dim - d < LANES ? head_dim - d : LANES;
    mk_i32x16 v[LANES];
    MK_UNROLL for (uint32_t i = 0; i < LANES; i++) {
      const mk_f32x16 scaled = mk_load(output + (d + i) * LANES) * inverse;
      memcpy(&v[i], &scaled, sizeof scaled);
    }
    mk_transpose(v);
    for (uint32_t i = 0; i < LANES; i++) memcpy(rows[i] + d, &v[i], count * sizeof(float));
  }
}
