#include "features/samples/sample_groups.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "features/data/feature_tables.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/samples/copies.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

class SampleGroupsTest : public ::testing::Test {
 protected:
  /// Rows of three features behind `columns`, which `fields` makes of the row's number.
  template <typename F>
  Dataset load(const std::string& columns, int rows, const F& fields, ColumnChoice choice = {}) {
    std::string text = columns + ",a,b,c,label\n";
    for (int i = 0; i < rows; ++i)
      text += fields(i) + "," + std::to_string(0.31 * i - 0.007 * i * i) + "," +
              std::to_string(std::sin(i)) + "," + std::to_string(std::cos(1.7 * i)) + "," +
              (i % 2 != 0 ? "yes" : "no") + "\n";
    put_file(folder_ / "t.csv", text);
    DataSource source;
    source.features = folder_ / "t.csv";
    source.columns = std::move(choice);
    reading_ = {};
    return load_dataset(source, &reading_);
  }
  std::string notes() const {
    std::string out;
    for (const std::string& note : reading_.notes) out += note + "\n";
    return out;
  }
  TemporaryFolder folder_;
  Reading reading_;
};

ColumnChoice by(const std::string& column) {
  ColumnChoice out;
  out.group = column;
  return out;
}
ColumnChoice as_in(const Dataset& set) {
  ColumnChoice out;
  out.known_group = set.groups.column;
  return out;
}
ColumnChoice without(const std::string& column) {
  ColumnChoice out;
  out.drop = {column};
  return out;
}

std::set<std::string> values_of(const Dataset& set, const std::vector<std::uint32_t>& rows) {
  const Dataset part = select(set, rows);
  return {part.groups.values.begin(), part.groups.values.end()};
}

/// Both halves hold all samples, and no group is in both.
void expect_apart(const Dataset& set, const Split& split) {
  EXPECT_EQ(split.first.size() + split.second.size(), set.size());
  const std::set<std::string> first = values_of(set, split.first),
                              second = values_of(set, split.second);
  for (const std::string& value : second) EXPECT_EQ(first.count(value), 0u) << value;
}

TEST_F(SampleGroupsTest, StayOnOneSide) {
  const auto patient = [](int i) { return "P" + std::to_string(i % 40 * 7 % 40); };
  const Dataset set = load("patient_id", 400, patient);
  EXPECT_EQ(set.groups.column, "patient_id");
  EXPECT_TRUE(set.groups.together);
  EXPECT_EQ(set.width(), 3u);
  EXPECT_NE(notes().find("samples with one value of column 1 ('patient_id') stay together when "
                         "samples are held out: 40 groups"),
            std::string::npos);
  EXPECT_EQ(reading_.details["groups"]["groups"], 40);
  std::set<std::vector<std::uint32_t>> different;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Split split = split_of(set, 0.2, numbered_seed(seed));
    expect_apart(set, split);
    EXPECT_EQ(class_counts(select(set, split.second).labels, 2),
              (std::vector<std::size_t>{40, 40}));
    different.insert(split.second);
  }
  EXPECT_EQ(different.size(), 3u);
  const std::vector<int> folds =
      grouped_folds(set.labels, 2, 5, numbered_seed(1), kept_together(set));
  for (int fold = 0; fold < 5; ++fold) {
    Split split;
    for (std::uint32_t i = 0; i < set.size(); ++i)
      (folds[i] == fold ? split.second : split.first).push_back(i);
    expect_apart(set, split);
    EXPECT_EQ(class_counts(select(set, split.second).labels, 2),
              (std::vector<std::size_t>{40, 40}));
  }
}

TEST_F(SampleGroupsTest, OfSeveralClassesAndSizes) {
  // Groups of 1 to 20 rows; both classes in each.
  const auto subject = [](int i) { return std::to_string(static_cast<int>(std::sqrt(2.0 * i))); };
  const Dataset set = load("Subject", 800, subject);
  ASSERT_TRUE(set.groups.together);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Split split = split_of(set, 0.25, numbered_seed(seed));
    expect_apart(set, split);
    for (const std::size_t count : class_counts(select(set, split.second).labels, 2))
      EXPECT_NEAR(static_cast<double>(count), 100, 12);
  }
  const std::vector<int> folds =
      grouped_folds(set.labels, 2, 4, numbered_seed(5), kept_together(set));
  for (int fold = 0; fold < 4; ++fold)
    EXPECT_NEAR(static_cast<double>(std::count(folds.begin(), folds.end(), fold)), 200, 15);
}

TEST_F(SampleGroupsTest, OfLargeGroupsOneIsHeldOut) {
  // Three a class, of which a tenth is less than half of one.
  const Dataset set = load("subject", 120, [](int i) { return std::to_string(i % 6); });
  ASSERT_TRUE(set.groups.together);
  const Split split = split_of(set, 0.1, numbered_seed(1));
  expect_apart(set, split);
  EXPECT_EQ(class_counts(select(set, split.second).labels, 2), (std::vector<std::size_t>{20, 20}));
  // A class of one group stays for training.
  Dataset one = set;
  for (std::size_t i = 0; i < one.size(); ++i)
    if (one.labels[i] == 1) one.groups.values[i] = "9";
  EXPECT_EQ(class_counts(select(one, split_of(one, 0.3, numbered_seed(1)).second).labels, 2)[1],
            0u);
}

TEST_F(SampleGroupsTest, TheCoarsestThatLeavesEnough) {
  const auto patient = [](int i) { return "P" + std::to_string(i / 8); };
  const auto both = [&](int i) { return "V" + std::to_string(i / 4) + "," + patient(i); };
  EXPECT_EQ(load("visit_id,patient_id", 240, both).groups.column, "patient_id");
  EXPECT_EQ(notes().find("do not all stay together"), std::string::npos);
  // A picture of a lesion, and a code that is no origin.
  const auto codes = [&](int i) {
    return "L" + std::to_string(i / 4) + ",I" + std::to_string(1000 + 7 * i % 1000) + ",s" +
           std::to_string(i % 3);
  };
  EXPECT_EQ(load("lesion_id,image_id,site_id", 240, codes).groups.column, "lesion_id");
  EXPECT_NE(notes().find("those with one value of column 3 ('site_id') do not all stay together"),
            std::string::npos);
  // Too few patients: the visits.
  const auto few = [](int i) { return "V" + std::to_string(i / 4) + ",P" + std::to_string(i % 2); };
  EXPECT_EQ(load("visit_id,patient_id", 240, few).groups.column, "visit_id");
}

TEST_F(SampleGroupsTest, AskedForOrNot) {
  const auto both = [](int i) { return std::to_string(i / 8) + "," + std::to_string(i / 4); };
  EXPECT_EQ(load("centre,patient_id", 240, both).groups.column, "patient_id");
  Dataset set = load("centre,patient_id", 240, both, by("centre"));
  EXPECT_EQ(set.groups.column, "centre");
  EXPECT_EQ(set.width(), 3u);  // and is no feature
  EXPECT_EQ(load("centre,patient_id", 240, both, by("1")).groups.column, "centre");
  set = load("centre,patient_id", 240, both, by("none"));
  EXPECT_TRUE(set.groups.values.empty());
  expect_data_error([&] { load("centre,patient_id", 240, both, by("clinic")); },
                    "no column 'clinic'");
  const auto one = [](int) { return std::string("7"); };
  expect_data_error([&] { load("patient_id", 240, one, by("patient_id")); }, "has one value");
  // Left out as asked, it groups rows all the same.
  EXPECT_TRUE(
      load(
          "patient_id", 240, [](int i) { return std::to_string(i / 4); }, without("patient_id"))
          .groups.together);
}

TEST_F(SampleGroupsTest, NoneWhereNothingComesAgain) {
  for (const std::string column : {"patient_id", "id", "row_id"}) {
    const Dataset set = load(column, 60, [](int i) { return std::to_string(i * 37 % 61); });
    EXPECT_FALSE(set.groups.together);
    EXPECT_TRUE(kept_together(set).empty());
    const Split split = split_of(set, 0.2, numbered_seed(4)),
                want = stratified_split(set.labels, 2, 0.2, numbered_seed(4), {});
    EXPECT_EQ(split.first, want.first);
    EXPECT_EQ(split.second, want.second);
    EXPECT_EQ(notes().find("together"), std::string::npos);
  }
}

TEST_F(SampleGroupsTest, TooFewAreSaid) {
  const auto is_label = [](int i) { return std::to_string(i % 2); };
  EXPECT_FALSE(load("patient_id", 60, is_label).groups.together);
  EXPECT_NE(notes().find("every class has one value of its own"), std::string::npos);
  EXPECT_FALSE(load("patient_id", 60, [](int i) { return std::to_string(i % 4); }).groups.together);
  EXPECT_NE(notes().find("of its 4 values too few"), std::string::npos);
  EXPECT_FALSE(load("patient_id", 60, [](int) { return std::string("7"); }).groups.together);
  EXPECT_NE(notes().find("are all of them"), std::string::npos);
  // Missing ones are of nobody.
  const auto some = [](int i) { return i % 3 == 0 ? "NA" : "P" + std::to_string(i / 6); };
  const Dataset set = load("patient_id", 120, some);
  EXPECT_TRUE(set.groups.together);
  EXPECT_EQ(reading_.details["groups"]["groups"], 60);
}

TEST_F(SampleGroupsTest, WithCopies) {
  Dataset set = load("patient_id", 200, [](int i) { return std::to_string(i / 4); });
  // A copy in another group joins the two, but what all have does not.
  set.features.row(0) = set.features.row(199);
  const std::vector<std::uint32_t> groups = kept_together(set);
  EXPECT_EQ(groups[0], groups[196]);
  EXPECT_NE(groups[4], groups[0]);
  for (Eigen::Index i = 0; i < 200; i += 4) set.features.row(i) = set.features.row(0);
  EXPECT_NE(kept_together(set)[4], kept_together(set)[0]);
}

TEST_F(SampleGroupsTest, OfArchives) {
  FeatureMatrix x(90, 2);
  Labels y, subject;
  Words words;
  for (int i = 0; i < 90; ++i) {
    x.row(i) << static_cast<float>(i), static_cast<float>(i * i % 17);
    y.push_back(i % 2);
    subject.push_back(100 + i / 6);
    words.push_back(i % 9 == 0 ? "" : "L" + std::to_string(i / 6));
  }
  DataSource source;
  source.features = folder_ / "x.npz";
  const auto load_with = [&](std::map<std::string, std::vector<std::uint8_t>> more) {
    more["features"] = npy_bytes(x);
    more["labels"] = npy_bytes(y);
    write_npz(source.features, more);
    return load_dataset(source, &reading_);
  };
  Dataset set = load_with({{"subject", npy_bytes(subject)}});
  EXPECT_EQ(set.groups.column, "subject");
  EXPECT_TRUE(set.groups.together);
  EXPECT_EQ(set.groups.values[89], "114");
  set = load_with({{"groups", npy_bytes(words)}, {"group_column", npy_bytes(Words{"lesion_id"})}});
  EXPECT_EQ(set.groups.column, "lesion_id");
  EXPECT_EQ(set.groups.values, words);
  EXPECT_TRUE(set.groups.together);
  source.columns.group = "none";
  EXPECT_TRUE(load_dataset(source).groups.values.empty());
  source.columns.group = "lesion_id";
  EXPECT_TRUE(load_dataset(source).groups.together);
  source.columns.group = "subject";
  expect_data_error([&] { load_dataset(source); }, "no column or member 'subject'");
  source.columns.group.clear();
  // Of another length, and of the other part.
  reading_ = {};
  EXPECT_TRUE(load_with({{"subject", npy_bytes(Labels{1, 2})}}).groups.values.empty());
  EXPECT_NE(notes().find("2 values for 90 samples"), std::string::npos);
  EXPECT_TRUE(load_with({{"subject_test", npy_bytes(subject)}}).groups.values.empty());
  EXPECT_TRUE(reading_.warnings.empty());
  // The part in any spelling.
  for (const auto& [train_x, train_y, test_x, name] :
       {std::tuple{"x_train", "y_train", "x_test", "patient_id_train"},
        {"XTrain", "YTrain", "XTest", "PatientIDTrain"},
        {"xtrain", "ytrain", "xtest", "patientidtrain"},
        {"trainX", "trainY", "testX", "trainSubjects"},
        {"XTRAIN", "YTRAIN", "XTEST", "GROUPSTRAIN"}}) {
    write_npz(source.features, {{train_x, npy_bytes(x)},
                                {train_y, npy_bytes(y)},
                                {test_x, npy_bytes(x)},
                                {name, npy_bytes(subject)}});
    EXPECT_TRUE(load_dataset(source).groups.together) << name;
  }
  // Objects, as pandas has texts.
  std::vector<std::uint8_t> objects = npy_bytes(subject);
  const std::string type = "'<i4'", pickled = "'|O' ";
  std::copy(pickled.begin(), pickled.end(),
            std::search(objects.begin(), objects.end(), type.begin(), type.end()));
  EXPECT_TRUE(load_with({{"subject", objects}}).groups.values.empty());
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("may say which samples go together"), std::string::npos);
  // Beside several parts, of none of them.
  write_npz(source.features, {{"x_train", npy_bytes(x)},
                              {"y_train", npy_bytes(y)},
                              {"x_test", npy_bytes(x)},
                              {"y_test", npy_bytes(y)},
                              {"groups", npy_bytes(subject)}});
  reading_ = {};
  EXPECT_TRUE(load_dataset(source, &reading_).groups.values.empty());
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("call it 'train_groups'"), std::string::npos);
}

TEST_F(SampleGroupsTest, BesideLabels) {
  FeatureMatrix x(90, 2);
  std::string labels = "patient_id,label\n";
  for (int i = 0; i < 90; ++i) {
    x.row(i) << static_cast<float>(i), static_cast<float>(i * i % 17);
    labels += "P" + std::to_string(i / 6) + "," + std::to_string(i % 2) + "\n";
  }
  DataSource source;
  source.features = folder_ / "x.npy";
  source.labels = folder_ / "y.csv";
  write_npy(source.features, x);
  put_file(source.labels, labels);
  const Dataset set = load_dataset(source);
  EXPECT_EQ(set.groups.column, "patient_id");
  EXPECT_TRUE(set.groups.together);
  EXPECT_EQ(set.groups.values[89], "P14");
}

TEST_F(SampleGroupsTest, InTwoSets) {
  const auto from = [](int first) {
    return [first](int i) { return "P" + std::to_string((first + i) * 13); };
  };
  const Dataset train = load("PatientID", 60, from(0));
  EXPECT_FALSE(train.groups.together);
  const Dataset same = load("PatientID", 40, from(40), as_in(train));
  EXPECT_EQ(shared_groups(train, same).values, 40u);
  EXPECT_EQ(shared_groups(train, same).shared, 20u);
  // Numbers of rows, which every table has, are nobody's.
  EXPECT_TRUE(
      load("patient_id", 60, [](int i) { return std::to_string(i + 1); }).groups.values.empty());
  // Another column than the training set's is not compared.
  EXPECT_EQ(shared_groups(train, load("lesion_id", 40, from(40))).values, 0u);
}

}  // namespace
}  // namespace blindtuner
