#include "data/feature_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "base/path.h"
#include "base/utf8.h"
#include "data/load.h"
#include "data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing;
using Words = std::vector<std::string>;

class FeatureTables : public ::testing::Test {
 protected:
  FeatureTable read(std::string_view text, const ColumnChoice& columns = {},
                    Labelled labelled = Labelled::kYes) {
    put_file(path_, text);
    TableRequest request;
    request.columns = columns;
    request.labelled = labelled;
    reading_ = {};
    return read_feature_table(path_, request, reading_);
  }
  static Words labels(const FeatureTable& table) {
    Words out;
    for (std::size_t i = 0; i < table.labels.size(); ++i)
      out.push_back(table.labels.words()[table.labels.index(i)]);
    return out;
  }
  void refused(std::string_view text, const std::string& part, const ColumnChoice& columns = {}) {
    expect_data_error([&] { read(text, columns); }, part);
  }
  std::string left_out() const {
    std::string out;
    for (const auto& column : reading_.details["left_out"])
      out += column["column"].dump() + " " + column["why"].get<std::string>() + "; ";
    return out;
  }
  /// Rows out of a function of the row's number, under a header unless it is empty.
  template <typename F>
  static std::string table(const std::string& header, int rows, const F& row) {
    std::string out = header.empty() ? "" : header + "\n";
    for (int i = 0; i < rows; ++i) out += row(i) + "\n";
    return out;
  }
  static std::string decimal(int i) { return std::to_string(0.37 * i - 0.0123 * i * i - 0.81); }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "x.csv";
  Reading reading_;
};

TEST_F(FeatureTables, TheHeaderSaysWhichColumnIsTheLabel) {
  const auto pixels = [&](const std::string& header) {
    return read(header + "\n2,0,1\n1,6,0\n1,1,2\n2,3,3\n");
  };
  for (const char* header : {"label,p0,p1", "\"Label\",\"p0\",\"p1\"",
                             "\xef\xbb\xbf"
                             "label,p0,p1",
                             "label,p0,p1\r", "Target,p0,p1", "CLASS ,p0,p1", "# label,p0,p1"}) {
    const FeatureTable first = pixels(header);
    EXPECT_EQ(labels(first), (Words{"2", "1", "1", "2"})) << header;
    EXPECT_EQ(first.feature_names, (Words{"p0", "p1"}));
    EXPECT_EQ(first.features(1, 0), 6);
  }
  EXPECT_EQ(labels(pixels("p0,dx,p1")), (Words{"0", "6", "1", "3"}));
  EXPECT_EQ(labels(pixels("p0,p1,y")), (Words{"1", "0", "2", "3"}));
  // Names, years, booleans.
  EXPECT_EQ(labels(read("a,b,diagnosis\n0.5,2,B\n0.9,3,M\n")), (Words{"B", "M"}));
  EXPECT_EQ(labels(read("a,b,label\n0.5,2, False\n0.9,3,True \n")), (Words{"False", "True"}));
  EXPECT_EQ(read("a,b,label\n0.5,2,x\n0.9,3,x\n0.9,3,x\n").features.cols(), 2);
  // The user's choice, by name, in any capitals, by number.
  for (const char* choice : {"kind", "Kind", "2"})
    EXPECT_EQ(labels(read("size,kind,label\n1,2,3\n4,0,6\n", {.label = choice})),
              (Words{"2", "0"}));
  EXPECT_EQ(labels(read("1,2,3\n4,0,6\n", {.label = "last"})), (Words{"3", "6"}));
  for (const char* choice : {"colour", "4", "0"})
    refused("size,kind,label\n1,2,3\n4,0,6\n", "no column '" + std::string(choice) + "'",
            {.label = choice});
  refused("a,a,label\n1,2,0\n3,4,1\n", "'a' is the name of column 1 ('a'), column 2 ('a')",
          {.label = "a"});
}

TEST_F(FeatureTables, TheContentSaysIt) {
  // Without a header, wherever it is: the only column of whole numbers that come again, or of names.
  for (const int at : {0, 1, 2})
    for (const bool names : {false, true}) {
      const FeatureTable got = read(table("", 12, [&](int i) {
        const std::string label = names ? (i % 3 == 0 ? "cat" : "dog") : std::to_string(i % 3 + 1);
        const std::string x = decimal(i), y = decimal(7 * i + 1);
        return at == 0   ? label + "," + x + "," + y
               : at == 1 ? x + "," + label + "," + y
                         : x + "," + y + "," + label;
      }));
      EXPECT_EQ(got.labels.words().size(), names ? 2u : 3u) << at << names;
      EXPECT_EQ(got.features.rows(), 12);
      EXPECT_EQ(got.features.cols(), 2);
      EXPECT_EQ(reading_.details["label"]["column"], at + 1);
    }
  // Beside whole-numbered features nobody can tell.
  refused(table("", 12, [](int i) { return std::to_string(i % 5) + "," + std::to_string(i % 2); }),
          "several columns may be the label: column 1, column 2; say which with --label-column");
  refused(table("sex,a,hypertension", 12,
                [](int i) {
                  return std::to_string(i % 2) + "," + decimal(i) + "," + std::to_string(i % 3 / 2);
                }),
          "column 1 ('sex'), column 3 ('hypertension')");
  refused("label,target,a\n0,1,0.5\n1,1,0.6\n0,0,0.7\n1,0,0.2\n",
          "several columns may be the label");
  refused(table("a,b", 9, [](int i) { return decimal(i) + "," + decimal(3 * i); }),
          "no column looks like labels");
  // Two that say the same: the one with names.
  EXPECT_EQ(labels(read("a,label,label_name\n0.5,0,cat\n0.6,1,dog\n0.7,0,cat\n")),
            (Words{"cat", "dog", "cat"}));
  EXPECT_EQ(left_out(), "2 it says the same as the label; ");
}

TEST_F(FeatureTables, NumbersMayBeNamesBesideAWord) {
  const auto spectra = [&](const std::string& header, int rows, int classes) {
    return table(header, rows, [&](int i) {
      return decimal(i) + "," + decimal(5 * i + 1) + "," + decimal(3 * i + 2) + ",c" +
             std::to_string(i % classes);
    });
  };
  // Wavelengths, years, places in another table.
  for (const std::string header :
       {"899.2,901.1,903,variety", "1990,1992,1994,kind", "7,3,12,kind"}) {
    const FeatureTable got = read(spectra(header, 24, 3));
    EXPECT_EQ(got.features.rows(), 24) << header;
    EXPECT_EQ(got.feature_names.size(), 3u);
    EXPECT_EQ(got.labels.words(), (Words{"c0", "c1", "c2"}));
  }
  EXPECT_EQ(
      read(table("kind,3,7", 24, [](int i) { return (i % 2 ? "a," : "b,") + decimal(i) + ",2"; }))
          .feature_names,
      (Words{"3", "7"}));
  EXPECT_EQ(read(table("101,102,104,105,108,kind", 8,
                       [](int i) { return "0.5,1,1,1.5," + decimal(i) + (i % 2 ? ",a" : ",b"); }))
                .features.rows(),
            8);
  // The first of a class may be alone in a small set, values are there twice, and rows are counted.
  EXPECT_EQ(read(spectra("0.5,0.1,0.7,c9", 23, 3)).features.rows(), 24);
  EXPECT_EQ(read(spectra("0.5,0.5,0.7,c9", 24, 3)).features.rows(), 25);
  EXPECT_EQ(read(spectra("0.5,0.1,0.7,c2", 24, 3)).features.rows(), 25);
  EXPECT_EQ(read(table("0,0.1,c9", 24,
                       [](int i) {
                         return std::to_string(i + 1) + "," + decimal(i) + (i % 2 ? ",a" : ",b");
                       }))
                .features.rows(),
            25);
}

TEST_F(FeatureTables, AClassOfOneSampleIsTold) {
  DataSource source;
  source.features = path_;
  put_file(path_, table("a,kind", 24, [](int i) { return decimal(i) + (i % 2 ? ",x" : ",y"); }) +
                      "12.5,Mean\n");
  Reading reading;
  load_dataset(source, &reading);
  const auto& single = reading.details["single_samples"];
  ASSERT_EQ(single.size(), 1u);
  EXPECT_EQ(single[0]["class"], "Mean");
  EXPECT_EQ(single[0]["where"], quoted_path(path_) + ", line 26");
  put_file(path_, table("a,kind", 24, [](int i) { return decimal(i) + (i % 2 ? ",x" : ",y"); }));
  Reading other;
  load_dataset(source, &other);
  EXPECT_FALSE(other.details.contains("single_samples"));
}

TEST_F(FeatureTables, AnIndexIsNoFeature) {
  const auto with = [&](const std::string& header, const auto& index) {
    return read(table(header, 30, [&](int i) {
      return index(i) + "," + decimal(i) + "," + std::to_string(i / 10);
    }));
  };
  const auto number = [](int from) { return [=](int i) { return std::to_string(i + from); }; };
  const auto shuffled = [](int i) { return std::to_string(i * 7 % 30); };
  for (const std::string header : {",a,label", "Unnamed: 0,a,label", "id,a,label",
                                   "PatientID,a,label", "sample_id,a,label", "n,a,label"}) {
    EXPECT_EQ(with(header, number(0)).feature_names, (Words{"a"})) << header;
    EXPECT_EQ(with(header, number(1)).feature_names, (Words{"a"})) << header;
    if (header[0] == 'n') continue;
    EXPECT_EQ(with(header, shuffled).feature_names, (Words{"a"})) << header;
  }
  EXPECT_EQ(with("patient,a,label", [](int i) { return "P" + std::to_string(i); }).feature_names,
            (Words{"a"}));
  // By whatever step from whatever number; of few rows a feature may do so by chance.
  for (const int step : {1, -1, 10, -7})
    for (const std::string header : {"n,a,label", "a,n,label", ""}) {
      const auto rows = [&](int count) {
        return table(header, count, [&](int i) {
          const std::string index = std::to_string(1001 + step * i);
          return (header[0] == 'a' ? decimal(i) + "," + index : index + "," + decimal(i)) +
                 (i % 3 == 0 ? ",x" : ",y");
        });
      };
      EXPECT_EQ(read(rows(20)).features.cols(), 1) << header << step;
      EXPECT_NE(left_out().find("an index: it counts the rows"), std::string::npos);
      const bool front = header[0] != 'a' && std::abs(step) == 1;
      EXPECT_EQ(read(rows(19)).features.cols(), front ? 1 : 2) << header << step;
    }
  EXPECT_EQ(with("t,a,label", [](int i) { return std::to_string(0.1 * i); }).feature_names,
            (Words{"a"}));
  refused(
      table("t,label", 30, [](int i) { return std::to_string(i) + "," + std::to_string(i / 10); }),
      "no column of features left of 2 (column 1 ('t') is left out: an index: it counts");
  // Without a header, in order or not.
  for (const auto& index :
       {std::function<std::string(int)>(number(0)), std::function<std::string(int)>(number(1)),
        std::function<std::string(int)>(shuffled)}) {
    EXPECT_EQ(with("", index).features.cols(), 1);
    EXPECT_NE(left_out().find("1 an index"), std::string::npos);
  }
  // Columns that pandas numbers are no row.
  EXPECT_EQ(with(",0,1", number(0)).features.rows(), 30);
  EXPECT_EQ(read(table("0,1,2,3,label", 9,
                       [](int i) {
                         return decimal(i) + "," + decimal(i + 1) + ",1,2.5," +
                                std::to_string(i % 2);
                       }))
                .features.rows(),
            9);
  // R's row names, in a column without a name.
  EXPECT_EQ(read("a,label\nr1,0.1,x\nr2,0.2,y\nr3,0.4,x\n").features.cols(), 1);
  EXPECT_EQ(read("a,b,label\n1,5,7.5,x\n2,6,3.5,y\n3,1,4.5,x\n").features.cols(), 2);
  // Splits, dates.
  EXPECT_EQ(read("a,label,fold,day\n0.1,x,1,2020-01-02\n0.2,y,2,2020-01-02\n0.3,x,1,2021-04-05\n"
                 "0.4,y,2,2020-01-02\n")
                .features.cols(),
            1);
  EXPECT_EQ(left_out(), "3 a split, by its name: rows of all its parts are used; 4 dates; ");
}

TEST_F(FeatureTables, MeasuresMayBeCalledAsIdentifiers) {
  for (const char* name : {"NO", "key"})
    for (const bool again : {true, false})
      EXPECT_EQ(read(table(std::string(name) + ",a,genre", 40,
                           [&](int i) {
                             return std::to_string(again ? i * i % 12 : i * i) + "," + decimal(i) +
                                    (i % 2 ? ",x" : ",y");
                           }))
                    .features.cols(),
                again ? 2 : 1)
          << name;
}

TEST_F(FeatureTables, WhatIsNoLabelByItsContent) {
  const auto with = [&](const std::function<std::string(int)>& other, int values) {
    return table("other,a,result", 40, [&](int i) {
      return other(i) + "," + decimal(i) + "," + std::to_string(i * i % values);
    });
  };
  const auto one_of = [](Words words) {
    return [=](int i) { return words[static_cast<std::size_t>(i) / 3 % words.size()]; };
  };
  for (const Words& words : {Words{"2020-01-01", "2020-01-02"},
                             {"01/2021", "02/2021"},
                             {"1.2.2021 10:30", "2.2.2021 10:30"},
                             {"10:30:00", "10:40:00"}}) {
    EXPECT_EQ(labels(read(with(one_of(words), 3)))[0], "0") << words[0];
    EXPECT_EQ(left_out(), "1 dates; ");
  }
  EXPECT_EQ(labels(read(with(one_of({"train", "test"}), 3)))[0], "0");
  EXPECT_EQ(left_out(), "1 a split, by what is in it: rows of all its parts are used; ");
  // Numbers with a unit are neither labels nor lost.
  for (const Words& words :
       {Words{"5 mg", "10 mg"}, {"10%", "20%"}, {"120/80", "130/85"}, {"$5", "$6"}})
    refused(with(one_of(words), 3),
            "column 1 ('other'): '" + words[0] + "', expected a number; make numbers of it");
  // Unless nothing else can be: kinds that begin with a number are names.
  for (const Words& words : {Words{"2D", "3D"}, {"train", "test"}})
    EXPECT_EQ(read(table("other,a", 40, [&](int i) { return one_of(words)(i) + "," + decimal(i); }))
                  .labels.words(),
              words);
  for (const Words& words : {Words{"<=50K", ">50K"}, {"10-20", "20-30"}, {"1st", "2nd", "3rd"}})
    EXPECT_EQ(read(with(one_of(words), 2)).labels.words(), words);
  refused(table("day,a", 40,
                [&](int i) { return (i % 2 ? "2020-01-02," : "2020-01-03,") + decimal(i); }),
          "no column looks like labels");
  // "none" is a class.
  EXPECT_EQ(read(table("a,finding", 40,
                       [&](int i) { return decimal(i) + (i % 2 ? ",none" : ",nodule"); }))
                .labels.words(),
            (Words{"nodule", "none"}));
}

TEST_F(FeatureTables, MeasuresAreNeitherDatesNorTexts) {
  for (const auto& of :
       {std::function<std::string(int)>(
            [](int i) { return std::to_string(100 + 7 * i % 61) + "/" + std::to_string(60 + i); }),
        std::function<std::string(int)>(
            [](int i) { return "60." + std::to_string(100 + i) + " beats/min"; }),
        std::function<std::string(int)>([](int i) { return "192.168.1." + std::to_string(i); })})
    refused(table("a,m,label", 40,
                  [&](int i) { return decimal(i) + "," + of(i) + (i % 2 ? ",x" : ",y"); }),
            "column 2 ('m'): '" + of(0) + "', expected a number; make numbers of it");
  // Addresses have their number in front as well.
  EXPECT_EQ(read(table("a,m,label", 40,
                       [&](int i) {
                         return decimal(i) + "," + std::to_string(i * 7) + " Street of " +
                                std::to_string(i) + (i % 2 ? " May,x" : " May,y");
                       }))
                .features.cols(),
            1);
}

TEST_F(FeatureTables, AColumnWithoutANameIsNoIndexByThatAlone) {
  refused(",a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n",
          "column 1 has no name, and is no index, whose values would all differ: name it, or leave "
          "it out with --drop-columns 1");
  EXPECT_EQ(read(",a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n", {.drop = {"1"}}).features.cols(), 1);
  refused(",a,label\nred,0.5,x\nblue,0.7,y\nred,0.8,x\n", "column 1 has no name, and is no index");
  refused("Unnamed: 0,a,label\n1,0.5,x\n2,0.7,y\n1,0.8,x\n", "column 1 ('Unnamed: 0') has no name");
  // More rows than values are told apart.
  const auto many = [](int last) {
    return table(",a,label", 3000, [=](int i) {
      return std::to_string(i == 2999 ? last : i * 7 % 3001) + "," + decimal(i) +
             (i % 3 == 0 ? ",x" : ",y");
    });
  };
  EXPECT_EQ(read(many(3002)).features.cols(), 1);
  refused(many(14), "column 1 has no name, and is no index");
  // A header one name short: of row names, or above a field that is cut in two.
  const std::string words =
      "expected as many: a field that has one of the commas in it must be "
      "quoted; if the first field is the row's own name, leave it out with "
      "--drop-columns 1";
  const std::string decimals = "age,temp,label\n48,38,2,well\n52,39,1,ill\n31,36,9,well\n";
  refused(decimals, "x.csv', line 1: 3 names above rows of 4 fields, " + words);
  EXPECT_EQ(read(decimals, {.drop = {"1"}}).feature_names, (Words{"age", "temp"}));
  refused("id,age,temp,label\n1,48,38,2,well\n2,52,39,1,ill\n3,31,36,9,well\n", words);
  refused("temp,label\n38,2,well\n39,1,ill\n36,9,well\n", words);
  refused("a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n", words);
  // Of another set as well, whose names are believed otherwise.
  TableRequest request;
  Reading reading;
  request.feature_names = {"age", "temp"};
  expect_data_error([&] { read_feature_table(path_, request, reading); }, "no column 'age'");
  put_file(path_, decimals);
  expect_data_error([&] { read_feature_table(path_, request, reading); }, words);
}

TEST_F(FeatureTables, WhatSaysTheSameAsTheLabelIsNoFeature) {
  std::minstd_rand random(5);
  std::string twin = "label_num,a,label\n", hot = "a,is_cat,b,is_dog,is_eel,species\n", near = twin;
  for (int i = 0; i < 120; ++i) {
    const int k = static_cast<int>(random() / 7 % 3);
    const std::string name = k == 0   ? "cat"
                             : k == 1 ? "dog"
                                      : "eel",
                      noise = std::to_string(static_cast<double>(random() % 1000) / 7);
    twin += std::to_string(k) + "," + noise + "," + name + "\n";
    near += std::to_string(i == 50 ? 7 : k) + "," + noise + "," + name + "\n";
    hot += noise + "," + (k == 0 ? "1," : "0,") + noise + (k == 1 ? ",1," : ",0,") +
           (k == 2 ? "1," : "0,") + name + "\n";
  }
  FeatureTable got = read(twin);
  EXPECT_EQ(got.feature_names, (Words{"a"}));
  EXPECT_EQ(got.features.cols(), 1);
  EXPECT_EQ(left_out(), "1 it says the same as the label; ");
  EXPECT_EQ(reading_.details["features"], 1);
  got = read(hot);
  EXPECT_EQ(got.feature_names, (Words{"a", "b"}));
  EXPECT_EQ(left_out(),
            "2 it says the same as the label; 4 it says the same as the label; 5 it says "
            "the same as the label; ");
  // Not what nearly does, or was asked for.
  EXPECT_EQ(read(near).feature_names, (Words{"label_num", "a"}));
  EXPECT_EQ(read(twin, {.features = {"label_num", "a"}}).features.cols(), 2);
  refused(twin, "no column of features left: column 1 ('label_num') says the same",
          {.drop = {"a"}});
}

TEST_F(FeatureTables, NumbersButForASign) {
  for (const auto& [one, other] : {std::pair{"10%", "20%"},
                                   {"1_000", "2_000"},
                                   {"0x1f", "0x20"},
                                   {"\xe2\x80\x93"
                                    "1",
                                    "\xe2\x80\x93"
                                    "2"},
                                   {"\xd9\xa1", "\xd9\xa2"},
                                   {"$5", "$6"},
                                   {"5 kg", "6 kg"},
                                   {"1.0D+01", "2.0D+01"}})
    refused("x,n,label\n" + std::string(one) + ",1.5,a\n" + other + ",2.5,b\n5,3.5,a\n",
            "line 2, column 1 ('x'): '" + printable(one) + "', expected a number; make numbers");
  // Names with digits are names.
  for (const auto& [one, other] : {std::pair{"P12", "P13"}, {"3f2a", "3f2b"}, {"s-1", "s-2"}})
    EXPECT_EQ(
        read("x,n,label\n" + std::string(one) + ",1.5,a\n" + other + ",2.5,b\n").features.cols(),
        1);
}

TEST_F(FeatureTables, ChosenFeatures) {
  const std::string text = "id,a,b,label\n1,0.1,5,x\n2,0.2,6,y\n";
  EXPECT_EQ(read(text, {.features = {"b", "id"}}).feature_names, (Words{"b", "id"}));
  EXPECT_EQ(read(text, {.features = {"2"}}).feature_names, (Words{"a"}));
  EXPECT_EQ(read(text, {.drop = {"b"}}).feature_names, (Words{"a"}));
  refused(text, "cannot be a feature", {.label = "a", .features = {"a"}});
  refused(text, "no column 'c'", {.drop = {"c"}});
  refused("a,sex,label\n0.1,M,x\n0.2,F,y\n0.3,M,y\n",
          "line 2, column 2 ('sex'): 'M', expected a number; make numbers of it, or leave it out "
          "with --drop-columns");
  // In the order of another set.
  TableRequest request;
  request.feature_names = {"b", "a"};
  Reading reading;
  put_file(path_, "label,a,extra,b\nx,0.1,9,5\ny,0.2,8,6\n");
  EXPECT_EQ(read_feature_table(path_, request, reading).features(0, 0), 5);
  put_file(path_, "label,a\nx,0.1\ny,0.2\n");
  expect_data_error([&] { read_feature_table(path_, request, reading); },
                    "no column 'b', which is a feature of the training set");
}

TEST_F(FeatureTables, NamesThatAreThereTwice) {
  put_file(path_, "a,a,b,label\n0.1,5.5,1.5,x\n0.2,6.5,2.5,y\n");
  TableRequest request;
  Reading reading;
  request.feature_names = read_feature_table(path_, request, reading).feature_names;
  EXPECT_EQ(request.feature_names, (Words{"a", "a", "b"}));
  const auto other = [&](std::string_view text) {
    put_file(path_, text);
    return read_feature_table(path_, request, reading);
  };
  EXPECT_EQ(other("label,a,other,a,b\nx,0.1,9,5,1.5\ny,0.2,9,6,2.5\n").features(0, 1), 5);
  // Which of the two is which, nobody can tell.
  expect_data_error([&] { other("b,a,a,label\n1.5,5.5,0.1,x\n2.5,6.5,0.2,y\n"); },
                    "columns in another order than the training set's, of which 2 are called 'a'");
  expect_data_error([&] { other("a,b,label\n1.5,5.5,x\n2.5,6.5,y\n"); },
                    "1 columns instead of 2 are 'a', which is a feature of the training set");
  request.feature_names = {"a", "", "b"};
  EXPECT_EQ(other("a,,b,label\n1.5,5.5,0.1,x\n2.5,6.5,0.2,y\n").features(0, 1), 5.5f);
  expect_data_error([&] { other("b,,a,label\n1.5,5.5,0.1,x\n2.5,6.5,0.2,y\n"); },
                    "columns in another order");
}

TEST_F(FeatureTables, LabelsOfTables) {
  // A label's place is its line.
  FeatureTable table = read("a,label\n\n0.5,cat\n0.6,dog\n0.7,cat\n0.8,Cat\n");
  expect_data_error([&] { number_labels(table.labels, {}); },
                    "x.csv', line 6: 'cat' (2 labels) and 'Cat' (1 labels) look like one class");
  expect_data_error(
      [&] {
        number_labels(table.labels, {.names = {"cat", "Cat"}});
      },
      "x.csv', line 4: class 'dog', expected one of");
}

TEST_F(FeatureTables, DecimalMarksAndThousands) {
  EXPECT_FLOAT_EQ(read("a;b;label\n0,13;-0,5;0\n1.234,5;0;1\n").features(1, 0), 1234.5f);
  EXPECT_EQ(reading_.details["decimal"], "comma");
  EXPECT_FLOAT_EQ(read("a;b;label\n0.13;-0.5;0\n0.5;0;1\n").features(0, 0), 0.13f);
  EXPECT_EQ(read("a,b,label\n\"1,100\",0.5,0\n(7),2,1\n").features(0, 0), 1100);
  refused("a;label\n0,13;0\n0.13;1\n", "line 3 has a decimal point");
  refused("a;label\n1,100;0\n1,200;1\n", "may be a decimal comma");
  // The other mark alike, but where commas separate.
  for (const char* separator : {";", "\t"}) {
    const std::string text =
        "a" + std::string(separator) + "label\n1.100" + separator + "0\n900" + separator + "1\n";
    refused(text, "line 2: a point before three digits may be a decimal point or stand between");
    EXPECT_FLOAT_EQ(read(text, {.decimal = "point"}).features(0, 0), 1.1f);
    EXPECT_FLOAT_EQ(read(text, {.decimal = "comma"}).features(0, 0), 1100);
    EXPECT_FLOAT_EQ(read(text + "0.5" + separator + "0\n").features(0, 0), 1.1f);
  }
  EXPECT_FLOAT_EQ(read("a,label\n1.100,0\n900,1\n").features(0, 0), 1.1f);
  EXPECT_FLOAT_EQ(read("a;label\n1,100;0\n1,200;1\n", {.decimal = "comma"}).features(0, 0), 1.1f);
  EXPECT_EQ(read("a;label\n1,100;0\n1,200;1\n", {.decimal = "point"}).features(0, 0), 1100);
}

TEST_F(FeatureTables, LabelsAreReadByTheTablesMark) {
  const auto classes = [&](const char* one, const char* two, const ColumnChoice& columns = {}) {
    const FeatureTable got = read(table("a;label", 12,
                                        [&](int i) {
                                          return "0," + std::to_string(10 + i) + ";" +
                                                 (i % 4 == 0   ? "1"
                                                  : i % 4 == 1 ? one
                                                  : i % 4 == 2 ? "2000"
                                                               : two);
                                        }),
                                  columns);
    return number_labels(got.labels, {}).classes;
  };
  EXPECT_EQ(classes("1,0", "2.000"), (Words{"1", "2000"}));
  EXPECT_EQ(classes("1,00", "2 000"), (Words{"1", "2000"}));
  EXPECT_EQ(classes("(3)", "+2000"), (Words{"-3", "1", "2000"}));
  EXPECT_EQ(read("a,label\n1.5,1.0\n2.5,\"1,000\"\n").labels.words(), (Words{"1.0", "1000"}));
  // Names that look like numbers are kept beside others.
  EXPECT_EQ(read("a,label\n1.5,010\n2.5,V20\n").labels.words(), (Words{"010", "V20"}));
  // In a table of their own.
  put_file(path_, "kl;note\n0,0;x y z\n1,0;x y\n1;z x y\n0;z\n");
  Reading reading;
  EXPECT_EQ(read_label_table(path_, {.label = "kl"}, reading).words(), (Words{"0", "1"}));
}

TEST_F(FeatureTables, OnlyWhatIsReadTellsTheMark) {
  const std::string text =
      "a,ip,label\n0.5,192.168.100.200,x\n0.75,192.168.101.201,y\n0.25,192.168.102.100,x\n";
  EXPECT_FLOAT_EQ(read(text, {.drop = {"ip"}}).features(0, 0), 0.5f);
  refused(text, "line 2 has a decimal point");
  // Where that tells nothing, others may.
  EXPECT_FLOAT_EQ(
      read("id;a;label\n0,5;1.100;x\n0,6;1.200;y\n", {.features = {"a"}}).features(0, 0), 1100);
  refused("b;a;label\n0,5;1.100;x\n0,6;1.200;y\n", "a point before three digits", {.drop = {"b"}});
}

TEST_F(FeatureTables, MissingValues) {
  for (const char* none : {"NA", "NaN", "", "?", "-", "null", "N/A", " "}) {
    // On the first line it is no header.
    const std::string text = std::string(none) + ",-0.35,0\n0.85,-0.4,1\n1.7,0.2,0\n1,2,1\n";
    refused(text, "line 1, column 1: no value");
    const FeatureTable rest = read(text, {.skip_missing = true});
    EXPECT_EQ(rest.features.rows(), 3) << none;
    EXPECT_EQ(labels(rest), (Words{"1", "0", "1"}));
    EXPECT_EQ(reading_.details["unused_rows"][0]["rows"], 1);
    EXPECT_EQ(reading_.details["unused_rows"][0]["first_line"], 1);
    refused("a,label\n1,0\n2," + std::string(none) + "\n3,1\n",
            "line 3, column 2 ('label'): no label");
  }
  // A column of nothing is left out, as a separator at every end of a line makes it.
  EXPECT_EQ(read("a,label,\n0.5,0,\n0.6,1,\n").features.cols(), 1);
  EXPECT_EQ(left_out(), "3 it holds nothing; ");
}

TEST_F(FeatureTables, BadRows) {
  refused("a,b,label\n", "a header but no rows");
  refused("a,label\n1,0\nx,1\n2,0\n3,1\n", "line 3, column 1 ('a'): 'x', expected a number");
  refused("a,label\n1,0\ninf,1\n", "line 3, column 1 ('a'): 'inf', expected a finite number");
  refused("a,label\n1,0\n1e39,1\n", "expected a finite number");
  refused("a,label\n1,0.5\n2,1\n", "label '0.5', expected a class");
  refused("a,b\nx,y\n1,2\n3,4\n5,6\n", "lines 1 and 2 both look like headers");
  refused("label\n0\n1\n", "no column of features left");
  // The header again, where tables were joined.
  EXPECT_EQ(read("a,label\n0.5,0\na,label\n0.7,1\n").features.rows(), 2);
  EXPECT_EQ(reading_.details["repeated_headers"], 1);
}

TEST_F(FeatureTables, WithoutLabels) {
  EXPECT_EQ(read("a,b,label\n1,2,0\n3,4.5,1\n", {}, Labelled::kNo).feature_names,
            (Words{"a", "b"}));
  EXPECT_EQ(read("1,2\n3,4.5\n", {}, Labelled::kNo).features.cols(), 2);
  EXPECT_EQ(read("1,2\n3,4.5\n", {.label = "1"}, Labelled::kNo).features.cols(), 1);
}

TEST_F(FeatureTables, LabelFiles) {
  const auto file = [&](std::string_view text) {
    put_file(path_, text);
    Reading reading;
    const LabelWords words = read_label_table(path_, {}, reading);
    Words out;
    for (std::size_t i = 0; i < words.size(); ++i) out.push_back(words.words()[words.index(i)]);
    return out;
  };
  EXPECT_EQ(file("label\n0\n2\n1\n"), (Words{"0", "2", "1"}));
  EXPECT_EQ(file("0\n2\n1\n0\n1\n"), (Words{"0", "2", "1", "0", "1"}));
  EXPECT_EQ(file("0\n1\n2\n3\n4\n5\n"), (Words{"0", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(file(",label\n0,cat\n1,dog\n2,cat\n"), (Words{"cat", "dog", "cat"}));
  EXPECT_EQ(file("id\tdx\na7\tcat\na9\tdog\n"), (Words{"cat", "dog"}));
  expect_data_error([&] { file("0,1\n1,1\n0,0\n1,0\n"); }, "several columns may be the label");
  expect_data_error([&] { file("0\n\n1\n"); }, "line 2: empty");
}

TEST_F(FeatureTables, LabelsUnderANameThatIsANumber) {
  DataSource source;
  source.features = path_;
  source.labels = folder_ / "y.csv";
  put_file(path_, table("a,b", 20, [](int i) { return decimal(i) + "," + decimal(3 * i); }));
  const auto labels = [](int i) { return std::to_string(i % 3); };
  put_file(source.labels, table("0", 20, labels));
  expect_data_error([&] { load_dataset(source); },
                    "21 labels for 20 samples in " + quoted_path(path_) +
                        "; if the first line, 0, is the column's name, call it label");
  put_file(source.labels, table("label", 20, labels));
  EXPECT_EQ(load_dataset(source).size(), 20u);
}

TEST_F(FeatureTables, DamagedFiles) {
  const std::string text = "a,b,label\n1.5,2,0\n3,-4e1,1\n";
  const std::span<const std::uint8_t> good(reinterpret_cast<const std::uint8_t*>(text.data()),
                                           text.size());
  EXPECT_GT(flip_every_bit(path_, good,
                           [&] {
                             Reading reading;
                             read_feature_table(path_, {}, reading);
                           }),
            0u);
}

TEST_F(FeatureTables, MembersOfArchives) {
  const FeatureMatrix train = FeatureMatrix::Constant(4, 2, 1),
                      test = FeatureMatrix::Constant(2, 2, 2),
                      val = FeatureMatrix::Constant(3, 2, 3);
  write_npz(folder_ / "all.npz", {{"X_train", npy_bytes(train)},
                                  {"y_train", npy_bytes(Labels{0, 1, 1, 0})},
                                  {"X_test", npy_bytes(test)},
                                  {"y_test", npy_bytes(Labels{1, 0})},
                                  {"x_val", npy_bytes(val)},
                                  {"y_val", npy_bytes(Labels{1, 0, 0})}});
  DataSource source;
  source.features = folder_ / "all.npz";
  EXPECT_EQ(load_dataset(source).features, train);
  source.part = Part::kTest;
  EXPECT_EQ(load_dataset(source).features, test);
  EXPECT_EQ(load_dataset(source).labels, (Labels{1, 0}));
  source.part = Part::kValidation;
  EXPECT_EQ(load_dataset(source).size(), 3u);
  DataSource other = source;
  EXPECT_TRUE(same_features(source, other));
  other.part = Part::kTest;
  EXPECT_FALSE(same_features(source, other));
  // Labels follow the features that are named.
  source.members.features = "X_test";
  EXPECT_EQ(load_dataset(source).labels, (Labels{1, 0}));
  EXPECT_TRUE(same_features(source, other));
  // One set of its own, under any of the usual names; none, and several.
  for (const auto& [x, y] : {std::pair{"features", "labels"},
                             {"X", "y"},
                             {"data", "target"},
                             {"embeddings", "labels"}}) {
    write_npz(folder_ / "one.npz", {{x, npy_bytes(test)}, {y, npy_bytes(Words{"b", "a"})}});
    DataSource one;
    one.features = folder_ / "one.npz";
    for (const Part part : {Part::kAny, Part::kTrain, Part::kTest}) {
      one.part = part;
      EXPECT_EQ(load_dataset(one).class_names, (Words{"a", "b"})) << x;
    }
  }
  DataSource none;
  none.features = folder_ / "one.npz";
  write_npz(folder_ / "one.npz", {{"m", npy_bytes(test)}, {"n", npy_bytes(Labels{0, 1})}});
  expect_data_error([&] { load_dataset(none); }, "it holds m, n: name it with --features-member");
  none.part = Part::kTest;
  expect_data_error([&] { load_dataset(none); }, "with --test-features-member");
  write_npz(folder_ / "one.npz", {{"x", npy_bytes(test)}, {"data", npy_bytes(test)}});
  expect_data_error([&] { load_dataset(none); }, "several members may be test features (data, x)");
}

TEST(Samples, InBothSets) {
  Dataset a, b;
  a.features.resize(3, 2);
  a.features << 1, 2, 3, 4, 5, 6;
  a.labels = {0, 1, 0};
  b.features.resize(2, 2);
  b.features << 5, 6, 5, 7;
  b.labels = {0, 1};
  EXPECT_EQ(samples_in_both(a, b), 1u);
  // What they were made of counts where it is known.
  a.digests = {"x", "y", "z"};
  b.digests = {"y", "x"};
  EXPECT_EQ(samples_in_both(a, b), 2u);
}

}  // namespace
}  // namespace blindtuner
