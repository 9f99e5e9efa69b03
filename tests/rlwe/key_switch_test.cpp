#include "rlwe/key_switch.h"

#include <gtest/gtest.h>

#include "math/primes.h"
#include "rlwe/plain_key_switch.h"

namespace blindtuner {
using namespace rlwe;
namespace {

using namespace testing_support;

// Larger than the chunks that are worked on at a time.
constexpr int kLargeLogN = 13;

class KeySwitchTest : public testing::Test {
 protected:
  KeySwitchTest()
      : primes_(ntt_primes(50, 2 << kLargeLogN, 9)),
        ring_(kLargeLogN, std::span(primes_).first(6), std::span(primes_).last(3)) {}

  Poly random(std::size_t q_count, std::uint64_t stream) const {
    return sample_uniform(ring_, q_count, 0, Seed{1}, stream);
  }
  Ciphertext random_ciphertext(std::size_t q_count) const {
    return {random(q_count, 1), random(q_count, 2), 1.0};
  }
  KeySwitchKey key(std::uint8_t seed = 7) const {
    return random_key(ring_, {6, 3, {2, 5, 6}}, seed);
  }

  std::vector<u64> primes_;
  Ring ring_;
};

TEST_F(KeySwitchTest, EqualsItsDefinitionAtEveryLevel) {
  const KeySwitchKey k = key();
  for (std::size_t q = 1; q <= 6; ++q) {
    const Poly c = random(q, q);
    PlainPair wanted = plain_inner_product(c, k);
    const auto [c0, c1] = key_switch(c, k);
    EXPECT_TRUE(equal_residues(c0, scale_down(std::move(wanted.c0), q))) << q;
    EXPECT_TRUE(equal_residues(c1, scale_down(std::move(wanted.c1), q))) << q;
  }
}

TEST_F(KeySwitchTest, RelinearisingAddsBeforeTheDivision) {
  const KeySwitchKey k = key();
  for (const std::size_t q : {2, 4, 6})
    for (std::size_t count = 0; count < std::min<std::size_t>(q, 4); ++count) {
      const Tensor t{random(q, 1), random(q, 2), random(q, 3), 1.0};
      PlainPair wanted = plain_inner_product(t.c2, k);
      add_inplace(wanted.c0, plain_times_special(t.c0, 3));
      add_inplace(wanted.c1, plain_times_special(t.c1, 3));
      const Ciphertext got = count == 0 ? relinearise(t, k) : relinearise_rescale(t, k, count);
      EXPECT_TRUE(equal_residues(got.c0, scale_down(std::move(wanted.c0), q - count)));
      EXPECT_TRUE(equal_residues(got.c1, scale_down(std::move(wanted.c1), q - count)));
    }
}

TEST_F(KeySwitchTest, AutomorphismsFromOneDecompositionAreThoseOneByOne) {
  GaloisKeys keys;
  const std::vector<u64> elements = {5, 25, (2 << kLargeLogN) - 1};
  for (const u64 g : elements) keys.emplace(g, key(static_cast<std::uint8_t>(g)));
  for (const std::size_t q : {1, 3, 6}) {
    const Ciphertext c = random_ciphertext(q);
    const std::vector<Ciphertext> together = apply_automorphisms(c, elements, keys);
    ASSERT_EQ(together.size(), elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      PlainPair sum = plain_inner_product(c.c1, keys.at(elements[i]));
      Poly c0 = scale_down(std::move(sum.c0), q);
      add_inplace(c0, c.c0);
      EXPECT_TRUE(equal_residues(together[i].c0, automorphism(c0, elements[i])));
      EXPECT_TRUE(equal_residues(together[i].c1,
                                 automorphism(scale_down(std::move(sum.c1), q), elements[i])));
      const Ciphertext alone = apply_automorphism(c, elements[i], keys);
      EXPECT_TRUE(equal_residues(alone.c0, together[i].c0));
      EXPECT_TRUE(equal_residues(alone.c1, together[i].c1));
    }
  }
  EXPECT_TRUE(apply_automorphisms(random_ciphertext(2), {}, keys).empty());
  EXPECT_THROW(apply_automorphism(random_ciphertext(2), 125, keys), ContractError);
}

TEST_F(KeySwitchTest, WhatDoesNotFitIsRefused) {
  const KeyShape shape{4, 1, {2, 4}};
  const KeySwitchKey good = random_key(ring_, shape, 1);
  const Poly c = random(4, 0);
  EXPECT_NO_THROW(key_switch(c, good));
  KeySwitchKey unexpanded{shape, Seed{}, {}, {}};
  for (const Poly& b : good.b) unexpanded.b.push_back(b.copy());
  EXPECT_THROW(key_switch(c, unexpanded), ContractError);
  EXPECT_THROW(key_switch(random(5, 0), good), ContractError);  // too many limbs
  EXPECT_THROW(key_switch(sample_uniform(ring_, 2, 1, Seed{1}, 0), good), ContractError);
  Poly coefficients = c.copy();
  to_coefficients_inplace(coefficients);
  EXPECT_THROW(key_switch(coefficients, good), ContractError);
  EXPECT_THROW(key_switch(c, KeySwitchKey{}), ContractError);
  EXPECT_THROW(key_switch(c, random_key(ring_, {4, 1, {2, 3}}, 1)), ContractError);  // end early
  EXPECT_THROW(key_switch(c, random_key(ring_, {3, 1, {2, 3}}, 1)), ContractError);
  // Together: keys of one shape only.
  const std::vector<u64> elements = {5, 25};
  for (const KeyShape& other : {KeyShape{4, 1, {1, 4}}, KeyShape{4, 2, {2, 4}}}) {
    GaloisKeys keys;
    keys.emplace(5, random_key(ring_, shape, 1));
    keys.emplace(25, random_key(ring_, other, 1));
    EXPECT_THROW(apply_automorphisms({random(4, 1), random(4, 2), 1.0}, elements, keys),
                 ContractError);
  }
  const Tensor t{random(2, 1), random(2, 2), random(2, 3), 1.0};
  EXPECT_THROW(relinearise_rescale(t, good, 2), ContractError);  // nothing is left
}

}  // namespace
}  // namespace blindtuner
