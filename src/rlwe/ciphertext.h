// Ciphertexts: pairs of polynomials with c0 + c1 s = scale * message + error.
#pragma once

#include "base/random.h"
#include "ring/poly.h"

namespace blindtuner::rlwe {
using namespace ring;

/// NTT domain, no special limbs. Move-only; copy() is explicit.
struct Ciphertext {
  Poly c0, c1;
  double scale = 1;  ///< what the message is multiplied with

  std::size_t q_count() const { return c0.q_count(); }
  const Ring& ring() const { return c0.ring(); }
  Ciphertext copy() const { return {c0.copy(), c1.copy(), scale}; }
  device::Pair view() { return {c0.view(), c1.view()}; }
  device::ConstPair view() const { return {c0.view(), c1.view()}; }
  /// Forgets the limbs from q_count on; level change only, scale unchanged.
  void drop_to(std::size_t q_count) {
    c0.drop_to(q_count);
    c1.drop_to(q_count);
  }
  static Ciphertext zero(const Ring& ring, std::size_t q_count, double scale);
};

/// A ciphertext of degree two: c0 + c1 s + c2 s^2.
struct Tensor {
  Poly c0, c1, c2;
  double scale = 1;
};

/// A fresh secret-key ciphertext with c1 replaced by the seed it is expanded from: half the size. Once its key was
/// switched it is whole: no seed gives its c1.
struct SeededCiphertext {
  Poly c0;
  Seed seed{};
  u64 stream = 0;
  double scale = 1;
  Poly c1 = {};  ///< empty: expanded from the seed
  Ciphertext expand() const;
  static SeededCiphertext whole(Ciphertext&& c) {
    return {std::move(c.c0), {}, 0, c.scale, std::move(c.c1)};
  }
};

// Both operands need the same ring and the scales within 2^-30 of each other; the result's level is
// the lower one. Throw ContractError otherwise.
void add_inplace(Ciphertext& a, const Ciphertext& b);
void sub_inplace(Ciphertext& a, const Ciphertext& b);
void neg_inplace(Ciphertext& a);
/// Scale unchanged: multiplies the message by an integer.
void mul_integer_inplace(Ciphertext& a, std::int64_t value);
void mul_integer_add_inplace(Ciphertext& out, const Ciphertext& a, std::int64_t value);
/// Multiplies by X^k given as monomial(ring, k, ..) with at least as many limbs: exact, no noise.
void mul_monomial_inplace(Ciphertext& a, const Poly& monomial);
/// Divides ciphertext and scale by the last `count` primes.
void rescale_inplace(Ciphertext& a, std::size_t count = 1);

/// Whether two scales agree within 2^-30: beyond the precision of everything here (docs/NOISE.md),
/// so that taking one for the other costs nothing, and far above the rounding of scales in double.
/// Primes are further than that from powers of two: scales must be followed, not assumed.
bool same_scale(double a, double b);

}  // namespace blindtuner::rlwe
