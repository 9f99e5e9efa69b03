// Every kind of key-switching key, at the level it is made for and below: what it switches, with
// which error, and when it is refused.
#include "secret/keygen.h"

#include <array>

#include "base/parallel.h"
#include "ckks/evaluator.h"
#include "ckks/noise_model.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
using namespace secret;
using namespace ckks;
namespace {

using namespace testing_support;

constexpr std::array<std::size_t, 6> kLevels = {15, 13, 10, 7, 5, 1};

// Uniform c: the error of (c0 + c1 s_to) - c s_from.
std::vector<double> switch_errors(const KeySwitchKey& key, const Poly& payload, const SecretKey& to,
                                  std::size_t q_count, u64 stream) {
  const Poly c = sample_uniform(payload.ring(), q_count, 0, Seed{5}, stream);
  auto [c0, c1] = key_switch(c, key);
  EXPECT_EQ(c0.q_count(), q_count);
  Poly got = mul(c1, to.ntt().copy_limbs(q_count, 0));
  add_inplace(got, c0);
  return difference(got, mul(c, payload.copy_limbs(q_count, 0)));
}

// Eight switches: 8192 samples, whose standard deviation is known to 0.8 %; the target's weight,
// which the rounding depends on, varies by 2 %.
void expect_noise(const KeySwitchKey& key, const Poly& payload, const SecretKey& to,
                  std::size_t q_count, double weight) {
  std::vector<double> errors;
  for (u64 i = 0; i < 8; ++i)
    for (double e : switch_errors(key, payload, to, q_count, i)) errors.push_back(e);
  const double expected = noise::key_switch(payload.ring(), key.shape, q_count, weight);
  const Statistics e = statistics(errors);
  EXPECT_NEAR(e.std, expected, 0.1 * expected) << q_count << " limbs";
  EXPECT_LT(e.worst, 6 * expected);
}

TEST(KeySwitch, NoiseFollowsTheFormulaForEveryShape) {
  const Scheme& s = tiny_scheme();
  const SecretKeys other = SecretKeys::generate(s.parameters);
  const double weight = noise::ternary_weight(s.n());
  const KeyShape kShapes[] = {
      {15, 5, {5, 10, 15}},        // digits as large as P
      {15, 5, {3, 6, 9, 12, 15}},  // smaller: rounding alone remains
      {10, 4, {4, 8, 10}},         // fewer special primes
      {6, 2, {3, 6}},              // digits larger than P: noise above all
      {4, 1, {1, 2, 3, 4}},        // a digit a limb
      {1, 1, {1}},
      {2, 2, {2}},
  };
  for (const KeyShape& shape : kShapes) {
    SCOPED_TRACE(testing::Message() << shape.q_count << " limbs, " << shape.digits() << " digits, "
                                    << shape.p_count << " special");
    const KeySwitchKey key =
        make_key_switch_key(other.big.ntt(), s.secrets.big, shape, true, "key");
    for (std::size_t q_count : kLevels)
      if (q_count <= shape.q_count)
        expect_noise(key, other.big.ntt(), s.secrets.big, q_count, weight);
  }
}

TEST(KeySwitch, ToAndFromTheSparseSecret) {
  const Scheme& s = tiny_scheme();
  const KeySwitchKey down =
      make_key_switch_key(s.secrets.big.ntt(), s.secrets.sparse, {1, 1, {1}}, true, "key");
  expect_noise(down, s.secrets.big.ntt(), s.secrets.sparse, 1,
               static_cast<double>(s.parameters->literal().sparse_weight));
  const KeySwitchKey up =
      make_key_switch_key(s.secrets.sparse.ntt(), s.secrets.big, s.shape(15), true, "key");
  expect_noise(up, s.secrets.sparse.ntt(), s.secrets.big, 15, noise::ternary_weight(s.n()));
}

TEST(KeySwitch, BetweenTheRings) {
  const Scheme& s = tiny_scheme();
  const SecretKey lifted = s.secrets.small.lifted(s.ring());
  const KeySwitchKey down =
      make_key_switch_key(s.secrets.big.ntt(), lifted, {2, 2, {2}}, true, "key");
  expect_noise(down, s.secrets.big.ntt(), lifted, 2,
               noise::ternary_weight(s.parameters->small_ring().n()));
  const KeySwitchKey up =
      make_key_switch_key(lifted.ntt(), s.secrets.sparse, {1, 1, {1}}, true, "key");
  expect_noise(up, lifted.ntt(), s.secrets.sparse, 1,
               static_cast<double>(s.parameters->literal().sparse_weight));
}

TEST(KeySwitch, InTheSmallRing) {
  const Scheme& s = tiny_scheme();
  const Ring& ring = s.parameters->small_ring();
  const KeySwitchKey key = make_relinearisation_key(s.secrets.small, {2, 2, {2}}, true);
  const Poly square = mul(s.secrets.small.ntt(), s.secrets.small.ntt());
  std::vector<double> errors;
  for (u64 i = 0; i < 32; ++i)
    for (double e : switch_errors(key, square, s.secrets.small, 2, i)) errors.push_back(e);
  const double expected = noise::key_switch(ring, key.shape, 2, noise::ternary_weight(ring.n()));
  EXPECT_NEAR(statistics(errors).std, expected, 0.2 * expected);
}

TEST(Keys, RelinearisationKeepsTheMessageAtEveryLevel) {
  const Scheme& s = tiny_scheme();
  const KeySwitchKey key = make_relinearisation_key(s.secrets.big, s.shape(15), true);
  const auto a = random_slots(s.slots(), 1), b = random_slots(s.slots(), 2);
  const double weight = noise::ternary_weight(s.n());
  for (std::size_t q_count : kLevels) {
    const double scale = std::ldexp(1.0, q_count == 1 ? 20 : 40);
    Tensor t = tensor(s.encrypt_slots(a, scale, q_count), s.encrypt_slots(b, scale, q_count));
    const Poly before = decrypt(t, s.secrets.big);
    const Ciphertext c = relinearise(t, key);
    EXPECT_EQ(c.scale, scale * scale);
    const double expected = noise::key_switch(s.ring(), key.shape, q_count, weight);
    EXPECT_NEAR(statistics(difference(decrypt(c, s.secrets.big), before)).std, expected,
                0.2 * expected);
  }
}

TEST(Keys, RotationAndConjugationKeepTheMessageAtEveryLevel) {
  const Scheme& s = tiny_scheme();
  const double weight = noise::ternary_weight(s.n());
  for (const u64 g : {rotation_galois(1, s.n()), rotation_galois(-3, s.n()),
                      rotation_galois(100, s.n()), conjugation_galois(s.n()), u64{1024 + 1}}) {
    GaloisKeys keys;
    keys.emplace(g, make_galois_key(g, s.secrets.big, s.shape(15), true));
    for (std::size_t q_count : kLevels) {
      const Ciphertext c = s.encrypt_slots(random_slots(s.slots(), 3), 1e10, q_count);
      const Ciphertext moved = apply_automorphism(c, g, keys);
      EXPECT_EQ(moved.scale, c.scale);
      const double expected = noise::key_switch(s.ring(), keys.at(g).shape, q_count, weight);
      EXPECT_NEAR(statistics(difference(decrypt(moved, s.secrets.big),
                                        automorphism(decrypt(c, s.secrets.big), g)))
                      .std,
                  expected, 0.2 * expected);
    }
    EXPECT_THROW(apply_automorphism(s.encrypt_slots(random_slots(s.slots(), 3), 1e10, 2), 7, keys),
                 ContractError);
  }
}

TEST(Keys, LowerLevelKeysServeLowerLevelsOnly) {
  const Scheme& s = tiny_scheme();
  const KeySwitchKey key = make_relinearisation_key(s.secrets.big, s.shape(7), true);
  const Poly square = mul(s.secrets.big.ntt(), s.secrets.big.ntt());
  const double weight = noise::ternary_weight(s.n());
  expect_noise(key, square, s.secrets.big, 7, weight);
  expect_noise(key, square, s.secrets.big, 4, weight);
  const Poly high = sample_uniform(s.ring(), 8, 0, Seed{1}, 0);
  EXPECT_THROW(key_switch(high, key), ContractError);
}

TEST(Keys, RelinearisingAndRescalingTogetherIsTheSameUpToRounding) {
  const Scheme& s = tiny_scheme();
  const KeySwitchKey key = make_relinearisation_key(s.secrets.big, s.shape(15), true);
  const auto a = random_slots(s.slots(), 1), b = random_slots(s.slots(), 2);
  const double scale = std::ldexp(1.0, 45);
  const Ciphertext x = s.encrypt_slots(a, scale, 12), y = s.encrypt_slots(b, scale, 12);
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}}) {
    const Ciphertext together = relinearise_rescale(tensor(x, y), key, count);
    Ciphertext apart = relinearise(tensor(x, y), key);
    rescale_inplace(apart, count);
    EXPECT_EQ(together.q_count(), apart.q_count());
    EXPECT_NEAR(together.scale / apart.scale, 1, 1e-12);
    // One rounding against two: at most one unit apart.
    EXPECT_LE(statistics(difference(together.c0, apart.c0)).worst, 1);
    EXPECT_LE(statistics(difference(together.c1, apart.c1)).worst, 1);
  }
  EXPECT_THROW(relinearise_rescale(tensor(x, y), key, 12), ContractError);
}

TEST(Keys, BeyondTheirSecretsBoundAreRefused) {
  const Scheme& s = tiny_scheme();
  const KeyShape shape{1, 1, {1}};
  EXPECT_THROW(make_relinearisation_key(s.secrets.big, shape, false), SecurityError);
  EXPECT_THROW(make_galois_key(5, s.secrets.big, shape, false), SecurityError);
  EXPECT_THROW(make_key_switch_key(s.secrets.big.ntt(), s.secrets.sparse, shape, false, "key"),
               SecurityError);

  // At dimension 2^13, 99 + 100 bits pass and 99 + 150 do not, whichever ring the secret is lifted
  // to.
  ParametersLiteral literal = tiny_literal();
  literal.log_n = 14;
  literal.log_small_n = 13;
  const Scheme larger(literal);
  const SecretKey& small = larger.secrets.small;
  EXPECT_NO_THROW(make_relinearisation_key(small, {2, 2, {2}}, false));
  const SecretKey lifted = small.lifted(larger.ring());
  EXPECT_NO_THROW(
      make_key_switch_key(larger.secrets.big.ntt(), lifted, {2, 2, {2}}, false, "the way down"));
  try {
    make_key_switch_key(larger.secrets.big.ntt(), lifted, {2, 3, {2}}, false, "the way down");
    FAIL() << "a key beyond its secret's bound was made";
  } catch (const SecurityError& error) {
    EXPECT_NE(std::string(error.what()).find("the way down"), std::string::npos);
  }
  // The big secret, in the same ring, may meet more.
  EXPECT_NO_THROW(
      make_key_switch_key(lifted.ntt(), larger.secrets.big, {2, 3, {2}}, false, "the way up"));
}

TEST(Keys, ShapesThatMakeNoSenseAreRefused) {
  const Scheme& s = tiny_scheme();
  const KeyShape kShapes[] = {
      {15, 5, {}}, {15, 5, {5, 10}}, {15, 0, {5, 10, 15}}, {16, 5, {8, 16}}, {15, 6, {8, 15}},
  };
  for (const KeyShape& shape : kShapes)
    EXPECT_THROW(make_relinearisation_key(s.secrets.big, shape, true), ContractError);
  // Payloads of other rings, or with too few limbs.
  EXPECT_THROW(make_key_switch_key(s.secrets.small.ntt(), s.secrets.big, {1, 1, {1}}, true, "key"),
               ContractError);
  EXPECT_THROW(make_key_switch_key(s.secrets.big.ntt().copy_limbs(3, 1), s.secrets.big, {4, 1, {4}},
                                   true, "key"),
               ContractError);
}

TEST(Keys, UniformHalvesComeFromTheSeed) {
  const Scheme& s = tiny_scheme();
  const KeySwitchKey key = make_relinearisation_key(s.secrets.big, s.shape(7), true);
  KeySwitchKey received{key.shape, key.seed, {}, {}};
  for (const Poly& b : key.b) received.b.push_back(b.copy());
  EXPECT_THROW(key_switch(sample_uniform(s.ring(), 2, 0, Seed{1}, 0), received), ContractError);
  received.expand();
  ASSERT_EQ(received.a.size(), key.a.size());
  for (std::size_t d = 0; d < key.a.size(); ++d)
    EXPECT_TRUE(same_residues(received.a[d], key.a[d]));
}

TEST(Keys, InverseGaloisElements) {
  for (const std::size_t n : {std::size_t{16}, std::size_t{1024}, std::size_t{65536}})
    for (u64 g = 1; g < 2 * n; g += 2 * (n / 16) + 2)
      ASSERT_EQ(g * inverse_galois(g, n) % (2 * n), u64{1});
}

TEST(Ring, CachesServeManyThreads) {
  // A fresh ring, so that the threads meet empty caches.
  const ParametersPtr p = Parameters::create(tiny_literal());
  const Poly x = sample_uniform(p->ring(), 9, 2, Seed{}, 0);
  std::array<Poly, 256> rotated, divided;
  parallel_for(rotated.size(), [&](std::size_t i) {
    rotated[i] = automorphism(x, 2 * (i % 8) + 3);
    divided[i] = scale_down(x.copy(), 1 + i % 8);
  });
  for (std::size_t i = 8; i < rotated.size(); ++i) {
    EXPECT_TRUE(same_residues(rotated[i], rotated[i % 8]));
    EXPECT_TRUE(same_residues(divided[i], divided[i % 8]));
  }
}

}  // namespace
}  // namespace blindtuner
