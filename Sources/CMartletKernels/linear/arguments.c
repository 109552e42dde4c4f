/// Checks of the `linear` arguments and the size of its workspace.
#include "arguments.h"

size_t mk_linear_workspace(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs) {
  (void)max_outputs;
  const size_t row = (size_t)max_cols * sizeof(float);
  const size_t bytes = mk_activation_bytes(max_rows, max_cols) + mk_coded_activation_bytes(max_rows, max_cols) + max_rows * row;
  return (bytes + 63) & ~(size_t)63;
}

size_t mk_tiles_linear_workspace(uint32_t max_rows, uint32_t max_cols, uint32_t max_outputs) {
  return mk_linear_workspace(max_rows, max_cols, max_outputs) + 64 + mk_split_activation_bytes(max_rows, max_cols);
}

static mk_status check_output(const mk_linear_args *args, bool fused) {
  if (args->x_dtype != MK_F32 || args->y_dtype != MK_F32 || args->output > MK_OUTPUT_GELU_TANH) return MK_UNSUPPORTED;
  if (!fused && (args->norm_weight || args->output != MK_OUTPUT_STORE)) return MK_UNSUPPORTED;
  const bool pairs = args->segment_count == 2 && args->segments[0].matrix.rows == args->segments[1].matrix.rows;
  return args->output < MK_OUTPUT_SILU || pairs ? MK_OK : MK_INVALID_ARGUMENT;
}

mk_status mk_check_linear(const mk_linear_args *args, bool fused, mk_linear_needs *needs) {
  *needs = (mk_linear_needs){0};
  if (!args || !args->segments || args->segment_count == 0) return MK_INVALID_ARGUMENT;
  needs->cols = args->segments[0].matrix.cols;
  uint64_t outputs = 0;
  for (uint32_t s = 0; s < args->segment_count; s++) {
    const mk_matrix *matrix = &args->segments[s].matrix;
    if (!mk_matrix_is_valid(matrix) || matrix->cols != needs->cols) return MK_INVALID_ARGUMENT;
    outputs += matrix->rows;
    const bool quantized = mk_format_of(matrix->dtype)->quantized, packed = matrix->layout != MK_LAYOUT_FILE;
    needs->quantized |= quantized;
    needs->coded |= mk_is_coded(matrix->dtype) && matrix->layout == MK_LAYOUT_STRIPS;
    needs->split |= matrix->layout == MK_LAYOUT_TILES;
    needs->floats |= matrix->dtype == MK_F32;
    needs->packed |= packed;
    needs->unpacked |= !packed;
  }
  if (args->rows == 0 || outputs == 0) return MK_OK;
  const uint64_t width = args->output < MK_OUTPUT_SILU ? outputs : outputs / 2;
  if (!args->x || !args->y || args->x_stride < needs->cols || args->y_stride < width) return MK_INVALID_ARGUMENT;
  needs->coded_offset = needs->quantized ? mk_activation_bytes(args->rows, needs->cols) : 0;
  needs->split_offset = needs->coded_offset + (needs->coded ? mk_coded_activation_bytes(args->rows, needs->cols) : 0);
  if (needs->split) needs->split_offset = (needs->split_offset + 63) & ~(size_t)63;
  needs->normed_offset = needs->split_offset + (needs->split ? mk_split_activation_bytes(args->rows, needs->cols) : 0);
  const size_t normed = needs->floats && args->norm_weight ? (size_t)args->rows * needs->cols * sizeof(float) : 0;
  const size_t bytes = needs->normed_offset + normed;
  if (bytes > 0 && (!args->workspace || args->workspace_bytes < bytes)) return MK_INVALID_ARGUMENT;
  const mk_status status = check_output(args, fused && !needs->unpacked);
  needs->work = status == MK_OK;
  return status;
}
