// Bootstrapping under keys that several owners made together, and what mod_raise adds under the sum of their
// sparse secrets.
#include <cstdio>

#include "ckks/bootstrap_fixture.h"
#include "ckks/noise_model.h"

namespace blindtuner {
namespace {

using namespace testing_support;
using std::numbers::pi;

struct Study {
  const char* parameters;
  std::size_t owners;
};

BootstrapScheme scheme_of(const Study& study) {
  return BootstrapScheme(
      JointOwners(Parameters::create(find_parameters(study.parameters)), study.owners));
}

// The budget is that of the set's number of owners: fewer have less noise.
void expect_within(const char* what, const std::vector<double>& errors, double predicted,
                   bool of_all) {
  const Statistics e = statistics(errors);
  const double measured = std::hypot(e.std, e.mean);
  std::printf("  %-32s predicted 2^%6.2f  measured 2^%6.2f  mean %.1f bits, worst %.1f bits\n",
              what, std::log2(predicted), std::log2(measured), mean_bits(e), worst_bits(e));
  EXPECT_LE(measured, 1.5 * predicted) << what;
  EXPECT_LE(predicted, (of_all ? 4 : 64) * measured) << what;
}

class JointBootstrap : public ::testing::TestWithParam<Study> {};

TEST_P(JointBootstrap, KeepsToTheBudget) {
  const Study& study = GetParam();
  const BootstrapScheme s = scheme_of(study);
  const bool of_all = study.owners == s.parameters->owners();
  const double scale = std::ldexp(1.0, 39), in = std::ldexp(1.0, 36);
  const BootstrapShape& shape = s.bootstrapper.shape();

  constexpr double rho = 1.0 / 16;
  const double gain = 2 * pi * rho;
  const auto messages = s.random_messages(1);
  const auto small = s.encrypt_small(messages, rho * s.q0(), 2);
  Halves halves = s.bootstrapper.half_bootstrap(pointers(small), scale / gain, s.keys);
  EXPECT_EQ(halves.low.q_count(), s.parameters->circuit_start());
  for (Ciphertext* half : {&halves.low, &halves.high}) half->scale *= gain;
  expect_within(
      "half bootstrap, ratio 2^-4",
      s.half_errors(
          halves,
          [&](std::size_t k) { return std::sin(gain * s.interleaved(messages, k)) / gain; }),
      noise::bootstrap_budget(*s.parameters, shape, rho, in, scale, 0, 0).half_bootstrap, of_all);

  const auto low = random_slots(s.slots(), 2, true), high = random_slots(s.slots(), 3, true);
  const Halves x = s.encrypt_halves(low, high, in, s.parameters->slot_to_coeff_start());
  for (const auto& [log_ratio, degree] : {std::pair{-7, 3}, std::pair{-5, 7}}) {
    const double ratio = std::ldexp(1.0, log_ratio);
    const SlotToCoeff down(*s.parameters, shape, s.encoder, in, ratio * s.q0());
    const Halves y = s.bootstrapper.bootstrap(x, down, scale, degree, s.keys);
    expect_within(degree == 3 ? "full bootstrap, ratio 2^-7" : "full bootstrap, ratio 2^-5",
                  s.slot_errors(y, low, high),
                  noise::bootstrap_budget(*s.parameters, shape, ratio, in, scale, degree,
                                          noise::real_slots(noise::fresh(), s.n(), in))
                      .bootstrap,
                  of_all);
  }
}

// I = round(Y), Y the sum of so many coefficients of c_1 as the sparse secret has, with its coefficients,
// each uniform in [-1/2, 1/2): P(I = i) is the density at i of Y and one more such, by its Fourier transform.
double probability(const SecretKey& sparse, int i) {
  std::array<int, 20> count{};  // of coefficients by magnitude
  for (const std::int64_t c : sparse.coefficients())
    ++count.at(static_cast<std::size_t>(std::abs(c)));
  const auto sinc = [](double x) { return x == 0 ? 1 : std::sin(x) / x; };
  constexpr double kStep = 1e-3;
  double total = 0;
  for (int k = 0; k < 20000; ++k) {
    const double t = (k + 0.5) * kStep;
    double f = sinc(t / 2) * std::cos(i * t);
    for (std::size_t c = 1; c < count.size(); ++c)
      f *= std::pow(sinc(static_cast<double>(c) * t / 2), count[c]);
    total += f * kStep / pi;
  }
  return total;
}

TEST_P(JointBootstrap, WrapsAroundAsTheFailureProbabilityHasIt) {
  const BootstrapScheme s = scheme_of(GetParam());
  // 2^20 coefficients. Those of one ciphertext depend on each other, ciphertexts do not: every class's mean
  // over 256 of them is held to its probability within 6.5 of its own standard errors, which a class
  // leaves by chance less than once in 10^9 times (Student's distribution), and one of 80 less than once in 10^7.
  constexpr std::size_t kRaised = 256;
  const int range = s.parameters->literal().modulus_range;
  std::vector<std::vector<double>> counts(static_cast<std::size_t>(2 * range + 1));
  const std::vector<double> zero(s.parameters->small_ring().n());
  const std::vector<std::vector<double>> messages(s.parameters->ratio(), zero);
  for (std::size_t r = 0; r < kRaised; ++r) {
    const auto small = s.encrypt_small(messages, 1, 1);
    const Ciphertext raised = s.bootstrapper.mod_raise(
        key_switch(s.bootstrapper.interleave(pointers(small)), s.keys.small_to_sparse), s.keys);
    for (auto& of_class : counts) of_class.push_back(0);
    Ciphertext low = raised.copy();
    low.drop_to(3);
    for (const double t : decode_coefficients(decrypt(low, s.secrets.big), s.q0())) {
      const double i = std::round(t);
      ASSERT_LT(std::abs(i), range);
      ASSERT_NEAR(t, i, 1e-6);
      counts[static_cast<std::size_t>(i + range)].back() += 1;
    }
  }
  std::size_t held = 0;
  for (int i = -range; i <= range; ++i) {
    const double expected = probability(s.secrets.sparse, i) * static_cast<double>(s.n());
    const Statistics e = statistics(counts[static_cast<std::size_t>(i + range)]);
    if (expected < 4) continue;  // too few to be normally distributed: 1024 in all for the least
    ++held;
    EXPECT_NEAR(e.mean, expected, 6.5 * e.std / std::sqrt(double{kRaised} - 1)) << i;
  }
  // Out to three standard deviations of Y on both sides.
  EXPECT_GE(static_cast<double>(held),
            5 * std::sqrt(static_cast<double>(GetParam().owners * 32) / 12));
}

INSTANTIATE_TEST_SUITE_P(Owners, JointBootstrap,
                         ::testing::Values(Study{"InsecureTest12", 1}, Study{"InsecureJoint4", 2},
                                           Study{"InsecureJoint4", 3}, Study{"InsecureJoint4", 4},
                                           Study{"InsecureJoint16", 16}),
                         [](const auto& study) {
                           return study.param.parameters + std::string("Of") +
                                  std::to_string(study.param.owners);
                         });

}  // namespace
}  // namespace blindtuner
