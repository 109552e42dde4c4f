/// Dense matrix products by cuBLASLt, opened at run time.
#pragma once
#include "stream.h"

/// NULL when libcublasLt cannot be opened: the backend's own kernels then do all products, slowly for many rows.
cublaslt_state *cublaslt_open();
void cublaslt_close(cublaslt_state *state);

/// y[rows, outputs] (stride y_stride) = x[rows, cols] * w[outputs, cols]^T, added to what y holds where `adds`; x and w
/// are of `dtype`, one of MK_F32, MK_F16, MK_BF16, MK_F8_E4M3, and dense along their columns (x_stride and cols elements
/// between rows); y is MK_F32, or MK_BF16 as x or with FP8. FP8 operands have scales, [rows] and [outputs].
struct dense_product {
  const void *x, *w;
  void *y;
  mk_dtype dtype, y_dtype;
  bool adds;
  uint32_t rows, outputs, cols, x_stride, y_stride;
  const float *x_scales, *w_scales;
};

/// MK_UNSUPPORTED when cuBLASLt is missing or has no algorithm for the shape and alignment.
mk_status cublaslt_multiply(mk_stream *stream, const dense_product *product);
