#include "app/common/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <optional>

namespace blindtuner {
using namespace app;
namespace {

/// What is left of `text` that is within a range; none when it is refused.
std::optional<std::string> passed(const NumberRange& range, std::string text) {
  const std::string refusal = range.problem(text);
  if (refusal.empty()) return text;
  EXPECT_EQ(refusal.find('\n'), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("expected a"), std::string::npos) << refusal;
  return std::nullopt;
}

TEST(Options, WhatIsNoNumber) {
  const NumberRange real = real_numbers(0, 1e300), whole = whole_numbers(0, UINT64_MAX);
  for (const char* text : {"nan", "NaN",  "-nan", "nan(1)", "inf",  "-inf",  "infinity", "1e400",
                           "-1",  "-0.5", "",     " ",      "0x10", "0x1p3", "+5",       " 5",
                           "5 ",  "5,0",  "1e",   "e5",     ".",    "5.5.5", "five",     "1_000"}) {
    EXPECT_FALSE(passed(real, text)) << text;
    EXPECT_FALSE(passed(whole, text)) << text;
  }
  for (const char* text : {"1.5", "1e3", "5.", "18446744073709551616", "99999999999999999999"})
    EXPECT_FALSE(passed(whole, text)) << text;
  EXPECT_FALSE(passed(real, "1e-400"));
}

TEST(Options, Ranges) {
  EXPECT_EQ(passed(whole_numbers(2, 128), "2"), "2");
  EXPECT_EQ(passed(whole_numbers(2, 128), "128"), "128");
  EXPECT_FALSE(passed(whole_numbers(2, 128), "1"));
  EXPECT_FALSE(passed(whole_numbers(2, 128), "129"));
  // Decimal whatever it begins with.
  EXPECT_EQ(passed(whole_numbers(2, 128), "010"), "10");
  EXPECT_EQ(passed(whole_numbers(0, UINT64_MAX), "18446744073709551615"), "18446744073709551615");
  for (const char* text : {"0.001", "1e-3", "0.9", "0.5"})
    EXPECT_EQ(passed(real_numbers(0.001, 0.9), text), text);
  EXPECT_FALSE(passed(real_numbers(0.001, 0.9), "0.000999"));
  EXPECT_FALSE(passed(real_numbers(0.001, 0.9), "0.901"));
}

// As an option of a program, which is where the numbers end up.
TEST(Options, Values) {
  CLI::App app;
  Command command(app);
  double x = 0;
  int n = 0;
  std::uint64_t seed = 0;
  add_number(command, "--x", x, "", 0, 1);
  add_number(command, "--n", n, "", 1, 100);
  add_number(command, "--seed", seed, "", 0, UINT64_MAX);
  app.parse("--x 2.5e-1 --n 077 --seed 18446744073709551615");
  EXPECT_EQ(x, 0.25);
  EXPECT_EQ(n, 77);
  EXPECT_EQ(seed, UINT64_MAX);
  EXPECT_THROW(app.parse("--x nan"), CLI::ValidationError);
  EXPECT_THROW(app.parse("--n -1"), CLI::ValidationError);
}

}  // namespace
}  // namespace blindtuner
