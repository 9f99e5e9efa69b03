// The sine that removes multiples of q_0, in the clear and on ciphertexts; and its arcsine.
#include "ckks/bootstrap/eval_mod.h"

#include "ckks/bootstrap_fixture.h"
#include "math/chebyshev.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;
using std::numbers::pi;

TEST(EvalMod, PolynomialIsTheSineOverTheWholeRange) {
  const EvalMod eval_mod(16, 30, 3);
  EXPECT_EQ(eval_mod.depth(), 8);
  EXPECT_DOUBLE_EQ(eval_mod.input_factor(), 1 / 16.25);
  double worst = 0;
  for (int i = -15; i <= 15; ++i)
    for (double m = -0.125; m <= 0.125; m += 1.0 / 512)
      worst = std::max(worst, std::abs(eval_mod.evaluate_plain(i + m) - std::sin(2 * pi * m)));
  EXPECT_LT(worst, std::ldexp(1.0, -24));
  EXPECT_GT(worst, 0);
  // Near the end of the range it is good as well.
  EXPECT_NEAR(eval_mod.evaluate_plain(16), 0, std::ldexp(1.0, -22));
  EXPECT_NEAR(eval_mod.evaluate_plain(-16), 0, std::ldexp(1.0, -22));
}

TEST(EvalMod, HigherDegreesAreBetter) {
  double last = 1;
  for (const int degree : {24, 28, 32, 36}) {
    const EvalMod eval_mod(16, degree, 3);
    double worst = 0;
    for (double t = -15.125; t <= 15.125; t += 1.0 / 64)
      worst = std::max(worst, std::abs(eval_mod.evaluate_plain(t) - std::sin(2 * pi * t)));
    EXPECT_LT(worst, last / 8) << degree;
    last = worst;
  }
}

TEST(EvalMod, DepthsOfOtherShapes) {
  EXPECT_EQ(EvalMod(16, 32, 3).depth(), 1 + 5 + 3);
  EXPECT_EQ(EvalMod(16, 62, 2).depth(), 1 + 5 + 2);
  EXPECT_EQ(EvalMod(4, 14, 0).depth(), 1 + 3);
  EXPECT_THROW(EvalMod(0, 30, 3), ContractError);
  EXPECT_THROW(EvalMod(16, 31, 3), ContractError);
  EXPECT_THROW(EvalMod(16, 0, 3), ContractError);
  EXPECT_THROW(EvalMod(16, 30, -1), ContractError);
}

TEST(EvalMod, EncryptedEqualsPlain) {
  const BootstrapScheme& s = test_scheme();
  const EvalMod& eval_mod = s.bootstrapper.eval_mod();
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> uniform(-0.125, 0.125);
  std::vector<Complex> x(s.slots()), expected(s.slots());
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double t = static_cast<double>(static_cast<int>(j % 31) - 15) + uniform(generator);
    x[j] = t * eval_mod.input_factor();
    expected[j] = eval_mod.evaluate_plain(t);
  }
  const std::size_t start = s.parameters->eval_mod_start();
  for (const double scale : {std::ldexp(1.0, 39), std::ldexp(0.77, 45)}) {
    const Ciphertext y = eval_mod.evaluate(s.encrypt_slots(x, s.q0(), start), scale,
                                           s.keys.evaluation.relinearisation);
    EXPECT_EQ(y.q_count(), start - static_cast<std::size_t>(eval_mod.depth()));
    EXPECT_NEAR(y.scale / scale, 1, 1e-12);
    EXPECT_LT(s.worst_error(y, expected), std::ldexp(1.0, -24));
  }
  EXPECT_THROW(
      eval_mod.evaluate(s.encrypt_slots(x, s.q0(), 8), 1e12, s.keys.evaluation.relinearisation),
      ContractError);
}

TEST(Arcsine, PolynomialsErrors) {
  // The largest gain at which each degree leaves less than 2^-23.
  const std::pair<int, double> kCases[] = {{3, 2 * pi / 128}, {7, 2 * pi / 20}};
  for (const auto& [degree, gain] : kCases) {
    const auto c = arcsine_polynomial(gain, degree);
    ASSERT_EQ(c.size(), static_cast<std::size_t>(degree) + 1);
    double worst = 0;
    for (double v = -1; v <= 1; v += 1.0 / 256)
      worst = std::max(worst, std::abs(chebyshev_evaluate(c, std::sin(gain * v) / gain) - v));
    EXPECT_LT(worst, std::ldexp(1.0, -23)) << degree;
    for (std::size_t i = 0; i < c.size(); i += 2) EXPECT_EQ(c[i], 0);
  }
  EXPECT_THROW(arcsine_polynomial(1.0, 3), ContractError);
  EXPECT_THROW(arcsine_polynomial(0, 3), ContractError);
  EXPECT_THROW(arcsine_polynomial(0.1, 2), ContractError);
}

TEST(Arcsine, UndoesTheSineUnderEncryption) {
  const BootstrapScheme& s = test_scheme();
  const auto v = random_slots(s.slots(), 2, true);
  const double scale = std::ldexp(1.0, 39);
  const std::size_t start = s.parameters->circuit_start();
  for (const auto& [degree, levels] : {std::pair{3, 2}, std::pair{7, 3}}) {
    const double gain = 2 * pi / (degree == 3 ? 128 : 32);
    std::vector<Complex> y(v.size());
    for (std::size_t j = 0; j < v.size(); ++j) y[j] = std::sin(gain * v[j].real()) / gain;
    const Ciphertext out = arcsine_correction(s.encrypt_slots(y, scale, start), gain, degree, scale,
                                              s.keys.evaluation.relinearisation);
    EXPECT_EQ(out.q_count(), start - static_cast<std::size_t>(levels));
    EXPECT_EQ(out.scale, scale);
    EXPECT_LT(s.worst_error(out, v), std::ldexp(1.0, -22));
  }
  EXPECT_THROW(arcsine_correction(s.encrypt_slots(v, scale, 2), 0.1, 3, scale,
                                  s.keys.evaluation.relinearisation),
               ContractError);
}

}  // namespace
}  // namespace blindtuner
