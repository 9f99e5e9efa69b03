// Half and full bootstrap at the set for real use. Slow: keys of gigabytes, half a minute each way.
#include <tuple>

#include "ckks/bootstrap_fixture.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;
using std::numbers::pi;

TEST(StandardSlow, HalfAndFullBootstrapReachTwentyBits) {
  const BootstrapScheme s("Standard");
  ASSERT_FALSE(s.parameters->insecure());

  constexpr double kRho = 1.0 / 16;
  const double gain = 2 * pi * kRho, scale = std::ldexp(1.0, 39);
  const auto messages = s.random_messages(1);
  const auto small = s.encrypt_small(messages, kRho * s.q0(), 2);
  Halves halves = s.bootstrapper.half_bootstrap(pointers(small), scale / gain, s.keys);
  EXPECT_EQ(halves.low.q_count(), s.parameters->circuit_start());
  for (Ciphertext* half : {&halves.low, &halves.high}) half->scale *= gain;
  const Statistics e = statistics(s.half_errors(
      halves, [&](std::size_t k) { return std::sin(gain * s.interleaved(messages, k)) / gain; }));
  std::printf("half bootstrap: mean %.1f bits, worst %.1f bits\n", mean_bits(e), worst_bits(e));
  EXPECT_GE(mean_bits(e), 23);
  EXPECT_GE(worst_bits(e), 18.5);

  const auto low = random_slots(s.slots(), 2, true), high = random_slots(s.slots(), 3, true);
  const double in = std::ldexp(1.0, 36);
  const Halves x = s.encrypt_halves(low, high, in, s.parameters->slot_to_coeff_start());
  struct Setting {
    int log_ratio, arcsine_degree;
    double mean, worst;
  };
  for (const Setting& c : {Setting{-7, 3, 22, 17}, Setting{-5, 7, 23, 18.5}}) {
    const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, in,
                           std::ldexp(s.q0(), c.log_ratio));
    const Halves y = s.bootstrapper.bootstrap(x, down, scale, c.arcsine_degree, s.keys);
    const Statistics f = statistics(s.slot_errors(y, low, high));
    std::printf("full bootstrap, ratio 2^%d, arcsine %d: mean %.1f bits, worst %.1f bits\n",
                c.log_ratio, c.arcsine_degree, mean_bits(f), worst_bits(f));
    EXPECT_GE(mean_bits(f), c.mean);
    EXPECT_GE(worst_bits(f), c.worst);
  }
}

TEST(StandardSlow, SeveralOwnersHalfBootstrapReachesItsBudget) {
  for (const auto& [name, owners, predicted] :
       {std::tuple{"Joint4", 4, -20.8}, std::tuple{"Joint16", 16, -14.4}}) {
    const BootstrapScheme s(
        JointOwners(Parameters::create(find_parameters(name)), static_cast<std::size_t>(owners)));
    constexpr double kRho = 1.0 / 16;
    const double gain = 2 * pi * kRho, scale = std::ldexp(1.0, 39);
    const auto messages = s.random_messages(1);
    const auto small = s.encrypt_small(messages, kRho * s.q0(), 2);
    Halves halves = s.bootstrapper.half_bootstrap(pointers(small), scale / gain, s.keys);
    for (Ciphertext* half : {&halves.low, &halves.high}) half->scale *= gain;
    const Statistics e = statistics(s.half_errors(
        halves, [&](std::size_t k) { return std::sin(gain * s.interleaved(messages, k)) / gain; }));
    std::printf("half bootstrap of %d owners: std 2^%.2f, mean %.1f bits, worst %.1f bits\n",
                owners, std::log2(e.std), mean_bits(e), worst_bits(e));
    EXPECT_LE(std::log2(e.std), predicted + 0.5);
    EXPECT_GE(mean_bits(e), 14);
  }
}

}  // namespace
}  // namespace blindtuner
