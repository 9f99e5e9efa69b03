#include <algorithm>

#include "base/parallel.h"
#include "device/cpu/digits.h"

namespace blindtuner::device {

// One limb after the other, in the cache from the product to the result; the limbs that are divided
// out go first.
void CpuArithmetic::key_switch(const KeySwitch& x) const {
  if (x.targets.empty()) return;
  const std::size_t n = x.c.n, q_count = x.c.q_count, targets = x.targets.size();
  const std::size_t q_keep = x.targets.front().out.c0.q_count;
  const std::size_t p_count = x.targets.front().key->p_count;
  const Decomposition digits(*this, x.c, *x.targets.front().key);

  const auto product = [&](u64* c0, u64* c1, const Decomposition::Limb& digit, const Key& key,
                           std::size_t i, std::size_t begin, std::size_t count) {
    digit.inner_product(c0, c1, key, begin, count);
    if (i >= q_count) return;  // P is zero modulo its own primes
    const u64 special = tables_.special_product(i, p_count);
    const Modulus& q = tables_.q(i);
    if (!x.add0.empty()) k_.mul_scalar_add(c0, limb(x.add0, i, q_count) + begin, special, count, q);
    if (!x.add1.empty()) k_.mul_scalar_add(c1, limb(x.add1, i, q_count) + begin, special, count, q);
  };

  const std::size_t dropped = digits.limbs() - q_keep;
  Buffer tails(2 * targets * dropped * n);
  const auto tail = [&](std::size_t half, std::size_t j) {
    return tails.data() + (half * dropped + j) * n;
  };
  parallel_for(dropped, [&](std::size_t j) {
    const std::size_t i = q_keep + j;
    const kernels::NttTable& table = tables_.transform(i, q_count);
    const Decomposition::Limb digit(digits, i);
    for (std::size_t t = 0; t < targets; ++t) {
      product(tail(2 * t, j), tail(2 * t + 1, j), digit, *x.targets[t].key, i, 0, n);
      k_.ntt_inverse(tail(2 * t, j), table);
      k_.ntt_inverse(tail(2 * t + 1, j), table);
    }
  });

  // What the dropped limbs are modulo the others: to be taken off before the division.
  const Division& division = tables_.division(q_keep, q_count, p_count);
  for (std::size_t t = 0; t < targets; ++t)
    for (std::size_t half = 0; half < 2; ++half) {
      const View& out = half == 0 ? x.targets[t].out.c0 : x.targets[t].out.c1;
      std::vector<const u64*> from(dropped);
      std::vector<u64*> to(q_keep);
      for (std::size_t j = 0; j < dropped; ++j) from[j] = tail(2 * t + half, j);
      for (std::size_t i = 0; i < q_keep; ++i) to[i] = limb(out, i);
      convert(to, from, n, division.conversion);
    }

  std::vector<const std::uint32_t*> permutations(targets);
  for (std::size_t t = 0; t < targets; ++t)
    if (x.targets[t].g != 1) permutations[t] = tables_.automorphism_index(x.targets[t].g);
  parallel_for(q_keep, [&](std::size_t i) {
    const Modulus& q = tables_.q(i);
    const std::size_t chunk = std::min(n, kChunk);
    const Decomposition::Limb digit(digits, i);
    Buffer sums(2 * chunk), unpermuted;
    for (std::size_t t = 0; t < targets; ++t) {
      const KeySwitch::Target& target = x.targets[t];
      u64* const limbs[2] = {limb(target.out.c0, i), limb(target.out.c1, i)};
      u64* to[2] = {limbs[0], limbs[1]};
      if (permutations[t] != nullptr) {
        if (unpermuted.size() == 0) unpermuted = Buffer(2 * n);
        to[0] = unpermuted.data();
        to[1] = unpermuted.data() + n;
      }
      for (u64* result : limbs) k_.ntt_forward(result, tables_.transform(i, q_count));
      for (std::size_t begin = 0; begin < n; begin += chunk) {
        product(sums.data(), sums.data() + chunk, digit, *target.key, i, begin, chunk);
        for (std::size_t half = 0; half < 2; ++half)
          k_.sub_mul_scalar(to[half] + begin, sums.data() + half * chunk, limbs[half] + begin,
                            division.inverse[i], chunk, q);
      }
      if (permutations[t] != nullptr)
        for (std::size_t half = 0; half < 2; ++half)
          k_.gather(limbs[half], to[half], permutations[t], n);
    }
  });
}

}  // namespace blindtuner::device
