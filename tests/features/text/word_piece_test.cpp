// Tokens against Hugging Face's tokenizers, by the fixtures that make_fixtures.py wrote.
#include "features/text/word_piece.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/input_file.h"
#include "features/data/test_files.h"
#include "features/text/expect_tokens.h"

namespace blindtuner::word_piece_test {
using namespace features;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kFixtures = BLINDTUNER_FIXTURES;

json read_fixture(const std::string& name) {
  const auto bytes = read_file(kFixtures / name);
  return json::parse(bytes.begin(), bytes.end());
}

/// tokenizer.json with its normaliser's members replaced.
json with_normalizer(const json& members) {
  json all = read_fixture("tokenizer.json");
  all["normalizer"].update(members);
  return all;
}

TEST(WordPiece, CutsAsTokenizersDoes) {
  const std::map<std::string, json> settings = {
      {"uncased", json::object()},
      {"cased", {{"lowercase", false}}},
      {"lower_with_accents", {{"strip_accents", false}}},
      {"no_chinese", {{"handle_chinese_chars", false}}},
      {"unclean", {{"clean_text", false}}},
  };
  const TemporaryFolder folder;
  std::map<std::string, WordPiece> made;
  for (const auto& [name, members] : settings) {
    put_file(folder / "tokenizer.json", with_normalizer(members).dump());
    made.emplace(name, WordPiece::load(folder / "."));
  }
  const json cases = read_fixture("cases.json");
  ASSERT_GT(cases.size(), 500u);
  for (const json& item : cases) {
    const auto text = item["text"].get<std::string>();
    const auto want = item["ids"].get<std::vector<std::int32_t>>();
    const WordPiece& pieces = made.at(item["settings"]);
    expect_tokens(pieces, text, want, item.dump());
  }
}

TEST(WordPiece, VocabTxtWithItsSettings) {
  const TemporaryFolder folder;
  const auto words = get_file(kFixtures / "vocab.txt");
  put_file(folder / "vocab.txt", words);
  const WordPiece json_file = WordPiece::load(kFixtures);
  const WordPiece plain = WordPiece::load(folder / ".");
  EXPECT_EQ(plain.size(), json_file.size());
  for (const char* text : {"Play the NEWEST song, é!", "[MASK] 中文"})
    EXPECT_EQ(plain.encode(text, 100), json_file.encode(text, 100));
  put_file(folder / "tokenizer_config.json",
           R"({"do_lower_case": false, "strip_accents": null, "tokenize_chinese_chars": false,
               "cls_token": {"content": "[MASK]"}})");
  const WordPiece cased = WordPiece::load(folder / ".");
  EXPECT_FALSE(cased.settings().basic.lower);
  EXPECT_FALSE(cased.settings().basic.strip_accents);
  EXPECT_FALSE(cased.settings().basic.chinese);
  EXPECT_EQ(cased.encode("", 9).front(), 4);
  EXPECT_EQ(cased.encode("", 9).size(), 2u);
}

TEST(WordPiece, OtherTemplates) {
  const TemporaryFolder folder;
  json all = read_fixture("tokenizer.json");
  all["post_processor"] = {
      {"type", "RobertaProcessing"}, {"sep", {"[PAD]", 0}}, {"cls", {"[MASK]", 4}}};
  put_file(folder / "tokenizer.json", all.dump());
  EXPECT_EQ(WordPiece::load(folder / ".").encode("", 9), (std::vector<std::int32_t>{4, 0}));
}

TEST(WordPiece, RefusesOtherTokenizers) {
  const TemporaryFolder folder;
  const auto refused = [&](const json& all, const std::string& part) {
    put_file(folder / "tokenizer.json", all.dump());
    expect_data_error([&] { WordPiece::load(folder / "."); }, part);
  };
  expect_data_error([&] { WordPiece::load(folder / "."); }, "no tokenizer.json and no vocab.txt");
  const json good = read_fixture("tokenizer.json");
  const auto patched = [&](const char* pointer, const json& value) {
    json all = good;
    all[json::json_pointer(pointer)] = value;
    return all;
  };
  refused(patched("/model/type", "BPE"), "model 'BPE', expected WordPiece");
  refused(patched("/normalizer/type", "NFKC"), "normalizer 'NFKC'");
  refused(patched("/pre_tokenizer", nullptr), "pre_tokenizer ''");
  refused(patched("/post_processor/type", "Sequence"), "post_processor 'Sequence'");
  json bare = patched("/model/vocab", json::object());
  bare["added_tokens"] = json::array();
  refused(bare, "no token '[CLS]'");
  refused(patched("/model/vocab/x", -1), "has no id");
  refused(patched("/model/vocab/x", 1u << 30), "has no id");
  refused(patched("/model/unk_token", "<nothing>"), "no token '<nothing>'");
  refused(json::array(), "expected a JSON object");
  refused(patched("/model/vocab/x", kMaxVocabulary), "has no id below 1048576");
  refused(patched("/model/max_input_chars_per_word", kMaxWordCharacters + 1), "expected 0 to 1000");
  refused(patched("/model/max_input_chars_per_word", "100"), "expected 0 to 1000");
  refused(patched("/model/max_input_chars_per_word", -1), "expected 0 to 1000");
  refused(patched("/model/continuing_subword_prefix", std::string(1001, '#')), "prefix of 1001");
  json many = json::array();
  for (std::size_t i = 0; i <= kMaxSpecialTokens; ++i) many.push_back({{"content", "x"}});
  refused(patched("/added_tokens", many), "1025 special ones, expected at most");
  put_file(folder / "tokenizer.json", std::string(1 << 20, '['));
  expect_data_error([&] { WordPiece::load(folder / "."); }, "nested deeper");
}

TEST(WordPiece, LimitsThemselvesAreTaken) {
  const TemporaryFolder folder;
  json all = read_fixture("tokenizer.json");
  all["model"]["max_input_chars_per_word"] = kMaxWordCharacters;
  all["model"]["vocab"]["x"] = kMaxVocabulary - 1;
  while (all["added_tokens"].size() < kMaxSpecialTokens)
    all["added_tokens"].push_back({{"content", "x" + std::to_string(all["added_tokens"].size())}});
  put_file(folder / "tokenizer.json", all.dump());
  const WordPiece pieces = WordPiece::load(folder / ".");
  const auto x = static_cast<std::int32_t>(kMaxVocabulary - 1);
  EXPECT_EQ(pieces.encode("x", 9)[1], x);
  // One word as long as may be, and one longer, which is unknown.
  const auto unknown = pieces.encode(std::string(kMaxWordCharacters + 1, 'x'), 9);
  EXPECT_EQ(unknown.size(), 3u);
}

TEST(WordPiece, AVocabularyAsLargeAsMayBe) {
  const TemporaryFolder folder;
  std::string words = "[CLS]\n[SEP]\n[UNK]\n";
  for (std::size_t i = 3; i < kMaxVocabulary; ++i) words += std::to_string(i) + '\n';
  const auto load = [&](const std::string& text) {
    put_file(folder / "vocab.txt", text);
    return within_memory(std::size_t{256} << 20, [&] { WordPiece::load(folder / "."); });
  };
  EXPECT_EQ(load(words), "good");
  EXPECT_NE(load(words + "x\n").find("more than 1048576 tokens"), std::string::npos);
}

// A run of combining marks is put in order by sorting, not by exchanging neighbours.
TEST(WordPiece, LongRunsOfMarks) {
  std::string marks;
  for (int i = 0; i < 300'000; ++i) marks += i % 2 == 0 ? "\xcc\x81" : "\xcc\xa3";
  const WordPiece pieces = WordPiece::load(kFixtures);
  EXPECT_EQ(pieces.encode("song" + marks + " the", 99), pieces.encode("song the", 99));
}

TEST(WordPiece, DamagedFiles) {
  const TemporaryFolder folder;
  json all = read_fixture("tokenizer.json");
  json few;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b"})
    few[token] = few.size();
  all["model"]["vocab"] = few;
  const std::string text = all.dump();
  const auto good = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto path = folder / "tokenizer.json";
  for (std::size_t length = 0; length < good.size(); length += 31) {
    put_file(path, good.first(length));
    EXPECT_THROW(WordPiece::load(folder / "."), DataError) << length;
  }
  EXPECT_GT(flip_every_bit(
                path, good, [&] { WordPiece::load(folder / ".").encode("ab c", 9); }, 13),
            0u);
}

TEST(WordPiece, BytesThatAreNotUtf8) {
  const WordPiece pieces = WordPiece::load(kFixtures);
  EXPECT_EQ(pieces.encode("song \xff\xc3 the", 99), pieces.encode("song the", 99));
  EXPECT_THROW(pieces.encode("song", 1), ContractError);
}

}  // namespace
}  // namespace blindtuner::word_piece_test
