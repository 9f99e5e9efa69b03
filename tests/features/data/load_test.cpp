#include "features/data/load.h"

#include <gtest/gtest.h>

#include "features/data/npy.h"
#include "features/data/test_files.h"
#include "features/samples/copies.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

TEST(Load, IdentifiersThatWereAskedFor) {
  const TemporaryFolder folder;
  put_file(folder / "set.csv", "a,mrn,b,label\n1, 007 ,2,0\n3,,4,1\n5,\"7\",6,1\n7,x,?,0\n");
  DataSource source;
  source.features = folder / "set.csv";
  source.columns = {.skip_missing = true, .id = "mrn"};
  source.identified = true;
  const std::vector<std::string> ids = {"007", "", "7"};
  const Dataset set = load_dataset(source);
  EXPECT_EQ(set.ids, ids);
  EXPECT_EQ(set.feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(select(set, std::vector<std::uint32_t>{2, 0}).ids,
            (std::vector<std::string>{"7", "007"}));
  EXPECT_EQ(load_features(source).ids, ids);
  source.columns.id = "nobody";
  expect_data_error([&] { load_dataset(source); }, "nobody");
  source.columns.id.clear();
  expect_data_error([&] { load_dataset(source); }, "name it with --id-column");

  FeatureMatrix x(2, 1), numbers(2, 1), fewer(1, 1);
  x << 1, 2;
  numbers << 12, 7;
  fewer << 12;
  write_npz(folder / "set.npz",
            {{"features", npy_bytes(x)}, {"ids", npy_bytes(numbers)}, {"few", npy_bytes(fewer)}});
  source.features = folder / "set.npz";
  EXPECT_EQ(load_features(source).ids, (std::vector<std::string>{"12", "7"}));
  source.columns.id = "few";
  expect_data_error([&] { load_features(source); }, "1 identifiers for 2 rows");
  source.columns.id = "none";
  expect_data_error([&] { load_features(source); }, "has no member 'none'");
  source.features = folder / "x.npy";
  write_npy(folder / "x.npy", x);
  expect_data_error([&] { load_features(source); }, "has no room for identifiers");
}

TEST(Load, EveryKind) {
  const TemporaryFolder folder;
  Dataset want;
  want.features.resize(3, 2);
  want.features << 1, 2, 3, 4, 5, 6;
  want.labels = {0, 1, 2};
  write_npy(folder / "x.npy", want.features);
  write_npy(folder / "y.npy", want.labels);
  write_npz(folder / "set.npz",
            {{"features", npy_bytes(want.features)}, {"labels", npy_bytes(want.labels)}});
  put_file(folder / "set.csv", "a,b,label\n1,2,0\n3,4,1\n5,6,2\n");
  put_file(folder / "y.csv", "0\n1\n2\n");
  const auto check = [&](const DataSource& source) {
    const Dataset set = load_dataset(source);
    EXPECT_EQ(set.features, want.features);
    EXPECT_EQ(set.labels, want.labels);
    EXPECT_EQ(set.classes, 3);
  };
  DataSource source;
  source.features = folder / "x.npy";
  source.labels = folder / "y.npy";
  check(source);
  source.labels = folder / "y.csv";
  check(source);
  source.classes.count = 2;
  expect_data_error([&] { load_dataset(source); }, "y.csv', line 1: labels of 3 classes");
  source.classes.count = 0;
  // Two tables: of the labels' the label was chosen, of the features' the rest.
  source.features = folder / "set.csv";
  source.labels = folder / "named.csv";
  put_file(folder / "named.csv", "place,kind\n7,0\n7,1\n8,2\n");
  source.columns = {.label = "kind", .features = {"a", "b"}};
  Reading reading;
  EXPECT_EQ(load_dataset(source, &reading).features, want.features);
  EXPECT_EQ(reading.details["label"]["name"], "kind");
  EXPECT_TRUE(reading.details["labels"].contains("left_out"));
  source.columns = {.label = "2"};
  check(source);  // set.csv has a column of the label's as well, which is no feature
  put_file(folder / "set.csv", "a,kind,b\n1,5,2\n3,5,4\n5,6,6\n");
  source.columns = {.label = "kind"};
  check(source);
  put_file(folder / "set.csv", "a,b,label\n1,2,0\n3,4,1\n5,6,2\n");
  source.columns = {};
  source.features = folder / "x.npy";
  source.labels = folder / "y.csv";
  source.classes.count = 0;
  source.labels.clear();
  expect_data_error([&] { load_dataset(source); }, "no labels of its own");
  source.features = folder / "set.npz";
  check(source);
  source.features = folder / "set.csv";
  check(source);
  source.features = folder / "set.bin";
  put_file(source.features, std::string("\0\1", 2));
  expect_data_error([&] { load_dataset(source); }, "unknown kind");
}

TEST(Load, ZeroHasNoSign) {
  const TemporaryFolder folder;
  put_file(folder / "x.csv", "a,b,label\n-0,0.5,u\n0,0.5,v\n1,-0.0,u\n");
  DataSource source;
  source.features = folder / "x.csv";
  const Dataset set = load_dataset(source);
  EXPECT_EQ(find_copies(set).repeated, 1u);
  EXPECT_EQ(find_copies(set).contradicting, 2u);
}

// Features of one width, made of other tokens.
TEST(Load, PoolingIsTheTrainingSets) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, std::map<std::string, std::vector<std::uint8_t>> noted) {
    noted["features"] = npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Identity(2, 2)));
    noted["labels"] = npy_bytes(Labels{0, 1});
    write_npz(folder / name, noted);
    DataSource source;
    source.features = folder / name;
    return source;
  };
  DataSource of_class =
      write("class.npz", {{"pooling", npy_bytes(std::vector<std::string>{"class"})}});
  DataSource of_mean =
      write("mean.npz", {{"pooling", npy_bytes(std::vector<std::string>{"mean"})}});
  DataSource unknown = write("unknown.npz", {});
  EXPECT_EQ(load_dataset(of_class).pooling, "class");
  EXPECT_EQ(load_dataset(unknown).pooling, "");
  of_class.pooling = of_mean.pooling = unknown.pooling = "class";
  EXPECT_EQ(load_dataset(of_class).size(), 2u);
  EXPECT_EQ(load_dataset(unknown).size(), 2u);
  expect_data_error([&] { load_dataset(of_mean); },
                    "mean.npz': features of the pooling 'mean', expected 'class'");
}

// Several poolings side by side, of which one is to be chosen.
TEST(Load, SeveralPoolings) {
  const TemporaryFolder folder;
  const std::vector<ColumnSet> poolings = {{"class", {{0, 2}}}, {"class+mean", {{0, 2}, {3, 1}}}};
  const auto write = [&](const Eigen::MatrixXd& columns) {
    Eigen::MatrixXd features(2, 4);
    features << 1, 2, 3, 4, 5, 6, 7, 8;
    write_npz(folder / "several.npz",
              {{"features", npy_bytes(features)},
               {"labels", npy_bytes(Labels{0, 1})},
               {"pooling", npy_bytes(std::vector<std::string>{"auto"})},
               {"poolings", npy_bytes(std::vector<std::string>{"class", "class+mean"})},
               {"pooling_columns", npy_bytes(columns)}});
  };
  write(pooling_columns(poolings));
  DataSource source;
  source.features = folder / "several.npz";
  expect_data_error([&] { load_dataset(source); }, "features of several poolings");
  expect_data_error([&] { load_features(source); }, "features of several poolings");
  source.several_poolings = true;
  Dataset set = load_dataset(source);
  EXPECT_EQ(set.poolings, poolings);
  EXPECT_EQ(set.pooling, "auto");
  const std::uint32_t rows[] = {1};
  EXPECT_EQ(select(set, rows).poolings, poolings);
  expect_data_error([&] { of_pooling(set, "mean", "the set"); },
                    "the set: features of the poolings class, class+mean, expected 'mean'");
  set = of_pooling(set, "class+mean", "the set");
  FeatureMatrix expected(2, 3);
  expected << 1, 2, 4, 5, 6, 8;
  EXPECT_EQ(set.features, expected);
  EXPECT_EQ(set.pooling, "class+mean");
  EXPECT_TRUE(set.poolings.empty());
  source.several_poolings = false;
  source.pooling = "class+mean";
  EXPECT_EQ(load_dataset(source).features, expected);
  EXPECT_EQ(load_features(source).features, expected);
  source.pooling = "last4";
  expect_data_error([&] { load_dataset(source); }, "expected 'last4'");

  source.pooling.clear();
  source.several_poolings = true;
  const auto columns = [](std::initializer_list<double> values) {
    Eigen::MatrixXd out(static_cast<Eigen::Index>(values.size() / 3), 3);
    for (std::size_t i = 0; i < values.size(); ++i)
      out(static_cast<Eigen::Index>(i / 3), static_cast<Eigen::Index>(i % 3)) = values.begin()[i];
    return out;
  };
  for (const Eigen::MatrixXd& bad :
       {columns({0, 0, 2}), columns({0, 0, 2, 2, 0, 1}), columns({0, 0, 2, 1, 2, 3}),
        columns({0, 0, 0, 1, 0, 1}), columns({0, -1, 1, 1, 0, 1}), columns({0, 0.5, 1, 1, 0, 1}),
        columns({0, 1e300, 1, 1, 0, 1}), Eigen::MatrixXd(2, 2), Eigen::MatrixXd(0, 3)}) {
    write(bad);
    expect_data_error([&] { load_dataset(source); }, "pooling_columns");
  }
}

}  // namespace
}  // namespace blindtuner
