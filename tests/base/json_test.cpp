
#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "features/data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing_support;

std::string nested(int depth, const std::string& open = "[", const std::string& close = "]") {
  std::string out;
  for (int i = 0; i < depth; ++i) out += open;
  out += "1";
  for (int i = 0; i < depth; ++i) out += close;
  return out;
}

/// `count` values and names in all.
std::string zeros(std::size_t count) {
  std::string out = "[0";
  for (std::size_t i = 2; i < count; ++i) out += ",0";
  return out + "]";
}

void refused(std::string_view text, const std::string& part) {
  expect_data_error([&] { parse_json(text, "'x'"); }, "'x': " + part);
}

TEST(Json, TakesWhatIsJson) {
  EXPECT_EQ(parse_json(R"({"a": [1, -2, 2.5, true, null, "\u00e9"], "b": {"a": {}}})", "x").dump(),
            R"({"a":[1,-2,2.5,true,null,"é"],"b":{"a":{}}})");
  EXPECT_EQ(parse_json(" 3 ", "x"), 3);
  // The same name in two objects is no repetition.
  EXPECT_EQ(parse_json(R"([{"a": 1}, {"a": {"a": 2}}])", "x")[1]["a"]["a"], 2);
}

TEST(Json, RefusesWhatIsNot) {
  for (const char* text : {"", "{", "[1,]", "nul", "[1] 2", "\"\xff\"", "[NaN]", "// no\n1", "'a'"})
    refused(text, "not JSON, at byte ");
  refused("[1e999]", "not JSON that can be read: a number is too large");
  refused(R"({"a": 1, "b": 2, "a": 1})", "'a' is there twice");
  refused(R"([{"a": {"b": {}, "b": []}}])", "'b' is there twice");
}

TEST(Json, Depth) {
  for (const auto& [open, close] : {std::pair{"[", "]"}, {"{\"a\":", "}"}}) {
    const auto good = parse_json(nested(kMaxJsonDepth, open, close), "x");
    const auto copy = good;
    EXPECT_EQ(copy, good);
    refused(nested(kMaxJsonDepth + 1, open, close), "nested deeper than 32 levels");
    refused(nested(3'000'000, open, close), "nested deeper than 32 levels");
  }
  refused(std::string(30'000'000, '['), "nested deeper than 32 levels");
}

TEST(Json, AsManyValuesAsMemoryHas) {
  constexpr std::size_t kMemory = std::size_t{1} << 30;
  const std::string most = zeros(kMaxJsonValues), more = zeros(kMaxJsonValues + 1);
  EXPECT_EQ(within_memory(kMemory, [&] { parse_json(most, "x"); }), "good");
  EXPECT_EQ(within_memory(kMemory, [&] { parse_json(more, "x"); }),
            "x: more than 16777216 values and names in its JSON");
}

// One word of all bytes there may be: the parser keeps it as it stands and as it is meant.
TEST(Json, AsManyBytesAsMayBe) {
  const TemporaryFolder folder;
  const auto read = [&](std::size_t bytes) {
    std::string text(bytes, 'x');
    text.front() = text.back() = '"';
    put_file(folder / "x.json", text);
    text = {};
    return within_memory(5 * kMaxJsonBytes, [&] { read_json(folder / "x.json"); });
  };
  EXPECT_EQ(read(kMaxJsonBytes), "good");
  EXPECT_NE(read(kMaxJsonBytes + 1).find("268435457 bytes, expected at most 268435456"),
            std::string::npos);
}

// The parser's own callback looks through a list again after every object in it.
TEST(Json, ManyObjectsTakeNoLongerThanTheyMust) {
  std::string text = "[{}";
  for (int i = 1; i < 500'000; ++i) text += ",{}";
  EXPECT_EQ(parse_json(text + "]", "x").size(), 500'000u);
}

// Another may have written anything where a count is expected.
TEST(JsonIn, WholeNumbers) {
  const auto read = [](const char* text) {
    const nlohmann::json value = parse_json(text, "it");
    return JsonIn(value, "it").as<int>();
  };
  EXPECT_EQ(read("0"), 0);
  EXPECT_EQ(read("2147483647"), 2147483647);
  EXPECT_EQ(read("-2147483648"), -2147483647 - 1);
  for (const char* text : {"2147483648", "-2147483649", "9223372036854775808",
                           "18446744073709551616", "1.0", "1e300", "true", "null", "\"1\"", "[]"})
    EXPECT_THROW(read(text), DataError) << text;
  const auto count = [](const char* text) {
    const nlohmann::json value = parse_json(text, "it");
    return JsonIn(value, "it").as<std::size_t>();
  };
  EXPECT_EQ(count("9223372036854775807"), 9223372036854775807u);
  for (const char* text : {"-1", "9223372036854775808"})
    EXPECT_THROW(count(text), DataError) << text;
  const nlohmann::json three = 3;
  EXPECT_EQ(JsonIn(three, "it").whole(0, 3), 3);
  expect_data_error([&] { JsonIn(three, "it").whole(0, 2); },
                    "it: its JSON is 3, expected a whole number from 0 to 2");
}

TEST(JsonIn, SaysWhereWhatIsWrongIs) {
  const nlohmann::json value = parse_json(
      R"({"a": [{"b": 1.5, "c": true, "d": "x", "e": null, "f": ["y", "z"]}], "long": ")" +
          std::string(100, 'x') + R"("})",
      "'x'");
  const JsonIn in(value, "'x'"), first = in.at("a").at(0);
  EXPECT_EQ(first.at("b").as<double>(), 1.5);
  EXPECT_TRUE(first.at("c").as<bool>());
  EXPECT_EQ(first.at("d").as<std::string>(), "x");
  EXPECT_TRUE(first.at("e").is_null());
  EXPECT_EQ(first.at("f").as<std::vector<std::string>>(), (std::vector<std::string>{"y", "z"}));
  EXPECT_EQ(first.members().size(), 5u);
  std::string taken = "before";
  first.take("none", taken);
  EXPECT_EQ(taken, "before");
  first.take("d", taken);
  EXPECT_EQ(taken, "x");

  expect_data_error([&] { (void)in.at("g"); }, "'x': 'g' is missing");
  expect_data_error([&] { (void)in.at("a").at(1); }, "'x': 'a[1]' is missing");
  expect_data_error([&] { (void)first.at("g"); }, "'x': 'a[0].g' is missing");
  expect_data_error([&] { (void)first.at("b").as<bool>(); },
                    "'x': 'a[0].b' is 1.5, expected true or false");
  expect_data_error([&] { (void)first.at("c").as<double>(); }, "is true, expected a number");
  expect_data_error([&] { (void)first.at("e").as<std::string>(); }, "is null, expected a text");
  expect_data_error([&] { (void)first.at("d").size(); }, "is \"x\", expected a list");
  expect_data_error([&] { (void)first.at("d").members(); }, "expected an object");
  expect_data_error([&] { (void)first.at("d").has("a"); }, "expected an object");
  expect_data_error([&] { (void)first.at("f").at("a"); }, "is array, expected an object");
  expect_data_error([&] { (void)first.at("f").as<std::vector<int>>(); },
                    "'a[0].f[0]' is \"y\", expected a whole number");
  expect_data_error([&] { (void)in.at("long").as<double>(); }, "is string, expected a number");
  expect_data_error([&] { first.take("c", taken); }, "'a[0].c' is true, expected a text");
  expect_data_error([&] { in.at("a").at(0).at("b").refuse("two"); }, "is 1.5, expected two");
}

TEST(Json, Files) {
  const TemporaryFolder folder;
  put_file(folder / "a.json", "{\"a\": 1}");
  EXPECT_EQ(read_json(folder / "a.json").at("a"), 1);
  expect_data_error([&] { read_json(folder / "a.json", 7); }, "8 bytes, expected at most 7");
  put_file(folder / "a.json", "{\"a\": }");
  expect_data_error([&] { read_json(folder / "a.json"); }, "a.json': not JSON, at byte 7");
}

// Escaped, so that a reader sees the same and a terminal nothing.
TEST(Json, WhatSteersATerminal) {
  const std::string text =
      "a\x7f\xc2\x9b"
      "2J\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  const nlohmann::json value = {{text, text}};
  const std::string written = json_text(value);
  const std::string shown = R"(a\u007f\u009b2J\u202e\u2066\u061c)"
                            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(written, "{\"" + shown + "\":\"" + shown + "\"}");
  EXPECT_EQ(parse_json(written, "it"), value);
  EXPECT_EQ(plain_json_text(value), "{\"" + text + "\":\"" + text + "\"}");
}

}  // namespace
}  // namespace blindtuner
