// Parameter sets as texts: what comes back is what was written, and what is refused says why.
#include "rlwe/written_parameters.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace rlwe;
namespace {

using nlohmann::json;

ParametersLiteral mine() {
  ParametersLiteral p = find_parameters("InsecureTest10");
  p.name = "Insecure-mine.1";
  p.sparse_weight = 24;
  return p;
}

std::string refusal(const json& changed) {
  try {
    (void)parse_parameters(changed.dump(-1, ' ', false, json::error_handler_t::replace), "'set'");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(WrittenParameters, ComeBackAsTheyWere) {
  for (const ParametersLiteral& p : {mine(), standard_parameters()}) {
    EXPECT_EQ(parse_parameters(to_text(p), "'set'"), p);
    EXPECT_LT(to_text(p).size(), kMaxParametersBytes);
  }
  EXPECT_TRUE(built_in(standard_parameters()));
  EXPECT_FALSE(built_in(mine()));
  EXPECT_EQ(Parameters::create(parse_parameters(to_text(mine()), "'set'"))->digest(),
            Parameters::create(mine())->digest());
}

TEST(WrittenParameters, EveryMemberIsNeededAndNoOther) {
  const json good = json::parse(to_text(mine()));
  EXPECT_EQ(good.size(), 15u);
  for (const auto& [name, value] : good.items()) {
    json without = good;
    without.erase(name);
    EXPECT_EQ(refusal(without), "'set': '" + name + "' is missing");
    for (const json& other : {json(true), json(nullptr), json(-1), json(1e300), json("?"),
                              json(json::array()), json(json::object())}) {
      json wrong = good;
      wrong[name] = other;
      EXPECT_NE(refusal(wrong).find("'" + name + "'"), std::string::npos) << refusal(wrong);
    }
  }
  json more = good;
  more["sigma"] = 1;
  EXPECT_EQ(refusal(more), "'set': unknown parameter 'sigma'");
  EXPECT_NE(refusal(json::array()), "");
}

TEST(WrittenParameters, Bounds) {
  const json good = json::parse(to_text(mine()));
  const auto with = [&](const char* name, const json& value) {
    json changed = good;
    changed[name] = value;
    return refusal(changed);
  };
  EXPECT_EQ(with("q0_bits", 45), "");
  EXPECT_NE(with("q0_bits", 44), "");
  EXPECT_NE(with("q0_bits", 51), "");
  EXPECT_NE(with("q0_bits", 49.5), "");
  EXPECT_NE(with("log_n", 17), "");
  EXPECT_NE(with("log_small_n", 4), "");
  EXPECT_NE(with("circuit_bits", std::vector<int>(13, 40)), "");
  EXPECT_NE(with("eval_mod_bits", std::vector<int>(7, 50)), "");
  EXPECT_NE(with("slot_to_coeff_bits", std::vector<int>(2, 40)), "");  // coeff_to_slot has three
  EXPECT_NE(with("sparse_weight", 0), "");
  EXPECT_NE(with("modulus_range", 17), "");
  EXPECT_NE(with("digit_ends", json::array()), "");
  for (const char* name :
       {"", "two words", "InsecureTest10", "Standard", "a/b", "Insecure-of-thirty-two-characters"})
    EXPECT_NE(with("name", name), "") << name;
}

TEST(WrittenParameters, NameOrFile) {
  EXPECT_EQ(named_parameters("Standard"), standard_parameters());
  const std::filesystem::path file = ::testing::TempDir() + "blindtuner-parameters.json";
  std::ofstream(file) << to_text(mine());
  EXPECT_EQ(named_parameters(file.string()), mine());
  std::filesystem::remove(file);
  EXPECT_THROW(named_parameters(file.string()), DataError);
}

TEST(WrittenParameters, FilesAsLargeAsMayBe) {
  const testing_support::TemporaryFolder folder;
  const auto read = [&](std::size_t bytes) {
    std::string text = to_text(mine());
    text.resize(bytes, ' ');
    testing_support::put_file(folder / "set.json", text);
    return testing_support::within_memory(
        1 << 20, [&] { named_parameters((folder / "set.json").string()); });
  };
  EXPECT_EQ(read(kMaxParametersBytes), "good");
  EXPECT_NE(read(kMaxParametersBytes + 1).find("4097 bytes, expected at most 4096"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner
