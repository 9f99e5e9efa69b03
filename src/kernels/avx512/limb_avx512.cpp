// The kernels of AVX-512 with 52-bit multiply-add (IFMA).
#include "kernels/avx512/vec.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {

const LimbKernels& avx512_kernels() {
  static const LimbKernels table = {
      .name = "avx512ifma",
      .ntt_forward = ntt_forward_avx512,
      .ntt_inverse = ntt_inverse_avx512,
      .add = add_avx512,
      .sub = sub_avx512,
      .neg = neg_avx512,
      .mul = mul_avx512,
      .mul_add = mul_add_avx512,
      .mul_scalar = mul_scalar_avx512,
      .mul_scalar_add = mul_scalar_add_avx512,
      .sub_mul_scalar = sub_mul_scalar_avx512,
      .inner_product = inner_product_avx512,
      .inner_product2 = inner_product2_avx512,
      .tensor_sum = tensor_sum_avx512,
      .gather = gather_avx512,
      .reduce = reduce_avx512,
      .from_signed = from_signed_avx512,
      .base_convert = base_convert_avx512,
      .block_product = block_product_avx512,
      .block_products = block_products_avx512,
  };
  return table;
}

}  // namespace blindtuner::kernels
