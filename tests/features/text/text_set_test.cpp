#include "features/text/text_set.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
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
  named.columns.text = "words";
  named.columns.label = "kind";
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
  refused("a\tx\nb\n", "fields, expected");
  refused("a\tx\nb\xff\ty\n", "line 2: not UTF-8");
  refused(R"({"text": "a", "label": "x"})", "JSON, expected a table");
  refused(R"([{"text": "a", "label": "x"}])", "JSON, expected a table");
  TextSource folder = source("");
  folder.table = folder_ / "";
  expect_data_error([&] { read_text_set(folder); }, "a folder, expected a table");
  TextSource same = source("a\tx\nb\ty\n");
  same.columns.label = same.columns.text = "1";
  expect_data_error([&] { read_text_set(same); }, "the same column");
}

// The text is what reads like one, the label what comes again; a header is no sample.
TEST_F(Texts, ColumnsOfPeoplesTables) {
  const auto rows = [](const std::string& header, const auto& row) {
    std::string out = header.empty() ? "" : header + "\n";
    for (int i = 0; i < 20; ++i) out += row(i) + "\n";
    return out;
  };
  const auto text = [](int i) { return "patient number " + std::to_string(i) + " is fine"; };
  const auto label = [](int i) { return std::string(i % 3 == 0 ? "ill" : "well"); };
  const auto number = [](int i) { return std::to_string(i); };
  const std::string tab = "\t";
  const auto check = [&](const std::string& table) {
    const TextSet set = read(table);
    ASSERT_EQ(set.texts.size(), 20u) << table.substr(0, 60);
    EXPECT_EQ(set.texts[1], text(1)) << table.substr(0, 60);
    EXPECT_EQ(set.classes, (Words{"ill", "well"}));
    EXPECT_EQ(set.labels[0], 0);
  };
  const auto two = [&](int i) { return text(i) + tab + label(i); };
  for (const char* header :
       {"", "text\tlabel", "note\tdiagnosis", "comment_text\ttoxic", "what was said\tstate"})
    check(rows(header, two));
  for (const char* header : {"", "label\ttext", "state\tsaid"})
    check(rows(header, [&](int i) { return label(i) + tab + text(i); }));
  for (const char* header : {"", "\ttext\tlabel", "Unnamed: 0\tnote\tdx", "id\tnote\tstate"})
    check(rows(header, [&](int i) { return number(i) + tab + text(i) + tab + label(i); }));
  check(rows("text\tlabel\tscore",
             [&](int i) { return text(i) + tab + label(i) + tab + std::to_string(0.3 * i); }));
  // Numbered classes; several columns that may be labels, or texts.
  EXPECT_EQ(read(rows("text\ttoxic", [&](int i) { return text(i) + tab + number(i % 2); })).classes,
            (Words{"0", "1"}));
  expect_data_error(
      [&] {
        read(rows("text\ttoxic\tobscene",
                  [&](int i) { return text(i) + tab + number(i % 2) + tab + number(i / 7); }));
      },
      "several columns may be the label: column 2 ('toxic'), column 3 ('obscene')");
  expect_data_error(
      [&] {
        read(rows("title\tbody\tlabel",
                  [&](int i) { return text(i) + tab + text(2 * i) + tab + label(i); }));
      },
      "several columns may be the text: column 1 ('title'), column 2 ('body'); say which with "
      "--text-column");
  expect_data_error(
      [&] { read(rows("text\turl", [&](int i) { return text(i) + tab + "u" + number(i); })); },
      "does not look like labels");
  // Without labels, on request or because there are none.
  TextSource none = source(rows("text\tlabel", two));
  none.columns.label = "none";
  EXPECT_TRUE(read_text_set(none).labels.empty());
  EXPECT_TRUE(
      read(rows("id\ttext", [&](int i) { return number(i) + tab + text(i); })).labels.empty());
  // A sample without a label.
  const std::string gap = rows("text\tlabel", two) + "one more text\t\n";
  expect_data_error([&] { read(gap); }, "line 22, column 2 ('label'): no label");
  TextSource skip = source(gap);
  skip.columns.skip_missing = true;
  EXPECT_EQ(read_text_set(skip).texts.size(), 20u);
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
