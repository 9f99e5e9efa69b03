// The bootstrapping part of a scheme in rings too small to be secure, one per program: its keys
// take longer to make than most tests take to run.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "learn/heads/softmax_evaluator.h"
#include "learn/softmax_rows.h"
#include "linalg/layout.h"
#include "math/bits.h"
#include "secret/bootstrap_keygen.h"
#include "secret/encryption.h"

namespace blindtuner::testing_support {
using namespace secret;
using namespace linalg;

struct BootstrapScheme {
  explicit BootstrapScheme(const std::string& set)
      : parameters(Parameters::create(find_parameters(set))),
        secrets(SecretKeys::generate(parameters)),
        bootstrapper(parameters),
        // Rotations for a stride are among those for every greater one.
        keys(make_bootstrap_keys(secrets, bootstrapper, class_sum_rotations(*parameters, 128),
                                 parameters->circuit_start())) {}

  ParametersPtr parameters;
  SecretKeys secrets;
  Bootstrapper bootstrapper;
  BootstrapKeys keys;

  std::size_t n() const { return parameters->ring().n(); }

  /// Values by coefficient of the big ring to the slots of both halves, and back.
  Halves encrypt_halves(std::span<const double> values, double scale, std::size_t q_count) const {
    const std::size_t slots = n() / 2;
    const int bits = parameters->literal().log_n - 1;
    Halves out;
    for (std::size_t half = 0; half < 2; ++half) {
      std::vector<Complex> x(slots);
      for (std::size_t j = 0; j < slots; ++j) x[j] = values[half * slots + reverse_bits(j, bits)];
      (half == 0 ? out.low : out.high) =
          encrypt(bootstrapper.encoder().encode(parameters->ring(), x, scale, q_count), scale,
                  secrets.big, fresh_seed(), half)
              .expand();
    }
    return out;
  }
  std::vector<double> decrypt_halves(const Halves& h) const {
    const std::size_t slots = n() / 2;
    const int bits = parameters->literal().log_n - 1;
    std::vector<double> values(n());
    for (std::size_t half = 0; half < 2; ++half) {
      const Ciphertext& c = half == 0 ? h.low : h.high;
      const std::vector<Complex> x =
          bootstrapper.encoder().decode(decrypt(c, secrets.big), c.scale);
      for (std::size_t j = 0; j < slots; ++j)
        values[half * slots + reverse_bits(j, bits)] = x[j].real();
    }
    return values;
  }
};

inline const BootstrapScheme& test_scheme() {
  static const BootstrapScheme scheme("InsecureTest12");
  return scheme;
}

/// The whole way that training takes: logits as coefficients modulo q_0 under the small secret,
/// half bootstrap, circuit.
inline Measured measure_after_half_bootstrap(const BootstrapScheme& s,
                                             const SoftmaxEvaluator& evaluator, std::size_t classes,
                                             std::size_t stride, unsigned seed) {
  const SoftmaxCircuit& circuit = evaluator.circuit();
  const SoftmaxRows rows(circuit, classes, stride, s.n() / stride, seed);
  const std::size_t ratio = s.parameters->ratio(), n = s.parameters->small_ring().n();
  const double scale =
      circuit.rho / circuit.bound * static_cast<double>(s.parameters->ring().q(0).q);
  std::vector<Ciphertext> small;
  std::vector<const Ciphertext*> pointers;
  for (std::size_t r = 0; r < ratio; ++r) {
    std::vector<double> c(n);
    for (std::size_t i = 0; i < n; ++i) c[i] = rows.at_coefficient(ratio * i + r);
    small.push_back(encrypt(encode_coefficients(s.parameters->small_ring(), c, scale, 1), scale,
                            s.secrets.small, fresh_seed(), r)
                        .expand());
  }
  for (const Ciphertext& c : small) pointers.push_back(&c);
  const Halves out = evaluator.evaluate(
      s.bootstrapper.half_bootstrap(pointers, evaluator.input_scale(), s.keys), s.keys);
  return compare(circuit, rows, s.decrypt_halves(out));
}

}  // namespace blindtuner::testing_support
