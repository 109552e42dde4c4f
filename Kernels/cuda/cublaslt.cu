/// cuBLASLt without its headers or a link to it: the few entry points that a product needs, and a cache of plans.
///
/// The declarations follow the published ABI of cuBLASLt 12 and 13.
#include "cublaslt.h"

#include <dlfcn.h>

#include <map>
#include <new>
#include <tuple>

namespace {

using status = int;
using handle = void *;
using descriptor = void *;

constexpr int compute_float = 68, operation_transpose = 1;
constexpr int attribute_transpose_a = 3;
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

/// Shape, strides and the alignment of x, w and y, all of which an algorithm may depend on.
using plan_key = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t>;
struct plan {
  descriptor operation, x, w, y;
  algorithm chosen;
  bool usable;
};

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
  std::map<plan_key, plan> plans;
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
         find(library, "cublasLtMatmul", &state->multiply);
}

int type_of(mk_dtype dtype) { return dtype == MK_F32 ? 0 : dtype == MK_F16 ? 2 : 14; }
uint32_t width_of(mk_dtype dtype) { return dtype == MK_F32 ? 4 : 2; }

/// In cuBLAS's column-major view: D[outputs, rows] = W[cols, outputs]^T * X[cols, rows].
void make_plan(mk_stream *stream, const dense_product *p, plan *out) {
  cublaslt_state *state = stream->cublaslt;
  const int type = type_of(p->dtype), transpose = operation_transpose;
  const uint32_t width = width_of(p->dtype);
  descriptor preference = nullptr;
  heuristic best = {};
  int count = 0;
  const uint32_t alignments[4] = {alignment_of((uint64_t)p->w | ((uint64_t)p->cols * width)),
                                  alignment_of((uint64_t)p->x | ((uint64_t)p->x_stride * width)),
                                  alignment_of((uint64_t)p->y | ((uint64_t)p->y_stride * 4)),
                                  alignment_of((uint64_t)p->y | ((uint64_t)p->y_stride * 4))};
  bool ok = state->operation_create(&out->operation, compute_float, 0) == 0 &&
            state->operation_set(out->operation, attribute_transpose_a, &transpose, sizeof transpose) == 0 &&
            state->layout_create(&out->w, type, p->cols, p->outputs, p->cols) == 0 &&
            state->layout_create(&out->x, type, p->cols, p->rows, p->x_stride) == 0 &&
            state->layout_create(&out->y, 0, p->outputs, p->rows, p->y_stride) == 0 &&
            state->preference_create(&preference) == 0 &&
            state->preference_set(preference, preference_workspace, &stream->scratch_bytes, sizeof(size_t)) == 0;
  for (int i = 0; i < 4 && ok; i++) {
    ok = state->preference_set(preference, preference_alignment_a + i, &alignments[i], sizeof(uint32_t)) == 0;
  }
  ok = ok &&
       state->choose(state->context, out->operation, out->w, out->x, out->y, out->y, preference, 1, &best, &count) == 0;
  if (preference) state->preference_destroy(preference);
  out->usable = ok && count > 0 && best.state == 0;
  out->chosen = best.chosen;
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
  for (auto &entry : state->plans) {
    plan &p = entry.second;
    for (descriptor layout : {p.x, p.w, p.y}) {
      if (layout) state->layout_destroy(layout);
    }
    if (p.operation) state->operation_destroy(p.operation);
  }
  state->destroy(state->context);
  delete state;
}

mk_status cublaslt_multiply(mk_stream *stream, const dense_product *p) {
  cublaslt_state *state = stream->cublaslt;
  if (!state) return MK_UNSUPPORTED;
  const uint32_t alignments =
      alignment_log((uint64_t)p->w) | alignment_log((uint64_t)p->x) << 8 | alignment_log((uint64_t)p->y) << 16;
  const plan_key key{p->rows, p->outputs, p->cols, p->x_stride, p->y_stride, p->dtype, alignments};
  auto [found, is_new] = state->plans.try_emplace(key);
  if (is_new) make_plan(stream, p, &found->second);
  const plan &chosen = found->second;
  if (!chosen.usable) return MK_UNSUPPORTED;
  const float one = 1, zero = 0;
  stream->launches++;
  const status result =
      state->multiply(state->context, chosen.operation, &one, p->w, chosen.w, p->x, chosen.x, &zero, p->y, chosen.y,
                      p->y, chosen.y, &chosen.chosen, stream->scratch, stream->scratch_bytes, stream->cuda);
  return result == 0 ? MK_OK : MK_UNSUPPORTED;
}
