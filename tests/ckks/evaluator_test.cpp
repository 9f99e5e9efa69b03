// Arithmetic on slots: values, levels, scales, and the contracts that are checked.
#include "ckks/evaluator.h"

#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

const double kScale = std::ldexp(1.0, 45);
const double kTolerance = std::ldexp(1.0, -30);

class EvaluatorTest : public testing::Test {
 protected:
  EvaluatorTest() : s_(tiny_scheme()) {
    x_ = random_slots(s_.slots(), 1);
    y_ = random_slots(s_.slots(), 2);
  }
  const EvaluationKeys& keys() const {
    static const EvaluationKeys made = [this] {
      EvaluationKeys k;
      k.relinearisation = make_relinearisation_key(s_.secrets.big, s_.shape(15), true);
      for (const std::int64_t step : {1, 2, 5, -1}) {
        const u64 g = rotation_galois(step, s_.n());
        k.galois.emplace(g, make_galois_key(g, s_.secrets.big, s_.shape(15), true));
      }
      const u64 g = conjugation_galois(s_.n());
      k.galois.emplace(g, make_galois_key(g, s_.secrets.big, s_.shape(15), true));
      return k;
    }();
    return made;
  }
  Ciphertext x(std::size_t q_count = 8) const { return s_.encrypt_slots(x_, kScale, q_count); }
  Ciphertext y(std::size_t q_count = 8) const { return s_.encrypt_slots(y_, kScale, q_count); }
  template <typename F>
  void expect_slots(const Ciphertext& c, F&& f, double tolerance = kTolerance) const {
    std::vector<Complex> expected(s_.slots());
    for (std::size_t j = 0; j < expected.size(); ++j) expected[j] = f(j);
    EXPECT_LT(s_.worst_error(c, expected), tolerance);
  }

  const Scheme& s_;
  std::vector<Complex> x_, y_;
};

TEST_F(EvaluatorTest, AdditionSubtractionConstants) {
  Ciphertext c = x();
  add_inplace(c, y(6));
  EXPECT_EQ(c.q_count(), std::size_t{6});
  expect_slots(c, [&](std::size_t j) { return x_[j] + y_[j]; });
  sub_inplace(c, x());
  expect_slots(c, [&](std::size_t j) { return y_[j]; });
  add_constant_inplace(c, -0.375);
  expect_slots(c, [&](std::size_t j) { return y_[j] - 0.375; });
  neg_inplace(c);
  mul_integer_inplace(c, 3);
  expect_slots(c, [&](std::size_t j) { return 3.0 * (0.375 - y_[j]); });
}

TEST_F(EvaluatorTest, ConstantsBeyond64Bits) {
  // At the scale of a product, where value * scale leaves 64 bits.
  Tensor t = tensor(x(), y());
  add_real_constant_inplace(t.c0, 1000.25 * t.scale);
  const Ciphertext c = relinearise_rescale(t, keys().relinearisation);
  expect_slots(c, [&](std::size_t j) { return x_[j] * y_[j] + 1000.25; });
  Poly zero = Poly::zero(s_.ring(), 3, 0, Domain::kNtt);
  add_real_constant_inplace(zero, std::ldexp(-3.0, 100));
  const auto a = to_centred_doubles(zero, 3);
  EXPECT_EQ(a[0], std::ldexp(-3.0, 100));
  EXPECT_EQ(a[1], 0);
  // Fractions of a unit are rounded, to zero without a sign.
  for (const double value : {0.0, -0.0, 0.4, -0.4, 1e-300}) {
    Poly p = Poly::zero(s_.ring(), 2, 0, Domain::kNtt);
    add_real_constant_inplace(p, value);
    EXPECT_TRUE(same_residues(p, Poly::zero(s_.ring(), 2, 0, Domain::kNtt)));
  }
  EXPECT_THROW(add_real_constant_inplace(zero, INFINITY), ContractError);
  EXPECT_THROW(add_real_constant_inplace(zero, NAN), ContractError);
}

TEST_F(EvaluatorTest, Plaintexts) {
  Ciphertext c = x();
  add_plain_inplace(c, s_.encoder.encode(s_.ring(), y_, kScale, 8));
  expect_slots(c, [&](std::size_t j) { return x_[j] + y_[j]; });
  mul_plain_inplace(c, s_.encoder.encode(s_.ring(), y_, kScale, 9), kScale);
  EXPECT_EQ(c.scale, kScale * kScale);
  rescale_inplace(c);
  expect_slots(c, [&](std::size_t j) { return (x_[j] + y_[j]) * y_[j]; });
  EXPECT_THROW(add_plain_inplace(c, s_.encoder.encode(s_.ring(), y_, kScale, 3)), ContractError);
  EXPECT_THROW(mul_plain_inplace(c, s_.encoder.encode(s_.ring(), y_, kScale, 3), kScale),
               ContractError);
}

TEST_F(EvaluatorTest, ProductsConsumeOneLevelOfTheLowerOperand) {
  const Ciphertext c = multiply(x(8), y(7), keys().relinearisation);
  EXPECT_EQ(c.q_count(), std::size_t{6});
  EXPECT_NEAR(c.scale, kScale * kScale / static_cast<double>(s_.ring().q(6).q), 1);
  expect_slots(c, [&](std::size_t j) { return x_[j] * y_[j]; });
  const Ciphertext d = square(x(5), keys().relinearisation);
  EXPECT_EQ(d.q_count(), std::size_t{4});
  expect_slots(d, [&](std::size_t j) { return x_[j] * x_[j]; });
}

TEST_F(EvaluatorTest, ChainOfProductsDownTheCircuit) {
  Ciphertext c = s_.encrypt_slots(x_, kScale, 12);
  std::vector<Complex> expected = x_;
  while (c.q_count() > 5) {
    c = multiply(c, x(c.q_count()), keys().relinearisation);
    for (std::size_t j = 0; j < expected.size(); ++j) expected[j] *= x_[j];
  }
  EXPECT_LT(s_.worst_error(c, expected), std::ldexp(1.0, -26));
}

TEST_F(EvaluatorTest, AccumulatedTensorsAreTheSum) {
  const Ciphertext a = x(), b = y(), c = y(9), d = x(9);
  Tensor sum = tensor(a, b);
  tensor_add_inplace(sum, c, d);
  tensor_add_inplace(sum, a, a);
  const Tensor ab = tensor(a, b), cd = tensor(c, d), aa = tensor_square(a);
  for (auto part : {&Tensor::c0, &Tensor::c1, &Tensor::c2}) {
    Poly expected = (ab.*part).copy();
    add_inplace(expected, cd.*part);
    add_inplace(expected, aa.*part);
    EXPECT_TRUE(same_residues(sum.*part, expected));
  }
  const Ciphertext out = relinearise_rescale(sum, keys().relinearisation);
  expect_slots(out, [&](std::size_t j) { return 2.0 * x_[j] * y_[j] + x_[j] * x_[j]; });
}

TEST_F(EvaluatorTest, TensorContracts) {
  Tensor sum = tensor(x(), y());
  EXPECT_THROW(tensor_add_inplace(sum, x(7), y()), ContractError);  // an operand below the sum
  Ciphertext other = x();
  other.scale *= 2;
  EXPECT_THROW(tensor_add_inplace(sum, other, y()), ContractError);
  const Ciphertext small = Ciphertext::zero(s_.parameters->small_ring(), 2, kScale);
  EXPECT_THROW(tensor(x(), small), ContractError);
  EXPECT_THROW(tensor_add_inplace(sum, small, small), ContractError);
}

TEST_F(EvaluatorTest, RotationsMoveSlotsToTheLeft) {
  for (const std::int64_t step : {1, 2, 5, -1}) {
    const Ciphertext c = rotate(x(), step, keys().galois);
    EXPECT_EQ(c.q_count(), std::size_t{8});
    const std::size_t n = s_.slots(), shift = static_cast<std::size_t>(step + 512) % n;
    expect_slots(c, [&](std::size_t j) { return x_[(j + shift) % n]; });
  }
  // Whole turns need no key.
  const Ciphertext a = x();
  EXPECT_TRUE(same_residues(rotate(a, 512, keys().galois).c0, a.c0));
  EXPECT_TRUE(same_residues(rotate(a, 0, GaloisKeys{}).c1, a.c1));
  EXPECT_EQ(rotation_galois(513, s_.n()), rotation_galois(1, s_.n()));
  EXPECT_EQ(rotation_galois(-511, s_.n()), rotation_galois(1, s_.n()));
  EXPECT_THROW(rotate(a, 3, keys().galois), ContractError);
}

TEST_F(EvaluatorTest, HoistedRotationsAreTheSameBits) {
  const Ciphertext a = x();
  const std::int64_t steps[] = {1, 0, 5, 2, -1, 512};
  const auto hoisted = rotate_hoisted(a, steps, keys().galois);
  ASSERT_EQ(hoisted.size(), std::size(steps));
  for (std::size_t i = 0; i < hoisted.size(); ++i) {
    const Ciphertext plain = rotate(a, steps[i], keys().galois);
    EXPECT_TRUE(same_residues(hoisted[i].c0, plain.c0));
    EXPECT_TRUE(same_residues(hoisted[i].c1, plain.c1));
    EXPECT_EQ(hoisted[i].scale, plain.scale);
  }
  const std::int64_t missing[] = {1, 3};
  EXPECT_THROW(rotate_hoisted(a, missing, keys().galois), ContractError);
}

TEST_F(EvaluatorTest, HoistingAcrossKeysOfDifferentShapes) {
  GaloisKeys mixed;
  const u64 g1 = rotation_galois(1, s_.n()), g2 = rotation_galois(2, s_.n());
  mixed.emplace(g1, make_galois_key(g1, s_.secrets.big, s_.shape(15), true));
  mixed.emplace(g2, make_galois_key(g2, s_.secrets.big, {8, 3, {3, 6, 8}}, true));
  const std::int64_t steps[] = {1, 2, 1};
  const auto rotated = rotate_hoisted(x(), steps, mixed);
  for (std::size_t i = 0; i < 3; ++i)
    expect_slots(rotated[i], [&](std::size_t j) {
      return x_[(j + static_cast<std::size_t>(steps[i])) % s_.slots()];
    });
}

TEST_F(EvaluatorTest, ConjugationAndTheImaginaryUnit) {
  Ciphertext c = conjugate(x(), keys().galois);
  expect_slots(c, [&](std::size_t j) { return std::conj(x_[j]); });
  mul_i_inplace(c);
  expect_slots(c, [&](std::size_t j) { return Complex(0, 1) * std::conj(x_[j]); });
  // Exact: four times i is nothing at all.
  Ciphertext d = x();
  const Ciphertext before = d.copy();
  for (int i = 0; i < 4; ++i) mul_i_inplace(d);
  EXPECT_TRUE(same_residues(d.c0, before.c0));
  EXPECT_TRUE(same_residues(d.c1, before.c1));
  Ciphertext by_monomial = before.copy();
  mul_monomial_inplace(by_monomial, monomial(s_.ring(), s_.n() / 2, 8, 0));
  mul_i_inplace(d);
  EXPECT_TRUE(same_residues(d.c0, by_monomial.c0));
}

TEST_F(EvaluatorTest, EncryptionWithoutTheSecret) {
  const PublicKey key = make_public_key(s_.secrets.big, 10, true);
  const Ciphertext c = encrypt_public(s_.encoder.encode(s_.ring(), x_, kScale, 8), kScale, key);
  EXPECT_EQ(c.q_count(), std::size_t{8});
  EXPECT_EQ(c.scale, kScale);
  expect_slots(
      c, [&](std::size_t j) { return x_[j]; }, std::ldexp(1.0, -27));
  const Ciphertext again = encrypt_public(s_.encoder.encode(s_.ring(), x_, kScale, 8), kScale, key);
  EXPECT_FALSE(same_residues(c.c1, again.c1));
  EXPECT_THROW(encrypt_public(encode_coefficients(s_.parameters->small_ring(),
                                                  std::vector<double>(128, 0.0), 1, 1),
                              1, key),
               ContractError);
}

}  // namespace
}  // namespace blindtuner
