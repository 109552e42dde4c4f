/// The Martlet kernel table: every operation that a model needs, as C functions over a stream, sizes and pointers.
///
/// The CPU backend is compiled in (`mk_cpu_table`). Any other device is a shared object that exports
/// `const mk_table *mk_backend_table(void)` with the same table.
///
/// A device with memory of its own (`separate_memory`) must not have that memory read or written by host code. There,
/// arguments' structs and the lists that an op's text calls host memory are read before the call returns; all other
/// pointers are device memory, and ops are enqueued: they run in call order.
///
/// Rules for every op: row-major, no aliasing unless said, never allocates, prints, exits or touches globals; checks
/// its sizes and returns a status. The order of float accumulation for one output element depends on the weights' shape
/// only, never on the number of rows, threads or neighbours (other devices: with `mk_stream_options.deterministic`).
///
/// Activations are float32 unless an op's args name another dtype for them: then the pointer, its stride in elements,
/// is to values of that dtype. MK_F32 always works; a table's `activation_dtype` is what the device prefers for what only
/// `linear`, `gather`, `rope_kv` and `attention` read. The residual and logits are always float32.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MK_ABI_VERSION 3u

typedef int32_t mk_status;
enum { MK_OK = 0, MK_INVALID_ARGUMENT = 1, MK_OUT_OF_MEMORY = 2, MK_UNSUPPORTED = 3, MK_DEVICE_LOST = 4 };

/// Element formats. Block formats have the bit layout of the GGUF type of the same name. MK_F8_E4M3 exists on devices
/// that make it themselves: as a matrix (`matrix_quantize`) it is codes with a float scale for each row, as KV codes
/// alone, of the nearest values up to the format's largest.
typedef uint32_t mk_dtype;
enum {
  MK_F32 = 0, MK_F16 = 1, MK_BF16 = 2, MK_F8_E4M3 = 3,
  MK_Q4_0 = 10, MK_Q4_1 = 11, MK_Q5_0 = 12, MK_Q5_1 = 13, MK_Q8_0 = 14,
  MK_Q2_K = 20, MK_Q3_K = 21, MK_Q4_K = 22, MK_Q5_K = 23, MK_Q6_K = 24,
};

/// A weight matrix w[rows, cols]; `cols` is the reduced dimension. `layout` 0 is the file's own row-major layout;
/// any other value is private to the backend that packed it.
typedef struct mk_matrix {
  const void *data;
  mk_dtype dtype;
  uint32_t layout;
  uint32_t rows;
  uint32_t cols;
} mk_matrix;

typedef struct mk_stream mk_stream;

typedef struct mk_stream_options {
  uint32_t threads;           ///< Worker count including the caller; 0 chooses.
  uint32_t pin;               ///< Non-zero pins helpers to cores.
  uint32_t spin_microseconds; ///< How long an idle helper spins before it parks.
  uint32_t deterministic;     ///< Non-zero: a result does not depend on what else is in the batch. CPUs always hold to it.
} mk_stream_options;

/// Counters since the stream was made; times in nanoseconds of the calling thread.
typedef struct mk_stream_statistics {
  uint64_t regions, busy_nanoseconds, waiting_nanoseconds, parks;
  uint32_t threads, active_threads;
} mk_stream_statistics;

/// y[rows, cols] = scale * table[ids[row], :], dequantised. ids outside the table are MK_INVALID_ARGUMENT.
typedef struct mk_embedding_args {
  const mk_matrix *table;
  const int32_t *ids;
  uint32_t rows;
  float scale;
  float *y;
} mk_embedding_args;

/// RMS norm over rows of `cols` values: norm(v) = v / sqrt(mean(v^2) + eps) * weight.
/// plain:        y = norm(x)                       (residual must be NULL)
/// add first:    residual += x; y = norm(residual) (mode MK_NORM_ADD_FIRST)
/// add after:    residual += norm(x)               (mode MK_NORM_ADD_AFTER, y unused)
enum { MK_NORM_PLAIN = 0, MK_NORM_ADD_FIRST = 1, MK_NORM_ADD_AFTER = 2 };
typedef struct mk_norm_args {
  const float *x;
  float *residual;
  const float *weight;
  float *y;
  uint32_t rows, cols, mode;
  float epsilon;
  mk_dtype y_dtype; ///< MK_F32 or the table's activation_dtype
} mk_norm_args;

/// For each segment s in order: y[row, offset_s + j] = sum_k x[row, k] * w_s[j, k] (+ bias_s[j]).
/// offset_s is the sum of the earlier segments' rows; y_stride >= the sum of all. All segments share `cols`; x is
/// [rows, cols] with x_stride. Quantised weights are multiplied in integers against x quantised to 8 bits per block of
/// 32; x is quantised once for all segments, in `workspace` (at least `linear_workspace_bytes`, 64-byte aligned).
typedef struct mk_linear_segment {
  mk_matrix matrix;
  const float *bias; ///< [matrix.rows] or NULL
} mk_linear_segment;
/// What becomes of the product. The gated outputs take two segments of n rows each, gate then up, and have n columns:
/// y[row, j] = act(gate_j) * up_j, as the op `gated` does.
enum { MK_OUTPUT_STORE = 0, MK_OUTPUT_ADD = 1, MK_OUTPUT_SILU = 2, MK_OUTPUT_GELU_TANH = 3 };
typedef struct mk_linear_args {
  const float *x;
  uint32_t rows, x_stride;
  const mk_linear_segment *segments;
  uint32_t segment_count;
  float *y;
  uint32_t y_stride;
  void *workspace;
  size_t workspace_bytes;
  mk_dtype x_dtype, y_dtype; ///< MK_F32 or the table's activation_dtype; y of MK_OUTPUT_ADD is MK_F32
  /// [cols] or NULL. Where the table has `fused_linear`, x (MK_F32) is normed first:
  /// x[row, k] / sqrt(mean(x[row]^2) + norm_epsilon) * norm_weight[k]
  const float *norm_weight;
  float norm_epsilon;
  uint32_t output; ///< MK_OUTPUT_STORE, or with `fused_linear` any. MK_OUTPUT_ADD adds to what y holds (x is not y).
  /// A norm between two products without a pass of its own, where the table has `deferred_norm_rows`. The first product
  /// (MK_OUTPUT_ADD) is given the norm's weight, and leaves next_x[row, j] = y[row, j] * next_norm_weight[j] in the
  /// table's activation_dtype and, in next_squares[row, mk_square_parts(outputs)], sums of squares of parts of y's rows.
  /// The second gets them as x and squares, and divides what it makes by sqrt(sum of squares / cols + norm_epsilon).
  const float *next_norm_weight; ///< [outputs] or NULL
  void *next_x;                  ///< [rows, outputs]
  float *next_squares;
  const float *squares; ///< or NULL; norm_weight is NULL then
} mk_linear_args;
/// Parts in which the squares of a row of `cols` values are summed.
static inline uint32_t mk_square_parts(uint32_t cols) { return (cols + 63) / 64 * 4; }

/// table[row, 0:half] = magnitude * cos(position * f), table[row, half:2*half] = magnitude * sin(position * f),
/// computed in double precision.
typedef struct mk_rope_table_args {
  const int32_t *positions;
  const float *inverse_frequencies; ///< [half]
  uint32_t rows, half;
  float magnitude;
  float *table; ///< [rows, 2 * half]
} mk_rope_table_args;

/// One layer's paged KV. Keys and values have a private layout; sizes come from `kv_layer_bytes`: 0 for a dtype that the
/// table's ops do not keep.
typedef struct mk_kv_layer {
  void *data;
  mk_dtype dtype; ///< MK_F32, MK_F16 or MK_BF16; MK_F8_E4M3 where there are bytes for it
  uint32_t pages, page_size, kv_heads, head_dim;
} mk_kv_layer;

/// Per row: optional RMS norm of each q and k head, rotation of the first 2*half dims of q and k, then k and v are
/// written to the KV slot slots[row] = page * page_size + offset. Devices leave out a row whose slot is -1. qkv is
/// [rows, stride] holding heads*head_dim q values, then kv_heads*head_dim k values, then kv_heads*head_dim v values; q
/// is changed in place, and k may be.
enum { MK_ROPE_HALVES = 0, MK_ROPE_PAIRS = 1 }; ///< partner of dim i: i + half (HF checkpoints), or 2i, 2i+1 (GGUF llama)
typedef struct mk_rope_kv_args {
  float *qkv;
  uint32_t rows, stride, heads;
  const float *rope_table; ///< [rows, 2 * half]
  uint32_t half, style;
  const float *q_norm, *k_norm; ///< [head_dim] or NULL
  float norm_epsilon;
  const int32_t *slots;
  const mk_kv_layer *kv;
  mk_dtype qkv_dtype; ///< MK_F32 or the table's activation_dtype
} mk_rope_kv_args;

/// Causal attention with online softmax. Sequence s owns rows [row_start, row_start + row_count); its row i sits at
/// position kv_length - row_count + i and sees positions [max(0, position - window + 1), position] (window 0: all).
/// page_table[page_offset + p] is the page of positions [p * page_size, (p + 1) * page_size). Devices leave out a
/// sequence of no rows. They read `sequences`, `page_table` and keys and values older than the sequences' rows ahead of
/// the stream: the op just before must not write them.
typedef struct mk_attention_sequence {
  uint32_t row_start, row_count, kv_length, page_offset;
} mk_attention_sequence;
typedef struct mk_attention_args {
  const float *q; ///< [rows, q_stride]
  uint32_t q_stride, heads;
  float *y; ///< [rows, heads * head_dim]
  const mk_attention_sequence *sequences;
  uint32_t sequence_count;
  const int32_t *page_table;
  const mk_kv_layer *kv;
  float scale;    ///< not negative
  float soft_cap; ///< 0: none, else scores = cap * tanh(scores / cap)
  uint32_t window;
  void *workspace; ///< at least attention_workspace_bytes
  size_t workspace_bytes;
  mk_dtype q_dtype, y_dtype; ///< MK_F32 or the table's activation_dtype
  uint32_t max_row_count;    ///< bound on the sequences' row_count where the caller knows one, else 0
  /// NULL, or on a table with `fused_linear`: done first, on the same kv and with q at the start of its qkv. qkv is left
  /// in an undefined state.
  const mk_rope_kv_args *rope;
} mk_attention_args;

/// y[row, j] = act(x[row, j]) * x[row, n + j], x is [rows, 2n].
enum { MK_SILU = 0, MK_GELU_TANH = 1 };
typedef struct mk_gated_args {
  const float *x;
  float *y;
  uint32_t rows, n, activation;
  mk_dtype y_dtype; ///< MK_F32 or the table's activation_dtype
} mk_gated_args;

/// y[i, :] = x[indices[i], :]; y has the dtype of x.
typedef struct mk_gather_args {
  const float *x;
  const int32_t *indices;
  float *y;
  uint32_t count, cols, x_rows;
  mk_dtype x_dtype; ///< MK_F32 or the table's activation_dtype
} mk_gather_args;

/// Where the row parameters of adjust_logits and sample lie, with the lists that they point to. Host memory is read
/// before the call returns and checked first. Device memory is read in stream order and suits recording in a graph: what
/// is invalid there is skipped and reported by stream_synchronize. CPUs make no difference.
enum { MK_HOST_MEMORY = 0, MK_DEVICE_MEMORY = 1 };


/// In order, on one row's logits: logit bias; repetition, frequency and presence penalties from the row's history;
/// tokens in `suppressed` to -inf; then the allowed-token bit mask. A positive logit is divided by the repetition
/// penalty, any other multiplied; then presence + frequency * generated_count is taken off what was generated.
/// Tokens outside the vocabulary and repetition <= 0 are MK_INVALID_ARGUMENT, and no row is changed.
typedef struct mk_history_entry {
  int32_t token;
  uint32_t generated_count; ///< occurrences in the output so far (frequency and presence count these)
} mk_history_entry;           ///< repetition applies to every entry (prompt or output)
typedef struct mk_adjust_row {
  const int32_t *bias_tokens;
  const float *bias_values;
  const mk_history_entry *history;
  const int32_t *suppressed;
  const uint32_t *allowed_mask; ///< bit t set: token t allowed; NULL: all
  uint32_t bias_count, history_count, suppressed_count;
  float repetition, frequency, presence; ///< neutral: 1, 0, 0
} mk_adjust_row;
typedef struct mk_adjust_args {
  float *logits; ///< [rows, vocab], changed in place
  uint32_t rows, vocab;
  const mk_adjust_row *row;
  uint32_t row_memory; ///< MK_HOST_MEMORY or MK_DEVICE_MEMORY
} mk_adjust_args;

/// Draws one token per row. temperature 0 is argmax (lowest id wins ties). Otherwise top_k (0: all), then top_p over
/// the softmax at `temperature`, then min_p, as SGLang does. Randomness is Philox4x32-10 keyed by seed, counter
/// position: the draw depends on nothing else. Logits that are not finite count as absent; a row with no finite logit
/// yields token -1.
///
/// A token's weight is e^((logit - largest) * (1 / temperature)) in float, rounded to a multiple of 2^-32, so that sums
/// are exact in double and independent of their order. top_k keeps the best k (lowest id first among equals); top_p
/// then the shortest run of the best whose weight reaches top_p times that of all kept; min_p those whose unrounded
/// weight is at least min_p (at most 1). The token drawn is the first in id order at which the kept tokens' running
/// weight exceeds u times their sum, u = ((first two Philox words >> 12) + 0.5) / 2^52. vocab is at most 2^21.
typedef struct mk_sample_row {
  float temperature, top_p, min_p;
  uint32_t top_k;
  uint64_t seed, position;
} mk_sample_row;
typedef struct mk_sample_args {
  const float *logits; ///< [rows, vocab]
  uint32_t rows, vocab;
  const mk_sample_row *row;
  int32_t *tokens; ///< [rows]
  void *workspace; ///< at least sample_workspace_bytes
  size_t workspace_bytes;
  uint32_t row_memory; ///< MK_HOST_MEMORY or MK_DEVICE_MEMORY
} mk_sample_args;

/// log softmax of selected tokens and the `top_count` best (ties: lowest id first) of each row. Logits that are not
/// finite count as -inf: their log-probability is -inf, and they come last among the best, in id order.
typedef struct mk_logprob_args {
  const float *logits; ///< [rows, vocab]
  uint32_t rows, vocab;
  const int32_t *tokens;          ///< [rows] or NULL
  float *token_logprobs;          ///< [rows]
  uint32_t top_count;             ///< 0: none
  int32_t *top_tokens;            ///< [rows, top_count]
  float *top_logprobs;            ///< [rows, top_count]
} mk_logprob_args;

/// ids[i] = last[~ids[i]] where ids[i] is negative: rows whose token only the device knows yet. A token below 0 feeds 0.
typedef struct mk_feed_args {
  int32_t *ids; ///< [rows], changed in place
  uint32_t rows;
  const int32_t *last; ///< [slots]
  uint32_t slots;
} mk_feed_args;

/// last[slot[i]] = tokens[i]; rows with a negative slot are left out.
typedef struct mk_keep_args {
  const int32_t *tokens, *slot; ///< [rows]
  uint32_t rows;
  int32_t *last; ///< [slots]
  uint32_t slots;
} mk_keep_args;

/// Recorded ops that run again as one.
typedef struct mk_graph mk_graph;

/// Downloads that may be under way at once.
enum { MK_DOWNLOAD_CHANNELS = 4, MK_DOWNLOAD_BYTES = 1 << 18 };

/// What a device has now. `problem` is NULL, or says in one line why it cannot be used and the remedy.
typedef struct mk_device_info {
  uint64_t free_bytes, total_bytes;
  const char *problem;
} mk_device_info;

typedef struct mk_table {
  uint32_t abi_version;
  const char *name;        ///< "cpu-reference", "cpu-avx2", "cpu-avx512", "cpu-amx", "cuda" ...
  const char *description; ///< what was found, for `martlet doctor`
  mk_dtype activation_dtype; ///< for activations that are not the residual or logits; MK_F32 on CPUs
  uint32_t fused_linear;     ///< non-zero: `linear` takes norm_weight and every output, `attention` takes rope
  /// Rows up to which a norm deferred between products of 16-bit weights is faster than one on the way in; `linear` takes
  /// it for any number of rows. 0: not at all. Never for deterministic streams: its rounding is its own.
  uint32_t deferred_norm_rows;

  mk_status (*stream_create)(const mk_stream_options *options, mk_stream **out);
  void (*stream_destroy)(mk_stream *stream);
  mk_status (*stream_synchronize)(mk_stream *stream);
  mk_status (*stream_statistics)(mk_stream *stream, mk_stream_statistics *out);

  mk_status (*memory_allocate)(mk_stream *stream, size_t bytes, void **out); ///< zeroed, at least 64-byte aligned
  void (*memory_free)(mk_stream *stream, void *pointer, size_t bytes);
  mk_status (*memory_upload)(mk_stream *stream, void *destination, const void *source, size_t bytes);
  mk_status (*memory_download)(mk_stream *stream, void *destination, const void *source, size_t bytes);

  /// Bytes of the packed form the backend prefers; 0 with MK_OK means: use the file's layout in place.
  mk_status (*matrix_packed_bytes)(mk_dtype dtype, uint32_t rows, uint32_t cols, size_t *bytes);
  /// Packs `source` (layout 0) to `destination`; `out` describes it. embedding reads packed matrices too.
  mk_status (*matrix_pack)(mk_stream *stream, const mk_matrix *source, void *destination, mk_matrix *out);
  /// NULL, or turns `source` (MK_F32, MK_F16 or MK_BF16, layout 0) to `dtype`, MK_F8_E4M3, as rows from `first_row` on
  /// of a packed matrix of `all_rows` rows at `destination`, which `matrix_packed_bytes` has the size of; `out` describes
  /// the source's rows alone. Each row's scale makes its largest magnitude the format's.
  mk_status (*matrix_quantize)(mk_stream *stream, const mk_matrix *source, mk_dtype dtype, void *destination,
                               uint32_t all_rows, uint32_t first_row, mk_matrix *out);
  size_t (*linear_workspace_bytes)(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs);
  size_t (*kv_layer_bytes)(const mk_kv_layer *geometry);
  size_t (*attention_workspace_bytes)(uint32_t max_rows, uint32_t heads, uint32_t head_dim);
  size_t (*sample_workspace_bytes)(uint32_t max_rows, uint32_t vocab);

  mk_status (*embedding)(mk_stream *stream, const mk_embedding_args *args);
  mk_status (*norm)(mk_stream *stream, const mk_norm_args *args);
  mk_status (*linear)(mk_stream *stream, const mk_linear_args *args);
  mk_status (*rope_table)(mk_stream *stream, const mk_rope_table_args *args);
  mk_status (*rope_kv)(mk_stream *stream, const mk_rope_kv_args *args);
  mk_status (*attention)(mk_stream *stream, const mk_attention_args *args);
  mk_status (*gated)(mk_stream *stream, const mk_gated_args *args);
  mk_status (*gather)(mk_stream *stream, const mk_gather_args *args);
  mk_status (*scale)(mk_stream *stream, float *x, size_t count, float factor);
  mk_status (*soft_cap)(mk_stream *stream, float *x, size_t count, float cap);
  mk_status (*adjust_logits)(mk_stream *stream, const mk_adjust_args *args);
  mk_status (*sample)(mk_stream *stream, const mk_sample_args *args);
  mk_status (*logprobs)(mk_stream *stream, const mk_logprob_args *args);
  mk_status (*feed_tokens)(mk_stream *stream, const mk_feed_args *args);
  mk_status (*keep_tokens)(mk_stream *stream, const mk_keep_args *args);

  /// Non-zero: the device has memory of its own. The rest of the table is there on such devices only, NULL on others.
  uint32_t separate_memory;
  mk_status (*device_info)(mk_device_info *out);

  /// Starts a copy of at most MK_DOWNLOAD_BYTES to the host; `download_end` waits for it, and reports the faults of
  /// what ran before it. One copy at a time in each channel (below MK_DOWNLOAD_CHANNELS).
  mk_status (*download_begin)(mk_stream *stream, uint32_t channel, const void *source, size_t bytes);
  mk_status (*download_end)(mk_stream *stream, uint32_t channel, void *destination, size_t bytes);

  /// From `graph_begin` on ops are recorded, not run, until `graph_end` makes a graph of them (`out` NULL: drops them).
  /// What they stage from host memory must not be recorded. A graph runs with the pointers and sizes that it recorded.
  mk_status (*graph_begin)(mk_stream *stream);
  mk_status (*graph_end)(mk_stream *stream, mk_graph **out);
  mk_status (*graph_launch)(mk_stream *stream, mk_graph *graph);
  void (*graph_destroy)(mk_stream *stream, mk_graph *graph);
} mk_table;

/// The CPU implementations. MK_CPU_BEST picks what this processor runs; a variant it cannot run gives NULL.
enum { MK_CPU_BEST = 0, MK_CPU_REFERENCE = 1, MK_CPU_AVX2 = 2, MK_CPU_AVX512 = 3, MK_CPU_NEON = 4, MK_CPU_AMX = 5 };
typedef uint32_t mk_cpu_variant;
const mk_table *mk_cpu_table(mk_cpu_variant variant);

/// Bytes of one row of `cols` values in `dtype`, without a row's scale, or 0 when `cols` is not a multiple of its block.
size_t mk_row_bytes(mk_dtype dtype, uint32_t cols);
