#include "features/data/named_labels.h"

#include "features/data/feature_tables.h"
#include "features/data/load.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

// The same number may be another class in another archive: their names tell.
TEST_F(FeatureTables, ClassNamesOfArchives) {
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  const auto put = [&](const std::string& member, const Words& names, const Labels& labels) {
    write_npz(folder_ / "named.npz",
              {{"X", npy_bytes(x)}, {"y", npy_bytes(labels)}, {member, npy_bytes(names)}});
  };
  DataSource source;
  source.features = folder_ / "named.npz";
  for (const char* member : {"classes", "target_names", "class_names"}) {
    put(member, {"oak", "ash", "birch"}, {0, 1, 2});
    EXPECT_EQ(load_dataset(source).class_names, (Words{"oak", "ash", "birch"})) << member;
    source.classes.names = {"ash", "birch", "oak"};
    EXPECT_EQ(load_dataset(source).labels, (Labels{2, 0, 1})) << member;
    source.classes.names.clear();
  }
  // Names that do not fit are passed over, and it is said.
  const auto passed_over = [&](const std::string& why) {
    Reading reading;
    const Dataset set = load_dataset(source, &reading);
    ASSERT_EQ(reading.warnings.size(), 1u);
    EXPECT_NE(reading.warnings[0].find("'target_names': not taken for the classes' names: "),
              std::string::npos);
    EXPECT_NE(reading.warnings[0].find(why), std::string::npos) << reading.warnings[0];
    EXPECT_EQ(set.labels, (Labels{0, 1, 2}));
  };
  // Numbers, as numpy.unique has them, are the labels themselves where these cannot be places as well, or are the same.
  const auto counted = [&](const auto& classes, const Labels& labels) {
    write_npz(folder_ / "named.npz",
              {{"X", npy_bytes(x)}, {"y", npy_bytes(labels)}, {"classes", npy_bytes(classes)}});
  };
  for (const Labels& numbers : {Labels{0, 1, 2}, Labels{1, 2, 3}, Labels{3, 5, 7}}) {
    counted(numbers, {numbers[2], numbers[0], numbers[2]});
    Reading reading;
    const Dataset set = load_dataset(source, &reading);
    EXPECT_EQ(set.class_names[static_cast<std::size_t>(set.labels[0])], std::to_string(numbers[2]));
    EXPECT_EQ(set.class_names[static_cast<std::size_t>(set.labels[1])], std::to_string(numbers[0]));
    EXPECT_TRUE(reading.warnings.empty()) << reading.warnings[0];
  }
  // A set that lacks a class may be either: of classes 1, 2 and 3, those of 1 and 2, or the second and the third.
  const auto in_doubt = [&] {
    expect_data_error([&] { load_dataset(source); },
                      "may be classes as 'classes' has them, or places there, of '2', '3'");
  };
  for (const Words& known : {Words{}, Words{"1", "2", "3"}}) {
    source.classes.names = known;
    counted(Labels{1, 2, 3}, {1, 2, 1});
    in_doubt();
    const FeatureMatrix fractions = Eigen::Vector3f(1, 2, 3);
    counted(fractions, {1, 2, 1});
    in_doubt();
    counted(Words{"1", "2", "3"}, {1, 2, 1});
    in_doubt();
  }
  source.classes.names.clear();
  counted(Labels{1, 2, 3}, {0, 2, 0});  // nothing but places
  EXPECT_EQ(load_dataset(source).class_names, (Words{"1", "2", "3"}));
  // A name a row names no classes.
  put("target_names", {"oak", "ash", "oak"}, {0, 1, 2});
  passed_over("class 'oak' is there twice");
  put("classes", {"oak", "ash", "oak"}, {0, 1, 2});
  expect_data_error([&] { load_dataset(source); }, "class 'oak' is there twice");
  source.members.labels = "classes";  // the labels themselves
  EXPECT_EQ(load_dataset(source).class_names, (Words{"ash", "oak"}));
  source.members.labels.clear();
  put("target_names", {"oak", "ash", "birch"}, {1, 2, 3});
  passed_over("label 3, but there are names for 0 to 2 only");
  put("target_names", {"oak", "ash", "birch"}, {0, 1, 2});
  source.classes.names = {"0", "1", "2"};
  passed_over("the training set's classes are numbers");
}

// Who writes texts means names, whatever these look like.
TEST_F(FeatureTables, LabelsThatAreTextsAreNames) {
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  DataSource source;
  source.features = folder_ / "named.npz";
  const auto named = [&](const std::string& member, const auto& names, const Words& labels) {
    write_npz(folder_ / "named.npz",
              {{"X", npy_bytes(x)}, {"y", npy_bytes(labels)}, {member, npy_bytes(names)}});
    Reading reading;
    const Dataset set = load_dataset(source, &reading);
    for (std::size_t i = 0; i < labels.size(); ++i)
      EXPECT_EQ(set.class_names[static_cast<std::size_t>(set.labels[i])], labels[i]);
    return reading.warnings;
  };
  for (const Words& known : {Words{}, Words{"1", "2", "3"}, Words{"3", "1", "2"}})
    for (const char* member : {"classes", "class_names"}) {
      source.classes.names = known;
      EXPECT_TRUE(named(member, Words{"1", "2", "3"}, {"1", "2", "1"}).empty());
      EXPECT_TRUE(named(member, Words{"2", "1", "3"}, {"1", "2", "1"}).empty());
      EXPECT_TRUE(named(member, Labels{1, 2, 3}, {"1", "2", "1"}).empty());
    }
  // In the order in which they appear: the second is the first.
  source.classes.names.clear();
  EXPECT_TRUE(named("classes", Words{"1", "0"}, {"1", "0", "1"}).empty());
  EXPECT_EQ(load_dataset(source).class_names, (Words{"1", "0"}));
  // Names of others are none of theirs.
  const Words warnings = named("target_names", Words{"benign", "malignant"}, {"0", "1", "0"});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("not taken for the classes' names"), std::string::npos) << warnings[0];
  expect_data_error(
      [&] {
        named("classes", Words{"benign", "malignant"}, {"0", "1", "0"});
      },
      "with --class-numbers");
}

// Numbers beside names that are numbers: `extract` writes places, and so are columns of one-hot labels.
TEST_F(FeatureTables, PlacesAmongNamesThatAreNumbers) {
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  const Words three = {"a", "b", "c"};
  DataSource source;
  source.features = folder_ / "named.npz";
  std::map<std::string, std::vector<std::uint8_t>> members;
  const auto names = [&] {
    write_npz(folder_ / "named.npz", members);
    const Dataset set = load_dataset(source);
    Words out;
    for (const int label : set.labels)
      out.push_back(set.class_names[static_cast<std::size_t>(label)]);
    return out;
  };
  const auto doubtful = [&](const std::string& labels, const std::string& of) {
    expect_data_error([&] { names(); }, "labels " + labels + " may be classes as 'classes' has " +
                                            "them, or places there, of " + of);
  };
  members = {{"features", npy_bytes(x)},
             {"labels", npy_bytes(Labels{1, 2, 1})},
             {"classes", npy_bytes(Words{"1", "2", "3"})}};
  doubtful("1, 2", "'2', '3'");
  members["names"] = npy_bytes(three);
  doubtful("1, 2", "'2', '3'");  // of an earlier version's `extract`, perhaps
  members["digests"] = npy_bytes(three);
  members["pooling"] = npy_bytes(Words{"model"});
  EXPECT_EQ(names(), (Words{"2", "3", "2"}));
  // Others' labels in such an archive, as NumPy has whole numbers, or under another name.
  members["labels"] = npy_bytes(Eigen::MatrixXd(Eigen::Vector3d(1, 2, 1)));
  doubtful("1, 2", "'2', '3'");
  members["labels"] = npy_bytes(Labels{0, 1, 2});
  members["grade"] = npy_bytes(Labels{1, 2, 1});
  source.members.labels = "grade";
  doubtful("1, 2", "'2', '3'");
  source.members.labels.clear();
  // The same in another order, and what can only be names, or places.
  members = {{"features", npy_bytes(x)},
             {"labels", npy_bytes(Labels{0, 1, 0})},
             {"classes", npy_bytes(Words{"1", "0"})}};
  doubtful("0, 1", "'1', '0'");
  members["classes"] = npy_bytes(Words{"1", "2", "3"});
  EXPECT_EQ(names(), (Words{"1", "2", "1"}));
  members["labels"] = npy_bytes(Labels{1, 3, 1});
  EXPECT_EQ(names(), (Words{"1", "3", "1"}));
  EXPECT_EQ(load_dataset(source).class_names, (Words{"1", "2", "3"}));
  FeatureMatrix hot(3, 3);
  hot << 0, 1, 0, 0, 0, 1, 0, 1, 0;
  members["labels"] = npy_bytes(hot);
  EXPECT_EQ(names(), (Words{"2", "3", "2"}));
}

}  // namespace
}  // namespace blindtuner
