/// The driver's encoder of tensor maps, found at run time.
#include "tensor_map.h"

namespace {

using encoder = CUresult (*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
                             const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave,
                             CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

encoder find_encoder() {
  void *entry = nullptr;
  cudaDriverEntryPointQueryResult result;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &result);
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess) return nullptr;
  return reinterpret_cast<encoder>(entry);
}

} // namespace

bool make_tensor_map(const void *data, mk_dtype dtype, const tensor_shape &shape, CUtensorMap *out) {
  static const encoder encode = find_encoder();
  if (!encode || (uintptr_t)data % 16 != 0) return false;
  for (uint32_t i = 0; i + 1 < shape.rank; i++) {
    if (shape.strides[i] % 16 != 0) return false;
  }
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  return encode(out, dtype == MK_F16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, shape.rank,
                const_cast<void *>(data), reinterpret_cast<const cuuint64_t *>(shape.sizes),
                reinterpret_cast<const cuuint64_t *>(shape.strides), shape.box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}
