// The reference kernels: plain C++, and the specification of every other instruction set.
#include "kernels/tables.h"

namespace blindtuner::kernels {
namespace {

// Cooley-Tukey, decimation in time, root i of level m at roots[m + i]. @[LN16, Alg. 1]
void ntt_forward_ref(u64* x, const NttTable& table) {
  const Modulus& q = table.modulus;
  const u64* roots = table.roots.data();
  const u64* shoup = table.roots_shoup.data();
  for (std::size_t m = 1, half = table.n / 2; m < table.n; m *= 2, half /= 2)
    for (std::size_t i = 0; i < m; ++i) {
      u64* low = x + 2 * i * half;
      u64* high = low + half;
      for (std::size_t j = 0; j < half; ++j) {
        const u64 u = low[j];
        const u64 v = q.mul_shoup(high[j], roots[m + i], shoup[m + i]);
        low[j] = q.add(u, v);
        high[j] = q.sub(u, v);
      }
    }
}

// Gentleman-Sande. @[LN16, Alg. 2]
void ntt_inverse_ref(u64* x, const NttTable& table) {
  const Modulus& q = table.modulus;
  const u64* roots = table.inv_roots.data();
  const u64* shoup = table.inv_roots_shoup.data();
  for (std::size_t m = table.n / 2, half = 1; m >= 1; m /= 2, half *= 2)
    for (std::size_t i = 0; i < m; ++i) {
      u64* low = x + 2 * i * half;
      u64* high = low + half;
      for (std::size_t j = 0; j < half; ++j) {
        const u64 u = low[j], v = high[j];
        low[j] = q.add(u, v);
        high[j] = q.mul_shoup(q.sub(u, v), roots[m + i], shoup[m + i]);
      }
    }
  for (std::size_t j = 0; j < table.n; ++j)
    x[j] = q.mul_shoup(x[j], table.n_inv, table.n_inv_shoup);
}

void add_ref(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.add(a[i], b[i]);
}

void sub_ref(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.sub(a[i], b[i]);
}

void neg_ref(u64* out, const u64* a, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.neg(a[i]);
}

void mul_ref(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.mul(a[i], b[i]);
}

void mul_add_ref(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.add(out[i], q.mul(a[i], b[i]));
}

void mul_scalar_ref(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const u64 shoup = q.shoup52(w);
  for (std::size_t i = 0; i < n; ++i) out[i] = q.mul_shoup(a[i], w, shoup);
}

void mul_scalar_add_ref(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const u64 shoup = q.shoup52(w);
  for (std::size_t i = 0; i < n; ++i) out[i] = q.add(out[i], q.mul_shoup(a[i], w, shoup));
}

void sub_mul_scalar_ref(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                        const Modulus& q) {
  const u64 shoup = q.shoup52(w);
  for (std::size_t i = 0; i < n; ++i) out[i] = q.mul_shoup(q.sub(a[i], b[i]), w, shoup);
}

void inner_product_ref(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                       std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) {
    u128 sum = 0;
    for (std::size_t k = 0; k < count; ++k) sum += u128{a[k][i]} * b[k][i];
    out[i] = q.reduce(sum);
  }
}

void inner_product2_ref(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                        const u64* const* b1, std::size_t count, std::size_t n, const Modulus& q) {
  inner_product_ref(out0, a, b0, count, n, q);
  inner_product_ref(out1, a, b1, count, n, q);
}

void tensor_sum_ref(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                    const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                    const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) {
    u128 sum0 = out0[i], sum1 = out1[i], sum2 = out2[i];
    for (std::size_t k = 0; k < count; ++k) {
      sum0 += u128{a0[k][i]} * b0[k][i];
      sum1 += u128{a0[k][i]} * b1[k][i] + u128{a1[k][i]} * b0[k][i];
      sum2 += u128{a1[k][i]} * b1[k][i];
    }
    out0[i] = q.reduce(sum0);
    out1[i] = q.reduce(sum1);
    out2[i] = q.reduce(sum2);
  }
}

void gather_ref(u64* out, const u64* in, const std::uint32_t* index, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = in[index[i]];
}

void reduce_ref(u64* out, const u64* x, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.reduce(x[i]);
}

void from_signed_ref(u64* out, const std::int64_t* x, std::size_t n, const Modulus& q) {
  for (std::size_t i = 0; i < n; ++i) out[i] = q.reduce_signed(x[i]);
}

// x < 2^63. The conversions of unsigned numbers branch on the highest bit, those of signed ones do
// not.
double to_double(u64 x) { return static_cast<double>(static_cast<std::int64_t>(x)); }

void base_convert_ref(u64* const* out, const u64* const* x, std::size_t n,
                      const BaseConversion& conversion, bool) {
  const std::size_t k = conversion.from.size();
  u64 y[32];
  for (std::size_t c = 0; c < n; ++c) {
    double sum = 0.5;
    for (std::size_t i = 0; i < k; ++i) {
      y[i] =
          conversion.from[i].mul_shoup(x[i][c], conversion.inverse[i], conversion.inverse_shoup[i]);
      sum += to_double(y[i]) * conversion.reciprocal[i];
    }
    const u64 v = static_cast<u64>(static_cast<std::int64_t>(sum));
    for (std::size_t t = 0; t < conversion.to.size(); ++t) {
      u128 total = u128{v} * conversion.minus_q[t];
      for (std::size_t i = 0; i < k; ++i) total += u128{y[i]} * conversion.factor[t * k + i];
      out[t][c] = conversion.to[t].reduce(total);
    }
  }
}

void block_product_ref(u64* out, const u64* a, const u64* const* m, std::size_t count,
                       std::size_t width, std::size_t n, const Modulus& q) {
  const std::size_t blocks = n / width;
  for (std::size_t b = 0; b < blocks; ++b)
    for (std::size_t i = b * width; i < (b + 1) * width; ++i) {
      u128 sum = 0;
      for (std::size_t j = 0; j < count; ++j) sum += u128{a[j * blocks + b]} * m[j][i];
      out[i] = q.reduce(sum);
    }
}

void block_products_ref(u64* const* out, const u64* const* a, std::size_t batch,
                        const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                        const Modulus& q) {
  for (std::size_t s = 0; s < batch; ++s) block_product_ref(out[s], a[s], m, count, width, n, q);
}

}  // namespace

const LimbKernels& scalar_kernels() {
  static const LimbKernels table = {
      .name = "scalar",
      .ntt_forward = ntt_forward_ref,
      .ntt_inverse = ntt_inverse_ref,
      .add = add_ref,
      .sub = sub_ref,
      .neg = neg_ref,
      .mul = mul_ref,
      .mul_add = mul_add_ref,
      .mul_scalar = mul_scalar_ref,
      .mul_scalar_add = mul_scalar_add_ref,
      .sub_mul_scalar = sub_mul_scalar_ref,
      .inner_product = inner_product_ref,
      .inner_product2 = inner_product2_ref,
      .tensor_sum = tensor_sum_ref,
      .gather = gather_ref,
      .reduce = reduce_ref,
      .from_signed = from_signed_ref,
      .base_convert = base_convert_ref,
      .block_product = block_product_ref,
      .block_products = block_products_ref,
  };
  return table;
}

}  // namespace blindtuner::kernels
