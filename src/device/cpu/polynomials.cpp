#include <algorithm>
#include <bit>
#include <cstring>

#include "base/parallel.h"
#include "device/cpu/cpu_device.h"

namespace blindtuner::device {
namespace {

// The first levels of the forward transform, on a polynomial in X^(n / size): roots of the large
// table serve the subring, its transform is constant on blocks of n / size.
void subring_ntt(u64* x, std::size_t size, const kernels::NttTable& table) {
  const Modulus& q = table.modulus;
  for (std::size_t m = 1, half = size / 2; m < size; m *= 2, half /= 2)
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 2 * i * half; j < (2 * i + 1) * half; ++j) {
        const u64 v =
            q.mul_shoup(x[j + half], table.roots.data()[m + i], table.roots_shoup.data()[m + i]);
        x[j + half] = q.sub(x[j], v);
        x[j] = q.add(x[j], v);
      }
}

}  // namespace

void CpuArithmetic::forward_ntt(View x) const {
  parallel_for(x.limbs(),
               [&](std::size_t i) { k_.ntt_forward(limb(x, i), tables_.transform(i, x.q_count)); });
}

void CpuArithmetic::inverse_ntt(View x) const {
  parallel_for(x.limbs(),
               [&](std::size_t i) { k_.ntt_inverse(limb(x, i), tables_.transform(i, x.q_count)); });
}

template <typename Kernel, typename... Operands>
void CpuArithmetic::on_limbs(Kernel kernel, View out, Operands... operands) const {
  const std::size_t q = out.q_count;
  parallel_for(out.limbs(), [&](std::size_t i) {
    kernel(limb(out, i), limb(operands, i, q)..., out.n, tables_.modulus(i, q));
  });
}

void CpuArithmetic::add(View out, ConstView a, ConstView b) const { on_limbs(k_.add, out, a, b); }
void CpuArithmetic::sub(View out, ConstView a, ConstView b) const { on_limbs(k_.sub, out, a, b); }
void CpuArithmetic::neg(View out, ConstView a) const { on_limbs(k_.neg, out, a); }
void CpuArithmetic::mul(View out, ConstView a, ConstView b) const { on_limbs(k_.mul, out, a, b); }
void CpuArithmetic::mul_add(View out, ConstView a, ConstView b) const {
  on_limbs(k_.mul_add, out, a, b);
}

void CpuArithmetic::mul_scalars(View out, ConstView a, std::span<const u64> w) const {
  const std::size_t q = out.q_count;
  parallel_for(out.limbs(), [&](std::size_t i) {
    k_.mul_scalar(limb(out, i), limb(a, i, q), w[i], out.n, tables_.modulus(i, q));
  });
}

void CpuArithmetic::mul_scalars_add(View out, ConstView a, std::span<const u64> w) const {
  const std::size_t q = out.q_count;
  parallel_for(out.limbs(), [&](std::size_t i) {
    if (w[i] == 0) return;
    k_.mul_scalar_add(limb(out, i), limb(a, i, q), w[i], out.n, tables_.modulus(i, q));
  });
}

void CpuArithmetic::add_constants(View x, std::span<const u64> w, Domain domain) const {
  parallel_for(x.limbs(), [&](std::size_t i) {
    const Modulus& q = tables_.modulus(i, x.q_count);
    u64* values = limb(x, i);
    const std::size_t count = domain == Domain::kNtt ? x.n : 1;
    for (std::size_t j = 0; j < count; ++j) values[j] = q.add(values[j], w[i]);
  });
}

void CpuArithmetic::mul_i(View x) const {
  // X^(n/2) is psi^((n/2) (2 brv(j) + 1)) in the transform: i in its first half, -i in the second.
  parallel_for(x.limbs(), [&](std::size_t l) {
    const kernels::NttTable& table = tables_.transform(l, x.q_count);
    const Modulus& q = table.modulus;
    const u64 i = table.roots.data()[1], i_shoup = table.roots_shoup.data()[1];
    u64* values = limb(x, l);
    for (std::size_t j = 0; j < x.n / 2; ++j) values[j] = q.mul_shoup(values[j], i, i_shoup);
    for (std::size_t j = x.n / 2; j < x.n; ++j)
      values[j] = q.neg(q.mul_shoup(values[j], i, i_shoup));
  });
}

void CpuArithmetic::mul_monomial(View x, std::size_t k) const {
  const std::size_t n = x.n, shift = k & (2 * n - 1);
  if (shift == 0) return;
  Buffer moved(n);
  for (std::size_t l = 0; l < x.limbs(); ++l) {
    const Modulus& q = tables_.modulus(l, x.q_count);
    u64* values = limb(x, l);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = (i + shift) & (2 * n - 1);
      moved.data()[place & (n - 1)] = place < n ? values[i] : q.neg(values[i]);
    }
    std::memcpy(values, moved.data(), n * sizeof(u64));
  }
}

void CpuArithmetic::automorphism(View out, ConstView a, u64 g) const {
  const std::uint32_t* index = tables_.automorphism_index(g);
  parallel_for(out.limbs(), [&](std::size_t i) {
    k_.gather(limb(out, i), limb(a, i, out.q_count), index, out.n);
  });
}

void CpuArithmetic::from_signed(View out, std::span<const std::int64_t> x) const {
  parallel_for(out.limbs(), [&](std::size_t i) {
    const kernels::NttTable& table = tables_.transform(i, out.q_count);
    u64* values = limb(out, i);
    if (out.n >= kernels::kShortest)
      k_.from_signed(values, x.data(), out.n, table.modulus);
    else  // a subring's
      for (std::size_t j = 0; j < out.n; ++j) values[j] = table.modulus.reduce_signed(x[j]);
    if (out.n == table.n)
      k_.ntt_forward(values, table);
    else
      subring_ntt(values, out.n, table);
  });
}

void CpuArithmetic::interleave(View out, std::span<const ConstView> small) const {
  zero(out);
  for (std::size_t r = 0; r < small.size(); ++r) {
    const std::size_t n = small[r].n, ratio = out.n / n;
    for (std::size_t l = 0; l < out.q_count; ++l) {
      u64* to = limb(out, l);
      const u64* from = limb(small[r], l, out.q_count);
      for (std::size_t i = 0; i < n; ++i) to[ratio * i + r] = from[i];
    }
  }
}

void CpuArithmetic::split(std::span<const View> small, ConstView x) const {
  const std::size_t ratio = small.size();
  for (std::size_t r = 0; r < ratio; ++r)
    for (std::size_t l = 0; l < x.q_count; ++l) {
      u64* to = limb(small[r], l);
      const u64* from = limb(x, l, x.q_count);
      for (std::size_t i = 0; i < small[r].n; ++i) to[i] = from[ratio * i + r];
    }
}

void CpuArithmetic::tensor(View c0, View c1, View c2, ConstPair a, ConstPair b) const {
  const std::size_t q_count = c0.q_count, n = c0.n;
  parallel_for(q_count, [&](std::size_t i) {
    const Modulus& q = tables_.q(i);
    const u64* x[2] = {limb(a.c0, i, q_count), limb(a.c1, i, q_count)};
    const u64* y[2] = {limb(b.c1, i, q_count), limb(b.c0, i, q_count)};
    k_.mul(limb(c0, i), x[0], y[1], n, q);
    k_.inner_product(limb(c1, i), x, y, 2, n, q);
    k_.mul(limb(c2, i), x[1], y[0], n, q);
  });
}

void CpuArithmetic::tensor_sums(std::span<const TensorSum> sums) const {
  if (sums.empty()) return;
  const std::size_t n = sums.front().c0.n, limbs = sums.front().c0.q_count;
  // Chunk by chunk of the coefficients, so that a chunk of all operands stays in the cache while every
  // sum uses it; whole limbs where nothing is shared.
  const bool single = sums.size() == 1 && sums.front().left.size() == 1;
  const std::size_t chunk = single ? n : std::min<std::size_t>(128, n), chunks = n / chunk;
  parallel_for(limbs * chunks, [&](std::size_t task) {
    const std::size_t l = task / chunks, offset = task % chunks * chunk;
    std::vector<const u64*> a0, a1, b0, b1;
    for (const TensorSum& sum : sums) {
      constexpr std::size_t kMaxTerms = 256;
      for (std::size_t begin = 0; begin < sum.left.size(); begin += kMaxTerms) {
        const std::size_t end = std::min(sum.left.size(), begin + kMaxTerms);
        a0.clear(), a1.clear(), b0.clear(), b1.clear();
        for (std::size_t t = begin; t < end; ++t) {
          a0.push_back(limb(sum.left[t].c0, l, limbs) + offset);
          a1.push_back(limb(sum.left[t].c1, l, limbs) + offset);
          b0.push_back(limb(sum.right[t].c0, l, limbs) + offset);
          b1.push_back(limb(sum.right[t].c1, l, limbs) + offset);
        }
        k_.tensor_sum(limb(sum.c0, l) + offset, limb(sum.c1, l) + offset, limb(sum.c2, l) + offset,
                      a0.data(), a1.data(), b0.data(), b1.data(), end - begin, chunk, tables_.q(l));
      }
    }
  });
}

}  // namespace blindtuner::device
