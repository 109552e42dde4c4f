/// cuBLASLt without its headers or a link to it: the few entry points that a product needs, and a cache of plans.
///
/// The declarations follow the published ABI of cuBLASLt 12 and 13.
#include "cublaslt.h"

#include <dlfcn.h>
#include <float.h>

#include <map>
#include <new>
#include <tuple>

namespace {

using status = int;
using handle = void *;
using descriptor = void *;

constexpr int compute_float = 68, operation_transpose = 1;
constexpr int attribute_transpose_a = 3, attribute_scale_a = 17, attribute_scale_b = 18, attribute_scale_mode_a = 31,
              attribute_scale_mode_b = 32;
/// A scale for each row of both operands.
constexpr int scale_outer_vector = 3;
constexpr int preference_workspace = 1, preference_alignment_a = 5;

struct algorithm {
  uint64_t data[8];
};
struct heuristic {
  algorithm chosen;
  size_t workspace_bytes;
  status state;
  float waves;
  int reserved[4];
};

/// Shape, strides, types and the alignment of x, w and y, all of which an algorithm may depend on.
using plan_key = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t>;
struct plan {
  descriptor operation, x, w, y;
  algorithm chosen;
  bool usable;
  /// False while the choice awaits a measurement, which a recording cannot make.
  bool settled;
};

/// What the measured algorithm of a bucket of rows is kept under: rows, rounded up by `bucket_of`, outputs, columns,
/// types.
using bucket_key = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;
/// Products with more rows take the heuristic's first choice.
constexpr uint32_t most_measured_rows = 512;
constexpr int candidates = 16, repetitions = 3;

/// Rows rounded up to the sizes that steps are recorded in. An algorithm's tile is made for a number of rows: that of 40
/// rows takes 64 by reading the weights twice.
uint32_t bucket_of(uint32_t rows) {
  const uint32_t step = rows <= 64 ? 8 : rows <= 128 ? 16 : 64;
  return (rows + step - 1) / step * step;
}

/// The largest power of two, up to 256, that divides `value`.
uint32_t alignment_of(uint64_t value) {
  uint32_t alignment = 256;
  while (value % alignment != 0) alignment /= 2;
  return alignment;
}

uint32_t alignment_log(uint64_t value) { return (uint32_t)__builtin_ctz(alignment_of(value)); }

} // namespace

struct cublaslt_state {
  void *library;
  handle context;
  status (*create)(handle *);
  status (*destroy)(handle);
  status (*operation_create)(descriptor *, int compute, int scale);
  status (*operation_set)(descriptor, int attribute, const void *value, size_t bytes);
  status (*operation_destroy)(descriptor);
  status (*layout_create)(descriptor *, int type, uint64_t rows, uint64_t cols, int64_t stride);
  status (*layout_destroy)(descriptor);
  status (*preference_create)(descriptor *);
  status (*preference_set)(descriptor, int attribute, const void *value, size_t bytes);
  status (*preference_destroy)(descriptor);
  status (*choose)(handle, descriptor operation, descriptor a, descriptor b, descriptor c, descriptor d,
                   descriptor preference, int requested, heuristic *results, int *count);
  status (*multiply)(handle, descriptor operation, const void *alpha, const void *a, descriptor a_layout, const void *b,
                     descriptor b_layout, const void *beta, const void *c, descriptor c_layout, void *d,
                     descriptor d_layout, const algorithm *, void *workspace, size_t workspace_bytes, cudaStream_t);
  status (*fits)(handle, descriptor operation, descriptor a, descriptor b, descriptor c, descriptor d,
                 const algorithm *, heuristic *);
  std::map<plan_key, plan> plans;
  std::map<bucket_key, algorithm> measured;
};

namespace {

template <typename Function> bool find(void *library, const char *name, Function *out) {
  *out = reinterpret_cast<Function>(dlsym(library, name));
  return *out != nullptr;
}

bool bind(cublaslt_state *state) {
  void *library = state->library;
  return find(library, "cublasLtCreate", &state->create) && find(library, "cublasLtDestroy", &state->destroy) &&
         find(library, "cublasLtMatmulDescCreate", &state->operation_create) &&
         find(library, "cublasLtMatmulDescSetAttribute", &state->operation_set) &&
         find(library, "cublasLtMatmulDescDestroy", &state->operation_destroy) &&
         find(library, "cublasLtMatrixLayoutCreate", &state->layout_create) &&
         find(library, "cublasLtMatrixLayoutDestroy", &state->layout_destroy) &&
         find(library, "cublasLtMatmulPreferenceCreate", &state->preference_create) &&
         find(library, "cublasLtMatmulPreferenceSetAttribute", &state->preference_set) &&
         find(library, "cublasLtMatmulPreferenceDestroy", &state->preference_destroy) &&
         find(library, "cublasLtMatmulAlgoGetHeuristic", &state->choose) &&
         find(library, "cublasLtMatmulAlgoCheck", &state->fits) && find(library, "cublasLtMatmul", &state->multiply);
}

int type_of(mk_dtype dtype) {
  switch (dtype) {
  case MK_F32: return 0;
  case MK_F16: return 2;
  case MK_F8_E4M3: return 28;
  default: return 14;
  }
}
uint32_t width_of(mk_dtype dtype) { return dtype == MK_F32 ? 4 : dtype == MK_F8_E4M3 ? 1 : 2; }

uint32_t types_of(const dense_product *p) { return p->dtype | p->y_dtype << 8 | (uint32_t)p->adds << 16; }

/// The first half of the stream's scratch is cuBLASLt's; the second takes results that only their time is asked of.
size_t workspace_bytes(const mk_stream *stream) { return stream->scratch_bytes / 2; }

/// Tells a plan's operation where the scales of FP8 operands lie; w is cuBLAS's A.
bool set_scales(cublaslt_state *state, const dense_product *p, descriptor operation) {
  return state->operation_set(operation, attribute_scale_a, &p->w_scales, sizeof p->w_scales) == 0 &&
         state->operation_set(operation, attribute_scale_b, &p->x_scales, sizeof p->x_scales) == 0;
}

status run(mk_stream *stream, const dense_product *p, const plan &chosen, const algorithm &with, void *y) {
  const float one = 1, zero = 0;
  cublaslt_state *state = stream->cublaslt;
  if (p->dtype == MK_F8_E4M3 && !set_scales(state, p, chosen.operation)) return 1;
  return state->multiply(state->context, chosen.operation, &one, p->w, chosen.w, p->x, chosen.x, p->adds ? &one : &zero,
                         y, chosen.y, y, chosen.y, &with, stream->scratch, workspace_bytes(stream), stream->cuda);
}

/// Microseconds of an algorithm with cold caches, or a huge number when it fails.
float time_of(mk_stream *stream, const dense_product *p, const plan &chosen, const algorithm &with, void *y,
              const cudaEvent_t events[2]) {
  float best = FLT_MAX;
  for (int i = 0; i <= repetitions; i++) {
    float milliseconds = 0;
    cudaMemsetAsync(stream->scratch, 0, stream->scratch_bytes, stream->cuda);
    cudaEventRecord(events[0], stream->cuda);
    const bool ok = run(stream, p, chosen, with, y) == 0;
    cudaEventRecord(events[1], stream->cuda);
    if (!ok || cudaEventSynchronize(events[1]) != cudaSuccess ||
        cudaEventElapsedTime(&milliseconds, events[0], events[1]) != cudaSuccess) {
      return FLT_MAX;
    }
    if (i > 0 && milliseconds < best) best = milliseconds;
  }
  return best * 1000;
}

/// Finds the fastest of the heuristic's suggestions. The real y is written unless the product adds to it.
algorithm measure(mk_stream *stream, const dense_product *p, const plan &chosen, const heuristic *found, int count) {
  void *y = p->y;
  if (p->adds) {
    const size_t half = stream->scratch_bytes / 2;
    if ((size_t)p->rows * p->y_stride * width_of(p->y_dtype) > half) return found[0].chosen;
    y = static_cast<uint8_t *>(stream->scratch) + half;
  }
  cudaEvent_t events[2] = {};
  if (cudaEventCreate(&events[0]) != cudaSuccess || cudaEventCreate(&events[1]) != cudaSuccess) return found[0].chosen;
  int best = 0;
  float least = FLT_MAX;
  for (int i = 0; i < count; i++) {
    const float time = time_of(stream, p, chosen, found[i].chosen, y, events);
    // A later suggestion must be better by more than noise.
    if (time < 0.98f * least) {
      least = time;
      best = i;
    }
  }
  for (cudaEvent_t event : events) cudaEventDestroy(event);
  return found[best].chosen;
}

bool is_capturing(mk_stream *stream) {
  cudaStreamCaptureStatus state = cudaStreamCaptureStatusNone;
  return cudaStreamIsCapturing(stream->cuda, &state) != cudaSuccess || state != cudaStreamCaptureStatusNone;
}

/// The bucket's algorithm, measured now if need be and possible; else the heuristic's first choice, for the time being.
void choose_algorithm(mk_stream *stream, const dense_product *p, plan *out, const heuristic *found, int count) {
  out->chosen = found[0].chosen;
  out->settled = true;
  if (p->rows > most_measured_rows) return;
  cublaslt_state *state = stream->cublaslt;
  const bucket_key key{bucket_of(p->rows), p->outputs, p->cols, types_of(p)};
  auto known = state->measured.find(key);
  if (known == state->measured.end()) {
    out->settled = !is_capturing(stream);
    if (!out->settled) return;
    known = state->measured.emplace(key, measure(stream, p, *out, found, count)).first;
  }
  heuristic checked = {};
  const bool fits = state->fits(state->context, out->operation, out->w, out->x, out->y, out->y, &known->second,
                                &checked) == 0 &&
                    checked.state == 0 && checked.workspace_bytes <= workspace_bytes(stream);
  if (fits) out->chosen = known->second;
}

void destroy_plan(cublaslt_state *state, const plan &p) {
  for (descriptor layout : {p.x, p.w, p.y}) {
    if (layout) state->layout_destroy(layout);
  }
  if (p.operation) state->operation_destroy(p.operation);
}

/// In cuBLAS's column-major view: D[outputs, rows] = W[cols, outputs]^T * X[cols, rows].
void make_plan(mk_stream *stream, const dense_product *p, plan *out) {
  cublaslt_state *state = stream->cublaslt;
  const int type = type_of(p->dtype), transpose = operation_transpose, mode = scale_outer_vector;
  const uint32_t width = width_of(p->dtype), y_width = width_of(p->y_dtype);
  const size_t space = workspace_bytes(stream);
  descriptor preference = nullptr;
  heuristic found[candidates] = {};
  int count = 0;
  const uint32_t alignments[4] = {alignment_of((uint64_t)p->w | ((uint64_t)p->cols * width)),
                                  alignment_of((uint64_t)p->x | ((uint64_t)p->x_stride * width)),
                                  alignment_of((uint64_t)p->y | ((uint64_t)p->y_stride * y_width)),
                                  alignment_of((uint64_t)p->y | ((uint64_t)p->y_stride * y_width))};
  bool ok = state->operation_create(&out->operation, compute_float, 0) == 0 &&
            state->operation_set(out->operation, attribute_transpose_a, &transpose, sizeof transpose) == 0 &&
            (p->dtype != MK_F8_E4M3 ||
             (state->operation_set(out->operation, attribute_scale_mode_a, &mode, sizeof mode) == 0 &&
              state->operation_set(out->operation, attribute_scale_mode_b, &mode, sizeof mode) == 0 &&
              set_scales(state, p, out->operation))) &&
            state->layout_create(&out->w, type, p->cols, p->outputs, p->cols) == 0 &&
            state->layout_create(&out->x, type, p->cols, p->rows, p->x_stride) == 0 &&
            state->layout_create(&out->y, type_of(p->y_dtype), p->outputs, p->rows, p->y_stride) == 0 &&
            state->preference_create(&preference) == 0 &&
            state->preference_set(preference, preference_workspace, &space, sizeof space) == 0;
  for (int i = 0; i < 4 && ok; i++) {
    ok = state->preference_set(preference, preference_alignment_a + i, &alignments[i], sizeof(uint32_t)) == 0;
  }
  ok = ok && state->choose(state->context, out->operation, out->w, out->x, out->y, out->y, preference,
                           p->rows > most_measured_rows ? 1 : candidates, found, &count) == 0;
  if (preference) state->preference_destroy(preference);
  out->usable = ok && count > 0 && found[0].state == 0;
  out->settled = true;
  if (out->usable) choose_algorithm(stream, p, out, found, count);
}

} // namespace

cublaslt_state *cublaslt_open() {
  cublaslt_state *state = new (std::nothrow) cublaslt_state();
  if (!state) return nullptr;
  for (const char *name : {"libcublasLt.so.13", "libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.13",
                           "/usr/local/cuda/lib64/libcublasLt.so"}) {
    state->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (state->library) break;
  }
  if (!state->library || !bind(state) || state->create(&state->context) != 0) {
    delete state;
    return nullptr;
  }
  return state;
}

void cublaslt_close(cublaslt_state *state) {
  if (!state) return;
  for (const auto &entry : state->plans) destroy_plan(state, entry.second);
  state->destroy(state->context);
  delete state;
}

mk_status cublaslt_multiply(mk_stream *stream, const dense_product *p) {
  cublaslt_state *state = stream->cublaslt;
  if (!state) return MK_UNSUPPORTED;
  const uint32_t alignments =
      alignment_log((uint64_t)p->w) | alignment_log((uint64_t)p->x) << 8 | alignment_log((uint64_t)p->y) << 16;
  const plan_key key{p->rows, p->outputs, p->cols, p->x_stride, p->y_stride, types_of(p), alignments};
  auto [found, is_new] = state->plans.try_emplace(key);
  if (!is_new && !found->second.settled && !is_capturing(stream)) {
    destroy_plan(state, found->second);
    found->second = {};
    make_plan(stream, p, &found->second);
  } else if (is_new) {
    make_plan(stream, p, &found->second);
  }
  const plan &chosen = found->second;
  if (!chosen.usable) return MK_UNSUPPORTED;
  stream->launches++;
  return run(stream, p, chosen, chosen.chosen, p->y) == 0 ? MK_OK : MK_UNSUPPORTED;
}
