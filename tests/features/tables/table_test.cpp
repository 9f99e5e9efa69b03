#include "features/tables/table.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "features/data/test_files.h"
#include "features/samples/dataset.h"
#include "features/tables/table_number.h"
#include "features/tables/table_profile.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using Row = std::vector<std::string>;

class Tables : public ::testing::Test {
 protected:
  Table read(std::string_view text, const std::string& name = "t.csv") {
    put_file(folder_ / name, text);
    return Table(folder_ / name);
  }
  static Row row(const Table& table, std::size_t i) {
    TableRow fields;
    table.read(i, fields);
    return {fields.fields.begin(), fields.fields.end()};
  }
  void refused(std::string_view text, const std::string& part, const std::string& name = "t.csv") {
    expect_data_error([&] { read(text, name); }, part);
  }
  TemporaryFolder folder_;
};

TEST_F(Tables, Rfc4180) {
  const Table table = read("a,\"b \"\"c\"\"\n, d\"\r\n\n e , f\"g\n\"\",x");
  ASSERT_EQ(table.rows(), 3u);
  EXPECT_EQ(row(table, 0), (Row{"a", "b \"c\"\n, d"}));
  EXPECT_EQ(row(table, 1), (Row{" e ", " f\"g"}));
  EXPECT_EQ(row(table, 2), (Row{"", "x"}));
  EXPECT_EQ(table.line(1), 4u);
  EXPECT_EQ(table.line(2), 5u);
  ASSERT_EQ(table.unused().size(), 1u);
  EXPECT_EQ(table.unused()[0].count, 1u);
  EXPECT_EQ(table.unused()[0].first_line, 3u);
}

TEST_F(Tables, QuotesBetweenBlanks) {
  // As R writes tables: row names without a name above them, or none.
  const Table named = read(
      "\"a\" \"b\" \"the kind\"\n\"1\" 0.5 2 \"big cat\"\n\"2\" 1.5 3 \"a \"\"dog\"\"\"\n"
      "\"3\" 2.5 4 \"emu\"\r\n",
      "t.txt");
  EXPECT_EQ(named.separator(), ' ');
  EXPECT_TRUE(named.first_lacks_front());
  EXPECT_EQ(row(named, 0), (Row{"", "a", "b", "the kind"}));
  EXPECT_EQ(row(named, 1), (Row{"1", "0.5", "2", "big cat"}));
  EXPECT_EQ(row(named, 2), (Row{"2", "1.5", "3", "a \"dog\""}));
  EXPECT_EQ(row(named, 3), (Row{"3", "2.5", "4", "emu"}));
  const Table bare =
      read("\"a\" \"b\" \"c\" \"kind\"\n0.5 2 1 \"big cat\"\n1.5 3 0 \"dog\"\n", "t.txt");
  EXPECT_EQ(row(bare, 0), (Row{"a", "b", "c", "kind"}));
  EXPECT_EQ(row(bare, 1), (Row{"0.5", "2", "1", "big cat"}));
  // Quotes that are none.
  const Table inches = read("a b c size\n1 2 0 5\"\n3 4 1 \"6\n", "t.txt");
  EXPECT_EQ(row(inches, 2), (Row{"3", "4", "1", "\"6"}));
}

TEST_F(Tables, SeparatorsByContent) {
  const auto separator = [&](std::string_view text, const std::string& name) {
    const Table table = read(text, name);
    EXPECT_EQ(table.columns(), 3u) << text;
    return table.separator();
  };
  // Whatever it is called.
  for (const char* name : {"t.csv", "t.TSV", "t.txt", "T.CSV"}) {
    EXPECT_EQ(separator("a,b,c\n1,2,3\n", name), ',');
    EXPECT_EQ(separator("a\tb\tc\n1\t2\t3\n", name), '\t');
    EXPECT_EQ(separator("a;b;label\n0,13;-0,13;0\n0,64;0,10;1\n", name), ';');
    EXPECT_EQ(separator("0,13;-0,13;0\n0,64;0,10;1\n", name), ';');
    EXPECT_EQ(separator("a|b|c\n1|2|3\n", name), '|');
    EXPECT_EQ(separator("sep=;\na;b;c\n1;2;3\n", name), ';');
    EXPECT_EQ(separator("1.0e+00 2.0e+00  3\n4 5 6\n", name), ' ');
    // A separator within quotes is none.
    EXPECT_EQ(separator("\"a;1\",b,c\n\"d;2\",e,f\n", name), ',');
  }
  EXPECT_EQ(separator("a,1\tb,1\tc,1\n1,1\t2,1\t3,1\n", "t.tsv"), '\t');
  // Two that fit alike.
  const std::string commas = "123,456 200,111 300,123\n124,456 201,111 301,123\n";
  for (const char* name : {"t.csv", "t.txt"}) {
    refused(commas,
            "line 1: commas and blanks would separate the fields of every row alike: say "
            "which do with a first line sep=, or sep= ",
            name);
    EXPECT_EQ(row(read("sep= \n" + commas, name), 1), (Row{"124,456", "201,111", "301,123"}));
    EXPECT_EQ(read("sep=,\n" + commas, name).columns(), 4u);
    refused("good, really;pos\nbad, indeed;neg\n", "commas and semicolons would separate", name);
  }
  EXPECT_EQ(separator("1, 2, 3\n4, 5, 6\n", "t.csv"), ',');
  EXPECT_EQ(separator("1 234,5,6\n12,5,6\n", "t.csv"), ',');
  EXPECT_EQ(separator("a,2020-01-02 10:30,5\nb,2020-01-02 10:31,5\n", "t.csv"), ',');
  EXPECT_EQ(read("word\nother\n").columns(), 1u);
  EXPECT_EQ(read("a word\nanother word\n").columns(), 1u);
}

TEST_F(Tables, Encodings) {
  const Row want = {"\xc3\xa9", "\xf0\x9f\x98\x80"};
  const std::string plain = "\xc3\xa9,\xf0\x9f\x98\x80\nx,y\n";
  EXPECT_EQ(row(read(plain), 0), want);
  EXPECT_EQ(row(read("\xef\xbb\xbf" + plain), 0), want);
  std::string little = "\xff\xfe", big = "\xfe\xff";
  for (const unsigned unit : {0xe9u, 0x2cu, 0xd83du, 0xde00u, 0x0au, 0x78u, 0x2cu, 0x79u, 0x0au}) {
    little += {static_cast<char>(unit & 255), static_cast<char>(unit >> 8)};
    big += {static_cast<char>(unit >> 8), static_cast<char>(unit & 255)};
  }
  EXPECT_EQ(row(read(little), 0), want);
  EXPECT_EQ(row(read(big), 0), want);
  EXPECT_EQ(read(little).rows(), 2u);
  refused(little.substr(0, little.size() - 1), "odd number of bytes");
  refused(little.substr(0, 8), "half a character");
  // Lines that end with CR alone.
  EXPECT_EQ(read("a,b\r1,2\r").rows(), 2u);
  refused("a,b\nc,\xe9\n", "line 2: not UTF-8");
  refused(std::string_view("a,b\nc\0,\n", 8), "line 2: not UTF-8, or a zero byte");
  refused(std::string_view("PK\x03\x04", 4), "a workbook");
  // Packed, and not what it claims.
  std::string packed(200, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  EXPECT_EQ(row(read(packed, "t.csv.gz"), 0), want);
  packed.back() = '\x7f';
  refused(packed, "claims", "t.csv.gz");
  packed.back() = '\xff';
  refused(packed, "claims", "t.csv.gz");
}

// Rows do not vanish within quotes.
TEST_F(Tables, Quotes) {
  std::string text = "text\tlabel\n";
  for (int i = 0; i < 20; ++i)
    text += i == 5 ? "\"urgent: fever\till\n" : i == 9 ? "5 ft 11\"\twell\n" : "fine\twell\n";
  const Table inches = read(text, "t.tsv");
  EXPECT_EQ(inches.rows(), 21u);
  EXPECT_EQ(row(inches, 6)[0], "\"urgent: fever");
  EXPECT_EQ(inches.notes().size(), 1u);
  // One that is never closed, and one that something stands behind.
  EXPECT_EQ(read("a\tb\n\"c\td\ne\tf\n", "t.tsv").rows(), 3u);
  EXPECT_EQ(row(read("a\tb\n\"c\" he said\td\n", "t.tsv"), 1)[0], "\"c\" he said");
  // What is quoted as it should be is: a line break within makes the lines ragged.
  EXPECT_EQ(row(read("a\tb\n\"c\nd\"\te\n", "t.tsv"), 1)[0], "c\nd");
  EXPECT_EQ(row(read("a\tb\n\"c\"\te\n", "t.tsv"), 1)[0], "c");
  // With commas quotes are the rule, so a wrong one is refused where it opens.
  refused("a,b\n\"c,d\ne,f\n", "line 2: a quote is opened and never closed");
  refused("a,b\n\"c\"x,d\n", "line 2: text behind a quoted field that begins here");
  refused("a,b\nx,y\n\"c,d\ne,y\ng\",h\n", "line 3: a quote that is opened here closes on line 5");
  // Unlike anything in the other rows: a text of several lines.
  EXPECT_EQ(read("b,a\nx,\"one\ntwo, three\"\ny,four\n").rows(), 3u);
}

TEST_F(Tables, RowsOfOtherLengths) {
  refused("1,2\n3,4\n5\n", "line 3: 1 fields, expected 2 as on line 2 (separated by commas)");
  refused("1,2\n3,4,5\n", "line 2: 3 fields, expected 2 as on line 1");
  // A separator at every end; a header that lacks it, or has one more.
  const Table trailing = read("a,b,\n1,2,\n3,4,\n");
  EXPECT_EQ(trailing.columns(), 3u);
  EXPECT_EQ(row(read("a,b\n1,2,\n3,4,\n"), 1), (Row{"1", "2"}));
  EXPECT_EQ(row(read("a,b,\n1,2\n3,4\n"), 0), (Row{"a", "b"}));
  // Row names have no name, as R writes them.
  const Table names = read("a,b\nr1,1,2\nr2,3,4\n");
  EXPECT_EQ(row(names, 0), (Row{"", "a", "b"}));
  EXPECT_EQ(row(names, 2), (Row{"r2", "3", "4"}));
  // Rows of nothing, in the middle and at the end.
  const Table nothing = read("a,b\n1,2\n,\n3,4\n,,\n\n");
  EXPECT_EQ(nothing.rows(), 3u);
  EXPECT_EQ(nothing.unused()[0].count, 1u);
  refused("1\n\n2\n", "line 2: empty, expected a row");
  for (const char* empty : {"", "\n\n \n", "\xef\xbb\xbf", ",,\n"})
    refused(empty, "empty, expected");
}

TEST_F(Tables, DamagedFilesAreRefusedOrRead) {
  const auto all = [&] {
    const Table table(folder_ / "t.csv");
    for (std::size_t i = 0; i < table.rows(); ++i) (void)row(table, i);
  };
  for (const std::string good : {"x,\"y\"\"\n\",z\r\n1,2,\xc3\xa9\n", "a;b\n\"1\";2\n3;4\n"}) {
    const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(good.data()), good.size());
    flip_every_bit(folder_ / "t.csv", bytes, all);
  }
}

TEST_F(Tables, AsManyFieldsAsMayBe) {
  const auto outcome = [&](const std::string& text) {
    put_file(folder_ / "t.csv", text);
    return within_memory(std::size_t{256} << 20, [&] { Table table(folder_ / "t.csv"); });
  };
  std::string text(2 * kMaxTableColumns - 1, ',');
  for (std::size_t i = 0; i < text.size(); i += 2) text[i] = '1';
  EXPECT_EQ(outcome(text), "good");
  EXPECT_NE(outcome(text + ",1").find("line 1: more than 1048576 fields"), std::string::npos);
  EXPECT_NE(outcome(std::string(std::size_t{64} << 20, ',') + "x").find("1048576 fields"),
            std::string::npos);
}

// A file with nothing in it but its size: as large as may be it is read, for which there is no memory here.
TEST_F(Tables, AsManyBytesAsMayBe) {
  const auto outcome = [&](std::uint64_t bytes) {
    put_file(folder_ / "t.csv", "a,b\n");
    std::filesystem::resize_file(folder_ / "t.csv", bytes);
    return within_memory(1 << 20, [&] { Table table(folder_ / "t.csv"); });
  };
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(outcome(kMaxTableBytes), "not enough memory");
#endif
  EXPECT_NE(outcome(kMaxTableBytes + 1).find("4294967296 bytes, expected at most 4294967295"),
            std::string::npos);
}

TEST_F(Tables, AsManyLinesAsMayBe) {
  std::string text(2 * kMaxTableLines, '\n');
  for (std::size_t i = 0; i < text.size(); i += 2) text[i] = '1';
  const auto outcome = [&] {
    put_file(folder_ / "t.csv", text);
    return within_memory(8 * kMaxTableLines + text.size() + (std::size_t{64} << 20), [&] {
      const Table table(folder_ / "t.csv");
      throw DataError(std::to_string(table.rows()) + " rows");
    });
  };
  EXPECT_EQ(outcome(), std::to_string(kMaxTableLines) + " rows");
  text += '1';
  EXPECT_NE(outcome().find("134217729 lines, expected at most 134217728"), std::string::npos);
}

/// Columns with more different values than are told apart, of a table with as many in every column as `rows`.
std::string with_many(const Table& table) {
  const TableProfile profile(table, {}, [](std::string_view) { return false; }, {});
  std::size_t many = 0;
  for (const ColumnProfile& column : profile.columns()) many += column.many ? 1 : 0;
  return std::to_string(many);
}

TEST_F(Tables, ValuesThatAreToldApart) {
  // One column, then as many as there is room for together, and one more.
  const auto many = [&](std::size_t columns, std::size_t rows) {
    std::string text;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j)
        text += std::to_string(i) + (j + 1 < columns ? ',' : '\n');
    put_file(folder_ / "t.csv", text);
    return within_memory(2 * text.size() + 8 * kMaxDifferentInAll + (std::size_t{64} << 20),
                         [&] { throw DataError(with_many(Table(folder_ / "t.csv"))); });
  };
  EXPECT_EQ(many(1, kMaxDifferent), "0");
  EXPECT_EQ(many(1, kMaxDifferent + 1), "1");
  // Of the last row's values as many find no room as the last column has.
  EXPECT_EQ(many(kMaxDifferentInAll / kMaxDifferent + 1, kMaxDifferent),
            std::to_string(kMaxDifferent));
}

TEST(TableNumbers, EveryForm) {
  const auto point = [](std::string_view s) { return table_number(s, DecimalMark::kPoint); };
  const auto comma = [](std::string_view s) { return table_number(s, DecimalMark::kComma); };
  for (const auto& [text, value] :
       std::vector<std::pair<std::string, double>>{{"1", 1},
                                                   {" +4 ", 4},
                                                   {"-3e2", -300},
                                                   {"1,234.5", 1234.5},
                                                   {"1,234,567", 1234567},
                                                   {"(12.5)", -12.5},
                                                   {"(1,100)", -1100},
                                                   {"\xe2\x88\x92"
                                                    "2",
                                                    -2},
                                                   {".5", 0.5},
                                                   {"5.", 5},
                                                   {"1 234.5", 1234.5},
                                                   {"1\xc2\xa0"
                                                    "234",
                                                    1234},
                                                   {"1'234", 1234},
                                                   {"1e-999", 0},
                                                   {"1,100", 1100}})
    EXPECT_EQ(point(text), value) << text;
  for (const auto& [text, value] : std::vector<std::pair<std::string, double>>{{"0,13", 0.13},
                                                                               {"-0,13", -0.13},
                                                                               {"1.234,5", 1234.5},
                                                                               {"1.234", 1234},
                                                                               {"1,5e3", 1500},
                                                                               {"1 234,5", 1234.5},
                                                                               {"7", 7},
                                                                               {"(0,5)", -0.5}})
    EXPECT_EQ(comma(text), value) << text;
  for (const char* none :
       {"",       "-",         "a",     "1a",     "0x10",       "1 2",     "+-1", "--1",
        "1,23.4", "12,34,567", "1.2.3", "1,,234", "nan",        "12%",     "$5",  "(1",
        "e5",     "1e",        "(-3)",  ",",      "2021-03-01", "1234,567"})
    EXPECT_FALSE(point(none)) << none;
  EXPECT_EQ(point("1e999"), HUGE_VAL);
  EXPECT_EQ(point("-inf"), -HUGE_VAL);
}

TEST(TableNumbers, MarksTellThemselves) {
  for (const auto& [text, kind] :
       std::vector<std::pair<std::string, MarkEvidence>>{{"1", MarkEvidence::kNone},
                                                         {"x", MarkEvidence::kNone},
                                                         {"0.13", MarkEvidence::kPoint},
                                                         {"1,234,567", MarkEvidence::kPoint},
                                                         {"0.123", MarkEvidence::kPoint},
                                                         {"1,234.5", MarkEvidence::kPoint},
                                                         {"0,13", MarkEvidence::kComma},
                                                         {"1.234.567", MarkEvidence::kComma},
                                                         {"0,123", MarkEvidence::kComma},
                                                         {"1.234,5", MarkEvidence::kComma},
                                                         {"1.234", MarkEvidence::kPointOrNothing},
                                                         {"1,100", MarkEvidence::kCommaOrNothing}})
    EXPECT_EQ(mark_evidence(text), kind) << text;
}

}  // namespace
}  // namespace blindtuner
