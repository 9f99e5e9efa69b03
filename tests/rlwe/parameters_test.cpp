// Parameter sets: what is accepted, what is refused and with which error, and what tells sets
// apart.
#include "rlwe/parameters.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "math/primes.h"
#include "rlwe/written_parameters.h"

namespace blindtuner {
using namespace rlwe;
namespace {

// The smallest literal that makes sense.
ParametersLiteral tiny() {
  ParametersLiteral p = find_parameters("InsecureTest12");
  p.name = "InsecureTiny";
  p.log_n = 10;
  p.log_small_n = 7;
  return p;
}

TEST(Parameters, NamedSetsAreFound) {
  for (const char* name : {"Standard", "InsecureTest10", "InsecureTest12", "InsecureTest13",
                           "Joint4", "Joint16", "InsecureJoint4", "InsecureJoint16"})
    EXPECT_EQ(find_parameters(name).name, name);
  EXPECT_THROW(find_parameters("standard"), DataError);
  EXPECT_THROW(find_parameters(""), DataError);
}

TEST(Parameters, SectionsFollowEachOtherFromTheTop) {
  const ParametersPtr p = Parameters::create(tiny());
  const ParametersLiteral& l = p->literal();
  EXPECT_EQ(p->top(), p->ring().q_size());
  EXPECT_EQ(p->eval_mod_start(), p->top() - l.coeff_to_slot_bits.size());
  EXPECT_EQ(p->circuit_start(), p->eval_mod_start() - l.eval_mod_bits.size());
  EXPECT_EQ(p->slot_to_coeff_start(), p->circuit_start() - l.circuit_bits.size());
  EXPECT_EQ(p->bottom(), p->slot_to_coeff_start() - l.slot_to_coeff_bits.size());
  EXPECT_EQ(p->bottom(), p->small_ring().q_size());
  EXPECT_EQ(p->ratio(), std::size_t{8});
}

TEST(Parameters, PrimesHaveTheirSizesAndAreShared) {
  const ParametersPtr p = Parameters::create(tiny());
  const ParametersLiteral& l = p->literal();
  std::vector<int> bits = {l.q0_bits, l.q1_bits};
  for (const auto* section :
       {&l.slot_to_coeff_bits, &l.circuit_bits, &l.eval_mod_bits, &l.coeff_to_slot_bits})
    bits.insert(bits.end(), section->begin(), section->end());
  ASSERT_EQ(bits.size(), p->ring().q_size());
  std::set<u64> seen;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    EXPECT_EQ(p->ring().q(i).bits, bits[i]);
    EXPECT_TRUE(is_prime(p->ring().q(i).q));
    EXPECT_TRUE(seen.insert(p->ring().q(i).q).second);
  }
  for (std::size_t i = 0; i < p->ring().p_size(); ++i) {
    EXPECT_EQ(p->ring().p(i).bits, l.special_bits[i]);
    EXPECT_TRUE(seen.insert(p->ring().p(i).q).second);
  }
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(p->small_ring().q(i).q, p->ring().q(i).q);
  ASSERT_EQ(p->small_ring().p_size(), p->small_special());
  for (std::size_t i = 0; i < p->small_special(); ++i)
    EXPECT_EQ(p->small_ring().p(i).q, p->ring().p(i).q);
}

TEST(Parameters, DigitsAreCutToTheLimbs) {
  ParametersLiteral literal = tiny();
  literal.digit_ends = {11, 22, 30};
  const ParametersPtr p = Parameters::create(literal);
  using Ends = std::vector<std::size_t>;
  EXPECT_EQ(p->digit_ends(30), (Ends{11, 22, 30}));
  EXPECT_EQ(p->digit_ends(23), (Ends{11, 22, 23}));
  EXPECT_EQ(p->digit_ends(22), (Ends{11, 22}));
  EXPECT_EQ(p->digit_ends(11), (Ends{11}));
  EXPECT_EQ(p->digit_ends(1), (Ends{1}));
}

TEST(Parameters, SetsBelow128BitsMustSaySo) {
  ParametersLiteral literal = tiny();
  EXPECT_TRUE(Parameters::create(literal)->insecure());
  literal.name = "Tiny";
  EXPECT_THROW(Parameters::create(literal), SecurityError);
  // Each of the three secrets is looked at: a Standard chain with one key's modulus too large.
  literal = standard_parameters();
  literal.small_special = 3;
  EXPECT_THROW(Parameters::create(literal), SecurityError);
  literal = standard_parameters();
  literal.sparse_special = 2;
  EXPECT_THROW(Parameters::create(literal), SecurityError);
  literal = standard_parameters();
  literal.special_bits.push_back(50);
  EXPECT_THROW(Parameters::create(literal), SecurityError);
  literal = standard_parameters();
  literal.sparse_weight = 31;  // no entry of its own
  EXPECT_THROW(Parameters::create(literal), SecurityError);
}

TEST(Parameters, SetsOfSeveralOwnersKeep128BitsForEachOfThem) {
  const ParametersPtr standard = Parameters::create(standard_parameters());
  for (const auto& [name, owners] : {std::pair{"Joint4", 4}, std::pair{"Joint16", 16}}) {
    ParametersLiteral literal = find_parameters(name);
    const ParametersPtr p = Parameters::create(literal);
    EXPECT_FALSE(p->insecure());
    EXPECT_EQ(p->owners(), static_cast<std::size_t>(owners));
    // All else as in the standard set: what a circuit has, and what the small ring is.
    EXPECT_EQ(p->circuit_start(), standard->circuit_start());
    EXPECT_NEAR(p->small_ring().log2_modulus(2, 2), standard->small_ring().log2_modulus(2, 2),
                1e-6);
    EXPECT_EQ(p->sparse_hardness().sparse_weight, std::size_t{32});
    // Files name these sets; a written one is one owner's.
    EXPECT_THROW((void)to_text(literal), ContractError);
    EXPECT_THROW((void)named_parameters(name), DataError);
    // The range is that of so many owners, and half of it would not be.
    literal.modulus_range /= 2;
    EXPECT_THROW(Parameters::create(literal), DataError);
  }
  ParametersLiteral more = find_parameters("Joint4");
  more.owners = 5;
  EXPECT_THROW(Parameters::create(more), DataError);
}

TEST(Parameters, LiteralsThatMakeNoSenseAreRefused) {
  using Change = std::function<void(ParametersLiteral&)>;
  const std::pair<const char*, Change> kChanges[] = {
      {"log_n too small", [](auto& p) { p.log_n = 9; }},
      {"log_n too large", [](auto& p) { p.log_n = 17; }},
      {"log_n negative", [](auto& p) { p.log_n = -1; }},
      {"small ring larger than the big one", [](auto& p) { p.log_small_n = 11; }},
      {"small ring too small", [](auto& p) { p.log_small_n = 4; }},
      {"no small special prime", [](auto& p) { p.small_special = 0; }},
      {"small special primes that are not there", [](auto& p) { p.small_special = 10; }},
      {"negative sparse special", [](auto& p) { p.sparse_special = -1; }},
      {"sparse special primes that are not there", [](auto& p) { p.sparse_special = 10; }},
      {"no owner", [](auto& p) { p.owners = 0; }},
      {"too many owners", [](auto& p) { p.owners = 17; }},
      {"weight 0", [](auto& p) { p.sparse_weight = 0; }},
      {"weight above N/2", [](auto& p) { p.sparse_weight = 513; }},
      {"range 1", [](auto& p) { p.modulus_range = 1; }},
      {"range too large", [](auto& p) { p.modulus_range = 1025; }},
      {"no slot_to_coeff", [](auto& p) { p.slot_to_coeff_bits.clear(); }},
      {"no circuit", [](auto& p) { p.circuit_bits.clear(); }},
      {"no eval_mod", [](auto& p) { p.eval_mod_bits.clear(); }},
      {"no coeff_to_slot", [](auto& p) { p.coeff_to_slot_bits.clear(); }},
      {"no digits", [](auto& p) { p.digit_ends.clear(); }},
      {"digits that do not cover", [](auto& p) { p.digit_ends.back() -= 1; }},
      {"digits beyond the chain", [](auto& p) { p.digit_ends.back() += 1; }},
      {"an empty digit",
       [](auto& p) {
         p.digit_ends = {11, 11, 30};
       }},
      {"a falling digit",
       [](auto& p) {
         p.digit_ends = {11, 10, 30};
       }},
      {"51 bits", [](auto& p) { p.q0_bits = 51; }},
      {"19 bits", [](auto& p) { p.circuit_bits[0] = 19; }},
      {"0 bits", [](auto& p) { p.special_bits[0] = 0; }},
      {"too many special primes", [](auto& p) { p.special_bits.assign(32, 50); }},
      {"too many primes",
       [](auto& p) {
         p.circuit_bits.assign(60, 40);
         p.digit_ends = {20, 40, 60, 76};
       }},
      {"more small primes than there are",
       [](auto& p) {
         p.log_n = 16;
         p.circuit_bits.assign(14, 20);
       }},
  };
  for (const auto& [what, change] : kChanges) {
    SCOPED_TRACE(what);
    ParametersLiteral literal = tiny();
    change(literal);
    EXPECT_THROW(Parameters::create(literal), DataError);
  }
}

TEST(Parameters, DigestsTellSetsApart) {
  const std::string digest = Parameters::create(tiny())->digest();
  EXPECT_EQ(digest.size(), std::size_t{64});
  EXPECT_EQ(Parameters::create(tiny())->digest(), digest);
  std::set<std::string> digests = {digest};
  const std::function<void(ParametersLiteral&)> kChanges[] = {
      [](auto& p) { p.name = "InsecureOther"; },
      [](auto& p) { p.log_n = 11; },
      [](auto& p) { p.log_small_n = 8; },
      [](auto& p) { p.q1_bits = 48; },
      [](auto& p) { p.circuit_bits.back() -= 1; },
      [](auto& p) { p.special_bits.back() -= 1; },
      [](auto& p) { p.small_special = 3; },
      [](auto& p) { p.sparse_special = 2; },
      [](auto& p) { p.sparse_weight = 33; },
      [](auto& p) { p.modulus_range = 17; },
      [](auto& p) { p.owners = 2; },
      [](auto& p) {
        p.digit_ends = {10, 20, 30};
      },
      // The same primes, cut into other sections.
      [](auto& p) {
        p.eval_mod_bits.push_back(50);
        p.coeff_to_slot_bits.pop_back();
      },
  };
  for (const auto& change : kChanges) {
    ParametersLiteral literal = tiny();
    change(literal);
    EXPECT_TRUE(digests.insert(Parameters::create(literal)->digest()).second);
  }
}

}  // namespace
}  // namespace blindtuner
