// The factored transforms: in the clear their product is the encoder's transform without its bit
// reversal; on ciphertexts they move coefficients to slots and back.
#include "ckks/bootstrap/dft.h"

#include <bit>
#include <numeric>

#include "math/bits.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

std::vector<Complex> apply_stages(const std::vector<DftStage>& stages, std::vector<Complex> x) {
  for (const DftStage& stage : stages) {
    std::vector<Complex> y(x.size());
    for (const auto& [s, d] : stage.matrix.diagonals) {
      EXPECT_EQ(s % stage.unit, std::size_t{0});
      for (std::size_t j = 0; j < x.size(); ++j)
        y[j] += d[j % stage.matrix.period] * x[(j + s) % x.size()];
    }
    x = std::move(y);
  }
  return x;
}

std::vector<Complex> reversed(std::span<const Complex> x) {
  std::vector<Complex> out(x.size());
  for (std::size_t j = 0; j < x.size(); ++j)
    out[j] = x[reverse_bits(j, std::countr_zero(x.size()))];
  return out;
}

TEST(Dft, ProductsAreTheEncodersTransform) {
  const std::pair<int, std::vector<int>> kCuts[] = {
      {5, {4}},        {5, {2, 2}},        {5, {1, 1, 1, 1}}, {8, {3, 4}},
      {8, {4, 3}},     {10, {3, 3, 3}},    {10, {2, 3, 4}},   {10, {4, 3, 2}},
      {11, {2, 4, 4}}, {11, {2, 2, 3, 3}}, {12, {2, 4, 5}},   {9, {8}},
  };
  for (const auto& [log_n, radices] : kCuts) {
    SCOPED_TRACE(testing::Message() << "log_n " << log_n << ", " << radices.size() << " stages");
    const Encoder encoder(log_n);
    const auto t = random_slots(encoder.slots(), static_cast<unsigned>(log_n));
    auto transformed = t;
    encoder.fft(transformed);
    constexpr double kFactor = 0.37;

    const auto down = slot_to_coeff_stages(encoder, radices, kFactor);
    ASSERT_EQ(down.size(), radices.size());
    const auto values = apply_stages(down, reversed(t));
    for (std::size_t j = 0; j < t.size(); ++j)
      ASSERT_LT(std::abs(values[j] - kFactor * transformed[j]), 1e-9);

    const auto up = coeff_to_slot_stages(encoder, radices, kFactor);
    const auto back = apply_stages(up, transformed);
    const auto expected = reversed(t);
    for (std::size_t j = 0; j < t.size(); ++j)
      ASSERT_LT(std::abs(back[j] - kFactor * expected[j]), 1e-12);
  }
}

TEST(Dft, FoldingPutsBothPartsIntoRealSlots) {
  const Encoder encoder(10);
  const std::size_t slots = encoder.slots();
  const int kRadices[] = {2, 3, 4}, kBack[] = {4, 3, 2};
  for (int bit = 0; bit < 9; ++bit) {
    SCOPED_TRACE(bit);
    const std::size_t step = std::size_t{1} << bit;
    auto w = random_slots(slots, static_cast<unsigned>(bit));
    auto values = reversed(w);
    encoder.fft(values);  // what slot_to_coeff makes of w, whole
    const auto folded = apply_stages(coeff_to_slot_stages(encoder, kRadices, 1, bit), values);
    for (std::size_t j = 0; j < slots; ++j)
      ASSERT_LT(std::abs(folded[j] - (j & step ? Complex(0, -1) * w[j - step] : w[j])), 1e-12);

    const auto u = random_slots(slots, 100 + static_cast<unsigned>(bit), true);
    auto expected = u;
    for (std::size_t j = 0; j < slots; ++j)
      expected[j] = j & step ? Complex(0) : u[j] + Complex(0, 1) * u[j + step];
    expected = reversed(expected);
    encoder.fft(expected);
    const auto unfolded = apply_stages(slot_to_coeff_stages(encoder, kBack, 1, bit), u);
    for (std::size_t j = 0; j < slots; ++j) ASSERT_LT(std::abs(unfolded[j] - expected[j]), 1e-9);
  }
  // The keys are those of the whole transforms: the shifts do not change.
  const auto shifts = [](const std::vector<DftStage>& stages, std::size_t i) {
    std::vector<std::size_t> out;
    for (const auto& [shift, diagonal] : stages[i].matrix.diagonals) out.push_back(shift);
    return out;
  };
  const auto whole = coeff_to_slot_stages(encoder, kRadices, 1);
  for (int bit = 0; bit < 9; ++bit) {
    const auto folded = coeff_to_slot_stages(encoder, kRadices, 1, bit);
    for (std::size_t i = 0; i < whole.size(); ++i)
      for (std::size_t shift : shifts(folded, i))
        EXPECT_TRUE(whole[i].matrix.diagonals.contains(shift)) << "bit " << bit << ", stage " << i;
  }
  EXPECT_THROW(coeff_to_slot_stages(encoder, kRadices, 1, 9), ContractError);
  EXPECT_THROW(slot_to_coeff_stages(encoder, kBack, 1, -1), ContractError);
}

TEST(Dft, ShiftsAreFewAndWithinTheirUnits) {
  const Encoder encoder(12);
  const int kRadices[] = {2, 4, 5};
  for (const auto& stages :
       {coeff_to_slot_stages(encoder, kRadices, 1), slot_to_coeff_stages(encoder, kRadices, 1)})
    for (std::size_t i = 0; i < stages.size(); ++i) {
      // At most 2^(r+1) - 1 diagonals of r merged levels, and a giant step or two of room.
      EXPECT_LT(stages[i].matrix.diagonals.size(), std::size_t{2} << kRadices[i]);
      EXPECT_LE(stages[i].matrix.diagonals.rbegin()->first / stages[i].unit,
                std::size_t{4} << kRadices[i]);
    }
}

TEST(Dft, RadicesMustMultiplyToTheSlots) {
  const Encoder encoder(8);
  for (const std::vector<int>& radices :
       {std::vector<int>{}, {3, 3}, {7, 0}, {8, -1}, {4, 4}, std::vector<int>{9}})
    EXPECT_THROW(coeff_to_slot_stages(encoder, radices, 1), ContractError);
}

TEST(Dft, SlotsToCoefficientsAndBackUnderEncryption) {
  const Scheme& s = tiny_scheme();
  const int kRadices[] = {4, 5}, kBack[] = {5, 4};
  const auto w = random_slots(s.slots(), 1);
  const double scale = std::ldexp(1.0, 40);
  GaloisKeys keys;
  auto apply = [&](const std::vector<DftStage>& stages, Ciphertext x) {
    for (const DftStage& stage : stages) {
      const LinearTransform map(s.ring(), s.encoder, stage.matrix, stage.unit, 4, x.q_count(), 5,
                                1.0);
      for (std::size_t step : map.rotations()) {
        const u64 g = rotation_galois(static_cast<std::int64_t>(step), s.n());
        if (!keys.contains(g))
          keys.emplace(g, make_galois_key(g, s.secrets.big, s.shape(15), true));
      }
      x = map.apply(x, keys);
    }
    return x;
  };
  const Ciphertext down =
      apply(slot_to_coeff_stages(s.encoder, kRadices, 1.0), s.encrypt_slots(w, scale, 8));
  const auto a = decode_coefficients(decrypt(down, s.secrets.big), down.scale);
  const auto t = reversed(w);
  for (std::size_t k = 0; k < s.slots(); ++k) {
    ASSERT_NEAR(a[k], t[k].real(), std::ldexp(1.0, -27));
    ASSERT_NEAR(a[k + s.slots()], t[k].imag(), std::ldexp(1.0, -27));
  }
  const Ciphertext up = apply(coeff_to_slot_stages(s.encoder, kBack, 1.0), down.copy());
  EXPECT_EQ(up.q_count(), std::size_t{4});
  EXPECT_LT(s.worst_error(up, w), std::ldexp(1.0, -25));
}

}  // namespace
}  // namespace blindtuner
