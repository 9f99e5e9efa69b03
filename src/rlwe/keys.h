// Public key material: what the server may hold. Made from secret keys in secret/keygen.h.
#pragma once

#include <map>
#include <vector>

#include "base/random.h"
#include "ring/poly.h"

namespace blindtuner::rlwe {
using namespace ring;

/// More digits than this no key has.
inline constexpr std::size_t kMaxDigits = 32;

/// Where a key-switching key works: on ciphertexts of at most q_count limbs, with the first p_count
/// special primes, and the limbs grouped into digits [0, e_0), [e_0, e_1), .. , e_last = q_count.
struct KeyShape {
  std::size_t q_count = 0, p_count = 0;
  std::vector<std::size_t> digit_ends;
  std::size_t digits() const { return digit_ends.size(); }
  /// Whether polynomials of q_count limbs have the same digits in both.
  bool same_digits(const KeyShape& other, std::size_t q_count) const;
  bool operator==(const KeyShape&) const = default;
};

/// Switches c1 * s_from to a ciphertext under s_to: for each digit d
///   b_d = -a_d s_to + e_d + P g_d s_from  (mod q_0 .. q_(q_count-1) p_0 .. p_(p_count-1)),
/// g_d = 1 mod the digit's primes and 0 mod the others. a_d is expanded from (seed, stream d), but for the
/// relinearisation key of several owners, where a_d is a sum of theirs and there is no seed.
/// Source: hybrid key switching, @[HK20, Sec. 3].
struct KeySwitchKey {
  KeyShape shape;
  Seed seed{};
  std::vector<Poly> b, a;
  bool seeded = true;

  const Ring& ring() const { return b.front().ring(); }
  /// For the device; `a` must be filled.
  device::Key view() const;
  /// Fills `a` from the seed. Throws ContractError where there is none.
  void expand();
};

/// Rotation keys by Galois element. The key for g switches from s to s(X^(1/g)), so that the
/// automorphism is applied after the inner product, to two polynomials instead of every digit.
using GaloisKeys = std::map<u64, KeySwitchKey>;

/// An encryption of zero under the secret, for encryption without it.
struct PublicKey {
  Poly b, a;
};

}  // namespace blindtuner::rlwe
