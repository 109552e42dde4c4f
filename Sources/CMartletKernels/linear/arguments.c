/// Checks of the `linear` arguments and the size of its workspace.
#include "arguments.h"

size_t mk_linear_workspace(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs) {
  (void)max_outputs;
  const size_t blocks = (size_t)max_cols / MK_BLOCK + 1;
  return (max_rows * blocks * (MK_TOKEN_BLOCK_BYTES + MK_CODED_TOKEN_BLOCK_BYTES) + 63) & ~(size_t)63;
}

mk_status mk_check_linear(const mk_linear_args *args, mk_linear_needs *needs) {
  *needs = (mk_linear_needs){0};
  if (!args || !args->segments || args->segment_count == 0) return MK_INVALID_ARGUMENT;
  needs->cols = args->segments[0].matrix.cols;
  uint64_t outputs = 0;
  for (uint32_t s = 0; s < args->segment_count; s++) {
    const mk_matrix *matrix = &args->segments[s].matrix;
    if (!mk_matrix_is_valid(matrix) || matrix->cols != needs->cols) return MK_INVALID_ARGUMENT;
    outputs += matrix->rows;
    needs->quantized |= mk_format_of(matrix->dtype)->quantized;
    needs->coded |= mk_is_coded(matrix->dtype) && matrix->layout == MK_LAYOUT_STRIPS;
    needs->packed |= matrix->layout == MK_LAYOUT_STRIPS;
    needs->unpacked |= matrix->layout == MK_LAYOUT_FILE;
  }
  if (args->rows == 0 || outputs == 0) return MK_OK;
  if (!args->x || !args->y || args->x_stride < needs->cols || args->y_stride < outputs) return MK_INVALID_ARGUMENT;
  needs->coded_offset = needs->quantized ? mk_activation_bytes(args->rows, needs->cols) : 0;
  const size_t coded = needs->coded ? mk_coded_activation_bytes(args->rows, needs->cols) : 0;
  const size_t bytes = needs->coded_offset + coded;
  if (bytes > 0 && (!args->workspace || args->workspace_bytes < bytes)) return MK_INVALID_ARGUMENT;
  if (args->x_dtype != MK_F32 || args->y_dtype != MK_F32 || args->norm_weight || args->output != MK_OUTPUT_STORE) {
    return MK_UNSUPPORTED;
  }
  needs->work = true;
  return MK_OK;
}
