// Bootstrapping keys and inputs, shared by the tests of the parts, of the noise and of the standard
// set.
#pragma once

#include <bit>
#include <numbers>
#include <string>

#include "math/bits.h"
#include "secret/bootstrap_keygen.h"
#include "secret/joint_fixture.h"

namespace blindtuner::testing_support {

struct BootstrapScheme : Scheme {
  explicit BootstrapScheme(const std::string& name)
      : Scheme(find_parameters(name)),
        bootstrapper(parameters),
        keys(make_bootstrap_keys(secrets, bootstrapper)) {}
  /// Keys that the owners made together, and the sums of their secrets.
  explicit BootstrapScheme(JointOwners owners)
      : Scheme(std::move(owners.sum)),
        bootstrapper(parameters),
        keys(owners.bootstrap_keys(bootstrapper)) {}

  double q0() const { return static_cast<double>(ring().q(0).q); }
  std::size_t reverse(std::size_t j) const { return reverse_bits(j, std::countr_zero(slots())); }

  /// `ratio` vectors of n small coefficients in [-1, 1].
  std::vector<std::vector<double>> random_messages(unsigned seed) const {
    std::mt19937_64 generator(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<std::vector<double>> out(parameters->ratio());
    for (auto& m : out) {
      m.resize(parameters->small_ring().n());
      for (double& v : m) v = uniform(generator);
    }
    return out;
  }
  std::vector<Ciphertext> encrypt_small(const std::vector<std::vector<double>>& messages,
                                        double scale, std::size_t q_count) const {
    std::vector<Ciphertext> out;
    for (const auto& m : messages)
      out.push_back(encrypt(encode_coefficients(parameters->small_ring(), m, scale, q_count), scale,
                            secrets.small, fresh_seed(), 0)
                        .expand());
    return out;
  }
  /// Coefficient k of the interleaved polynomial.
  double interleaved(const std::vector<std::vector<double>>& messages, std::size_t k) const {
    return messages[k % parameters->ratio()][k / parameters->ratio()];
  }
  /// Real parts of both halves minus f(k), k the coefficient that the slot belongs to.
  template <typename F>
  std::vector<double> half_errors(const Halves& halves, F&& f) const {
    const auto low = decrypt_slots(halves.low), high = decrypt_slots(halves.high);
    std::vector<double> errors;
    for (std::size_t j = 0; j < slots(); ++j) {
      errors.push_back(low[j].real() - f(reverse(j)));
      errors.push_back(high[j].real() - f(reverse(j) + slots()));
    }
    return errors;
  }
  Halves encrypt_halves(std::span<const Complex> low, std::span<const Complex> high, double scale,
                        std::size_t q_count) const {
    return {encrypt_slots(low, scale, q_count), encrypt_slots(high, scale, q_count)};
  }
  /// Real parts minus the expected ones.
  std::vector<double> slot_errors(const Halves& x, std::span<const Complex> low,
                                  std::span<const Complex> high) const {
    const auto a = decrypt_slots(x.low), b = decrypt_slots(x.high);
    std::vector<double> errors;
    for (std::size_t j = 0; j < slots(); ++j) {
      errors.push_back(a[j].real() - low[j].real());
      errors.push_back(b[j].real() - high[j].real());
    }
    return errors;
  }

  Bootstrapper bootstrapper;
  BootstrapKeys keys;
};

inline std::vector<const Ciphertext*> pointers(const std::vector<Ciphertext>& c) {
  std::vector<const Ciphertext*> out;
  for (const Ciphertext& x : c) out.push_back(&x);
  return out;
}

/// -log2 of the mean and of the largest error.
inline double mean_bits(const Statistics& s) { return -std::log2(s.mean_magnitude); }
inline double worst_bits(const Statistics& s) { return -std::log2(s.worst); }

inline const BootstrapScheme& test_scheme() {
  static const BootstrapScheme scheme("InsecureTest12");
  return scheme;
}

}  // namespace blindtuner::testing_support
