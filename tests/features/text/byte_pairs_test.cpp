// Tokens against Hugging Face's tokenizers, by the fixtures that make_byte_pair_fixtures.py wrote.
#include "features/text/byte_pairs.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/input_file.h"
#include "features/data/test_files.h"
#include "features/text/expect_tokens.h"
#include "features/text/word_piece.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kFixtures = fs::path(BLINDTUNER_FIXTURES) / "byte_pairs";

json read_fixture(const std::string& name) {
  const auto bytes = read_file(kFixtures / name);
  return json::parse(bytes.begin(), bytes.end());
}

/// vocab.json and merges.txt, as older models have them, out of a tokenizer.json.
void put_old_files(const TemporaryFolder& folder, const json& all) {
  json vocabulary = all["model"]["vocab"];
  for (const json& token : all["added_tokens"]) vocabulary[token["content"]] = token["id"];
  put_file(folder / "vocab.json", vocabulary.dump());
  std::string merges = "#version: 0.2\n";
  for (const json& merge : all["model"]["merges"])
    merges += merge.is_string()
                  ? merge.get<std::string>() + "\n"
                  : merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
  put_file(folder / "merges.txt", merges);
}

TEST(BytePairs, CutAsTokenizersDoes) {
  std::map<std::string, BytePairs> made, old;
  for (const std::string name : {"roberta", "clip"}) {
    const TemporaryFolder folder, other;
    const json all = read_fixture(name + ".json");
    put_file(folder / "tokenizer.json", all.dump());
    made.emplace(name, BytePairs::load(folder / ""));
    put_old_files(other, all);
    old.emplace(name, BytePairs::load(other / ""));
  }
  const json cases = read_fixture("cases.json");
  ASSERT_GT(cases.size(), 250u);
  for (const json& item : cases) {
    const auto text = item["text"].get<std::string>();
    const auto want = item["ids"].get<std::vector<std::int32_t>>();
    const BytePairs& pieces = made.at(item["settings"]);
    EXPECT_EQ(old.at(item["settings"]).encode(text, 10000), want) << item.dump();
    expect_tokens(pieces, text, want, item.dump());
  }
}

TEST(BytePairs, AreFoundByWhatLiesInTheFolder) {
  const TemporaryFolder folder;
  put_old_files(folder, read_fixture("roberta.json"));
  EXPECT_NE(dynamic_cast<const BytePairs*>(Tokenizer::load(folder / "").get()), nullptr);
  json all = read_fixture("roberta.json");
  put_file(folder / "tokenizer.json", all.dump());
  EXPECT_NE(dynamic_cast<const BytePairs*>(Tokenizer::load(folder / "").get()), nullptr);
  all["model"]["type"] = "Unigram";
  put_file(folder / "tokenizer.json", all.dump());
  expect_data_error([&] { Tokenizer::load(folder / ""); },
                    "model 'Unigram', expected WordPiece or BPE");
}

TEST(BytePairs, LowerWhenSentenceTransformersSaysSo) {
  const TemporaryFolder folder;
  put_file(folder / "tokenizer.json", read_fixture("roberta.json").dump());
  const BytePairs plain = BytePairs::load(folder / ""), lower = BytePairs::load(folder / "", true);
  EXPECT_EQ(lower.encode("Play SOME Jazz", 100), plain.encode("play some jazz", 100));
  EXPECT_NE(plain.encode("Play SOME Jazz", 100), plain.encode("play some jazz", 100));
}

TEST(BytePairs, WhatIsNotKnownIsNamed) {
  const TemporaryFolder folder;
  const auto refused = [&](const json& all, const std::string& part) {
    put_file(folder / "tokenizer.json", all.dump());
    expect_data_error([&] { BytePairs::load(folder / ""); }, part);
  };
  const json good = read_fixture("roberta.json");
  const auto with = [&](const char* pointer, const json& value) {
    json all = good;
    all[json::json_pointer(pointer)] = value;
    return all;
  };
  refused(with("/model/byte_fallback", true), "byte_fallback is true");
  refused(with("/model/ignore_merges", true), "ignore_merges is true");
  refused(with("/model/dropout", 0.1), "dropout 0.1, expected none");
  refused(with("/model/continuing_subword_prefix", "##"), "continuing_subword_prefix \"##\"");
  refused(with("/normalizer", {{"type", "NFKC"}}), "normalizer {\"type\":\"NFKC\"}");
  refused(with("/normalizer", {{"type", "NFC"}}), "not of the same kind");
  refused(with("/pre_tokenizer", {{"type", "Metaspace"}}), "expected ByteLevel");
  refused(with("/post_processor", json::object()), "post_processor ''");
  refused(with("/model/merges", {"abc"}), "a pair is \"abc\", expected two tokens");
  refused(with("/model/merges", {"a b c"}), "a pair is \"a b c\"");
  refused(with("/model/merges", {"nothere either"}), "no token 'nothereeither'");
  refused(with("/model/vocab", {{"a", -1}}), "no id below");
  put_old_files(folder, good);
  fs::remove(folder / "tokenizer.json");
  put_file(folder / "vocab.json", "{}");
  expect_data_error([&] { BytePairs::load(folder / ""); }, "no token '<s>' in the vocabulary of 0");
  fs::remove(folder / "merges.txt");
  put_file(folder / "vocab.json", R"({"<s>": 0, "</s>": 1, "<unk>": 2})");
  expect_data_error([&] { BytePairs::load(folder / ""); }, "merges.txt");
}

TEST(BytePairs, FilesAsLargeAsMayBe) {
  const TemporaryFolder folder;
  const json all = read_fixture("roberta.json");
  put_old_files(folder, all);
  const auto pairs = [&](std::size_t count, std::size_t bytes = 0) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "a n\n";
    text.resize(std::max(bytes, text.size()), '\n');
    put_file(folder / "merges.txt", text);
    return within_memory(300'000'000, [&] { BytePairs::load(folder / ""); });
  };
  EXPECT_EQ(pairs(kMaxMerges), "good");
  EXPECT_NE(pairs(kMaxMerges + 1).find("more than 1048576 pairs"), std::string::npos);
  // As many more as the file holds do not take memory before they are counted.
  EXPECT_NE(pairs(kMaxTokenizerBytes / 4).find("more than 1048576 pairs"), std::string::npos);
  EXPECT_EQ(pairs(1, kMaxTokenizerBytes), "good");
  EXPECT_NE(pairs(1, kMaxTokenizerBytes + 1).find("67108865 bytes, expected at most 67108864"),
            std::string::npos);
}

// A word of a million bytes takes no time that grows with its square.
TEST(BytePairs, LongWords) {
  const TemporaryFolder folder;
  put_file(folder / "tokenizer.json", read_fixture("clip.json").dump());
  const BytePairs pieces = BytePairs::load(folder / "");
  EXPECT_EQ(pieces.encode(std::string(1 << 20, 'a'), 77).size(), 77u);
}

}  // namespace
}  // namespace blindtuner
