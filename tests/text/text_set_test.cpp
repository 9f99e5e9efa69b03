#include "text/text_set.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing;
using Words = std::vector<std::string>;

class Texts : public ::testing::Test {
 protected:
  TextSource source(std::string_view text) {
    put_file(folder_ / "t.tsv", text);
    TextSource out;
    out.table = folder_ / "t.tsv";
    return out;
  }
  TextSet read(std::string_view text) { return read_text_set(source(text)); }
  TemporaryFolder folder_;
};

TEST_F(Texts, LabelsByName) {
  const TextSet set = read("text\tintent\nplay it\tmusic\n\"a \"\"b\"\"\nc\"\tbook\nx\tmusic\n");
  EXPECT_EQ(set.texts, (Words{"play it", "a \"b\"\nc", "x"}));
  EXPECT_EQ(set.labels, (Labels{1, 0, 1}));
  EXPECT_EQ(set.classes, (Words{"book", "music"}));
  EXPECT_EQ(set.names, (Words{"2", "3", "5"}));
  EXPECT_EQ(read("one\t0\ntwo\t1\n").texts.size(), 2u);
  EXPECT_TRUE(read("one\ntwo\n").labels.empty());
  TextSource named = source("kind\tid\twords\na\t1\tx\nb\t2\ty\n");
  named.text_column = "words";
  named.label_column = "kind";
  EXPECT_EQ(read_text_set(named).texts, (Words{"x", "y"}));
  named.classes.names = {"c", "b", "a"};
  EXPECT_EQ(read_text_set(named).labels, (Labels{2, 1}));
  named.classes.names = {"c", "b"};
  expect_data_error([&] { read_text_set(named); }, "line 2: class 'a'");
}

TEST_F(Texts, BadTables) {
  const auto refused = [&](std::string_view text, const std::string& part) {
    expect_data_error([&] { read(text); }, part);
  };
  refused("", "empty");
  refused("text\tlabel\n", "a header but no rows");
  refused("a\tx\nb\tx\n", "one class ('x')");
  refused("a\tx\nb\n", "line 2: 1 fields, expected 2");
  refused("a\tx\nb\xff\ty\n", "line 2: not UTF-8");
  TextSource same = source("a\tx\nb\ty\n");
  same.label_column = "1";
  expect_data_error([&] { read_text_set(same); }, "the same column");
}

// BLINDTUNER_DATA names a folder with snips/*.tsv; unset by default.
TEST(TextData, Snips) {
  const char* folder = std::getenv("BLINDTUNER_DATA");
  if (folder == nullptr) GTEST_SKIP() << "BLINDTUNER_DATA is not set";
  TextSource snips;
  snips.table = std::filesystem::path(folder) / "snips" / "train.tsv";
  if (!std::filesystem::exists(snips.table)) GTEST_SKIP() << snips.table << " is absent";
  const TextSet set = read_text_set(snips);
  EXPECT_EQ(set.texts.size(), 13784u);
  EXPECT_EQ(set.classes.size(), 7u);
}

}  // namespace
}  // namespace blindtuner
