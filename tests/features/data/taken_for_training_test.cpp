// What training took is what another set is read by: another member, or column, may be another target, or other features, of as
// many classes and columns.
#include <gtest/gtest.h>

#include <map>

#include "features/data/load.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

class TakenForTrainingTest : public ::testing::Test {
 protected:
  /// Members of three samples; of features as of labels the name is told apart by the numbers.
  DataSource put(const std::string& name, const std::vector<std::string>& features,
                 const std::vector<std::string>& labels, const std::string& label_name = {}) {
    std::map<std::string, std::vector<std::uint8_t>> members;
    for (const std::string& one : features) members[one] = npy_bytes(numbers(one));
    for (const std::string& one : labels) members[one] = npy_bytes(classes(one));
    if (!label_name.empty())
      members["label_name"] = npy_bytes(std::vector<std::string>{label_name});
    write_npz(folder_ / name, members);
    DataSource source;
    source.features = folder_ / name;
    source.classes.names = {"0", "1"};
    return source;
  }
  DataSource put_text(const std::string& name, const std::string& text) {
    put_file(folder_ / name, text);
    DataSource source;
    source.features = folder_ / name;
    source.classes.names = {"0", "1"};
    return source;
  }
  FeatureMatrix numbers(const std::string& name) {
    const auto [at, added] = numbers_.emplace(name, FeatureMatrix::Random(3, 2));
    return at->second;
  }
  Labels classes(const std::string& name) {
    const auto [at, added] = classes_.emplace(name, static_cast<int>(classes_.size()) + 1);
    Labels out;
    for (int bit = 0; bit < 3; ++bit) out.push_back(at->second >> bit & 1);
    return out;
  }
  /// What is read of it by what `train` took.
  Dataset read(DataSource source, const TakenForTraining& taken, Part part = Part::kTest) {
    source.part = part;
    read_as_in_training(source, taken);
    reading_ = {};
    return load_dataset(source, &reading_);
  }
  void takes(const DataSource& source, const TakenForTraining& taken, const std::string& features,
             const std::string& labels, Part part = Part::kTest) {
    SCOPED_TRACE(features + " " + labels);
    const Dataset set = read(source, taken, part);
    EXPECT_EQ(set.features, numbers(features));
    EXPECT_EQ(set.labels, classes(labels));
    EXPECT_EQ(reading_.warnings, std::vector<std::string>());
  }
  void warned(const std::string& part) {
    ASSERT_EQ(reading_.warnings.size(), 1u);
    EXPECT_NE(reading_.warnings[0].find(part), std::string::npos) << reading_.warnings[0];
  }
  static TakenForTraining taken(const std::string& features, const std::string& label) {
    return {.features_member = features, .label = {.name = label}};
  }

  TemporaryFolder folder_;
  Reading reading_;
  std::map<std::string, FeatureMatrix> numbers_;
  std::map<std::string, int> classes_;
};

TEST_F(TakenForTrainingTest, MembersThatWereNamed) {
  const std::vector<std::string> both = {"features", "image_features"},
                                 targets = {"labels", "malignant"};
  DataSource train = put("train.npz", both, targets);
  train.members = {"image_features", "malignant"};
  const Dataset set = load_dataset(train, &reading_);
  EXPECT_EQ(set.label_name, "malignant");
  EXPECT_EQ(set.features_member, "image_features");
  const std::vector<std::uint32_t> rows = {0, 2};
  EXPECT_EQ(select(set, rows).features_member, "image_features");
  const TakenForTraining known = taken_for_training(set, reading_);
  DataSource test = put("test.npz", both, targets);
  takes(test, known, "image_features", "malignant");
  const Dataset unlabelled = [&] {
    DataSource source = test;
    read_as_in_training(source, known);
    return load_features(source);
  }();
  EXPECT_EQ(unlabelled.features, numbers("image_features"));
  EXPECT_EQ(unlabelled.features_member, "image_features");
  test.members = {"features", "labels"};  // what is named for it goes first
  takes(test, known, "features", "labels");
  // Of what training has found by usual names no other set has to know.
  train.members = {};
  reading_ = {};
  const Dataset usual = load_dataset(train, &reading_);
  EXPECT_EQ(usual.label_name + usual.features_member, "");
  // Other names are warned of, but for usual ones, which are one.
  read(put("less.npz", {"features"}, {"labels", "image_features"}), taken("", "malignant"));
  warned("taken for the labels, which were 'malignant' of the training set, as 'labels'");
  read(put("less.npz", {"x"}, {"y"}), taken("image_features", ""));
  warned("taken for the features, which were 'image_features' of the training set, as 'x'");
  takes(put("usual.npz", {"x"}, {"target"}), taken("features", "labels"), "x", "target");
  takes(put("two.npz", {"x", "features"}, {"y", "target"}), taken("x", "target"), "x", "target");
}

TEST_F(TakenForTrainingTest, PartsOfArchives) {
  const DataSource site = put("site.npz", {"x_train", "x_val", "x_test"},
                              {"y_train", "y_val", "y_test", "malignant_train", "malignant_val"});
  for (const auto& [part, of] : {std::pair{Part::kTest, "test"}, {Part::kValidation, "val"}})
    takes(site, taken("x_train", "y_train"), std::string("x_") + of, std::string("y_") + of, part);
  takes(site, taken("", "malignant_train"), "x_val", "malignant_val", Part::kValidation);
  const std::string which = "none is known to be of the test samples: name it with --test-";
  expect_data_error([&] { read(site, taken("", "malignant_train")); }, which + "labels-member");
  // Of no part: of features without one, or in an archive of one part.
  takes(put("one.npz", {"x_test"}, {"y_test", "malignant"}), taken("x_train", "malignant_train"),
        "x_test", "malignant");
  takes(put("none.npz", {"x"}, {"y", "malignant"}), taken("x_train", "malignant_train"), "x",
        "malignant");
  const DataSource doubtful =
      put("doubt.npz", {"x_train", "x_test", "image_features"}, {"y_train", "y_test", "malignant"});
  expect_data_error([&] { read(doubtful, taken("", "malignant")); }, which + "labels-member");
  expect_data_error([&] { read(doubtful, taken("image_features", "")); },
                    which + "features-member");
  // x_train of another archive is none of a test set.
  expect_data_error([&] { read(put("train.npz", {"x_train"}, {"y_train"}), taken("x_train", "")); },
                    "no member of test features by a usual name");
  // A map that was fitted to x_train takes it again.
  takes(site, taken("x_train", ""), "x_train", "y_train", Part::kAny);
  // No part at all, where features tell none.
  takes(put("result.npz", {"features"}, {"labels", "test_result"}), taken("", "test_result"),
        "features", "test_result", Part::kValidation);
  takes(put("early.npz", {"features"}, {"labels", "malignant_train"}), taken("", "malignant_train"),
        "features", "malignant_train");
}

TEST_F(TakenForTrainingTest, LabelsOfAFileOfTheirOwn) {
  const auto apart = [&](const std::string& name) {
    DataSource source = put("x.npz", {"features"}, {});
    source.labels = folder_ / name;
    return source;
  };
  put("labels.npz", {}, {"labels", "malignant"});
  DataSource train = apart("labels.npz");
  train.members.labels = "malignant";
  const Dataset set = load_dataset(train, &reading_);
  EXPECT_EQ(set.label_name, "malignant");
  const TakenForTraining known = taken_for_training(set, reading_);
  takes(apart("labels.npz"), known, "features", "malignant");
  put("parts.npz", {}, {"labels", "malignant_val", "malignant_test"});
  takes(apart("parts.npz"), known, "features", "malignant_test");
  put("others.npz", {}, {"labels"});
  read(apart("others.npz"), known);
  warned("taken for the labels, which were 'malignant' of the training set");
  // In a table by its name, wherever training had it.
  put_text("labels.csv", "label,malignant\n1,0\n1,0\n0,1\n");
  EXPECT_EQ(read(apart("labels.csv"), known).labels, (Labels{0, 0, 1}));
  put_text("others.csv", "label\n1\n1\n0\n");
  EXPECT_EQ(read(apart("others.csv"), known).labels, (Labels{1, 1, 0}));
  warned("column 1 ('label') is taken for the label, which was 'malignant' of the training set");
  reading_ = {};
  const Dataset table = load_dataset(
      put_text("t.csv", "a,b,malignant\n.5,1.5,1\n1.25,.75,0\n2,3.5,1\n2.75,1.25,0\n"), &reading_);
  const TakenForTraining of_table = taken_for_training(table, reading_);
  EXPECT_EQ(read(apart("labels.csv"), of_table).labels, (Labels{0, 0, 1}));
  takes(apart("labels.npz"), of_table, "features", "malignant");
  // Its place is another in a table of labels alone.
  put_text("bare.csv", "1,a1,0\n1,a2,0\n0,a3,1\n");
  DataSource bare = apart("bare.csv");
  bare.columns.label = "1";
  reading_ = {};
  const Dataset first = load_dataset(bare, &reading_);
  EXPECT_EQ(first.labels, (Labels{1, 1, 0}));
  const DataSource own = put_text("own.csv", "1,.5,1\n0,1.25,0\n1,2.5,1\n");
  TakenForTraining by_place = taken_for_training(first, reading_);
  DataSource read_apart = apart("bare.csv");
  EXPECT_EQ(read(read_apart, by_place).labels, (Labels{1, 1, 0}));
  DataSource last = own;
  last.columns.label = "last";
  read_as_in_training(last, by_place);
  EXPECT_EQ(last.columns.known_label.column, 0u);
  EXPECT_EQ(last.columns.label, "");
}

TEST_F(TakenForTrainingTest, WhatExtractSaysOfLabels) {
  takes(put("same.npz", {"features"}, {"labels"}, "malignant"), taken("", "malignant"), "features",
        "labels");
  const DataSource other = put("other.npz", {"features"}, {"labels"}, "label");
  read(other, taken("", "malignant"));
  warned("taken for the labels, which were 'malignant' of the training set, as 'label'");
  DataSource said = other;
  said.members.labels = "labels";
  takes(said, taken("", "malignant"), "features", "labels");
  takes(other, taken("", ""), "features", "labels");
}

}  // namespace
}  // namespace blindtuner
