// Linear maps on slots against matrices applied entry by entry.
#include "ckks/linear_transform.h"

#include "math/primes.h"
#include "rlwe/plain_key_switch.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

const double kSlotScale = std::ldexp(1.0, 45);

// y_j = sum_s d_s[j mod period] x_(j + s)
std::vector<Complex> apply_plain(const DiagonalMatrix& m, std::span<const Complex> x) {
  std::vector<Complex> y(m.slots);
  for (const auto& [s, d] : m.diagonals)
    for (std::size_t j = 0; j < m.slots; ++j) y[j] += d[j % m.period] * x[(j + s) % m.slots];
  return y;
}

DiagonalMatrix random_matrix(std::size_t slots, std::size_t period,
                             std::span<const std::size_t> shifts, unsigned seed) {
  DiagonalMatrix m{slots, period, {}};
  for (std::size_t s : shifts) m.diagonals[s] = random_slots(period, seed + unsigned(s));
  m.scale(1.0 / static_cast<double>(2 * shifts.size()));
  return m;
}

GaloisKeys keys_for(const LinearTransform& map) {
  const Scheme& s = tiny_scheme();
  GaloisKeys keys;
  for (std::size_t step : map.rotations()) {
    const u64 g = rotation_galois(static_cast<std::int64_t>(step), s.n());
    keys.emplace(g, make_galois_key(g, s.secrets.big, s.shape(15), true));
  }
  return keys;
}

void expect_close(std::span<const Complex> a, std::span<const Complex> b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t j = 0; j < a.size(); ++j) ASSERT_LT(std::abs(a[j] - b[j]), tolerance);
}

TEST(DiagonalMatrix, ProductsApplyOneAfterTheOther) {
  constexpr std::size_t kSlots = 32;
  const std::size_t kShifts[] = {0, 3, 31}, kOthers[] = {1, 16, 29};
  const auto x = random_slots(kSlots, 1);
  for (const std::size_t p : {std::size_t{1}, std::size_t{8}, kSlots})
    for (const std::size_t q : {std::size_t{2}, std::size_t{8}, kSlots}) {
      const DiagonalMatrix a = random_matrix(kSlots, p, kShifts, 2);
      const DiagonalMatrix b = random_matrix(kSlots, q, kOthers, 3);
      expect_close(apply_plain(a * b, x), apply_plain(a, apply_plain(b, x)), 1e-14);
    }
  const DiagonalMatrix identity = DiagonalMatrix::identity(kSlots);
  expect_close(apply_plain(identity, x), x, 1e-15);
}

TEST(DiagonalMatrix, BetweenRotations) {
  constexpr std::size_t kSlots = 32;
  const std::size_t kShifts[] = {0, 3, 31};
  const DiagonalMatrix m = random_matrix(kSlots, 8, kShifts, 4);
  const auto x = random_slots(kSlots, 5);
  auto rotated = [&](std::span<const Complex> v, std::size_t r) {
    std::vector<Complex> out(kSlots);
    for (std::size_t j = 0; j < kSlots; ++j) out[j] = v[(j + r) % kSlots];
    return out;
  };
  for (const std::size_t in : {0, 5, 31})
    for (const std::size_t out : {0, 7, 40})
      expect_close(apply_plain(m.between_rotations(in, out), rotated(x, in)),
                   rotated(apply_plain(m, x), out), 1e-14);
}

TEST(LinearTransform, RandomMatricesOfEveryPeriodAndBabyCount) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 6);
  const Ciphertext encrypted = s.encrypt_slots(x, kSlotScale, 8);
  const std::size_t kShifts[] = {0, 1, 2, 5, 7, 11};
  for (const std::size_t period : {std::size_t{1}, std::size_t{2}, std::size_t{32}, s.slots()})
    for (const std::size_t baby : {1, 2, 4, 8, 16}) {
      const DiagonalMatrix m = random_matrix(s.slots(), period, kShifts, 7);
      const LinearTransform map(s.ring(), s.encoder, m, 1, baby, 8, 5, 1.0);
      const Ciphertext y = map.apply(encrypted, keys_for(map));
      EXPECT_EQ(y.q_count(), std::size_t{7});
      EXPECT_EQ(y.scale, kSlotScale);
      EXPECT_LT(s.worst_error(y, apply_plain(m, x)), std::ldexp(1.0, -30))
          << "period " << period << " baby count " << baby;
    }
}

// One polynomial operation after the other, on residues that nobody encrypted, in a ring of several
// chunks: the pass over limbs must give the same bits.
TEST(LinearTransform, EqualsItsDefinitionBitForBit) {
  constexpr int kLogN = 13;
  constexpr std::size_t kSlots = std::size_t{1} << (kLogN - 1), kQ = 4, kP = 2, kBaby = 2;
  const std::vector<u64> primes = ntt_primes(50, 4 * kSlots, kQ + kP);
  const Ring ring(kLogN, std::span(primes).first(kQ), std::span(primes).last(kP));
  const Encoder encoder(kLogN);
  // The giant in the middle holds nothing.
  const std::size_t kShifts[] = {0, 1, 5, 6};
  const DiagonalMatrix matrix = random_matrix(kSlots, kSlots, kShifts, 3);
  const LinearTransform map(ring, encoder, matrix, 1, kBaby, kQ, kP, 1.0);
  GaloisKeys keys;
  std::uint8_t seed = 1;
  for (const std::size_t step : map.rotations())
    keys.emplace(rotation_galois(static_cast<std::int64_t>(step), ring.n()),
                 random_key(ring, {kQ, kP, {2, 4}}, seed++));
  const Ciphertext x{sample_uniform(ring, kQ, 0, Seed{9}, 0),
                     sample_uniform(ring, kQ, 0, Seed{9}, 1), kSlotScale};

  // P rot(x) for x modulo Q, P x = (c0, c1) and the automorphism of `steps`.
  const auto rotated = [&](PlainPair pair, const Poly& c1, std::size_t steps) {
    const u64 g = rotation_galois(static_cast<std::int64_t>(steps), ring.n());
    const PlainPair switched = plain_inner_product(c1, keys.at(g));
    add_inplace(pair.c0, switched.c0);
    return PlainPair{automorphism(pair.c0, g), automorphism(switched.c1, g)};
  };
  PlainPair acc{Poly::zero(ring, kQ, kP, Domain::kNtt), Poly::zero(ring, kQ, kP, Domain::kNtt)};
  const std::size_t last = 6 / kBaby;
  for (std::size_t giant = last + 1; giant-- > 0;) {
    if (giant != last) {
      const Poly c1 = scale_down(std::move(acc.c1), kQ);
      acc = rotated({std::move(acc.c0), Poly()}, c1, kBaby);
    }
    for (const auto& [shift, diagonal] : matrix.diagonals) {
      if (shift / kBaby != giant) continue;
      std::vector<Complex> values(kSlots);
      for (std::size_t j = 0; j < kSlots; ++j)
        values[j] = diagonal[(j + kSlots - giant * kBaby) % kSlots];
      encoder.inverse_fft(values);
      std::vector<std::int64_t> coefficients(ring.n());
      const double scale = static_cast<double>(ring.q(kQ - 1).q);
      for (std::size_t j = 0; j < kSlots; ++j) {
        coefficients[j] = std::llrint(values[j].real() * scale);
        coefficients[j + kSlots] = std::llrint(values[j].imag() * scale);
      }
      const Poly plain = from_signed(ring, coefficients, kQ, kP);
      PlainPair baby{plain_times_special(x.c0, kP), plain_times_special(x.c1, kP)};
      if (shift % kBaby != 0) baby = rotated(std::move(baby), x.c1, shift % kBaby);
      mul_add_inplace(acc.c0, plain, baby.c0);
      mul_add_inplace(acc.c1, plain, baby.c1);
    }
  }
  const Ciphertext got = map.apply(x, keys);
  EXPECT_TRUE(equal_residues(got.c0, scale_down(std::move(acc.c0), kQ - 1)));
  EXPECT_TRUE(equal_residues(got.c1, scale_down(std::move(acc.c1), kQ - 1)));
}

TEST(LinearTransform, UnitsAndGapsBetweenGiants) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 8);
  const Ciphertext encrypted = s.encrypt_slots(x, kSlotScale, 8);
  // Giants 1 and 2 hold nothing; no shift is 0; the last wraps around.
  const std::size_t kShifts[] = {8, 24, 256, 504};
  const DiagonalMatrix m = random_matrix(s.slots(), 64, kShifts, 9);
  for (const std::size_t baby : {4, 16}) {
    const LinearTransform map(s.ring(), s.encoder, m, 8, baby, 8, 5, 1.0);
    for (std::size_t step : map.rotations()) EXPECT_EQ(step % 8, std::size_t{0});
    EXPECT_LT(s.worst_error(map.apply(encrypted, keys_for(map)), apply_plain(m, x)),
              std::ldexp(1.0, -30));
  }
}

TEST(LinearTransform, ScaleFactorsAreExact) {
  const Scheme& s = tiny_scheme();
  const auto x = random_slots(s.slots(), 10);
  const std::size_t kShifts[] = {0, 1};
  const DiagonalMatrix m = random_matrix(s.slots(), 16, kShifts, 11);
  for (const double factor : {0.125, 0.7, 3.1}) {
    const LinearTransform map(s.ring(), s.encoder, m, 1, 2, 5, 5, factor);
    const Ciphertext y = map.apply(s.encrypt_slots(x, kSlotScale, 5), keys_for(map));
    EXPECT_EQ(y.scale, kSlotScale * factor);
    EXPECT_LT(s.worst_error(y, apply_plain(m, x)), std::ldexp(1.0, -28));
  }
}

TEST(LinearTransform, PeriodicDiagonalsTakeLessMemory) {
  const Scheme& s = tiny_scheme();
  const std::size_t kShifts[] = {0, 1};
  const LinearTransform full(s.ring(), s.encoder, random_matrix(s.slots(), s.slots(), kShifts, 1),
                             1, 2, 5, 5, 1.0);
  const LinearTransform periodic(s.ring(), s.encoder, random_matrix(s.slots(), 8, kShifts, 1), 1, 2,
                                 5, 5, 1.0);
  EXPECT_EQ(full.bytes(), 2 * 10 * s.n() * sizeof(u64));
  EXPECT_EQ(periodic.bytes(), 2 * 10 * 16 * sizeof(u64));
}

TEST(LinearTransform, Contracts) {
  const Scheme& s = tiny_scheme();
  const std::size_t kShifts[] = {0, 2, 6};
  const DiagonalMatrix m = random_matrix(s.slots(), 16, kShifts, 12);
  auto build = [&](const DiagonalMatrix& matrix, std::size_t unit, std::size_t baby,
                   std::size_t q_count) {
    return LinearTransform(s.ring(), s.encoder, matrix, unit, baby, q_count, 5, 1.0);
  };
  EXPECT_THROW(build(m, 4, 2, 5), ContractError);  // a shift between units
  EXPECT_THROW(build(m, 2, 0, 5), ContractError);
  EXPECT_THROW(build(m, 0, 2, 5), ContractError);
  EXPECT_THROW(build(m, 2, 2, 1), ContractError);  // no level to consume
  EXPECT_THROW(build(DiagonalMatrix{s.slots(), 1, {}}, 1, 1, 5), ContractError);
  EXPECT_THROW(build(random_matrix(64, 16, kShifts, 1), 2, 2, 5), ContractError);  // other slots
  DiagonalMatrix ragged = m;
  ragged.diagonals[2].pop_back();
  EXPECT_THROW(build(ragged, 2, 2, 5), ContractError);
  DiagonalMatrix huge = m;
  huge.scale(1e9);
  EXPECT_THROW(build(huge, 2, 2, 5), ContractError);

  const LinearTransform map = build(m, 2, 2, 5);
  const auto x = random_slots(s.slots(), 13);
  const GaloisKeys keys = keys_for(map);
  EXPECT_THROW(map.apply(s.encrypt_slots(x, kSlotScale, 6), keys), ContractError);
  EXPECT_THROW(map.apply(s.encrypt_slots(x, kSlotScale, 5), GaloisKeys{}), ContractError);
  GaloisKeys other;  // of fewer special primes
  for (const auto& [g, key] : keys)
    other.emplace(g, make_galois_key(g, s.secrets.big, {5, 4, {5}}, true));
  EXPECT_THROW(map.apply(s.encrypt_slots(x, kSlotScale, 5), other), ContractError);
}

}  // namespace
}  // namespace blindtuner
