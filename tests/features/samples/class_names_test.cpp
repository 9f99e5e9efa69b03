#include "features/samples/class_names.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using Row = std::vector<std::string>;

class ClassFiles : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST(Utf8, WellFormedOnly) {
  const std::string good = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_TRUE(decode_utf8(good) == (std::u32string{U'a', 0xe9, 0x20ac, 0x1f600}));
  EXPECT_EQ(encode_utf8(*decode_utf8(good)), good);
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80", "\xff"})
    EXPECT_FALSE(decode_utf8(bad)) << bad;
  EXPECT_TRUE(decode_utf8_leniently("a\xffz") == (std::u32string{U'a', 0xfffd, U'z'}));
  // Every code point there and back.
  for (char32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const std::u32string one(1, point);
    ASSERT_TRUE(decode_utf8(encode_utf8(one)) == one) << static_cast<unsigned>(point);
  }
}

TEST_F(ClassFiles, StringsInNpzFiles) {
  const std::vector<std::string> words = {"n\xc3\xa6vus", "", "x"};
  write_npz(folder_ / "a.npz", {{"words", npy_bytes(words)}, {"numbers", npy_bytes(Labels{1})}});
  const NpzArchive archive(folder_ / "a.npz");
  EXPECT_EQ(archive.strings("words"), words);
  expect_data_error([&] { archive.strings("numbers"); }, "array of text");
  expect_data_error([&] { archive.features("words"); }, "text, expected numbers");
  const auto bytes = npy_bytes(words);
  const auto good = get_file(folder_ / "a.npz");
  EXPECT_GT(
      flip_every_bit(
          folder_ / "b.npz", good, [&] { NpzArchive(folder_ / "b.npz").strings("words"); }, 29),
      0u);
}

TEST_F(ClassFiles, AsManyClassNamesAsMayBe) {
  std::string text;
  for (int i = 0; i < kMaxLabels; ++i) text += std::to_string(i) + '\n';
  const auto read = [&](const std::string& content) {
    put_file(folder_ / "c.txt", content);
    return within_memory(std::size_t{512} << 20, [&] { read_class_names(folder_ / "c.txt"); });
  };
  EXPECT_EQ(read(text), "good");
  EXPECT_NE(read(text + "x\n").find("too many class names, expected 2 to 1048576"),
            std::string::npos);
  EXPECT_NE(read(std::string(1 << 26, '\n')).find("too many class names"), std::string::npos);
}

TEST_F(ClassFiles, ClassNamesAsLongAsMayBe) {
  const auto add = [](const std::string& word) {
    LabelWords words;
    words.add(word, [] { return std::string("row 1"); });
  };
  EXPECT_NO_THROW(add(std::string(1000, 'x')));
  expect_data_error([&] { add(std::string(1001, 'x')); },
                    "row 1: label of 1001 bytes, expected 1 to 1000");
}

class ClassNames : public ::testing::Test {
 protected:
  static NamedLabels number(const Row& words, const ClassRequest& request = {}) {
    LabelWords all;
    for (const std::string& word : words)
      all.add(word, [&] { return "row " + std::to_string(all.size()); });
    return number_labels(all, request);
  }
  static void expect(const Row& words, const Labels& labels, const Row& classes,
                     const ClassRequest& request = {}) {
    const NamedLabels named = number(words, request);
    EXPECT_EQ(named.labels, labels);
    EXPECT_EQ(named.classes, classes);
  }
  static void refused(const Row& words, const ClassRequest& request, const std::string& part) {
    expect_data_error([&] { number(words, request); }, part);
  }
};

TEST_F(ClassNames, AreMadeUpOfTheLabels) {
  expect({"b", "a", "b"}, {1, 0, 1}, {"a", "b"});
  // Numbers by their size, however they are written, and none that no sample has.
  expect({"10", "2"}, {1, 0}, {"2", "10"});
  expect({"2.0", "1", "01", "3e0"}, {1, 0, 0, 2}, {"1", "2", "3"});
  expect({"2021", "1999"}, {1, 0}, {"1999", "2021"});
  expect({"1", "-1"}, {1, 0}, {"-1", "1"});
  expect({"+1", "-1", "1"}, {1, 0, 1}, {"-1", "1"});
  expect({"+-1", "+"}, {1, 0}, {"+", "+-1"});
  // Not all of them are numbers.
  expect({"10", "2", "x"}, {0, 1, 2}, {"10", "2", "x"});
  expect({"1.5", "2"}, {0, 1}, {"1.5", "2"});
  // Blanks around a name, and two ways to write one letter.
  expect({" mel", "mel\t", "n\xc3\xa4vus", "na\xcc\x88vus"}, {0, 0, 1, 1}, {"mel", "n\xc3\xa4vus"});
  expect({"mel", "mel\xc2\xa0", "\xe2\x80\x8bmel", "nv", "\xe3\x80\x80nv\xef\xbb\xbf"},
         {0, 0, 0, 1, 1}, {"mel", "nv"});
  refused({"b", "\xc2\xa0"}, {}, "row 1: label of 0 bytes");
  refused({"b", ""}, {}, "row 1: label of 0 bytes");
  refused({"b", "  "}, {}, "row 1: label of 0 bytes");
}

TEST_F(ClassNames, OfOneClassInTwoSpellings) {
  for (const auto& [one, other] : {std::pair{"cat", "Cat"},
                                   {"TRUE", "True"},
                                   {"1", "1.0"},
                                   {"1", "true"},
                                   {"a b", "a  b"},
                                   {"a b",
                                    "a\xc2\xa0"
                                    "b"},
                                   {"ab",
                                    "a\xe2\x80\x8b"
                                    "b"},
                                   {"\xc3\x84rztin", "\xc3\xa4rztin"},
                                   {"7x", "\xef\xbc\x97x"}}) {
    refused({one, other, "x", other}, {}, "row 1: '" + printable(one) + "' (1 labels) and '");
    refused({one, other, "x", other}, {}, "' (2 labels) look like one class, written in two ways");
    // Names that are given are meant.
    if (std::string(one) != "1") expect({other, one}, {1, 0}, {one, other}, {{one, other}});
  }
  expect({"a", "b", "a1", "a 1", "a-1", "1", "11", "1.5"}, {3, 7, 6, 4, 5, 0, 2, 1},
         {"1", "1.5", "11", "a", "a 1", "a-1", "a1", "b"});
}

TEST_F(ClassNames, OfAKnownNumber) {
  // Numbers below it stand for themselves.
  expect({"3", "0"}, {3, 0}, {"0", "1", "2", "3"}, {{}, 4});
  expect({"3", "1", "2"}, {2, 0, 1}, {"1", "2", "3"}, {{}, 3});
  expect({"a", "b"}, {0, 1}, {"a", "b"}, {{}, 2});
  refused({"1", "2", "5"}, {{}, 4}, "labels of 3 classes ('1', '2', '5'), expected 4");
  refused({"a", "b"}, {{"a", "b"}, 3}, "labels of 2 classes ('a', 'b'), expected 3");
}

TEST_F(ClassNames, OfAnotherSet) {
  // In its order, whichever are there.
  expect({"b"}, {1}, {"c", "b"}, {{"c", "b"}});
  expect({"3", "1.0"}, {1, 0}, {"1", "3"}, {{"1", "3"}});
  expect({"+1", "-1"}, {1, 0}, {"-1", "1"}, {{"-1", "1"}});
  expect({"+1", "-1"}, {0, 1}, {"+1", "-1"}, {{"+1", "-1"}});
  expect({"true", "False"}, {1, 0}, {"0", "1"}, {{"0", "1"}});
  expect({"1", "0"}, {1, 0}, {"False", "True"}, {{"False", "True"}});
  refused({"b", "x"}, {{"c", "b"}},
          "row 1: class 'x', expected one of the 2 that were given: 'c', 'b'");
  refused({"Mel"}, {{"mel", "nv"}}, "did you mean 'mel'?");
  // Numbers may have been given out in another order.
  refused({"0", "1"}, {{"cat", "dog"}}, "say so with --class-numbers");
  expect({"1", "0"}, {1, 0}, {"cat", "dog"}, {{"cat", "dog"}, 0, true});
  refused({"2"}, {{"cat", "dog"}, 0, true}, "class '2', expected one of");
  // Where names are numbers, both are one and the same, or nobody can tell which is meant.
  expect({"1", "0"}, {1, 0}, {"0", "1"}, {{"0", "1"}, 0, true});
  refused({"2", "1"}, {{"2", "0", "1"}, 0, true},
          "row 0: label '2' is the name of class 0, and with --class-numbers the place of another");
  refused({"4"}, {{"1", "2", "3"}},
          "class '4', expected one of the 3 that were given: '1', '2', '3'");
}

TEST_F(ClassFiles, ClassNamesFromFiles) {
  put_file(folder_ / "c.txt", "cat\r\ndog\n");
  EXPECT_EQ(read_class_names(folder_ / "c.txt"), (Row{"cat", "dog"}));
  write_npz(folder_ / "c.npz", {{"classes", npy_bytes(Row{"a", "b"})}});
  EXPECT_EQ(read_class_names(folder_ / "c.npz"), (Row{"a", "b"}));
  for (const auto& [text, part] : {std::pair{"cat\n", "1 class names"},
                                   {"a\n\nb\n", "is empty"},
                                   {"a\na \n", "there twice"}}) {
    put_file(folder_ / "c.txt", std::string_view(text));
    expect_data_error([&] { read_class_names(folder_ / "c.txt"); }, part);
  }
}

}  // namespace
}  // namespace blindtuner
