// Every head's circuits on ciphertexts: what their figures promise.
#include "ckks/noise_model.h"
#include "learn/encrypted_fixture.h"
#include "learn/head.h"

namespace blindtuner {
using namespace learn;
using namespace secret;
using namespace linalg;
namespace {

using namespace testing_support;

/// Scores within the range, those of a row adding up to zero (softmax asks for it), by coefficient of the big
/// ring: samples `stride` apart, nothing where no class is.
struct Scores {
  std::size_t classes, stride;
  std::vector<double> values;

  Scores(const HeadCircuit& circuit, std::size_t number, std::size_t class_stride, std::size_t n)
      : classes(number), stride(class_stride), values(n) {
    std::mt19937_64 generator(1);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    for (std::size_t i = 0; i < n / stride; ++i) {
      const std::span<double> row = std::span(values).subspan(i * stride, classes);
      double mean = 0, largest = 0;
      for (double& z : row) mean += (z = normal(generator)) / static_cast<double>(classes);
      for (double& z : row) largest = std::max(largest, std::abs(z -= mean));
      const double factor = circuit.range * uniform(generator) / largest;
      for (double& z : row) z *= factor;
    }
  }
};

struct Errors {
  double rms = 0, worst = 0, padding = 0;
};

/// From coefficients modulo q_0 under the small secret to predictions in slots.
Errors measure(const HeadCircuit& circuit, std::size_t classes, std::size_t stride) {
  const BootstrapScheme& s = test_scheme();
  const auto evaluator = circuit.evaluator(s.bootstrapper, classes, stride);
  const Scores scores(circuit, classes, stride, s.n());
  const std::size_t ratio = s.parameters->ratio(), n = s.parameters->small_ring().n();
  const double scale =
      circuit.rho / circuit.bound * static_cast<double>(s.parameters->ring().q(0).q);
  std::vector<Ciphertext> small;
  std::vector<const Ciphertext*> pointers;
  for (std::size_t r = 0; r < ratio; ++r) {
    std::vector<double> c(n);
    for (std::size_t i = 0; i < n; ++i) c[i] = scores.values[ratio * i + r];
    small.push_back(encrypt(encode_coefficients(s.parameters->small_ring(), c, scale, 1), scale,
                            s.secrets.small, fresh_seed(), r)
                        .expand());
  }
  for (const Ciphertext& c : small) pointers.push_back(&c);
  const Halves out = evaluator->evaluate(
      s.bootstrapper.half_bootstrap(pointers, evaluator->input_scale(), s.keys), s.keys);
  for (const Ciphertext* c : {&out.low, &out.high}) {
    EXPECT_EQ(c->q_count(), s.parameters->slot_to_coeff_start());
    EXPECT_EQ(c->scale, evaluator->output_scale());
  }
  const std::vector<double> values = s.decrypt_halves(out);
  std::vector<double> expected(classes);
  Errors errors;
  for (std::size_t i = 0; i < s.n() / stride; ++i) {
    circuit.evaluate(std::span(scores.values).subspan(i * stride, classes), expected);
    for (std::size_t k = 0; k < stride; ++k) {
      const double value = values[i * stride + k];
      if (k >= classes) {
        errors.padding = std::max(errors.padding, std::abs(value));
        continue;
      }
      const double error = value - expected[k];
      errors.rms += error * error;
      errors.worst = std::max(errors.worst, std::abs(error));
    }
  }
  errors.rms = std::sqrt(errors.rms / static_cast<double>(s.n() / stride * classes));
  return errors;
}

// What a publication's noise counts on (learn/model_noise.h), here with the half bootstrap's own.
TEST(HeadsOnCiphertexts, ErrorsAreWithinTheCircuitsNoiseGain) {
  const std::size_t n = test_scheme().n();
  const double rounding = noise::real_slots(noise::rounding(noise::ternary_weight(n)), n, 0x1p36);
  for (const Head* head : heads())
    for (const auto& [classes, stride] : {std::pair<std::size_t, std::size_t>{3, 4}, {10, 16}}) {
      const HeadCircuit& circuit = head->circuit("default", static_cast<int>(classes), 0);
      SCOPED_TRACE(circuit.name + ", " + std::to_string(classes) + " classes");
      const Errors errors = measure(circuit, classes, stride);
      // Twice what the noise model counts on; a row's own gain may be far above the mean one.
      const double allowed = 8 * std::max(1.0, circuit.noise_gain) * rounding;
      EXPECT_LT(errors.rms, allowed);
      EXPECT_LT(errors.worst, 32 * allowed);
      EXPECT_LT(errors.padding, 32 * allowed);
      RecordProperty(circuit.name + "_c" + std::to_string(classes),
                     std::to_string(std::log2(errors.rms)) + " " +
                         std::to_string(std::log2(errors.worst)) + " " +
                         std::to_string(std::log2(errors.padding)));
    }
}

TEST(HeadsOnCiphertexts, RefuseClassesThatDoNotFit) {
  const Bootstrapper& bootstrapper = test_scheme().bootstrapper;
  for (const Head* head : heads()) {
    const HeadCircuit& circuit = head->circuit("default", 3, 0);
    EXPECT_THROW(circuit.evaluator(bootstrapper, 3, 2), ContractError);
    EXPECT_THROW(circuit.evaluator(bootstrapper, 3, 6), ContractError);
    EXPECT_THROW(circuit.evaluator(bootstrapper, 1, 4), ContractError);
  }
}

}  // namespace
}  // namespace blindtuner
