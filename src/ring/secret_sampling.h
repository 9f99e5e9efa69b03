// Random secrets and errors, sampled without branches or table look-ups that depend on the sampled
// values. The owner's side alone makes them; the server's program holds none of this.
#pragma once

#include <span>

#include "base/buffer.h"
#include "base/random.h"
#include "ring/poly.h"

namespace blindtuner::ring {

/// Small signed coefficients, zeros at first, that wipe themselves. Move-only.
class SecretCoefficients {
 public:
  explicit SecretCoefficients(std::size_t n) : values_(n, true) { values_.zero(); }
  std::size_t size() const { return values_.size(); }
  std::span<std::int64_t> span() {
    return {reinterpret_cast<std::int64_t*>(values_.data()), values_.size()};
  }
  std::span<const std::int64_t> span() const {
    return {reinterpret_cast<const std::int64_t*>(values_.data()), values_.size()};
  }

 private:
  Buffer values_;
};

/// Each coefficient uniform in {-1, 0, 1} (bias below 2^-62).
SecretCoefficients sample_ternary(std::size_t n, Prng& prng);

/// Exactly `weight` coefficients in {-1, 1} at uniform places, the others 0. n a power of two.
SecretCoefficients sample_sparse_ternary(std::size_t n, std::size_t weight, Prng& prng);

/// Discrete Gaussian with kErrorSigma: probability proportional to exp(-x^2 / (2 sigma^2)), from a
/// cumulative table of 63 bits, cut where the table ends (beyond 9 sigma, below 2^-60).
SecretCoefficients sample_gaussian(std::size_t n, Prng& prng);

/// Uniform modulo the first q_count primes (each residue's bias below 2^(-2 bits of its prime)), NTT domain, in
/// wiped memory: what a secret is hidden by.
Poly sample_secret_uniform(const Ring& ring, std::size_t q_count, Prng& prng);

}  // namespace blindtuner::ring
