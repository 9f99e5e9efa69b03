#include "ring/secret_sampling.h"

#include <array>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "ring/sampling.h"

namespace blindtuner::ring {
namespace {

constexpr int kGaussianTail = 30;

// Entry x: floor(2^63 * P(|X| <= x)).
std::array<u64, kGaussianTail> gaussian_table() {
  std::array<long double, kGaussianTail + 1> mass{};
  long double total = 0;
  for (int x = 0; x <= kGaussianTail; ++x) {
    mass[x] = std::exp(-static_cast<long double>(x) * x /
                       (2.0L * static_cast<long double>(kErrorSigma) * kErrorSigma));
    if (x > 0) mass[x] *= 2;
    total += mass[x];
  }
  std::array<u64, kGaussianTail> table{};
  long double sum = 0;
  for (int x = 0; x < kGaussianTail; ++x) {
    sum += mass[x];
    table[x] = static_cast<u64>(std::floor(sum / total * 9223372036854775808.0L));
  }
  return table;
}

}  // namespace

SecretCoefficients sample_ternary(std::size_t n, Prng& prng) {
  SecretCoefficients out(n);
  Buffer words(n, true);
  prng.fill(std::span<u64>(words.data(), n));
  for (std::size_t i = 0; i < n; ++i)
    out.span()[i] = static_cast<std::int64_t>((u128{words.data()[i]} * 3) >> 64) - 1;
  return out;
}

SecretCoefficients sample_sparse_ternary(std::size_t n, std::size_t weight, Prng& prng) {
  require(std::has_single_bit(n) && weight <= n / 2, "a sparse secret's weight is at most n/2");
  SecretCoefficients out(n);
  auto values = out.span();
  for (std::size_t placed = 0; placed < weight;) {
    const u64 word = prng.next();
    const std::size_t place = word & (n - 1);
    const std::int64_t sign = 1 - 2 * static_cast<std::int64_t>(word >> 63);
    // Every coefficient is touched, so the place shows in no memory access; a place drawn twice only
    // shows that some collision happened.
    std::int64_t taken = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t here = -static_cast<std::int64_t>(i == place);
      taken |= here & values[i];
      const std::int64_t empty = -static_cast<std::int64_t>(values[i] == 0);
      values[i] |= here & empty & sign;
    }
    placed += static_cast<std::size_t>(taken == 0);
  }
  return out;
}

SecretCoefficients sample_gaussian(std::size_t n, Prng& prng) {
  static const std::array<u64, kGaussianTail> table = gaussian_table();
  SecretCoefficients out(n);
  Buffer words(n, true);
  prng.fill(std::span<u64>(words.data(), n));
  for (std::size_t i = 0; i < n; ++i) {
    const u64 word = words.data()[i];
    const u64 level = word >> 1;
    std::int64_t magnitude = 0;
    for (u64 bound : table) magnitude += static_cast<std::int64_t>(level >= bound);
    const std::int64_t sign = -static_cast<std::int64_t>(word & 1);
    out.span()[i] = (magnitude ^ sign) - sign;
  }
  return out;
}

Poly sample_secret_uniform(const Ring& ring, std::size_t q_count, Prng& prng) {
  Poly x(ring, q_count, 0, Domain::kNtt, true);
  constexpr std::size_t kWords = 3;  // of a residue's number of 3 bits(q) random bits
  Buffer words(ring.n() * kWords, true);
  set_residues(x, [&](WritableResidues residues) {
    for (std::size_t i = 0; i < q_count; ++i) {
      const Modulus& q = ring.q(i);
      const u64 mask = (u64{1} << q.bits) - 1;
      prng.fill(std::span<u64>(words.data(), words.size()));
      const std::span<u64> out = residues[i];
      for (std::size_t j = 0; j < out.size(); ++j) {
        const u64* word = words.data() + j * kWords;
        const u64 top = q.reduce_product(u128{word[0] & mask} << q.bits | (word[1] & mask));
        out[j] = q.reduce_product(u128{top} << q.bits | (word[2] & mask));
      }
    }
  });
  return x;
}

}  // namespace blindtuner::ring
