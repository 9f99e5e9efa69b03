// Random polynomials. Secrets and errors are sampled without branches or table look-ups that depend on
// the sampled values; uniform polynomials are public and sampled by rejection.
#pragma once

#include <span>
#include <vector>

#include "base/random.h"
#include "ring/poly.h"

namespace blindtuner {

/// Standard deviation of all encryption errors. @[HES18, Table 1]
inline constexpr double kErrorSigma = 3.2;

/// Small signed coefficients that wipe themselves.
class SecretCoefficients {
 public:
  explicit SecretCoefficients(std::size_t n) : values_(n) {}
  ~SecretCoefficients() { wipe(values_.data(), values_.size() * sizeof(std::int64_t)); }
  SecretCoefficients(SecretCoefficients&&) = default;
  SecretCoefficients& operator=(SecretCoefficients&&) = delete;
  SecretCoefficients(const SecretCoefficients&) = delete;
  std::size_t size() const { return values_.size(); }
  std::span<std::int64_t> span() { return values_; }
  std::span<const std::int64_t> span() const { return values_; }

 private:
  std::vector<std::int64_t> values_;
};

/// Each coefficient uniform in {-1, 0, 1} (bias below 2^-62).
SecretCoefficients sample_ternary(std::size_t n, Prng& prng);

/// Exactly `weight` coefficients in {-1, 1} at uniform places, the others 0. n a power of two.
SecretCoefficients sample_sparse_ternary(std::size_t n, std::size_t weight, Prng& prng);

/// Discrete Gaussian with kErrorSigma: probability proportional to exp(-x^2 / (2 sigma^2)), from a
/// cumulative table of 63 bits, cut where the table ends (beyond 9 sigma, below 2^-60).
SecretCoefficients sample_gaussian(std::size_t n, Prng& prng);

/// A polynomial with uniform limbs, NTT domain, determined by (seed, stream): limb i depends on its
/// prime's place in the ring only, so the same seed gives the same limbs at every level.
/// stream < 2^32.
Poly sample_uniform(const Ring& ring, std::size_t q_count, std::size_t p_count, const Seed& seed,
                    u64 stream);

}  // namespace blindtuner
