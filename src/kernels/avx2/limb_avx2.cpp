// The kernels of AVX2 with fused multiply-add.
#include "kernels/avx2/vec.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {

const LimbKernels& avx2_kernels() {
  static const LimbKernels table = {
      .name = "avx2",
      .ntt_forward = ntt_forward_avx2,
      .ntt_inverse = ntt_inverse_avx2,
      .add = add_avx2,
      .sub = sub_avx2,
      .neg = neg_avx2,
      .mul = mul_avx2,
      .mul_add = mul_add_avx2,
      .mul_scalar = mul_scalar_avx2,
      .mul_scalar_add = mul_scalar_add_avx2,
      .sub_mul_scalar = sub_mul_scalar_avx2,
      .inner_product = inner_product_avx2,
      .inner_product2 = inner_product2_avx2,
      .tensor_sum = tensor_sum_avx2,
      .gather = gather_avx2,
      .reduce = reduce_avx2,
      // AVX2 has neither 64-bit products nor conversions of 64-bit integers.
      .from_signed = scalar_kernels().from_signed,
      .base_convert = base_convert_avx2,
      .block_product = block_product_avx2,
      .block_products = block_products_avx2,
  };
  return table;
}

}  // namespace blindtuner::kernels
