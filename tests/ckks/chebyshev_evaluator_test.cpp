// Polynomials on ciphertexts against Clenshaw's recurrence in the clear.
#include "ckks/chebyshev_evaluator.h"

#include "math/chebyshev.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

const double kInputScale = std::ldexp(1.0, 45);
constexpr std::size_t kTop = 12;  // the circuit's primes have 45 bits

const KeySwitchKey& relinearisation() {
  static const KeySwitchKey key =
      make_relinearisation_key(tiny_scheme().secrets.big, tiny_scheme().shape(15), true);
  return key;
}

int log2_ceil(std::size_t x) {
  int bits = 0;
  while ((std::size_t{1} << bits) < x) ++bits;
  return bits;
}

// Coefficients with a sum of magnitudes of one, so that values stay in [-1, 1].
std::vector<double> random_coefficients(std::size_t degree, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> c(degree + 1);
  double total = 0;
  for (double& v : c) total += std::abs(v = uniform(generator));
  for (double& v : c) v /= total;
  return c;
}

void expect_polynomial(const Ciphertext& out, std::span<const double> c, std::span<const Complex> x,
                       double tolerance) {
  std::vector<Complex> expected;
  for (const Complex& v : x) expected.push_back(chebyshev_evaluate(c, v.real()));
  EXPECT_LT(tiny_scheme().worst_error(out, expected), tolerance) << "degree " << c.size() - 1;
}

TEST(ChebyshevEvaluator, DepthIsTheLeast) {
  EXPECT_EQ(ChebyshevEvaluator::depth(1), 0);
  for (std::size_t degree = 1; degree <= 300; ++degree)
    ASSERT_EQ(ChebyshevEvaluator::depth(degree + 1), log2_ceil(degree + 1));
}

TEST(ChebyshevEvaluator, EveryDegreeTo63AtTheLeastDepth) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 1, true);
  const Ciphertext encrypted = s.encrypt_slots(x, kInputScale, kTop);
  for (std::size_t degree = 1; degree <= 63; ++degree) {
    const auto c = random_coefficients(degree, static_cast<unsigned>(degree));
    const std::size_t q_count = kTop - static_cast<std::size_t>(log2_ceil(degree + 1));
    ChebyshevEvaluator evaluator(encrypted.copy(), relinearisation());
    EXPECT_THROW(evaluator.evaluate(c, q_count + 1, kInputScale), ContractError);
    const Ciphertext out = evaluator.evaluate(c, q_count, kInputScale);
    EXPECT_EQ(out.q_count(), q_count);
    EXPECT_EQ(out.scale, kInputScale);  // exactly
    expect_polynomial(out, c, x, std::ldexp(1.0, -25));
  }
}

TEST(ChebyshevEvaluator, AnyLevelBelowAndAnyScale) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 2, true);
  ChebyshevEvaluator evaluator(s.encrypt_slots(x, kInputScale * 1.37, kTop), relinearisation());
  const auto c = random_coefficients(7, 3);
  for (const std::size_t q_count : {std::size_t{9}, std::size_t{8}, std::size_t{6}})
    for (const double scale : {std::ldexp(1.0, 40), std::ldexp(0.61, 46), std::ldexp(1.0, 48)}) {
      const Ciphertext out = evaluator.evaluate(c, q_count, scale);
      EXPECT_EQ(out.q_count(), q_count);
      EXPECT_EQ(out.scale, scale);
      expect_polynomial(out, c, x, std::ldexp(1.0, -24));
    }
}

TEST(ChebyshevEvaluator, LeavesOfAnySize) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 4, true);
  const Ciphertext encrypted = s.encrypt_slots(x, kInputScale, kTop);
  for (const int log_leaf : {0, 1, 2, 3, 4, 6})
    for (const std::size_t degree : {std::size_t{13}, std::size_t{31}}) {
      const auto c = random_coefficients(degree, 5);
      ChebyshevEvaluator evaluator(encrypted.copy(), relinearisation());
      const Ciphertext out = evaluator.evaluate(c, kTop - 5, kInputScale, log_leaf);
      expect_polynomial(out, c, x, std::ldexp(1.0, -25));
    }
}

TEST(ChebyshevEvaluator, EvenOddAndVanishingCoefficients) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 6, true);
  const Ciphertext encrypted = s.encrypt_slots(x, kInputScale, kTop);
  const std::vector<double> kPolynomials[] = {
      {0, 1},        // the identity
      {0.5, 0},      // a constant, written with degree one
      {0, 0, 1},     // T_2
      {0, 0, 0, 1},  // T_3
      {0, 0, 0, 0, 0, 0, 0, 1},
      {0.25, 0, -0.5, 0, 0.125},
      {0, 0.25, 0, -0.5, 0, 0.125, 0, 0, 0, 0},  // trailing zeros
      {0, 0, 0, 0},
  };
  for (const auto& c : kPolynomials) {
    ChebyshevEvaluator evaluator(encrypted.copy(), relinearisation());
    const Ciphertext out = evaluator.evaluate(c, 8, kInputScale);
    EXPECT_EQ(out.scale, kInputScale);
    expect_polynomial(out, c, x, std::ldexp(1.0, -27));
  }
}

TEST(ChebyshevEvaluator, ComplexSlotsAreEvaluatedAsPolynomials) {
  const Scheme& s = tiny_scheme();
  auto x = random_slots(s.slots(), 7);
  for (Complex& v : x) v *= 0.5;
  ChebyshevEvaluator evaluator(s.encrypt_slots(x, kInputScale, kTop), relinearisation());
  const std::vector<double> c = {0.1, 0.2, -0.3, 0.05};
  std::vector<Complex> expected;
  for (const Complex& v : x)
    expected.push_back(c[0] + c[1] * v + c[2] * (2.0 * v * v - 1.0) +
                       c[3] * (4.0 * v * v * v - 3.0 * v));
  EXPECT_LT(s.worst_error(evaluator.evaluate(c, 10, kInputScale), expected), std::ldexp(1.0, -28));
}

TEST(ChebyshevEvaluator, Contracts) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 8, true);
  ChebyshevEvaluator evaluator(s.encrypt_slots(x, kInputScale, 4), relinearisation());
  const std::vector<double> constant = {1}, cubic = {0, 0, 0, 1};
  EXPECT_THROW(evaluator.evaluate(constant, 2, kInputScale), ContractError);
  EXPECT_THROW(evaluator.evaluate(std::vector<double>(16, 0.1), 2, kInputScale), ContractError);
  // A result's scale so large that coefficients would leave 64 bits.
  EXPECT_THROW(evaluator.evaluate(cubic, 2, std::ldexp(1.0, 120)), ContractError);
  const KeySwitchKey low = make_relinearisation_key(s.secrets.big, s.shape(3), true);
  ChebyshevEvaluator without(s.encrypt_slots(x, kInputScale, 4), low);
  EXPECT_THROW(without.evaluate(cubic, 2, kInputScale), ContractError);
}

}  // namespace
}  // namespace blindtuner
