// A small scheme with secrets at hand, for the tests of the layers that work on ciphertexts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "ckks/encoder.h"
#include "secret/encryption.h"
#include "secret/keygen.h"

namespace blindtuner::testing_support {
using namespace secret;
using namespace ckks;

/// N = 1024, n = 128; fifteen primes: 50, 49, 2 x 40, 8 x 45, 50, 2 x 50; digits of five.
inline ParametersLiteral tiny_literal() {
  ParametersLiteral p;
  p.name = "InsecureTiny";
  p.log_n = 10;
  p.log_small_n = 7;
  p.q0_bits = 50;
  p.q1_bits = 49;
  p.slot_to_coeff_bits = {40, 40};
  p.circuit_bits = std::vector<int>(8, 45);
  p.eval_mod_bits = {50};
  p.coeff_to_slot_bits = {50, 50};
  p.special_bits = std::vector<int>(5, 50);
  p.small_special = 2;
  p.sparse_special = 1;
  p.sparse_weight = 32;
  p.modulus_range = 16;
  p.digit_ends = {5, 10, 15};
  return p;
}

struct Statistics {
  double mean = 0, std = 0, worst = 0, mean_magnitude = 0;
};

inline Statistics statistics(const std::vector<double>& values) {
  Statistics s;
  for (double v : values) {
    s.mean += v;
    s.std += v * v;
    s.mean_magnitude += std::abs(v);
    s.worst = std::max(s.worst, std::abs(v));
  }
  const double count = static_cast<double>(values.size());
  s.mean /= count;
  s.mean_magnitude /= count;
  s.std = std::sqrt(std::max(0.0, s.std / count - s.mean * s.mean));
  return s;
}

/// Centred coefficients of a small polynomial, in units.
inline std::vector<double> coefficients(const Poly& x) { return to_centred_doubles(x, 3); }

inline std::vector<double> difference(const Poly& a, const Poly& b) {
  Poly d = a.copy();
  sub_inplace(d, b);
  return coefficients(d);
}

/// Whether both polynomials hold the same residues in the limbs that both have.
inline bool same_residues(const Poly& a, const Poly& b) {
  const std::size_t limbs = std::min(a.limbs(), b.limbs());
  for (std::size_t i = 0; i < limbs; ++i)
    if (!std::ranges::equal(Residues(a)[i], Residues(b)[i])) return false;
  return a.domain() == b.domain();
}

/// Complex numbers with both parts uniform in [-1, 1]; reals when `real`.
inline std::vector<Complex> random_slots(std::size_t count, unsigned seed, bool real = false) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Complex> out(count);
  for (Complex& x : out) {
    const double re = uniform(generator), im = uniform(generator);
    x = {re, real ? 0.0 : im};
  }
  return out;
}

struct Scheme {
  explicit Scheme(const ParametersLiteral& literal)
      : Scheme(SecretKeys::generate(Parameters::create(literal))) {}
  explicit Scheme(SecretKeys given)
      : parameters(given.parameters),
        secrets(std::move(given)),
        encoder(parameters->literal().log_n) {}

  const Ring& ring() const { return parameters->ring(); }
  std::size_t n() const { return ring().n(); }
  std::size_t slots() const { return n() / 2; }
  KeyShape shape(std::size_t q_count) const {
    return {q_count, ring().p_size(), parameters->digit_ends(q_count)};
  }
  Ciphertext encrypt_slots(std::span<const Complex> values, double scale,
                           std::size_t q_count) const {
    return encrypt(encoder.encode(ring(), values, scale, q_count), scale, secrets.big, fresh_seed(),
                   0)
        .expand();
  }
  std::vector<Complex> decrypt_slots(const Ciphertext& c) const {
    return encoder.decode(decrypt(c, secrets.big), c.scale);
  }
  /// The largest distance of c's slots from `expected`.
  double worst_error(const Ciphertext& c, std::span<const Complex> expected) const {
    const std::vector<Complex> values = decrypt_slots(c);
    double worst = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      worst = std::max(worst, std::abs(values[i] - expected[i]));
    return worst;
  }

  ParametersPtr parameters;
  SecretKeys secrets;
  Encoder encoder;
};

/// One per program: making keys takes longer than most tests.
inline const Scheme& tiny_scheme() {
  static const Scheme scheme(tiny_literal());
  return scheme;
}

}  // namespace blindtuner::testing_support
