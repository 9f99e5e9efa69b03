// The five steps between the rings, one by one and together, in rings too small to be secure.
#include "ckks/bootstrap/bootstrapper.h"
#include "ckks/bootstrap_fixture.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;
using std::numbers::pi;

constexpr double kRho = 1.0 / 16;

TEST(Bootstrap, ShapesFitTheirParameters) {
  for (const char* name : {"Standard", "InsecureTest10", "InsecureTest12", "InsecureTest13"}) {
    const ParametersPtr p = Parameters::create(find_parameters(name));
    const BootstrapShape shape = BootstrapShape::standard(*p);
    EXPECT_EQ(shape.log_radices.size(), p->literal().coeff_to_slot_bits.size());
    EXPECT_EQ(shape.baby_counts.size(), shape.log_radices.size());
    int sum = 0;
    for (int r : shape.log_radices) sum += r;
    EXPECT_EQ(sum, p->literal().log_n - 1);
  }
  const ParametersPtr p = test_scheme().parameters;
  BootstrapShape shape = BootstrapShape::standard(*p);
  shape.eval_mod_doublings = 2;
  EXPECT_THROW(Bootstrapper(p, shape), ContractError);
  shape = BootstrapShape::standard(*p);
  shape.log_radices.pop_back();
  EXPECT_THROW(Bootstrapper(p, shape), ContractError);
}

TEST(Bootstrap, KeysAreThoseThatAreUsed) {
  const BootstrapScheme& s = test_scheme();
  const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, 1e11, 1e12);
  EXPECT_EQ(down.rotations(), s.bootstrapper.rotations());
  EXPECT_EQ(s.keys.evaluation.galois.size(), s.bootstrapper.rotations().size() + 1);
  // Extra rotations at their own level; those that exist already are left alone.
  const std::size_t extra[] = {3, s.bootstrapper.rotations().front()};
  const BootstrapKeys more = make_bootstrap_keys(s.secrets, s.bootstrapper, extra, 5);
  const u64 g = rotation_galois(3, s.n());
  const bool had = s.keys.evaluation.galois.contains(g);
  EXPECT_EQ(more.evaluation.galois.size(), s.keys.evaluation.galois.size() + (had ? 0 : 1));
  if (!had) {
    EXPECT_EQ(more.evaluation.galois.at(g).shape.q_count, std::size_t{5});
  }
  EXPECT_EQ(more.evaluation.galois.at(rotation_galois(std::int64_t(extra[1]), s.n())).shape.q_count,
            s.parameters->top());
}

TEST(Bootstrap, InterleavingIsExact) {
  const BootstrapScheme& s = test_scheme();
  const double scale = kRho * s.q0();
  const auto messages = s.random_messages(1);
  const auto small = s.encrypt_small(messages, scale, 2);
  const Ciphertext big = s.bootstrapper.interleave(pointers(small));
  EXPECT_EQ(big.q_count(), std::size_t{1});
  EXPECT_EQ(big.scale, scale);
  const Poly got = decrypt(big, s.secrets.small.lifted(s.ring()));
  const auto whole = to_centred_doubles(got, 1);
  for (std::size_t r = 0; r < small.size(); ++r) {
    Ciphertext c = small[r].copy();
    c.drop_to(1);
    const auto piece = to_centred_doubles(decrypt(c, s.secrets.small), 1);
    for (std::size_t i = 0; i < piece.size(); ++i)
      ASSERT_EQ(whole[s.parameters->ratio() * i + r], piece[i]);
  }
}

TEST(Bootstrap, InterleavingContracts) {
  const BootstrapScheme& s = test_scheme();
  const auto small = s.encrypt_small(s.random_messages(1), 1e12, 1);
  auto p = pointers(small);
  EXPECT_THROW(s.bootstrapper.interleave(std::span<const Ciphertext* const>{}), ContractError);
  // Missing ones are zero.
  const Ciphertext two = s.bootstrapper.interleave(std::span(p).first(2));
  const auto a = to_centred_doubles(decrypt(two, s.secrets.small.lifted(s.ring())), 1);
  for (std::size_t k = 0; k < a.size(); ++k)
    ASSERT_TRUE(k % s.parameters->ratio() < 2 || a[k] == 0);
  p.push_back(p.front());
  EXPECT_THROW(s.bootstrapper.interleave(p), ContractError);
  Ciphertext other = small[0].copy();
  other.scale *= 2;
  const std::vector<const Ciphertext*> mixed = {&small[0], &other};
  EXPECT_THROW(s.bootstrapper.interleave(mixed), ContractError);
  const Ciphertext wrong_ring = Ciphertext::zero(s.ring(), 1, 1e12);
  const std::vector<const Ciphertext*> wrong = {&wrong_ring};
  EXPECT_THROW(s.bootstrapper.interleave(wrong), ContractError);
}

TEST(Bootstrap, SplittingUndoesInterleaving) {
  const BootstrapScheme& s = test_scheme();
  const auto messages = s.random_messages(2);
  std::vector<double> a(s.n());
  for (std::size_t k = 0; k < a.size(); ++k) a[k] = s.interleaved(messages, k);
  const double scale = std::ldexp(1.0, 22);
  const Ciphertext big =
      encrypt(encode_coefficients(s.ring(), a, scale, 2), scale, s.secrets.big, fresh_seed(), 0)
          .expand();
  const auto small = s.bootstrapper.split(big, s.keys);
  ASSERT_EQ(small.size(), s.parameters->ratio());
  for (std::size_t r = 0; r < small.size(); ++r) {
    EXPECT_EQ(small[r].q_count(), std::size_t{2});
    EXPECT_EQ(small[r].scale, scale);
    const auto values = decode_coefficients(decrypt(small[r], s.secrets.small), scale);
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(values[i], messages[r][i], std::ldexp(1.0, -14));
  }
  // And up again: the same polynomial under the lifted secret.
  const Ciphertext again = s.bootstrapper.interleave(pointers(small));
  const auto whole = decode_coefficients(decrypt(again, s.secrets.small.lifted(s.ring())), scale);
  for (std::size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(whole[k], a[k], std::ldexp(1.0, -14));
  EXPECT_THROW(s.bootstrapper.split(Ciphertext::zero(s.ring(), 3, 1), s.keys), ContractError);
  EXPECT_THROW(s.bootstrapper.split(Ciphertext::zero(s.ring(), 1, 1), s.keys), ContractError);
}

TEST(Bootstrap, ModRaiseAddsFewMultiplesOfQ0) {
  const BootstrapScheme& s = test_scheme();
  const double scale = kRho * s.q0();
  const auto messages = s.random_messages(3);
  const auto small = s.encrypt_small(messages, scale, 1);
  const Ciphertext under_sparse =
      key_switch(s.bootstrapper.interleave(pointers(small)), s.keys.small_to_sparse);
  const Ciphertext raised = s.bootstrapper.mod_raise(under_sparse, s.keys);
  EXPECT_EQ(raised.q_count(), s.parameters->top());
  const auto t = decode_coefficients(decrypt(raised, s.secrets.big), s.q0());
  double variance = 0;
  for (std::size_t k = 0; k < t.size(); ++k) {
    const double integer = std::round(t[k]);
    ASSERT_LT(std::abs(integer), s.parameters->literal().modulus_range);
    ASSERT_NEAR((t[k] - integer) / kRho, s.interleaved(messages, k), std::ldexp(1.0, -30));
    variance += t[k] * t[k] / static_cast<double>(t.size());
  }
  // (weight + 1) / 12 of the sparse secret; 4096 samples know it to 2.2 %.
  const double expected = static_cast<double>(s.parameters->literal().sparse_weight + 1) / 12;
  EXPECT_NEAR(variance, expected, 0.15 * expected);
  Ciphertext two_limbs = Ciphertext::zero(s.ring(), 2, 1);
  EXPECT_THROW(s.bootstrapper.mod_raise(two_limbs, s.keys), ContractError);
}

TEST(Bootstrap, CoeffToSlotHasTheCoefficientsInReversedOrder) {
  const BootstrapScheme& s = test_scheme();
  std::mt19937_64 generator(4);
  std::uniform_real_distribution<double> uniform(-8, 8);
  std::vector<double> t(s.n());
  for (double& v : t) v = uniform(generator);
  const Ciphertext raised = encrypt(encode_coefficients(s.ring(), t, s.q0(), s.parameters->top()),
                                    s.q0(), s.secrets.big, fresh_seed(), 0)
                                .expand();
  const Halves halves = s.bootstrapper.coeff_to_slot(raised, s.keys);
  EXPECT_EQ(halves.low.q_count(), s.parameters->eval_mod_start());
  const double factor = s.bootstrapper.eval_mod().input_factor();
  const Statistics e =
      statistics(s.half_errors(halves, [&](std::size_t k) { return t[k] * factor; }));
  EXPECT_LT(e.worst, std::ldexp(1.0, -35));
  // Real, as eval_mod needs it.
  for (const Complex& v : s.decrypt_slots(halves.high))
    ASSERT_LT(std::abs(v.imag()), std::ldexp(1.0, -35));
  EXPECT_THROW(s.bootstrapper.coeff_to_slot(Ciphertext::zero(s.ring(), 29, 1), s.keys),
               ContractError);
  EXPECT_THROW(s.bootstrapper.coeff_to_slot(raised, BootstrapKeys{}), ContractError);
}

TEST(Bootstrap, SlotToCoeffAnswersCoeffToSlot) {
  const BootstrapScheme& s = test_scheme();
  const auto low = random_slots(s.slots(), 5, true), high = random_slots(s.slots(), 6, true);
  const double in = std::ldexp(1.0, 40), out = std::ldexp(1.0, 42);
  const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, in, out);
  // Limbs above the stages' first are dropped.
  const Ciphertext bottom =
      down.apply(s.encrypt_halves(low, high, in, s.parameters->slot_to_coeff_start() + 2),
                 s.keys.evaluation.galois);
  EXPECT_EQ(bottom.q_count(), s.parameters->bottom());
  EXPECT_EQ(bottom.scale, out);
  const auto a = decode_coefficients(decrypt(bottom, s.secrets.big), out);
  for (std::size_t j = 0; j < s.slots(); ++j) {
    ASSERT_NEAR(a[s.reverse(j)], low[j].real(), std::ldexp(1.0, -28));
    ASSERT_NEAR(a[s.reverse(j) + s.slots()], high[j].real(), std::ldexp(1.0, -28));
  }
  const std::size_t start = s.parameters->slot_to_coeff_start();
  EXPECT_THROW(down.apply(s.encrypt_halves(low, high, 2 * in, start), s.keys.evaluation.galois),
               ContractError);
  EXPECT_THROW(down.apply(s.encrypt_halves(low, high, in, start - 1), s.keys.evaluation.galois),
               ContractError);
  EXPECT_THROW(down.apply(s.encrypt_halves(low, high, in, start), GaloisKeys{}), ContractError);
  // A scale off by less than the tolerance is not lost.
  const double near = in * (1 + std::ldexp(1.0, -32));
  const Ciphertext off =
      down.apply(s.encrypt_halves(low, high, near, start), s.keys.evaluation.galois);
  EXPECT_NEAR(off.scale / out, near / in, 1e-14);
}

TEST(Bootstrap, HalfBootstrapGivesTheSine) {
  const BootstrapScheme& s = test_scheme();
  const auto messages = s.random_messages(7);
  const auto small = s.encrypt_small(messages, kRho * s.q0(), 2);
  const double gain = 2 * pi * kRho;
  Halves halves =
      s.bootstrapper.half_bootstrap(pointers(small), std::ldexp(1.0, 39) / gain, s.keys);
  EXPECT_EQ(halves.low.q_count(), s.parameters->circuit_start());
  EXPECT_EQ(halves.high.q_count(), s.parameters->circuit_start());
  EXPECT_NEAR(halves.low.scale * gain, std::ldexp(1.0, 39), 1);
  for (Ciphertext* c : {&halves.low, &halves.high}) c->scale *= gain;
  const Statistics e = statistics(s.half_errors(
      halves, [&](std::size_t k) { return std::sin(gain * s.interleaved(messages, k)) / gain; }));
  std::printf("half bootstrap: mean %.1f bits, worst %.1f bits\n", mean_bits(e), worst_bits(e));
  EXPECT_GE(mean_bits(e), 27);
  EXPECT_GE(worst_bits(e), 22.5);
}

TEST(Bootstrap, EvalModsPrimesMayHaveOtherBitsThanQ0) {
  for (const auto& [q0_bits, eval_mod_bits] : {std::pair{50, 48}, std::pair{48, 50}}) {
    ParametersLiteral literal = find_parameters("InsecureTest12");
    literal.name = "InsecureOtherBits";
    literal.q0_bits = q0_bits;
    literal.eval_mod_bits.assign(literal.eval_mod_bits.size(), eval_mod_bits);
    const BootstrapScheme s(JointOwners(Parameters::create(literal), 1));
    const auto messages = s.random_messages(7);
    const auto small = s.encrypt_small(messages, kRho * s.q0(), 2);
    const double gain = 2 * pi * kRho;
    Halves halves =
        s.bootstrapper.half_bootstrap(pointers(small), std::ldexp(1.0, 39) / gain, s.keys);
    for (Ciphertext* c : {&halves.low, &halves.high}) c->scale *= gain;
    const Statistics e = statistics(s.half_errors(
        halves, [&](std::size_t k) { return std::sin(gain * s.interleaved(messages, k)) / gain; }));
    std::printf("q_0 of %d bits, eval_mod of %d: mean %.1f bits\n", q0_bits, eval_mod_bits,
                mean_bits(e));
    EXPECT_GE(mean_bits(e), 26);
  }
}

TEST(Bootstrap, FullBootstrapRefreshes) {
  const BootstrapScheme& s = test_scheme();
  const auto low = random_slots(s.slots(), 8, true), high = random_slots(s.slots(), 9, true);
  const double in = std::ldexp(1.0, 36), scale = std::ldexp(1.0, 39);
  const std::size_t start = s.parameters->slot_to_coeff_start();
  const Halves x = s.encrypt_halves(low, high, in, start);
  struct Setting {
    int log_ratio, arcsine_degree, levels;
    double mean, worst;
  };
  for (const Setting& c :
       {Setting{-10, 0, 0, 17, 15}, Setting{-7, 3, 2, 25, 21.5}, Setting{-5, 7, 3, 26.5, 23}}) {
    const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, in,
                           std::ldexp(s.q0(), c.log_ratio));
    const Halves y = s.bootstrapper.bootstrap(x, down, scale, c.arcsine_degree, s.keys);
    for (const Ciphertext* half : {&y.low, &y.high}) {
      EXPECT_EQ(half->q_count(),
                s.parameters->circuit_start() - static_cast<std::size_t>(c.levels));
      EXPECT_EQ(half->scale, scale);
    }
    const Statistics e = statistics(s.slot_errors(y, low, high));
    std::printf("full bootstrap, ratio 2^%d, arcsine %d: mean %.1f bits, worst %.1f bits\n",
                c.log_ratio, c.arcsine_degree, mean_bits(e), worst_bits(e));
    EXPECT_GE(mean_bits(e), c.mean);
    EXPECT_GE(worst_bits(e), c.worst);
  }
  const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, in, s.q0() / 128);
  EXPECT_THROW(s.bootstrapper.bootstrap(x, down, scale, 1, s.keys), ContractError);
  EXPECT_THROW(s.bootstrapper.bootstrap(x, down, scale, 5, s.keys), ContractError);
}

TEST(Bootstrap, FoldedHalvesShareACiphertext) {
  const BootstrapScheme& s = test_scheme();
  BootstrapShape shape = s.bootstrapper.shape();
  for (int bit : {0, 5, 10}) {
    SCOPED_TRACE(bit);
    shape.fold_bit = bit;
    const Bootstrapper folding(s.parameters, shape);
    EXPECT_EQ(folding.rotations(), s.bootstrapper.rotations());
    const std::size_t step = std::size_t{1} << bit;
    // Half of the coefficients are zero, those whose reversed index has the bit.
    auto messages = s.random_messages(20);
    for (std::size_t k = 0; k < s.n(); ++k)
      if (s.reverse(k % s.slots()) & step)
        messages[k % s.parameters->ratio()][k / s.parameters->ratio()] = 0;
    const auto small = s.encrypt_small(messages, kRho * s.q0(), 2);
    const double gain = 2 * pi * kRho;
    Halves x = folding.half_bootstrap(pointers(small), std::ldexp(1.0, 39) / gain, s.keys);
    ASSERT_TRUE(x.folded());
    x.low.scale *= gain;
    const auto values = s.decrypt_slots(x.low);
    const auto expected = [&](std::size_t j) {
      const std::size_t k = j & step ? s.reverse(j - step) + s.slots() : s.reverse(j);
      return std::sin(gain * s.interleaved(messages, k)) / gain;
    };
    std::vector<double> errors;
    for (std::size_t j = 0; j < s.slots(); ++j) errors.push_back(values[j].real() - expected(j));
    EXPECT_GE(mean_bits(statistics(errors)), 27);
    EXPECT_GE(worst_bits(statistics(errors)), 22.5);

    // Refreshed, and down again: zero where nothing belongs.
    const SlotToCoeff down(*s.parameters, shape, s.encoder, x.low.scale, s.q0() / 128);
    x = folding.bootstrap(x, down, std::ldexp(1.0, 39), 3, s.keys);
    const double in = x.low.scale, out = std::ldexp(1.0, 42);
    const SlotToCoeff last(*s.parameters, shape, s.encoder, in, out);
    const auto a =
        decode_coefficients(decrypt(last.apply(x, s.keys.evaluation.galois), s.secrets.big), out);
    for (std::size_t j = 0; j < s.slots(); ++j) {
      const std::size_t k = s.reverse(j);
      ASSERT_NEAR(a[k], j & step ? 0 : expected(j), std::ldexp(1.0, -19));
      ASSERT_NEAR(a[k + s.slots()], j & step ? 0 : expected(j + step), std::ldexp(1.0, -19));
    }
    Halves whole{x.low.copy(), x.low.copy()};
    EXPECT_THROW(last.apply(whole, s.keys.evaluation.galois), ContractError);
  }
}

TEST(Bootstrap, TwiceInARow) {
  const BootstrapScheme& s = test_scheme();
  const auto low = random_slots(s.slots(), 10, true), high = random_slots(s.slots(), 11, true);
  const double scale = std::ldexp(1.0, 39);
  const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.encoder, scale, s.q0() / 128);
  Halves x = s.encrypt_halves(low, high, scale, s.parameters->slot_to_coeff_start());
  for (int i = 0; i < 2; ++i) x = s.bootstrapper.bootstrap(x, down, scale, 3, s.keys);
  EXPECT_GE(mean_bits(statistics(s.slot_errors(x, low, high))), 24.5);
}

}  // namespace
}  // namespace blindtuner
