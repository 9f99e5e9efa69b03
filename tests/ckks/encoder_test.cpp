// The encoder against sums written out from its definition.
#include "ckks/encoder.h"

#include <bit>
#include <numbers>

#include "base/sha256.h"
#include "ckks/bootstrap/eval_mod.h"
#include "math/chebyshev.h"
#include "math/reproducible.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

// Slot j: sum_k a_k exp(i pi 5^j k / N).
std::vector<Complex> slots_by_definition(std::span<const double> a) {
  const std::size_t n = a.size();
  std::vector<Complex> out(n / 2);
  std::size_t power = 1;
  for (Complex& slot : out) {
    for (std::size_t k = 0; k < n; ++k)
      slot += a[k] * std::polar(1.0, std::numbers::pi * static_cast<double>(power * k % (2 * n)) /
                                         static_cast<double>(n));
    power = power * 5 % (2 * n);
  }
  return out;
}

TEST(Encoder, TransformIsTheDefinitionsForSmallRings) {
  for (int log_n = 4; log_n <= 9; ++log_n) {
    const Encoder encoder(log_n);
    const std::size_t n = std::size_t{1} << log_n, slots = n / 2;
    ASSERT_EQ(encoder.slots(), slots);
    const auto packed = random_slots(slots, static_cast<unsigned>(log_n));
    std::vector<double> a(n);
    for (std::size_t k = 0; k < slots; ++k) {
      a[k] = packed[k].real();
      a[k + slots] = packed[k].imag();
    }
    auto values = packed;
    encoder.fft(values);
    const auto expected = slots_by_definition(a);
    for (std::size_t j = 0; j < slots; ++j) ASSERT_LT(std::abs(values[j] - expected[j]), 1e-12 * n);
    encoder.inverse_fft(values);
    for (std::size_t j = 0; j < slots; ++j) ASSERT_LT(std::abs(values[j] - packed[j]), 1e-13);
  }
}

// What everything encoded is made of, to the last bit. CMakeLists.txt has this test once more with the mathematical
// library as a processor without fused multiply-add has it.
TEST(Constants, AreTheSameOnEveryProcessor) {
  Sha256 bits;
  const auto add = [&](double x) {
    bits.add(std::to_string(std::bit_cast<std::uint64_t>(x)) + " ");
  };
  const Encoder encoder(16);
  for (std::size_t length = 2; length <= encoder.slots(); length *= 2)
    for (std::size_t j = 0; j < length / 2; ++j) {
      add(encoder.twiddle(length, j).real());
      add(encoder.twiddle(length, j).imag());
    }
  for (const double c : math::chebyshev_interpolate(
           [](double x) { return math::reproducible::cos(9.5 * x); }, -1, 1, 62))
    add(c);
  for (int i = 1; i < 1000; ++i) {
    add(math::reproducible::pow(1e6 / i, 1.0 / 3));
    add(math::reproducible::log(i));
  }
  EXPECT_EQ(to_hex(bits.finish()),
            "e4b4b995e68ccb1645237ef286595026a7bbe8c7eee109db860f0edcc8cd1233");
}

TEST(Encoder, SubTransformsAreThoseOfSmallerRings) {
  // fft on fewer values serves polynomials in X^(N / size): diagonals with a period.
  const Encoder large(10), small(6);
  auto values = random_slots(small.slots(), 1), expected = values;
  large.fft(values);
  small.fft(expected);
  for (std::size_t j = 0; j < values.size(); ++j)
    ASSERT_LT(std::abs(values[j] - expected[j]), 1e-12);
}

TEST(Encoder, EncodedPolynomialsHaveTheSlots) {
  const Scheme& s = tiny_scheme();
  const auto values = random_slots(s.slots(), 2);
  const double scale = std::ldexp(1.0, 40);
  const Poly message = s.encoder.encode(s.ring(), values, scale, 2);
  EXPECT_EQ(message.domain(), Domain::kNtt);
  std::vector<double> a = coefficients(message);
  for (double& c : a) c /= scale;
  const auto expected = slots_by_definition(a);
  for (std::size_t j = 0; j < values.size(); ++j)
    ASSERT_LT(std::abs(values[j] - expected[j]), std::ldexp(1.0, -34));
}

TEST(Encoder, ErrorIsRounding) {
  const Scheme& s = tiny_scheme();
  const auto values = random_slots(s.slots(), 3);
  for (const int log_scale : {20, 30, 40}) {
    const double scale = std::ldexp(1.0, log_scale);
    const auto decoded = s.encoder.decode(s.encoder.encode(s.ring(), values, scale, 2), scale);
    std::vector<double> errors;
    for (std::size_t j = 0; j < values.size(); ++j) {
      errors.push_back(decoded[j].real() - values[j].real());
      errors.push_back(decoded[j].imag() - values[j].imag());
    }
    // Coefficients' errors are uniform: 1/12 each, sqrt(N / 2) of them in each part of a slot.
    const double expected = std::sqrt(static_cast<double>(s.n()) / 24) / scale;
    EXPECT_NEAR(statistics(errors).std, expected, 0.15 * expected) << log_scale;
  }
}

TEST(Encoder, ConstantsAndRealsKeepTheirShape) {
  const Scheme& s = tiny_scheme();
  const std::vector<Complex> constant(s.slots(), Complex(0.5, 0));
  const auto c = coefficients(s.encoder.encode(s.ring(), constant, 1024, 1));
  EXPECT_EQ(c[0], 512);
  for (std::size_t k = 1; k < c.size(); ++k) ASSERT_EQ(c[k], 0);
  const std::vector<Complex> imaginary(s.slots(), Complex(0, -0.5));
  const auto d = coefficients(s.encoder.encode(s.ring(), imaginary, 1024, 1));
  for (std::size_t k = 0; k < d.size(); ++k) ASSERT_EQ(d[k], k == s.slots() ? -512 : 0);
}

TEST(Encoder, CoefficientsComeBack) {
  const Scheme& s = tiny_scheme();
  std::vector<double> a(s.n());
  for (std::size_t k = 0; k < a.size(); ++k)
    a[k] = (k % 2 == 0 ? 1 : -1) * static_cast<double>(k) / 1024;
  for (const std::size_t q_count : {std::size_t{1}, std::size_t{2}, std::size_t{15}}) {
    const Poly message = encode_coefficients(s.ring(), a, 1024, q_count);
    EXPECT_EQ(decode_coefficients(message, 1024), a);
  }
}

TEST(Encoder, SpecialLimbsHoldTheSameIntegers) {
  const Scheme& s = tiny_scheme();
  Poly message = s.encoder.encode(s.ring(), random_slots(s.slots(), 4), 1e6, 2, 3);
  ASSERT_EQ(message.p_count(), std::size_t{3});
  to_coefficients_inplace(message);
  for (std::size_t i = 1; i < message.limbs(); ++i)
    for (std::size_t j = 0; j < message.n(); ++j)
      ASSERT_EQ(message.modulus(i).centred(Residues(message)[i][j]),
                message.modulus(0).centred(Residues(message)[0][j]));
}

TEST(Encoder, ContractsAreChecked) {
  const Scheme& s = tiny_scheme();
  const auto values = random_slots(s.slots(), 5);
  EXPECT_THROW(s.encoder.encode(s.ring(), std::span(values).first(4), 1, 1), ContractError);
  EXPECT_THROW(s.encoder.encode(s.parameters->small_ring(), values, 1, 1), ContractError);
  EXPECT_THROW(s.encoder.encode(s.ring(), values, std::ldexp(1.0, 70), 1), ContractError);
  EXPECT_THROW(s.encoder.encode(s.ring(), values, NAN, 1), ContractError);
  std::vector<double> a(s.n(), 0.0);
  a[3] = std::ldexp(1.0, 62);
  EXPECT_THROW(encode_coefficients(s.ring(), a, 1, 1), ContractError);
  EXPECT_THROW(encode_coefficients(s.ring(), std::span(a).first(8), 1, 1), ContractError);
}

}  // namespace
}  // namespace blindtuner
