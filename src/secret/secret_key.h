// Secret keys. They live on the owner's machine only; no header outside secret/ and the owner's
// program includes this file.
#pragma once

#include "base/home_process.h"
#include "ring/sampling.h"
#include "ring/secret_sampling.h"
#include "rlwe/parameters.h"
#include "secret/randomness.h"

namespace blindtuner::secret {
using namespace rlwe;

/// A small secret, in coefficients and in the NTT domain modulo all primes of its ring. Wiped on
/// destruction. In a process that is forked off its memory is zero, and what a secret of zero encrypts anybody reads:
/// there ntt() and coefficients() throw ContractError.
class SecretKey {
 public:
  /// Uniform ternary (hardness.sparse_weight = 0) or exactly sparse_weight nonzero coefficients.
  static SecretKey generate(const Ring& ring, SecretHardness hardness, Prng& prng);
  static SecretKey from_coefficients(const Ring& ring, SecretHardness hardness,
                                     std::span<const std::int64_t> coefficients);
  /// s(X^ratio) in a larger ring: as hard as s itself, so the hardness stays that of the small
  /// ring.
  SecretKey lifted(const Ring& larger) const;
  /// s(X^g).
  SecretKey automorphism(u64 g) const;

  const Ring& ring() const { return ntt_.ring(); }
  const SecretHardness& hardness() const { return hardness_; }
  const Poly& ntt() const {
    home_.require_here("a secret key");
    return ntt_;
  }
  std::span<const std::int64_t> coefficients() const {
    home_.require_here("a secret key");
    return coefficients_.span();
  }

 private:
  SecretKey(SecretHardness hardness, SecretCoefficients coefficients, Poly ntt)
      : hardness_(hardness), coefficients_(std::move(coefficients)), ntt_(std::move(ntt)) {}
  SecretHardness hardness_;
  SecretCoefficients coefficients_;
  Poly ntt_;
  HomeProcess home_{};
};

/// The owner's secrets: the big ring's, the small ring's, and the sparse one around mod_raise
/// (needed only while evaluation keys are made).
struct SecretKeys {
  ParametersPtr parameters;
  SecretKey big, small, sparse;
  static SecretKeys generate(ParametersPtr parameters, const Randomness& randomness = {});
};

}  // namespace blindtuner::secret
