#include "features/data/feature_table.h"

#include <cmath>
#include <functional>
#include <random>

#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/feature_tables.h"
#include "features/data/load.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

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

TEST_F(FeatureTables, TrueAndFalseAreOneAndZero) {
  const auto rows = [&](const std::string& header, const std::string& one, const std::string& two) {
    return table(header, 24, [&](int i) {
      return std::to_string(20 + i % 5) + "," + decimal(i) + "," + (i % 3 == 0 ? one : two) + "," +
             (i % 2 ? "sick" : "well");
    });
  };
  for (const auto& [one, two] :
       {std::pair{"True", "False"}, {"TRUE", "FALSE"}, {"true", "false"}}) {
    const FeatureTable got = read(rows("age,bmi,smoker,kind", one, two));
    EXPECT_EQ(got.features.cols(), 3);
    EXPECT_EQ(got.features(0, 2), 1) << one;
    EXPECT_EQ(got.features(1, 2), 0) << one;
    EXPECT_EQ(reading_.details["logical"][0]["name"], "smoker");
  }
  // Whole columns of nothing else.
  refused(rows("age,bmi,smoker,kind", "True", "no"), "'True', expected a number",
          {.label = "kind"});
  // No stronger candidate for the label than 0 and 1 are.
  refused(table("bmi,smoker,chd", 24,
                [](int i) {
                  return decimal(i) + (i % 3 == 0 ? ",True," : ",False,") + std::to_string(i % 2);
                }),
          "several columns may be the label: column 2 ('smoker'), column 3 ('chd')");
  EXPECT_EQ(
      labels(read(table("bmi,sick", 24,
                        [](int i) { return decimal(i) + (i % 3 == 0 ? ",True" : ",False"); })))[0],
      "True");
}

TEST_F(FeatureTables, MinusIsAClassBesidePlus) {
  const auto rows = [&](const std::string& plus, const std::string& minus) {
    return table("", 24, [&](int i) { return decimal(i) + "," + (i % 3 == 0 ? plus : minus); });
  };
  EXPECT_EQ(read(rows("+", "-")).labels.words(), (Words{"+", "-"}));
  EXPECT_EQ(read("a,class\n0.5,+\n0.7,-\n0.6,+\n").labels.words(), (Words{"+", "-"}));
  // Beside names it is none, and among numbers.
  refused("a,class\n0.5,x\n0.7,-\n0.6,y\n", "line 3, column 2 ('class'): no label ('-')");
  refused("a,class\n0.5,1\n-,0\n0.6,0\n", "line 3, column 1 ('a'): no value ('-')");
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
  // In any spelling.
  for (const auto& [x, y, of_test] : {std::tuple{"xtrain", "ytrain", "xtest"},
                                      {"XTrain", "YTrain", "XTest"},
                                      {"trainX", "trainY", "testX"},
                                      {"TRAINDATA", "TRAINLABELS", "TESTDATA"},
                                      {"X-train", "y-train", "X-test"},
                                      {"Train Features", "Train Labels", "Test Features"},
                                      {"xtr", "ytr", "xte"}}) {
    write_npz(
        folder_ / "one.npz",
        {{x, npy_bytes(train)}, {y, npy_bytes(Labels{0, 1, 1, 0})}, {of_test, npy_bytes(test)}});
    DataSource one;
    one.features = folder_ / "one.npz";
    for (const Part part : {Part::kAny, Part::kTrain}) {
      one.part = part;
      EXPECT_EQ(load_dataset(one).features, train) << x;
    }
    one.part = Part::kTest;
    EXPECT_EQ(load_features(one).features, test) << of_test;
  }
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

TEST_F(FeatureTables, MembersThatNobodyUsesAreSaid) {
  const FeatureMatrix x = FeatureMatrix::Random(2, 2);
  const auto two = npy_bytes(Words{"a", "b"});
  write_npz(folder_ / "more.npz",
            {{"X", npy_bytes(x)},
             {"y", npy_bytes(Labels{0, 1})},
             {"target_names", two},
             {"ids", two},
             {"patient", two},
             {"digests", two},
             {"sample_weight", npy_bytes(x)},
             {"pooling", npy_bytes(Words{"class"})},  // as `extract` writes it
             {"label_name", two},                     // not so
             {"DESCR", two}});
  DataSource source;
  source.features = folder_ / "more.npz";
  Reading reading;
  load_dataset(source, &reading);
  EXPECT_TRUE(std::any_of(reading.notes.begin(), reading.notes.end(), [](const std::string& note) {
    return note.ends_with("more.npz': not used: DESCR, label_name, sample_weight");
  }));
}

TEST_F(FeatureTables, MembersOfNoPartThatNobodyUsesAreSaid) {
  const auto x = npy_bytes(FeatureMatrix(FeatureMatrix::Random(2, 2)));
  const auto two = npy_bytes(Words{"a", "b"}), y = npy_bytes(Labels{0, 1});
  write_npz(folder_ / "more.npz", {{"XTrain", x},
                                   {"YTrain", y},
                                   {"XTest", x},
                                   {"YTest", y},
                                   {"weightsTest", x},
                                   {"weightsTrain", x},
                                   {"maxVal", x},
                                   {"classes", two},
                                   {"IDTrain", two},
                                   {"accession", two},
                                   {"filename", two},
                                   {"ward", two}});
  DataSource source;
  source.features = folder_ / "more.npz";
  const auto unused = [&](Part part) {
    source.part = part;
    Reading reading;
    EXPECT_EQ(load_features(source, &reading).features.rows(), 2);
    return reading.details["unused_members"];
  };
  EXPECT_EQ(unused(Part::kTrain),
            nlohmann::json({"accession", "filename", "maxVal", "ward", "weightsTrain"}));
  EXPECT_EQ(unused(Part::kTest),
            nlohmann::json({"accession", "filename", "maxVal", "ward", "weightsTest"}));
  Reading reading;
  source.part = Part::kTrain;
  load_dataset(source, &reading);
  EXPECT_EQ(reading.details["unused_members"],
            nlohmann::json({"accession", "filename", "maxVal", "ward", "weightsTrain"}));
}

TEST_F(FeatureTables, PlacesOfColumnsWithoutNames) {
  // Four columns without names, of which one is empty (4: none), and a label in front, behind or not at all.
  enum class Label { kNone, kFirst, kLast };
  const auto put = [&](const char* name, int dead, Label label) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      const std::string word = "k" + std::to_string(i % 3);
      if (label == Label::kFirst) text += word + ",";
      for (int j = 0; j < 4; ++j)
        text += (j > 0 ? "," : "") + (j == dead ? "" : decimal(1 + (i * (2 * j + 7) + 3 * j) % 41));
      text += label == Label::kLast ? "," + word + "\n" : "\n";
    }
    put_file(folder_ / name, text);
    DataSource source;
    source.features = folder_ / name;
    return source;
  };
  const Words three = {place_name(1), place_name(2), place_name(4)};
  EXPECT_EQ(load_dataset(put("t.csv", 2, Label::kLast)).feature_names, three);
  EXPECT_EQ(load_dataset(put("t.csv", 2, Label::kFirst)).feature_names, three);
  EXPECT_TRUE(load_dataset(put("t.csv", 4, Label::kLast)).feature_names.empty());
  EXPECT_TRUE(are_place_names(three));
  EXPECT_FALSE(are_place_names({}));
  EXPECT_FALSE(are_place_names({place_name(1), "column  without a name"}));
  // Another set, with labels or without, leaves out the same.
  DataSource other = put("o.csv", 2, Label::kLast);
  other.feature_names = three;
  EXPECT_EQ(load_dataset(other).feature_names, three);
  other = put("o.csv", 2, Label::kNone);
  other.feature_names = three;
  EXPECT_EQ(load_features(other).feature_names, three);
  for (const Label label : {Label::kLast, Label::kFirst, Label::kNone}) {
    other = put("o.csv", 0, label);
    other.feature_names = three;
    expect_data_error([&] { label == Label::kNone ? load_features(other) : load_dataset(other); },
                      "o.csv': features are its columns 2, 3, 4, those of the training set were "
                      "its columns 1, 2, 4");
  }
  // Unless it is said which columns are meant, or nothing is left out.
  other.columns.features = {"2", "3", "4"};
  Reading reading;
  EXPECT_EQ(load_features(other, &reading).feature_names, three);
  EXPECT_NE(reading.notes.back().find("o.csv'"), std::string::npos);
  other.columns.features.clear();
  // A table with names is held to the places as well, and of one with names' places nobody knows.
  const auto headed = [&](const char* name, int dead) {
    const DataSource bare = put(name, dead, Label::kLast);
    const std::vector<std::uint8_t> bytes = read_file(bare.features, 1 << 20);
    put_file(bare.features, "s,t,u,v,label\n" + std::string(bytes.begin(), bytes.end()));
    return bare;
  };
  DataSource named = headed("n.csv", 0);
  named.feature_names = three;
  expect_data_error([&] { load_dataset(named); },
                    "n.csv': features are its columns 2, 3, 4, those of the training set were its "
                    "columns 1, 2, 4 (the label's not counted, which had no names)");
  named.columns.features = {"t", "u", "v"};
  EXPECT_EQ(load_dataset(named).width(), 3u);
  named = headed("n.csv", 2);
  named.feature_names = three;
  EXPECT_EQ(load_dataset(named).feature_names, (Words{"s", "t", "v"}));
  DataSource bare = put("o.csv", 0, Label::kLast);
  bare.feature_names = {"s", "t", "v"};
  reading = {};
  load_dataset(bare, &reading);
  ASSERT_EQ(reading.warnings.size(), 1u);
  EXPECT_NE(reading.warnings[0].find("in their order: columns 2, 3, 4 for s, t, v; where the "
                                     "training set left out others"),
            std::string::npos);
  bare.columns.features = {"1", "2", "3"};
  put_file(bare.features, table("", 12, [](int i) {
             return decimal(i) + "," + decimal(i * i % 7) + "," + decimal(i * 5 % 11) + ",x";
           }));
  reading = {};
  load_features(bare, &reading);
  EXPECT_TRUE(reading.warnings.empty());
  put_file(other.features, table("", 12, [](int i) {
             return decimal(i) + "," + decimal(i * i % 7) + "," + decimal(i * 5 % 11);
           }));
  EXPECT_EQ(load_features(other).width(), 3u);
}

TEST_F(FeatureTables, TablesOfOtherNames) {
  const std::string text = table("", 12, [](int i) { return decimal(i) + (i % 2 ? ",x" : ",y"); });
  const auto load = [&](const char* name, std::string_view content) {
    put_file(folder_ / name, content);
    DataSource source;
    source.features = folder_ / name;
    return load_dataset(source).size();
  };
  for (const char* name : {"crx.data", "adult.test", "x.train", "wdbc.all-data", "x"})
    EXPECT_EQ(load(name, text), 12u) << name;
  for (const char* name : {"x.json", "x.arff"})
    expect_data_error([&] { load(name, text); }, "unknown kind of file");
  expect_data_error([&] { load("x.bin", std::string("a,b\n1\0,2\n", 10)); },
                    "unknown kind of file");
  expect_data_error([&] { load("none", ""); }, "unknown kind of file");
  for (const char* name : {"x.cvs", "none.x"}) {
    DataSource source;
    source.features = folder_ / "not-there" / name;
    expect_data_error([&] { load_dataset(source); }, "no such file");
  }
}

TEST_F(FeatureTables, SparseMatricesAreRefused) {
  const auto numbers = npy_bytes(Labels{0, 1});
  write_npz(folder_ / "x.npz", {{"data", npy_bytes(FeatureMatrix::Random(2, 1).eval())},
                                {"format", npy_bytes(Words{"csr"})},
                                {"indices", numbers},
                                {"indptr", numbers},
                                {"shape", numbers}});
  DataSource source;
  source.features = folder_ / "x.npz";
  expect_data_error([&] { load_features(source); }, "a sparse matrix of SciPy, expected arrays");
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
