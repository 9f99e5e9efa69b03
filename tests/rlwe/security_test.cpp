// The security table: what it holds, and that nothing passes above it.
#include "rlwe/security.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "rlwe/parameters.h"

namespace blindtuner {
using namespace rlwe;
namespace {

struct Entry {
  SecretHardness hardness;
  double log2_modulus;
};

// Written out again on purpose: a change of the table must be made twice. docs/SECURITY.md has
// sources.
constexpr Entry kTable[] = {
    {{10, 0}, 26},  {{11, 0}, 53},   {{12, 0}, 106},  {{13, 0}, 214},  {{14, 0}, 430},
    {{15, 0}, 868}, {{16, 0}, 1747}, {{17, 0}, 3523}, {{16, 32}, 104},
};

std::string refusal(const SecretHardness& hardness, double log2_modulus, const std::string& what) {
  try {
    require_secure(hardness, log2_modulus, what);
  } catch (const SecurityError& error) {
    return error.what();
  }
  return "";
}

TEST(Security, EveryEntryOfTheTable) {
  for (const Entry& entry : kTable) {
    SCOPED_TRACE(testing::Message()
                 << "log_n " << entry.hardness.log_n << " weight " << entry.hardness.sparse_weight);
    EXPECT_EQ(max_log2_modulus(entry.hardness), entry.log2_modulus);
    EXPECT_NO_THROW(require_secure(entry.hardness, entry.log2_modulus, "key"));
    EXPECT_NO_THROW(require_secure(entry.hardness, 1.0, "key"));
  }
}

TEST(Security, RefusalAboveTheBoundNamesTheKey) {
  for (const Entry& entry : kTable) {
    const std::string message =
        refusal(entry.hardness, entry.log2_modulus + 0.001, "rotation key 5");
    EXPECT_NE(message.find("rotation key 5"), std::string::npos) << message;
    EXPECT_NE(message.find("2^" + std::to_string(entry.hardness.log_n)), std::string::npos)
        << message;
    if (entry.hardness.sparse_weight != 0) {
      EXPECT_NE(message.find("weight " + std::to_string(entry.hardness.sparse_weight)),
                std::string::npos)
          << message;
    }
  }
}

TEST(Security, RefusalIsDataFromOutside) {
  EXPECT_THROW(require_secure({13, 0}, 219, "key"), DataError);
}

TEST(Security, UnknownSecretsAreRefused) {
  // Dimensions outside the table, and sparse weights without an entry of their own, heavier ones
  // included: nothing is concluded from a neighbour.
  const SecretHardness unknown[] = {{0, 0},   {9, 0},    {18, 0},  {16, 1},  {16, 31},
                                    {16, 33}, {16, 192}, {15, 32}, {17, 32}, {-1, 0}};
  for (const SecretHardness& hardness : unknown) {
    EXPECT_EQ(max_log2_modulus(hardness), 0);
    EXPECT_NE(refusal(hardness, 1.0, "some key").find("some key"), std::string::npos);
  }
}

TEST(Security, NotANumberIsRefused) {
  EXPECT_THROW(require_secure({16, 0}, std::numeric_limits<double>::quiet_NaN(), "key"),
               SecurityError);
}

TEST(Security, StandardParametersMeetTheirBounds) {
  const ParametersPtr p = Parameters::create(standard_parameters());
  EXPECT_FALSE(p->insecure());
  const double small = p->small_ring().log2_modulus(2, p->small_special());
  const double big = p->ring().log2_modulus(p->top(), p->ring().p_size());
  const double sparse = p->ring().log2_modulus(1, p->sparse_special());
  EXPECT_LE(small, max_log2_modulus(p->small_hardness()));
  EXPECT_LE(big, max_log2_modulus(p->hardness()));
  EXPECT_LE(sparse, max_log2_modulus(p->sparse_hardness()));
  // The figures that docs/SECURITY.md gives its estimates for.
  EXPECT_LE(small, 199);
  EXPECT_LE(big, 1733);
  EXPECT_LE(sparse, 100);
}

TEST(Security, ParametersBelowTheBoundNeedToSaySo) {
  ParametersLiteral literal = find_parameters("InsecureTest12");
  EXPECT_TRUE(Parameters::create(literal)->insecure());
  literal.name = "Test12";
  EXPECT_THROW(Parameters::create(literal), SecurityError);
}

// The table of docs/SECURITY.md, which claims_test.py computes in exact rational numbers.
TEST(Security, RangesFailAsOftenAsTheTableSays) {
  const std::pair<int, double> kTableOfRanges[] = {
      {10, -14.5}, {12, -31.2}, {14, -58.3}, {16, -132.3}};
  for (const auto& [range, expected] : kTableOfRanges)
    EXPECT_NEAR(log2_range_failure(16, 32, range, std::exp2(-6.4)), expected, 0.06) << range;
  // 2 (1/2)^32 / 32! and 2^16 coefficients; beyond half the weight nothing can be; of a
  // range that messages fill nothing is said.
  EXPECT_NEAR(log2_range_failure(16, 32, 16, 0), 1 - 32 - 117.66 + 16, 0.01);
  EXPECT_EQ(log2_range_failure(16, 32, 17, 0.1), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(log2_range_failure(16, 32, 1, 0.5), 16);
}

// docs/SECURITY.md, several owners: exact figures again, and bounds that are at most six bits above them.
TEST(Security, RangesOfSeveralOwnersAreBounded) {
  const struct {
    std::size_t weight;
    int range;
    double exact;
  } kRows[] = {{64, 32, -341.8},  {96, 32, -93.4},  {128, 32, -60.4},
               {256, 64, -136.3}, {384, 64, -81.9}, {512, 64, -57.1}};
  for (const auto& row : kRows) {
    const double bound = log2_range_failure(16, row.weight, row.range, 12 * 0x1p-10);
    EXPECT_GE(bound, row.exact - 0.06) << row.weight;
    EXPECT_LE(bound, row.exact + 6) << row.weight;
  }
}

TEST(Security, ARangeThatFailsTooOftenIsRefused) {
  ParametersLiteral literal = standard_parameters();
  literal.modulus_range = 14;
  EXPECT_THROW(Parameters::create(literal), DataError);
  literal.name = "InsecureRange";
  literal.log_small_n = 12;
  EXPECT_NO_THROW(Parameters::create(literal));
}

}  // namespace
}  // namespace blindtuner
