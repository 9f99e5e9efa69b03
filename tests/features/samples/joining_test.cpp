// Tables that go together by what is in them: identifiers of rows, names of columns.
#include "features/samples/joining.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/data/rounding.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

class Joining : public ::testing::Test {
 protected:
  Dataset load(const std::string& features, const std::string& labels,
               const ColumnChoice& columns = {}) {
    put_file(folder_ / "x.csv", features);
    put_file(folder_ / "y.csv", labels);
    DataSource source;
    source.features = folder_ / "x.csv";
    source.labels = folder_ / "y.csv";
    source.columns = columns;
    reading_ = {};
    return load_dataset(source, &reading_);
  }
  bool said(const std::string& part) const {
    for (const std::string& note : reading_.notes)
      if (note.find(part) != std::string::npos) return true;
    return false;
  }
  const TemporaryFolder folder_;
  Reading reading_;
};

const std::string kFeatures = "id,a,b\n11,0.5,1.5\n12,2.5,3.25\n13,4.5,5.75\n14,6.5,7.125\n";

TEST_F(Joining, ByIdentifiersWhateverTheirOrder) {
  const Labels want = {0, 1, 1, 0};
  EXPECT_EQ(load(kFeatures, "id,label\n11,u\n12,v\n13,v\n14,u\n").labels, want);
  EXPECT_EQ(reading_.details["joined_by"], "id");
  EXPECT_FALSE(said("another order"));
  EXPECT_EQ(load(kFeatures, "label,ID\nu,14.0\nv,12\nu,11\nv,13\n").labels, want);
  EXPECT_TRUE(said("y.csv': labels go to samples by column 2 ('ID'), as column 1 ('id') of "));
  EXPECT_TRUE(said("in another order than their places"));
  // Texts, and an index without a name.
  EXPECT_EQ(load("name,a\np,0.5\nq,1.5\nr,2.5\n", "name,label\nr,2\nq,1\np,0\n").labels,
            (Labels{0, 1, 2}));
  EXPECT_EQ(load(",a\n0,0.5\n1,1.5\n2,2.5\n", ",label\n2,7\n0,5\n1,6\n").labels, (Labels{0, 1, 2}));
  // As asked: by their places.
  EXPECT_EQ(load(kFeatures, "id,label\n14,u\n13,v\n12,v\n11,v\n", {.drop = {"id"}}).labels,
            (Labels{0, 1, 1, 1}));
  EXPECT_FALSE(reading_.details.contains("joined_by"));
  // No identifiers, nothing to go by.
  EXPECT_EQ(load(kFeatures, "label\nu\nv\nv\nu\n").labels, want);
}

TEST_F(Joining, ByNumbersThatAreInBothWhateverTheirName) {
  const std::string x = "code,a,b\n4711,0.5,1.5\n815,2.5,3.25\n42,4.5,5.75\n1234,6.5,7.125\n";
  const std::string moved = "code,label\n1234,u\n42,v\n815,v\n4711,w\n";
  const Labels want = {2, 1, 1, 0};
  const Dataset set = load(x, moved);
  EXPECT_EQ(set.labels, want);
  EXPECT_EQ(set.feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set.features(1, 0), 2.5f);
  EXPECT_EQ(reading_.details["joined_by"], "code");
  EXPECT_EQ(reading_.details["features"], 2);
  EXPECT_TRUE(said("it tells which label is whose, and is left out of the features"));
  EXPECT_TRUE(said("labels go to samples by column 1 ('code'), as column 1 ('code') of "));
  // Of a set whose features are known, and of those that were asked for: it stays one.
  DataSource source;
  source.features = folder_ / "x.csv";
  source.labels = folder_ / "y.csv";
  source.feature_names = {"code", "a", "b"};
  EXPECT_EQ(load_dataset(source).labels, want);
  EXPECT_EQ(load_dataset(source).width(), 3u);
  source.feature_names = {"a", "b"};
  EXPECT_EQ(load_dataset(source).labels, want);
  EXPECT_EQ(load(x, moved, {.features = {"code", "a"}}).width(), 2u);
  EXPECT_TRUE(said("labels go to samples by column 1 ('code')"));
  EXPECT_EQ(load(x, moved, {.drop = {"code"}}).labels, (Labels{0, 1, 1, 2}));
  expect_data_error([&] { load("code\n4711\n815\n42\n", "code,label\n815,u\n42,v\n4711,v\n"); },
                    "no other column of features is left");
  // An identifier by its name goes first.
  EXPECT_EQ(load("code,id,b\n7,a,1.5\n9,b,3.5\n8,c,5\n", "id,code,label\nb,9,v\na,7,u\nc,8,v\n")
                .feature_names,
            (std::vector<std::string>{"code", "b"}));
  EXPECT_EQ(reading_.details["joined_by"], "id");
  // In the same order it changes nothing, and is told.
  EXPECT_EQ(load(x, "code,label\n4711,u\n815,v\n42,v\n1234,u\n").width(), 3u);
  EXPECT_TRUE(said("in the same order: rows go together by their places"));
  EXPECT_TRUE(reading_.warnings.empty());
}

TEST_F(Joining, NumbersThatAgreeInPart) {
  const std::string x = "code,a\n4711,1.5\n815,3.25\n42,5.5\n1234,7\n99,8.5\n";
  expect_data_error([&] { load(x, "code,label\n99,u\n4711,u\n42,v\n816,v\n1234,w\n"); },
                    "x.csv', line 3, column 1 ('code'): '815' is not in column 1 ('code') of ");
  expect_data_error([&] { load(x, "code,label\n99,u\n4711,u\n43,v\n816,v\n1234,w\n"); },
                    "which has the other rows' values but for 2 in another order");
  EXPECT_EQ(load(x, "code,label\n99,u\n4711,u\n42,v\n816,v\n1234,w\n", {.drop = {"code"}}).labels,
            (Labels{0, 0, 1, 1, 2}));
  // In their order: by their places, with a word.
  EXPECT_EQ(load(x, "code,label\n4711,u\n816,u\n42,v\n1234,v\n99,w\n").labels,
            (Labels{0, 0, 1, 1, 2}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("in the same order: rows go together by their places"),
            std::string::npos);
  // Hardly any, or several of one value: these are measurements.
  for (const char* other : {"code,label\n99,u\n4711,u\n43,v\n816,v\n1235,w\n",
                            "code,label\n99,u\n4711,u\n42,v\n42,v\n1234,w\n"}) {
    load(x, other);
    EXPECT_TRUE(reading_.warnings.empty()) << other << reading_.warnings[0];
  }
  // What tells all of them apart goes first.
  EXPECT_EQ(load("code,b\n7,1.5\n9,3.5\n8,5\n", "b,code,label\n1.5,9,v\n3.5,7,u\n4,8,v\n").labels,
            (Labels{0, 1, 1}));
}

TEST_F(Joining, TextsUnderAnotherName) {
  const std::string x = "name,a\npa,0.5\npb,1.5\npc,2.5\n";
  EXPECT_EQ(load(x, "sample,label\npc,2\npb,1\npa,0\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("labels go to samples by column 1 ('sample'), as column 1 ('name') of "));
  EXPECT_TRUE(reading_.warnings.empty());
  // In the same order nothing is to be told.
  EXPECT_EQ(load(x, "sample,label\npa,2\npb,1\npc,0\n").labels, (Labels{2, 1, 0}));
}

TEST_F(Joining, ClassesThatLoseTheirRows) {
  load("id,a\n1,0.5\n2,1.5\n3,NA\n4,NA\n5,3.5\n6,4.5\n", "id,label\n6,u\n5,v\n4,w\n3,w\n2,v\n1,u\n",
       {.skip_missing = true});
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(
      reading_.warnings[0].find("2 of 2 rows of the class 'w' have no sample and are left out"),
      std::string::npos)
      << reading_.warnings[0];
}

TEST_F(Joining, NumbersUnderAnotherName) {
  // Both are called as identifiers: too few of what lies between are there for chance.
  EXPECT_EQ(load("sample_id,a,b\n4711,0.5,1.5\n815,2.5,3.25\n42,4.5,5\n",
                 "id,label\n42,u\n815,v\n4711,w\n")
                .labels,
            (Labels{2, 1, 0}));
  EXPECT_TRUE(said("labels go to samples by column 1 ('id'), as column 1 ('sample_id') of "));
  EXPECT_TRUE(reading_.warnings.empty());
  // Every row's number: of pictures in both, but not a picture's in one and a patient's in the other.
  const std::string counted = "id,a\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n";
  EXPECT_EQ(load(counted, "image_id,label\n3,w\n1,u\n4,x\n2,v\n").labels, (Labels{0, 1, 2, 3}));
  EXPECT_EQ(load(counted, "patient_id,label\n3,w\n1,u\n4,x\n2,v\n").labels, (Labels{2, 0, 3, 1}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(
      reading_.warnings[0].find("hold the same numbers in another order, but rows go together "
                                "by their places"),
      std::string::npos)
      << reading_.warnings[0];
  // An index that counts the rows of the labels alone.
  EXPECT_EQ(load("id,a\n2,0.5\n0,1.5\n1,2.5\n", ",label\n0,u\n1,v\n2,w\n").labels,
            (Labels{0, 1, 2}));
  EXPECT_EQ(reading_.warnings.size(), 1u);
  load("a,b\n4711,1.5\n815,3.25\n42,5\n", "id,label\n42,u\n815,v\n4711,v\n");
  EXPECT_EQ(reading_.warnings.size(), 1u);
  // Other values, twice the same, in the same order, fractions.
  for (const char* other : {"id,label\n42,u\n815,v\n4712,v\n", "id,label\n42,u\n42,v\n815,v\n",
                            "id,label\n4711,u\n815,v\n42,v\n", "id,label\n5,u\n1.5,v\n3.25,v\n"}) {
    load("a,b\n4711,1.5\n815,3.25\n42,5\n", other);
    EXPECT_TRUE(reading_.warnings.empty()) << other << reading_.warnings[0];
  }
}

TEST_F(Joining, WhatOneTableAloneHasIsRefused) {
  const auto refused = [&](const std::string& labels, const std::string& part) {
    expect_data_error([&] { load(kFeatures, labels); }, part);
  };
  refused("id,label\n11,u\n12,v\n13,v\n15,u\n", "y.csv': no row with '14' in column 1 ('id')");
  refused("id,label\n11,u\n12,v\n13,v\n", "no row with '14'");
  refused("id,label\n11,u\n12,v\n13,v\n14,u\n15,u\n", "x.csv': no row with '15'");
  refused("id,label\n11,u\n11,v\n13,v\n14,u\n", "do not tell rows apart");
  // Rows of features that were left out have labels left over.
  const Dataset set = load("id,a,b\n11,0.5,1.5\n12,NA,3.25\n13,4.5,5.75\n14,6.5,7.125\n",
                           "id,label\n14,u\n13,v\n12,v\n11,u\n", {.skip_missing = true});
  EXPECT_EQ(set.labels, (Labels{0, 1, 0}));
  // Repeated, but alike in both.
  EXPECT_EQ(load("id,a\n7,0.5\n7,1.5\n8,2.5\n", "id,label\n7,0\n7,1\n8,2\n").labels,
            (Labels{0, 1, 2}));
  // Without a name it may count anything.
  EXPECT_EQ(load(",a\n5,0.5\n9,1.5\n7,2.5\n", ",label\n0,0\n1,1\n2,2\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("rows go together by their places"));
}

TEST_F(Joining, ArchivesByTheirIdentifiers) {
  const FeatureMatrix x = FeatureMatrix::Random(4, 2);
  using Bytes = std::vector<std::uint8_t>;
  const auto load = [&](const std::map<std::string, Bytes>& keys, const std::string& labels,
                        bool skip = false, const std::vector<std::string>& drop = {}) {
    std::map<std::string, Bytes> members = keys;
    members["features"] = npy_bytes(x);
    write_npz(folder_ / "x.npz", members);
    put_file(folder_ / "y.csv", labels);
    DataSource source;
    source.features = folder_ / "x.npz";
    source.labels = folder_ / "y.csv";
    source.columns.skip_missing = skip;
    source.columns.drop = drop;
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  using Words = std::vector<std::string>;
  const Bytes names = npy_bytes(Words{"pa", "pb", "pc", "pd"});
  const Labels want = {0, 1, 2, 0}, by_place = {0, 2, 0, 1};
  const std::string labels = "id,label\npd,0\npc,2\npa,0\npb,1\n";
  for (const char* member : {"ids", "names", "ID", "sample_ids", "ids_train"}) {
    EXPECT_EQ(load({{member, names}}, labels), want) << member;
    EXPECT_TRUE(said("labels go to samples by column 1 ('id'), as member '")) << member;
    EXPECT_EQ(reading_.details["joined_by"], "id");
  }
  // Texts under whatever name; numbers under an identifier's, or an index that does not count.
  EXPECT_EQ(load({{"ids", names}}, "code,label\npd,0\npc,2\npa,0\npb,1\n"), want);
  const Bytes numbers = npy_bytes(Labels{0, 1, 2, 3});
  EXPECT_EQ(load({{"ids", numbers}}, "id,label\n3,0\n2,2\n0,0\n1,1\n"), want);
  EXPECT_EQ(load({{"index", numbers}}, ",label\n3,0\n2,2\n0,0\n1,1\n"), want);
  EXPECT_EQ(load({{"ids", npy_bytes(Labels{2, 3, 1, 0})}}, ",label\n0,0\n1,2\n2,0\n3,1\n"),
            by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("rows go together by their places"), std::string::npos);
  // Files, with folders and endings or without.
  const Bytes files = npy_bytes(Words{"a/1.png", "b/2.png", "b/3.png", "a/4.png"});
  for (const char* image :
       {"image,label\n4.png,0\n3.png,2\n1.png,0\n2.png,1\n", "image_id,label\n4,0\n3,2\n1,0\n2,1\n",
        "f,label\nx\\4.jpg,0\nx\\3.jpg,2\nx\\1.jpg,0\nx\\2.jpg,1\n"}) {
    EXPECT_EQ(load({{"names", files}}, image), want) << image;
    EXPECT_TRUE(said("but for folders"));
  }
  EXPECT_EQ(load({}, labels), by_place);
  EXPECT_TRUE(said("rows go together by their places, not by column 1 ('id')"));
  // Of one name and others, all or half of them: as of tables.
  const Bytes other = npy_bytes(Words{"s", "t", "u", "v"});
  expect_data_error(
      [&] {
        load({{"ids", other}}, labels);
      },
      "member 'ids' of '" + (folder_ / "x.npz").string() + "' and column 1 ('id') of '" +
          (folder_ / "y.csv").string() +
          "' hold other values, as of other samples (the first are 's' and 'pd'); --drop-columns");
  expect_data_error(
      [&] {
        load({{"ids", npy_bytes(Words{"p", "p", "q", "r"})}}, labels);
      },
      "are not the same and do not tell rows apart");
  EXPECT_EQ(load({{"ids", other}}, labels, false, {"id"}), by_place);
  // Of other names: they may be of other things.
  EXPECT_EQ(load({{"names", other}}, labels), by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("hold other values: rows go together by their places"),
            std::string::npos);
  expect_data_error(
      [&] {
        load({{"ids", names}}, "id,label\npd,0\npx,2\npa,0\npb,1\n");
      },
      "y.csv': no row with 'pc' in column 1 ('id'), which member 'ids' of ");
  const std::string more = labels + "pe,1\n";
  expect_data_error([&] { load({{"ids", names}}, more); }, "x.npz': no row with 'pe' in member");
  EXPECT_EQ(load({{"ids", names}}, more, true), want);
}

/// An array of `rows` elements of that type, of these bytes.
std::vector<std::uint8_t> array_of(const std::string& descr, const std::string& shape,
                                   const std::vector<std::uint8_t>& elements) {
  std::string head = "{'descr': " + descr + ", 'fortran_order': False, 'shape': (" + shape + "), }";
  std::vector<std::uint8_t> out = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  out.push_back(static_cast<std::uint8_t>(head.size()));
  out.push_back(0);
  out.insert(out.end(), head.begin(), head.end());
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

template <typename T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> out(values.size() * sizeof(T));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

TEST_F(Joining, ArchivesOfWholeNumbersOf64Bits) {
  // Neighbours that double precision makes one number.
  const std::int64_t odd = (std::int64_t{1} << 61) + 1;
  const auto ids = [&](std::vector<std::int64_t> of) {
    return array_of("'<i8'", std::to_string(of.size()) + ",", bytes_of(of));
  };
  write_npz(folder_ / "x.npz", {{"features", npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2)))},
                                {"ids", ids({odd, odd + 1, -odd})}});
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  write_npz(source.labels,
            {{"labels", npy_bytes(Labels{0, 1, 2})}, {"ids", ids({odd + 1, -odd, odd})}});
  EXPECT_EQ(load_dataset(source).labels, (Labels{2, 0, 1}));
  // A table's are the same ones.
  source.labels = folder_ / "y.csv";
  put_file(source.labels, "id,label\n" + std::to_string(odd + 1) + ",0\n" + std::to_string(-odd) +
                              ",1\n" + std::to_string(odd) + ",2\n");
  EXPECT_EQ(load_dataset(source).labels, (Labels{2, 0, 1}));
  // Without a sign.
  const std::vector<std::uint64_t> large = {~std::uint64_t{0}, ~std::uint64_t{0} - 1, 5};
  EXPECT_EQ(npy_to_keys(array_of("'<u8'", "3,", bytes_of(large)), "a"),
            (std::vector<std::string>{"18446744073709551615", "18446744073709551614", "5"}));
  // Where floats leave some out, another may have been meant.
  EXPECT_EQ(npy_to_keys(array_of("'<f4'", "1,", bytes_of(std::vector<float>{16777215})), "a")[0],
            "16777215");
  expect_data_error(
      [] { npy_to_keys(array_of("'<f4'", "1,", bytes_of(std::vector<float>{16777216})), "a"); },
      "of floats of 32 bits one below 2^24");
  // What an error shows is what the file holds.
  expect_data_error([&] { npy_to_label_words(ids({odd}), "a"); },
                    "is " + std::to_string(odd) + ", expected a class");
}

TEST_F(Joining, IdentifiersThatCannotBeRead) {
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;
  const auto load = [&](Members features, const Members& labels,
                        std::vector<NamedColumn>* identifiers = nullptr) {
    features["features"] = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2)));
    write_npz(folder_ / "x.npz", features);
    DataSource source;
    source.features = folder_ / "x.npz";
    if (!labels.empty()) {
      source.labels = folder_ / "y.npz";
      write_npz(source.labels, labels);
    }
    reading_ = {};
    return load_dataset(source, &reading_, identifiers).labels;
  };
  const Bytes y = npy_bytes(Labels{0, 1, 2}),
              text = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"});
  const std::vector<std::pair<std::string, Bytes>> unreadable = {
      {"objects",
       array_of("'|O'", "3,", bytes_of(std::vector<char>{'p', 'i', 'c', 'k', 'l', 'e'}))},
      {"one NaN", array_of("'<f8'", "3,", bytes_of(std::vector<double>{0, 1, NAN}))},
      {"2^53", array_of("'<f8'", "3,", bytes_of(std::vector<double>{0, 1, 0x1p53}))},
      {"dates", array_of("'<M8[D]'", "3,", bytes_of(std::vector<std::int64_t>{0, 1, 2}))},
      {"structures", array_of("[('a', '<i4'), ('b', '<i4', (1,))]", "3,",
                              bytes_of(std::vector<std::int64_t>{0, 1, 2}))},
      {"no UTF-8", array_of("'|S1'", "3,", {'p', 0xff, 'q'})}};
  for (const auto& [what, ids] : unreadable) {
    // On either side, on both, and beside a table.
    for (const auto& [own, others] : {std::pair{ids, ids}, {ids, moved}, {text, ids}}) {
      const auto of = [&, &own = own, &others = others] {
        load({{"ids", own}}, {{"labels", y}, {"ids", others}});
      };
      const std::string error = data_error(of);
      EXPECT_NE(error.find("member 'ids'"), std::string::npos) << what << error;
      EXPECT_NE(error.find("ids=numpy.asarray(ids, dtype=str)"), std::string::npos) << error;
    }
    // Another identifier tells it.
    EXPECT_EQ(
        load({{"ids", ids}, {"names", text}}, {{"labels", y}, {"ids", ids}, {"names", moved}}),
        (Labels{1, 2, 0}))
        << what;
    // The other file has none that it could go by.
    EXPECT_EQ(load({{"ids", ids}}, {{"labels", y}}), (Labels{0, 1, 2}));
    ASSERT_EQ(reading_.warnings.size(), 1u) << what;
    EXPECT_NE(reading_.warnings[0].find("called as identifiers are, and is not used"),
              std::string::npos);
    // Kept for scores, which labels go to: they are told from none.
    std::vector<NamedColumn> identifiers;
    load({{"ids", ids}, {"labels", y}}, {}, &identifiers);
    ASSERT_EQ(identifiers.size(), 1u) << what;
    const std::vector<NamedColumn> of_scores = {{"id", "'id'", {"p", "q", "r"}}};
    expect_data_error(
        [&] {
          join_rows({"s.npz", "x.npz", of_scores, identifiers}, reading_);
        },
        "member 'ids'");
    DataSource source;
    source.features = folder_ / "x.npz";
    reading_ = {};
    load_features(source, &reading_, &identifiers);
    EXPECT_TRUE(identifiers.empty()) << what;
    EXPECT_EQ(reading_.warnings.size(), 1u) << what;
  }
  // Of other rows, or several a row: they are no identifiers of these.
  for (const char* shape : {"2,", "3, 2", ""})
    EXPECT_EQ(load({{"ids", array_of("'|O'", shape, {})}}, {{"labels", y}, {"ids", moved}}),
              (Labels{0, 1, 2}))
        << shape;
}

TEST_F(Joining, RowsThatAreLeftOutAtOtherPlaces) {
  const std::string x = "a,b\n0.5,1.5\n,\n2.5,3.5\n4.5,5.5\n";
  const Labels want = {0, 1, 1};
  // Both at the same place, and behind the last sample, whatever else is there.
  EXPECT_EQ(load(x, "label,q\nu,1\n,\nv,1\nv,1\n").labels, want);
  EXPECT_EQ(load(x + ",\n\n", "label,q\nu,1\n\nv,1\nv,1\n").labels, want);
  EXPECT_EQ(load("a,b\n0.5,1.5\n2.5,3.5\n4.5,5.5\n,\n", "label,q\nu,1\nv,1\nv,1\n,\n,\n").labels,
            want);
  // Above a header, and above one that comes again, nothing is left out.
  EXPECT_EQ(load("\na,b\n0.5,1.5\n2.5,3.5\n\na,b\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n").labels,
            want);
  const auto refused = [&](const std::string& features, const std::string& labels,
                           const std::string& part, bool skip = false) {
    const std::string error = data_error([&] { load(features, labels, {.skip_missing = skip}); });
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_NE(error.find("rows go together by their places"), std::string::npos) << error;
  };
  refused(x, "label,q\nu,1\nv,1\n,\nv,1\n", "x.csv', line 3: no sample");
  refused("a,b\n0.5,1.5\n2.5,3.5\n,\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
          "y.csv', line 3: no sample");
  refused(x, "label,q\nu,1\nv,1\nv,1\n", "x.csv', line 3: no sample");
  refused("a,b\n\n0.5,1.5\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n",
          "x.csv', line 2: no sample");
  refused("a,b\n0.5,1.5\n\n\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\n\nv,1\nv,1\n",
          "x.csv', line 4: no sample");
  refused("0.5,1.5\n\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n", "x.csv', line 2: no sample");
  // What --skip-missing leaves out is as good as empty.
  refused("a,b\n0.5,1.5\n2.5,3.5\nNA,1\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
          "y.csv', line 3: no sample", true);
  EXPECT_EQ(load("a,b\n0.5,1.5\nNA,1\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
                 {.skip_missing = true})
                .labels,
            want);
  // Identifiers tell it whatever the places.
  EXPECT_EQ(load("id,a\n1,0.5\n,\n2,2.5\n3,4.5\n", "id,label\n3,v\n2,v\n,\n1,u\n").labels, want);
  // An array leaves out nothing.
  DataSource source;
  source.features = folder_ / "x.npy";
  source.labels = folder_ / "y.csv";
  write_npy(source.features, FeatureMatrix(FeatureMatrix::Random(3, 2)));
  put_file(source.labels, "label,q\nu,1\n,\nv,1\nv,1\n");
  expect_data_error([&] { load_dataset(source); }, "y.csv', line 3: no sample");
}

TEST_F(Joining, IdentifiersOfAnotherPartOfAnArchive) {
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;
  const Bytes x = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2))),
              y = npy_bytes(Labels{0, 1, 2}),
              ids = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"});
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  source.members = {"x_train", "y_train"};
  const auto load = [&](const Members& features, const Members& labels) {
    write_npz(source.features, features);
    write_npz(source.labels, labels);
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  const Labels by_place = {0, 1, 2}, joined = {1, 2, 0};
  for (const char* name : {"ids_test", "test_ids", "Names-Test", "id_dev", "path_te"}) {
    EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {name, ids}}, {{"y_train", y}, {name, moved}}),
              by_place)
        << name;
    EXPECT_FALSE(reading_.details.contains("joined_by")) << name;
    // Nor are they kept for scores.
    std::vector<NamedColumn> kept;
    load_features(source, &reading_, &kept);
    EXPECT_TRUE(kept.empty()) << name;
  }
  for (const char* name : {"ids_train", "Train-IDs", "id_training", "path_tr"})
    EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {"ids_test", moved}, {name, ids}},
                   {{"y_train", y}, {"ids_test", ids}, {name, moved}}),
              joined)
        << name;
  // A table's, as of the test.
  put_file(folder_ / "y.csv", "id,label\nr,0\np,1\nq,2\n");
  load({{"x_train", x}, {"x_test", x}, {"ids_test", ids}}, {{"y_train", y}});
  source.labels = folder_ / "y.csv";
  source.members.labels.clear();
  EXPECT_EQ(load_dataset(source, &reading_).labels, by_place);
  EXPECT_TRUE(said("has no identifiers that it could go by"));
  source.labels = folder_ / "y.npz";
  // Spelled otherwise, and of no part.
  source.members = {"xtrain", "ytrain"};
  EXPECT_EQ(
      load({{"xtrain", x}, {"xtest", x}, {"ids_test", ids}}, {{"ytrain", y}, {"ids_test", moved}}),
      by_place);
  source.members = {"x", "y"};
  EXPECT_EQ(load({{"x", x}, {"x_test", x}, {"ids_test", ids}},
                 {{"y", y}, {"y_test", y}, {"ids_test", moved}}),
            by_place);
  EXPECT_EQ(
      load({{"x", x}, {"x_test", x}, {"ids", ids}}, {{"y", y}, {"y_test", y}, {"ids", moved}}),
      joined);
  EXPECT_EQ(load({{"x", x}, {"ids_train", ids}}, {{"y", y}, {"ids_train", moved}}), joined);
  // It may be a number of a test of another kind.
  expect_data_error(
      [&] {
        load({{"x", x}, {"test_id", ids}}, {{"y", y}, {"test_id", moved}});
      },
      "member 'test_id': its name does not tell whether it is of these samples; call it 'id'");
  // One set's, or of several nobody knows which one's.
  source.members = {"x_train", "y_train"};
  EXPECT_EQ(load({{"x_train", x}, {"ids", ids}}, {{"y_train", y}, {"ids", moved}}), joined);
  expect_data_error(
      [&] {
        load({{"x_train", x}, {"x_test", x}, {"ids", ids}}, {{"y_train", y}, {"ids", moved}});
      },
      "member 'ids': its name does not tell whether it is of these samples; call it 'train_ids'");
  EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {"ids", ids}}, {{"y_train", y}}), by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("and is not used"), std::string::npos);
}

TEST_F(Joining, PartsThatAreGluedToMembersNames) {
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;
  const Bytes x = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2))),
              y = npy_bytes(Labels{0, 1, 2}),
              ids = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"});
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  const auto load = [&](const Members& features, const Members& labels) {
    write_npz(source.features, features);
    write_npz(source.labels, labels);
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  const Labels by_place = {0, 1, 2}, joined = {1, 2, 0};
  const auto are = [&](const char* train_x, const char* train_y, const char* test_x) {
    return [&, train_x, train_y, test_x](const char* name) {
      source.members = {train_x, train_y};
      return load({{train_x, x}, {test_x, x}, {name, ids}}, {{train_y, y}, {name, moved}});
    };
  };
  const auto glued = are("xtrain", "ytrain", "xtest"), capitals = are("XTrain", "YTrain", "XTest"),
             before = are("trainX", "trainY", "testX"),
             divided = are("x-train", "y.train", "x test"),
             shouted = are("XTRAIN", "YTRAIN", "XTEST");
  for (const auto& load_of : {std::cref(glued), std::cref(capitals)})
    for (const char* name :
         {"idstrain", "IDTrain", "trainIDs", "trainids", "TrainNames", "namestrain",
          "PatientIDTrain", "patientidtrain", "IDSTRAIN", "ids_train", "trID"})
      EXPECT_EQ(load_of(name), joined) << name;
  for (const char* name :
       {"idstrain", "IDTrain", "trainIDs", "imageNamesTrain", "train.accession"}) {
    EXPECT_EQ(before(name), joined) << name;
    EXPECT_EQ(divided(name), joined) << name;
    EXPECT_EQ(shouted(name), joined) << name;
  }
  EXPECT_TRUE(said("y.npz': labels go to samples by member 'train.accession', as member "));
  // Another part's.
  for (const char* name :
       {"idstest", "IDTest", "testIDs", "idsval", "validationnames", "xids_test"})
    EXPECT_EQ(glued(name), by_place) << name;
  // Words that only begin or end like that are of no part: whose they are cannot be told.
  for (const char* name : {"device_id", "trial_id", "trainer_id", "treatment_id", "tree_id"})
    expect_data_error([&] { glued(name); },
                      "its name does not tell whether it is of these samples");
  for (const char* name : {"strain", "latest", "contrast", "note", "valid", "site", "trainer"}) {
    EXPECT_EQ(glued(name), by_place) << name;
    EXPECT_TRUE(said(std::string("x.npz': not used: ") + name)) << name;
    EXPECT_TRUE(said(std::string("y.npz': not used: ") + name)) << name;
  }
  // Nor do they make an archive one of several parts.
  source.members = {"x_train", "y_train"};
  for (const char* name : {"std_dev", "maxVal", "bestTest"})
    EXPECT_EQ(load({{"x_train", x}, {"ids", ids}, {name, x}}, {{"y_train", y}, {"ids", moved}}),
              joined)
        << name;
}

TEST_F(Joining, MembersOfAnyNameByTheirTexts) {
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;
  const Bytes x = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2))),
              y = npy_bytes(Labels{0, 1, 2}),
              ids = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"}),
              numbers = npy_bytes(Labels{7, 8, 9}),
              twice = npy_bytes(std::vector<std::string>{"p", "p", "r"});
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  const auto load = [&](Members features, Members labels) {
    features["features"] = x;
    labels["labels"] = y;
    write_npz(source.features, features);
    write_npz(source.labels, labels);
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  const Labels by_place = {0, 1, 2}, joined = {1, 2, 0};
  for (const char* name : {"imageNames", "accession", "case"}) {
    EXPECT_EQ(load({{name, ids}}, {{name, moved}}), joined) << name;
    EXPECT_FALSE(said("not used")) << name;
    EXPECT_EQ(load({{name, ids}}, {{"ids", moved}}), joined) << name;
  }
  // Beside those that rows go together by, and where they do not.
  EXPECT_EQ(load({{"accession", ids}, {"ids", ids}}, {{"ids", moved}, {"weights", numbers}}),
            joined);
  EXPECT_TRUE(said("x.npz': not used: accession"));
  EXPECT_TRUE(said("y.npz': not used: weights"));
  EXPECT_EQ(reading_.details["unused_members"], nlohmann::json({"weights", "accession"}));
  EXPECT_EQ(load({{"labels", y}}, {{"accession", moved}, {"features", x}}), by_place);
  EXPECT_TRUE(said("x.npz': not used: labels"));
  EXPECT_TRUE(said("y.npz': not used: accession, features"));
  EXPECT_TRUE(said("rows go together by their places, not by member 'accession'"));
  expect_data_error(
      [&] {
        load({{"ids", ids}}, {{"ids", npy_bytes(std::vector<std::string>{"s", "t", "u"})}});
      },
      "hold other values, as of other samples (the first are 'p' and 's'); without these members "
      "rows go together by their places");
  // Numbers may be anything, texts that come again are nobody's, and sentences.
  for (const auto& [own, others] : {std::pair{numbers, numbers}, {twice, twice}}) {
    EXPECT_EQ(load({{"accession", own}}, {{"accession", others}}), by_place);
    EXPECT_TRUE(said("x.npz': not used: accession"));
    EXPECT_TRUE(said("y.npz': not used: accession"));
  }
  EXPECT_EQ(load({{"text", ids}}, {{"text", moved}}), by_place);
  // What is called as identifiers are, and is of other rows.
  load({{"ids", npy_bytes(Labels{1, 2})}}, {{"names", npy_bytes(Labels{1, 2})}});
  EXPECT_TRUE(said("x.npz': not used: ids"));
  EXPECT_TRUE(said("y.npz': not used: names"));
  // In one archive each has its own.
  source.labels = source.features;
  write_npz(source.features, {{"features", x}, {"labels", y}, {"more", x}});
  reading_ = {};
  EXPECT_EQ(load_dataset(source, &reading_).labels, by_place);
  EXPECT_TRUE(said("not used: more"));
  EXPECT_FALSE(said("not used: labels") || said("not used: features"));
}

// Whose rows are, of files of either kind, and whether samples are to be grouped or not.
TEST_F(Joining, OriginsOfArchivesAsOfTables) {
  const Labels y = {0, 1, 2}, numbers = {41, 97, 55}, moved = {55, 41, 97}, joined = {1, 2, 0};
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  DataSource source;
  const auto load = [&](const std::string& name, bool archive_of_features, bool archive_of_labels) {
    source.features = folder_ / (archive_of_features ? "x.npz" : "x.csv");
    source.labels = folder_ / (archive_of_labels ? "y.npz" : "y.csv");
    write_npz(folder_ / "x.npz", {{"features", npy_bytes(x)}, {name, npy_bytes(numbers)}});
    write_npz(folder_ / "y.npz", {{"labels", npy_bytes(y)}, {name, npy_bytes(moved)}});
    put_file(folder_ / "x.csv", name + ",a,b\n41,0.5,1\n97,1.5,2.5\n55,2.25,3\n");
    put_file(folder_ / "y.csv", name + ",label\n55,0\n41,1\n97,2\n");
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  for (const char* group : {"", "none"}) {
    source.columns.group = group;
    for (const char* name :
         {"subject", "case", "participant", "donor", "lesion", "user_number", "groups", "family"})
      for (const int archives : {0, 1, 2, 3}) {
        EXPECT_EQ(load(name, archives & 1, archives & 2), joined) << name << archives << group;
        EXPECT_TRUE(said("labels go to samples by")) << name << archives;
        EXPECT_FALSE(said("not used")) << name << archives;
      }
  }
  // Others are used where groups are chosen to be of them, or said.
  EXPECT_EQ(load("ward", true, true), y);
  EXPECT_TRUE(said("x.npz': not used: ward"));
  EXPECT_TRUE(said("y.npz': not used: ward"));
  source.columns = {.known_group = "ward"};
  for (const int archives : {1, 2, 3}) {
    EXPECT_EQ(load("ward", archives & 1, archives & 2), joined) << archives;
    EXPECT_FALSE(said("not used")) << archives;
  }
  source.columns = {};

  // To be kept, as of tables.
  std::vector<NamedColumn> kept;
  load("donor", true, true);
  source.labels.clear();
  load_features(source, &reading_, &kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].fields, (std::vector<std::string>{"41", "97", "55"}));

  // Of labels alone.
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  write_npz(source.features, {{"features", npy_bytes(x)}});
  EXPECT_EQ(load_dataset(source, &reading_).labels, y);
  EXPECT_TRUE(said("rows go together by their places, not by member 'donor'"));
  // That nobody can read.
  const Eigen::MatrixXd absent = Eigen::MatrixXd::Constant(3, 1, std::nan(""));
  write_npz(source.features, {{"features", npy_bytes(x)}, {"donor", npy_bytes(absent)}});
  expect_data_error(
      [&] { load_dataset(source); },
      "'donor': row 0 is nan, expected a text or a whole number, of floats of 64 bits "
      "one below 2^53");
  write_npz(source.labels, {{"labels", npy_bytes(y)}});
  reading_ = {};
  EXPECT_EQ(load_dataset(source, &reading_).labels, y);
  EXPECT_TRUE(std::any_of(reading_.warnings.begin(), reading_.warnings.end(),
                          [](const std::string& one) { return one.ends_with("is not used"); }));
}

TEST_F(Joining, OriginsThatComeAgainAsOfTables) {
  Labels y, donors, moved;
  std::string features = "donor,a\n", labels = "donor,label\n";
  for (int i = 0; i < 40; ++i) {
    y.push_back(i % 2);
    donors.push_back(1000 + 7 * (i / 2));
    moved.push_back(1000 + 7 * (i % 20));
    features += std::to_string(donors.back()) + "," + std::to_string(i * i) + ".5\n";
    labels += std::to_string(moved.back()) + "," + std::to_string(i % 2) + "\n";
  }
  const FeatureMatrix x = FeatureMatrix::Random(40, 2);
  put_file(folder_ / "x.csv", features);
  put_file(folder_ / "y.csv", labels);
  write_npz(folder_ / "x.npz", {{"features", npy_bytes(x)}, {"donor", npy_bytes(donors)}});
  write_npz(folder_ / "y.npz", {{"labels", npy_bytes(y)}, {"donor", npy_bytes(moved)}});
  // As `extract` writes them.
  write_npz(folder_ / "z.npz", {{"features", npy_bytes(x)},
                                {"group_column", npy_bytes(std::vector<std::string>{"donor"})},
                                {"groups", npy_bytes(donors)}});
  for (const char* group : {"", "none"})
    for (const char* of_features : {"x.csv", "x.npz", "z.npz"})
      for (const char* of_labels : {"y.csv", "y.npz"}) {
        DataSource source;
        source.features = folder_ / of_features;
        source.labels = folder_ / of_labels;
        source.columns.group = group;
        Reading reading;
        EXPECT_EQ(load_dataset(source, &reading).labels, y);
        EXPECT_TRUE(std::any_of(reading.warnings.begin(), reading.warnings.end(),
                                [](const std::string& one) {
                                  return one.find("hold the same values in another order") !=
                                         std::string::npos;
                                }))
            << of_features << of_labels << group;
      }
}

TEST_F(Joining, TablesWithoutAHeader) {
  const std::string x =
      "img_1.png,0.5,1.5\nimg_2.png,2.5,3.25\nimg_3.png,4.5,5.75\nimg_4.png,6.5,7.125\n";
  const std::string y = "img_4.png,u\nimg_2.png,v\nimg_3.png,u\nimg_1.png,v\n";
  const Labels want = {1, 1, 0, 0}, by_place = {0, 1, 0, 1};
  for (const char* of_x : {"", "file,a,b\n"})
    for (const char* of_y : {"", "image,label\n"}) {
      EXPECT_EQ(load(of_x + x, of_y + y).labels, want) << of_x << of_y;
      EXPECT_TRUE(said("y.csv': labels go to samples by column 1")) << of_x << of_y;
    }
  EXPECT_EQ(load(x, "img_4,u\nimg_2,v\nimg_3,u\nimg_1,v\n").labels, want);
  EXPECT_TRUE(said("but for folders and endings"));
  expect_data_error([&] { load(x, "img_5.png,u\nimg_2.png,v\nimg_3.png,u\nimg_1.png,v\n"); },
                    "no row with 'img_4.png' in column 1");
  // Also beside an archive.
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.csv";
  put_file(source.labels, y);
  const auto archive = [&](const char* first) {
    write_npz(source.features,
              {{"features", npy_bytes(FeatureMatrix(FeatureMatrix::Random(4, 2)))},
               {"names", npy_bytes(std::vector<std::string>{first, "a/img_2.png", "a/img_3.png",
                                                            "a/img_4.png"})}});
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  EXPECT_EQ(archive("a/img_1.png"), want);
  // Where they tell nothing, that is said.
  EXPECT_EQ(load("0.5,1.5\n2.5,3.25\n4.5,5.75\n6.5,7.125\n", y).labels, by_place);
  EXPECT_TRUE(said("rows go together by their places, not by column 1"));
  EXPECT_EQ(load(x, "p,u\nq,v\nr,u\ns,v\n").labels, by_place);
  EXPECT_TRUE(reading_.details.contains("by_places"));
  EXPECT_EQ(load(x, y, {.drop = {"1"}}).labels, by_place);
  // Whole numbers: of features they may be measurements.
  EXPECT_EQ(load("17,0.5,1.5\n4,2.5,3.25\n99,4.5,5.75\n250,6.5,7.125\n", "250,u\n4,v\n99,u\n17,v\n")
                .labels,
            by_place);
  EXPECT_EQ(reading_.warnings.size(), 1u);
  EXPECT_EQ(load("17,0.5,1.5\n4,2.5,3.25\n99,4.5,5.75\n250,6.5,7.125\n", "250,u\n4,v\n99,u\n17,v\n",
                 {.features = {"2", "3"}})
                .labels,
            want);
  // Kept for scores.
  source.features = folder_ / "x.csv";
  put_file(source.features, x);
  source.labels.clear();
  std::vector<NamedColumn> kept;
  load_features(source, &reading_, &kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].fields[3], "img_4.png");
}

TEST_F(Joining, FilesOfTablesWithAndWithoutFolders) {
  const std::string x = "image,a\nimg/7.png,0.5\nimg/8.png,1.5\nimg/9.png,2.5\n";
  EXPECT_EQ(load(x, "image,label\n9.png,w\n7.png,u\n8.png,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("but for folders"));
  EXPECT_EQ(load(x, "image_id,label\n9,w\n7,u\n8,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("but for folders and endings"));
}

TEST_F(Joining, PairsThatContradictEachOther) {
  const std::string x = "id,name,a\n11,p,0.5\n12,q,1.5\n13,r,2.5\n";
  expect_data_error([&] { load(x, "id,name,label\n11,q,u\n12,r,v\n13,p,w\n"); },
                    "do not say the same as column 2 ('name') and column 2 ('name')");
  EXPECT_EQ(load(x, "id,name,label\n13,r,w\n11,p,u\n12,q,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_EQ(load(x, "id,name,label\n11,q,u\n12,r,v\n13,p,w\n", {.drop = {"name"}}).labels,
            (Labels{0, 1, 2}));
}

TEST_F(Joining, TwoMembersOfOneName) {
  // "index" and "indices" are one: the samples have both, in other orders.
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  const auto put = [&](const Labels& index) {
    write_npz(source.features, {{"features", npy_bytes(x)},
                                {"index", npy_bytes(index)},
                                {"indices", npy_bytes(Labels{12, 11, 13})}});
  };
  write_npz(source.labels,
            {{"labels", npy_bytes(Labels{0, 1, 2})}, {"indices", npy_bytes(Labels{11, 12, 13})}});
  put({12, 11, 13});
  EXPECT_EQ(load_dataset(source).labels, (Labels{1, 0, 2}));
  put({13, 11, 12});
  expect_data_error([&] { load_dataset(source); }, "do not say the same as");
}

TEST_F(Joining, IndicesWithoutNamesThatAgreeInPart) {
  // A row that one table has lost: nothing counts, so that the values tell it.
  const std::string x = ",a\n5,0.5\n9,1.5\n7,2.5\n12,3.5\n";
  expect_data_error([&] { load(x, ",label\n9,u\n7,v\n12,w\n13,x\n"); },
                    "y.csv': no row with '5' in column 1");
  // The labels' count their rows: they may have been counted anew.
  EXPECT_EQ(load(",a\n0,0.5\n1,1.5\n3,2.5\n4,3.5\n", ",label\n0,u\n1,v\n2,w\n3,x\n").labels,
            (Labels{0, 1, 2, 3}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("hold other values: rows go together by their places"),
            std::string::npos);
}

TEST_F(Joining, WhatMakesOneIdentifier) {
  const auto labels_of = [&](const std::string& own, const std::string& other) {
    std::string x = "id,a\n", y = "id,label\n";
    for (const char digit : {'2', '3', '4'}) {
      std::string one = own, two = other;
      std::replace(one.begin(), one.end(), '#', digit);
      std::replace(two.begin(), two.end(), '#', static_cast<char>('6' - digit + '0'));
      x += one + "," + digit + ".5\n";
      y += two + "," + static_cast<char>('6' - digit + '0') + "\n";
    }
    return load(x, y).labels;
  };
  const Labels want = {0, 1, 2};
  for (const auto& [own, other] :
       std::vector<std::pair<std::string, std::string>>{{"0071#", "71#"},
                                                        {"71#.0", "71#"},
                                                        {"P#", " P# "},
                                                        {"P#\u00a0", "P#"},
                                                        {"Zu\u0308rich #", "Z\u00fcrich #"},
                                                        {"#e+05", "#00000"},
                                                        // In digits of sixteen: no numbers, all 0.
                                                        {"00e#", "00e#"},
                                                        {"#e1", "#e1"}})
    EXPECT_EQ(labels_of(own, other), want) << own << " " << other;
  for (const auto& [own, other] : std::vector<std::pair<std::string, std::string>>{
           {"p#", "P#"}, {"#e1", "#0"}, {"P-#", "P#"}, {"2021-03-0#", "0#.03.2021"}})
    expect_data_error([&, own = own, other = other] { labels_of(own, other); },
                      "hold other values");
}

TEST_F(Joining, ByPlacesIsSaidWhereLabelsHaveIdentifiers) {
  EXPECT_EQ(load("a,b\n0.5,1.5\n2.5,3.5\n", "id,label\np,u\nq,v\n").labels, (Labels{0, 1}));
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1 ('id'): "));
  load("a,b\n0.5,1.5\n2.5,3.5\n", "id,label\np,u\np,v\n");
  EXPECT_FALSE(said("by their places"));
  // Words of any name, and an index that does not count the rows; not sentences.
  load("a,b\n0.5,1.5\n2.5,3.5\n", "accession,label\np,u\nq,v\n");
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1 ('accession'): "));
  load("a,b\n0.5,1.5\n2.5,3.5\n4.5,6.5\n", ",label\n7,u\n2,v\n5,v\n");
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1"));
  load("a,b\n0.5,1.5\n2.5,3.5\n4.5,6.5\n", ",label\n0,u\n1,v\n2,v\n");
  EXPECT_FALSE(said("by their places"));
  load("a,b\n0.5,1.5\n2.5,3.5\n", "text,label\np,u\nq,v\n");
  EXPECT_FALSE(said("by their places"));
}

TEST_F(Joining, ValuesThatComeAgainInAnotherOrderAreWarnedOf) {
  const auto load_of = [&](const char* own, const char* other, int kinds, bool moved,
                           const std::string& word) {
    std::string x = std::string(own) + ",a,b\n", y = std::string(other) + ",label\n";
    for (int i = 0; i < 40; ++i) {
      const auto value = [&](int of) { return word + std::to_string(100 + of % kinds * 7); };
      x += value(i) + "," + std::to_string(i * i % 37 + 0.25) + "," +
           std::to_string(i * 5 % 11 + 0.5) + "\n";
      y += value(moved ? 39 - i : i) + (i % 2 ? ",u\n" : ",v\n");
    }
    load(x, y);
    return std::any_of(reading_.warnings.begin(), reading_.warnings.end(), [](const auto& text) {
      return text.find("hold the same values in another order") != std::string::npos;
    });
  };
  EXPECT_TRUE(load_of("patient_id", "pid", 20, true, "p"));
  EXPECT_TRUE(load_of("patient_id", "pid", 20, true, ""));
  EXPECT_TRUE(load_of("subject", "ward", 20, true, "p"));
  EXPECT_FALSE(load_of("patient_id", "pid", 20, false, "p"));
  EXPECT_FALSE(load_of("patient_id", "pid", 5, true, "p"));
}

TEST_F(Joining, ColumnsOfAnotherSetByTheirNames) {
  DataSource source;
  source.features = folder_ / "x.csv";
  source.feature_names = {"a", "b"};
  put_file(source.features, "b,a\n1.5,0.5\n3.25,2.5\n");
  const Dataset set = load_features(source);
  EXPECT_EQ(set.features(0, 0), 0.5f);
  EXPECT_EQ(set.feature_names, source.feature_names);
  put_file(source.features, "b,c\n1.5,0.5\n");
  expect_data_error([&] { load_features(source); }, "no column 'a'");
  source.columns.features = {"b", "a"};
  put_file(source.features, "b,a\n1.5,0.5\n");
  expect_data_error([&] { load_features(source); }, "expected those of the training set");
  source.columns = {};
  put_file(source.features, "1.5,0.5\n2.5,3.5\n");
  Reading reading;
  EXPECT_EQ(load_features(source, &reading).features(0, 0), 1.5f);
  EXPECT_NE(reading.notes.back().find("the training set's, in their order"), std::string::npos);
}

TEST_F(Joining, LabelsOfAnotherSetWhereThisOneHasThem) {
  put_file(folder_ / "train.csv",
           "a,class,grade\n0.5,0,u\n1.75,1,v\n2.25,0,v\n3.75,1,u\n4.125,1,v\n5.5,0,u\n");
  DataSource source;
  source.features = folder_ / "train.csv";
  source.columns.label = "Grade";
  source.columns.drop = {"2"};
  Reading reading;
  const Dataset train = load_dataset(source, &reading);
  EXPECT_EQ(train.label_name, "grade");
  EXPECT_EQ(select(train, std::vector<std::uint32_t>{1, 2}).label_name, "grade");
  source.feature_names = train.feature_names;
  source.classes.names = train.class_names;
  source.features = folder_ / "test.csv";
  const auto labels = [&](const std::string& text) {
    put_file(source.features, text);
    return load_dataset(source).labels;
  };
  const std::string bare = "0.5,0,v\n1.5,1,u\n", header = "a,class,grade\n";
  expect_data_error([&] { labels(bare); }, "no column 'Grade'");
  read_as_in_training(source, taken_for_training(train, reading));
  EXPECT_EQ(labels(bare), (Labels{1, 0}));
  EXPECT_EQ(labels(header + bare), (Labels{1, 0}));
  EXPECT_EQ(labels("grade,x,a\nv,0,0.5\nu,1,1.5\n"), (Labels{1, 0}));
  expect_data_error([&] { labels("a,x,kind\n" + bare); }, "no column 'grade'");
  // Without a header there: another column that is called so contradicts the place.
  put_file(folder_ / "bare.csv", "0,1.5,2.5\n1,3.5,4.5\n0,5.5,1.25\n1,7.5,2.75\n");
  DataSource first;
  first.features = folder_ / "bare.csv";
  reading = {};
  const Dataset without_names = load_dataset(first, &reading);
  read_as_in_training(source, taken_for_training(without_names, reading));
  source.feature_names.clear();
  source.classes.names = {"0", "1"};
  source.columns.drop.clear();
  expect_data_error([&] { labels("a,b,label\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"); },
                    "column 1, which is column 1 ('a') here, but column 3 ('label') is called as");
  EXPECT_EQ(labels("class,b,label\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"), (Labels{0, 1, 1}));
  EXPECT_EQ(labels("a,b,c\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"), (Labels{0, 1, 1}));
  source.classes.names = train.class_names;
  source.feature_names = train.feature_names;
  // By the name alone: where it is there.
  source.columns = {};
  source.columns.known_label.name = "grade";
  EXPECT_EQ(labels(header + bare), (Labels{1, 0}));
  source.columns.drop = {"2"};
  EXPECT_EQ(labels("a,x,label\n" + bare), (Labels{1, 0}));
}

TEST(Rounding, WhatSinglePrecisionLosesIsRefused) {
  const TemporaryFolder folder;
  const auto column = [](double offset, double step) {
    Eigen::MatrixXd x(100, 2);
    for (Eigen::Index i = 0; i < 100; ++i) {
      x(i, 0) = 0.5 * static_cast<double>(i % 7);
      x(i, 1) = offset + step * static_cast<double>(i % 10);
    }
    return x;
  };
  const auto load = [&](const Eigen::MatrixXd& x) {
    write_npy(folder / "x.npy", x);
    DataSource source;
    source.features = folder / "x.npy";
    return load_features(source).features;
  };
  // Times in seconds: steps of 128 in single precision.
  expect_data_error([&] { load(column(1.7e9, 5)); },
                    "x.npy', column 1: values near 1.7e+09 that vary by 14.4");
  EXPECT_EQ(load(column(0, 5)).cast<double>(), column(0, 5));
  EXPECT_NO_THROW(load(column(1.7e9, 1e5)));
  EXPECT_NO_THROW(load(column(1e6, 5)));
  // Constant, but for rounding in double precision.
  EXPECT_NO_THROW(load(column(1.7e9, 0)));
  EXPECT_NO_THROW(load(column(0.1, 2e-17)));
  // What whitening would take for a constant; what is too small for single precision, or for its squares in double.
  Eigen::MatrixXd two = column(12'000'000, 0);
  for (Eigen::Index i = 0; i < two.rows(); i += 2) two(i, 1) += 1;
  expect_data_error([&] { load(two); }, "column 1: values near 1.2e+07 that vary by 0.5");
  EXPECT_NO_THROW(load(column(8'000'000, 1)));
  for (const double step : {1e-50, 1e-170, 1e-300})
    expect_data_error([&] { load(column(0, step)); }, "column 1: values near ");
  // Whole numbers that double precision makes one.
  const auto whole = [&](std::int64_t step) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < 6; ++i) {
      numbers.push_back(i % 4);
      numbers.push_back((std::int64_t{1} << 60) + step * i);
    }
    return array_of("'<i8'", "6, 2", bytes_of(numbers));
  };
  EXPECT_NO_THROW(npy_to_samples(whole(0), "a"));
  EXPECT_NO_THROW(npy_to_samples(whole(std::int64_t{1} << 50), "a"));
  expect_data_error(
      [&] { npy_to_samples(whole(1), "a"); },
      "a, column 1: values near 1.15e+18 that vary by less than double precision tells");
  // The same of a table.
  std::string digits = "t,a,label\n";
  for (int i = 0; i < 20; ++i)
    digits += std::to_string((std::int64_t{1} << 60) + i * i) + "," + std::to_string(i % 7) +
              ".5," + (i % 2 == 0 ? "u" : "v") + "\n";
  put_file(folder / "d.csv", digits);
  DataSource of_digits;
  of_digits.features = folder / "d.csv";
  expect_data_error([&] { load_dataset(of_digits); }, "column 1 ('t'): values near 1.15e+18");
  std::string text = "t,a,label\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(1700000000 + i * i) + "," + std::to_string(i % 7) + ".5," +
            (i % 2 == 0 ? "u" : "v") + "\n";
  put_file(folder / "x.csv", text);
  DataSource source;
  source.features = folder / "x.csv";
  expect_data_error([&] { load_dataset(source); }, "column 1 ('t'): values near 1.7e+09");
  source.columns.drop = {"t"};
  EXPECT_EQ(load_dataset(source).width(), 1u);
}

}  // namespace
}  // namespace blindtuner
