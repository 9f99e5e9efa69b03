#include "features/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/interrupt.h"
#include "features/data/copies.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/data/order_seed.h"
#include "features/data/random_relu.h"
#include "features/data/shuffle.h"
#include "features/data/test_files.h"
#include "features/data/whitening.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing;

Dataset small_set() {
  Dataset set;
  set.features.resize(3, 2);
  set.features << 1, 2, 3, 4, 5, 6;
  set.labels = {0, 1, 2};
  set.classes = 3;
  return set;
}

/// Correlated features with a constant sum of the first three columns, as after a LayerNorm.
FeatureMatrix singular_features(Eigen::Index rows) {
  Prng prng(numbered_seed(7));
  FeatureMatrix x(rows, 4);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const auto [a, b] = normal_pair(prng);
    const auto [c, d] = normal_pair(prng);
    x(i, 0) = static_cast<float>(3 * a + 1);
    x(i, 1) = static_cast<float>(a + 0.5 * b - 2);
    x(i, 2) = 4.0f - x(i, 0) - x(i, 1);
    x(i, 3) = static_cast<float>(0.1 * c + 0.01 * d);
  }
  return x;
}

TEST(Dataset, Validation) {
  EXPECT_NO_THROW(validate_training_set(small_set(), "set"));
  const auto refused = [](auto change, const std::string& part) {
    Dataset set = small_set();
    change(set);
    expect_data_error([&] { validate_training_set(set, "set"); }, part);
  };
  refused([](Dataset& s) { s.features.resize(0, 2); }, "empty");
  refused([](Dataset& s) { s.labels.pop_back(); }, "3 samples but 2 labels");
  refused([](Dataset& s) { s.labels[1] = 3; }, "row 1 has label 3, expected 0 to 2");
  refused([](Dataset& s) { s.labels[1] = -1; }, "row 1 has label -1");
  refused([](Dataset& s) { s.labels = {1, 1, 1}; }, "every sample has label 1");
  refused([](Dataset& s) { s.classes = 1; }, "1 classes");
  refused([](Dataset& s) { s.features(2, 1) = NAN; }, "row 2, column 1 is NaN");
  refused([](Dataset& s) { s.features(0, 0) = -INFINITY; }, "row 0, column 0 is infinite");
  Dataset wide = small_set();
  wide.features.resize(3, 5);
  expect_data_error([&] { validate_same_shape(small_set(), "train", wide, "test"); },
                    "test: 5 features, expected 2 as in train");
}

TEST(Dataset, SelectAndScores) {
  const std::vector<std::uint32_t> rows = {2, 0};
  const Dataset some = select(small_set(), rows);
  EXPECT_EQ(some.labels, (Labels{2, 0}));
  EXPECT_EQ(some.features(0, 1), 6);
  const std::vector<std::uint32_t> beyond = {3};
  EXPECT_THROW(select(small_set(), beyond), ContractError);
  LinearClassifier model;
  model.weights = Eigen::MatrixXd::Identity(2, 2);
  model.bias = Eigen::Vector2d(0.5, -1);
  EXPECT_EQ(scores(model, small_set().features)(1, 1), 3);
}

TEST(Shuffle, PermutationsAndSplits) {
  const auto order = shuffled_indices(1000, 1);
  EXPECT_EQ(order, shuffled_indices(1000, 1));
  EXPECT_NE(order, shuffled_indices(1000, 2));
  EXPECT_EQ(std::set<std::uint32_t>(order.begin(), order.end()).size(), 1000u);
  Labels labels(1000);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 10 == 0 ? 1 : 0;
  const Split split = stratified_split(labels, 2, 0.125, 3);
  EXPECT_EQ(split.second.size(), 113u + 13u);  // of 900 and of 100, rounded
  EXPECT_EQ(std::count_if(split.second.begin(), split.second.end(),
                          [&](std::uint32_t i) { return labels[i] == 1; }),
            13);
  std::set<std::uint32_t> all(split.first.begin(), split.first.end());
  all.insert(split.second.begin(), split.second.end());
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_EQ(random_split(10, 0.3, 1).second.size(), 3u);
  EXPECT_TRUE(random_split(10, 1.0, 1).first.empty());
  EXPECT_THROW(random_split(10, 1.5, 1), ContractError);
}

TEST(Shuffle, SeedsAreSecretUnlessChosen) {
  const auto order = [](const OrderSeed& seed) { return shuffled_indices(100, seed.bytes()); };
  const OrderSeed fresh = OrderSeed::parse("", "--seed"), other = OrderSeed::parse("", "--seed");
  EXPECT_NE(order(fresh), order(other));
  EXPECT_EQ(fresh.text().size(), 64u);
  EXPECT_EQ(order(OrderSeed::parse(fresh.text(), "--seed")), order(fresh));
  for (const char* number : {"0", "1", "18446744073709551615"})
    EXPECT_EQ(OrderSeed::parse(number, "--seed").text(), number);
  EXPECT_EQ(order(OrderSeed::parse("7", "--seed")), shuffled_indices(100, 7));
  EXPECT_TRUE(OrderSeed::parse("0", "--seed").keeps_order());
  EXPECT_FALSE(OrderSeed::parse("1", "--seed").keeps_order());
  EXPECT_FALSE(fresh.keeps_order());
  for (const std::string& bad : {std::string("-1"), std::string("1.5"), std::string("x"),
                                 std::string("18446744073709551616"), std::string(" 1"),
                                 std::string(63, 'a'), std::string(63, 'a') + "g"})
    EXPECT_THROW(OrderSeed::parse(bad, "--seed"), DataError) << bad;
}

TEST(Shuffle, NumbersAreFixedAndNormal) {
  Prng prng(numbered_seed(5));
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kPairs = 50000;
  for (int i = 0; i < kPairs; ++i) {
    const NormalPair pair = normal_pair(prng);
    for (const double x : {pair.first, pair.second}) {
      EXPECT_EQ(x * 0x1p20, std::nearbyint(x * 0x1p20));
      sum += x;
      squares += x * x;
      fourth += x * x * x * x;
    }
  }
  EXPECT_NEAR(sum / (2 * kPairs), 0, 0.02);
  EXPECT_NEAR(squares / (2 * kPairs), 1, 0.02);
  EXPECT_NEAR(fourth / (2 * kPairs), 3, 0.15);
  for (std::uint64_t bound : {1ull, 2ull, 3ull, 1000ull})
    EXPECT_LT(uniform_below(prng, bound), bound);
}

TEST(RandomRelu, FixedLayer) {
  const RandomReluFeatures layer(4, 3);
  EXPECT_EQ(layer.weights(), RandomReluFeatures(4, 3).weights());
  FeatureMatrix pixels(2, 4);
  pixels << 0, 0, 0, 0, 255, 0, 0, 51;
  const FeatureMatrix out = layer.apply(pixels);
  for (Eigen::Index j = 0; j < 3; ++j) {
    EXPECT_EQ(out(0, j), std::max(0.0f, layer.bias()(j)));
    const float want = layer.weights()(j, 0) + 0.2f * layer.weights()(j, 3) + layer.bias()(j);
    EXPECT_NEAR(out(1, j), std::max(0.0f, want), 1e-6);
  }
  expect_data_error([&] { layer.apply(FeatureMatrix(1, 5)); }, "5 pixels, expected 4");
}

TEST(Whitening, UnitVarianceWhereThereIsVariance) {
  const FeatureMatrix x = singular_features(3000);
  const double epsilon = 1e-4;
  const Whitening w = Whitening::fit(x, epsilon);
  const Eigen::MatrixXd z = w.apply(x).cast<double>();
  EXPECT_LT(z.colwise().mean().cwiseAbs().maxCoeff(), 1e-4);
  const Eigen::MatrixXd covariance = z.transpose() * z / static_cast<double>(z.rows());
  const double mean = w.eigenvalues().mean();
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = 0; j < 4; ++j) {
      const double lambda = std::max(0.0, w.eigenvalues()(i));
      EXPECT_NEAR(covariance(i, j), i == j ? lambda / (lambda + epsilon * mean) : 0, 2e-3);
    }
  // The singular direction (a constant sum) stays small instead of blowing up.
  EXPECT_LT(std::abs(w.eigenvalues()(3)), 1e-5);
  EXPECT_LT(z.col(3).cwiseAbs().maxCoeff(), 0.1);
}

TEST(Whitening, UnfoldedClassifierScoresTheSame) {
  const FeatureMatrix x = singular_features(200);
  for (const std::size_t k : {0, 2}) {
    const Whitening w = Whitening::fit(x, 0.01, k);
    EXPECT_EQ(w.output_width(), k == 0 ? 4u : 2u);
    LinearClassifier model;
    model.weights = Eigen::MatrixXd::Random(3, static_cast<Eigen::Index>(w.output_width()));
    model.bias = Eigen::Vector3d(1, -2, 0.5);
    const Eigen::MatrixXd want = scores(model, w.apply(x));
    EXPECT_LT((scores(w.unfold(model), x) - want).cwiseAbs().maxCoeff(), 1e-4);
    model.weights.resize(3, 7);
    EXPECT_THROW(w.unfold(model), ContractError);
  }
}

TEST(Whitening, DoesNotDependOnUnits) {
  // Columns of every size, one of them 2.5e5 times the others, and offsets.
  FeatureMatrix x = singular_features(300), rescaled = x;
  const float scale[] = {3e-7f, 250000, 1, 7.3e12f}, offset[] = {0, 1e6f, -2, 3e12f};
  for (Eigen::Index j = 0; j < 4; ++j) rescaled.col(j) = (x.col(j).array() * scale[j]) + offset[j];
  const FeatureMatrix want = Whitening::fit(x).apply(x);
  EXPECT_LT((Whitening::fit(rescaled).apply(rescaled) - want).cwiseAbs().maxCoeff(), 2e-3);
  // Powers of two are exact, so the result is too.
  for (Eigen::Index j = 0; j < 4; ++j)
    rescaled.col(j) = x.col(j) * std::ldexp(1.0f, 9 * int(j) - 20);
  EXPECT_EQ(Whitening::fit(rescaled).apply(rescaled), want);
}

TEST(Whitening, ConstantColumnsHaveNoInfluence) {
  const FeatureMatrix x = singular_features(300);
  FeatureMatrix more(300, 7);
  more << x.leftCols(2), FeatureMatrix::Constant(300, 1, 12.5f), x.rightCols(2),
      FeatureMatrix::Zero(300, 1), FeatureMatrix::Constant(300, 1, 1e9f);
  more(7, 6) = 1e9f + 64;  // varies by 4e-9 of its mean
  const Whitening w = Whitening::fit(more);
  EXPECT_EQ(w.unused_columns(), 3u);
  EXPECT_EQ(Whitening::fit(x).unused_columns(), 0u);
  // Whatever stands there later changes nothing.
  FeatureMatrix other = more;
  other.col(2).setConstant(-1e6f);
  other.col(5).setRandom();
  EXPECT_EQ(w.apply(other), w.apply(more));
}

TEST(Whitening, FewerSamplesThanFeatures) {
  // The same map as by way of the d x d covariance, in as many directions as there are.
  const FeatureMatrix x = FeatureMatrix::Random(20, 50);
  FeatureMatrix twice(60, 50);  // the same covariance from more samples than features
  twice << x, x, x;
  const Whitening narrow = Whitening::fit(x), wide = Whitening::fit(twice);
  ASSERT_EQ(narrow.output_width(), 19u);
  ASSERT_EQ(wide.output_width(), 50u);
  EXPECT_EQ(Whitening::fit(x, 0.01, 7).output_width(), 7u);
  EXPECT_LT((narrow.eigenvalues() - wide.eigenvalues()).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LT((narrow.map() - wide.map().leftCols(19)).cwiseAbs().maxCoeff(), 1e-3);
  // In the directions left out the samples have nothing.
  EXPECT_LT(wide.apply(x).rightCols(31).cwiseAbs().maxCoeff(), 2e-3);
  FeatureMatrix pairs(40, 50);
  pairs << x, x;
  EXPECT_EQ(Whitening::fit(pairs).output_width(), 19u);
  expect_data_error([&] { Whitening::fit(x, 0.01, 20); }, "differ along 19 directions");
}

TEST(Whitening, NoWiderThanItsMatricesMayBe) {
  // Few samples make no wide matrix, whatever their width.
  constexpr std::size_t kMemory = std::size_t{64} << 20;
  EXPECT_EQ(within_memory(kMemory,
                          [] {
                            const FeatureMatrix wide = FeatureMatrix::Random(20, 100'000);
                            if (Whitening::fit(wide).output_width() != 19) throw DataError("width");
                          }),
            "good");
  const auto samples = static_cast<Eigen::Index>(kMaxWhitenedWidth) + 1;
  EXPECT_EQ(within_memory(std::size_t{512} << 20,
                          [=] { Whitening::fit(FeatureMatrix::Zero(samples, samples)); }),
            "whitening: 8193 samples of 8193 features, expected at most 8192 of one of them");
  // The widest takes minutes, so this one is told to stop: it had begun.
  EXPECT_EQ(within_memory(std::size_t{1} << 30,
                          [=] {
                            const FeatureMatrix widest =
                                FeatureMatrix::Random(samples, samples - 1);
                            request_interrupt();
                            try {
                              Whitening::fit(widest);
                            } catch (const Interrupted&) {
                              throw DataError("interrupted");
                            }
                          }),
            "interrupted");
}

TEST(Whitening, RefusesWhatCannotBeWhitened) {
  EXPECT_THROW(Whitening::fit(singular_features(10), 0), ContractError);
  EXPECT_THROW(Whitening::fit(singular_features(10), 0.01, 5), ContractError);
  expect_data_error([] { Whitening::fit(singular_features(1)); }, "at least two");
  expect_data_error([] { Whitening::fit(FeatureMatrix::Constant(5, 3, 2.5f)); }, "all samples");
  const Whitening w = Whitening::fit(singular_features(10));
  expect_data_error([&] { w.apply(FeatureMatrix(1, 3)); }, "3 features, expected 4");
}

TEST(Whitening, AnotherEpsilon) {
  const FeatureMatrix x = singular_features(200);
  const Whitening want = Whitening::fit(x, 0.3), got = Whitening::fit(x, 0.01).with_epsilon(0.3);
  EXPECT_LT((got.map() - want.map()).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_EQ(got.epsilon(), 0.3);
  EXPECT_NE(got.digest(), Whitening::fit(x, 0.01).digest());
  EXPECT_EQ(want.digest(), Whitening::fit(x, 0.3).digest());
}

TEST(Whitening, SavedAndLoaded) {
  const TemporaryFolder folder;
  const auto path = folder / "map.npz";
  const Whitening w = Whitening::fit(singular_features(50), 0.02, 2);
  w.save(path);
  const Whitening back = Whitening::load(path);
  EXPECT_EQ(back.map(), w.map());
  EXPECT_EQ(back.mean(), w.mean());
  EXPECT_EQ(back.eigenvalues(), w.eigenvalues());
  EXPECT_EQ(back.epsilon(), 0.02);
  EXPECT_TRUE(back.feature_names().empty());
  Whitening named = w;
  EXPECT_THROW(named.set_origin({"a"}, ""), ContractError);
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  named.set_origin(names, "class+mean");
  named.save(folder / "named.npz");
  EXPECT_EQ(Whitening::load(folder / "named.npz").feature_names(), names);
  EXPECT_EQ(Whitening::load(folder / "named.npz").pooling(), "class+mean");
  // Whoever changes the names changes what the map does to a table.
  std::set<Sha256Digest> digests = {w.digest(), named.digest()};
  EXPECT_EQ(Whitening::load(folder / "named.npz").digest(), named.digest());
  named.set_origin({"b", "a", "c", "d"}, "class+mean");
  digests.insert(named.digest());
  named.set_origin(names, "class");
  digests.insert(named.digest());
  named.set_origin({}, "class");
  digests.insert(named.digest());
  EXPECT_EQ(digests.size(), 5u);
  const auto good = get_file(path);
  expect_truncations_refused(path, good, [&] { Whitening::load(path); });
  EXPECT_GT(flip_every_bit(
                path, good, [&] { Whitening::load(path); }, 13),
            0u);
  // Members that do not belong together.
  write_npz(path, {{"mean", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(3, 1)))},
                   {"map", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(4, 2)))},
                   {"eigenvalues", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(4, 1)))},
                   {"epsilon", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Ones(1, 1)))}});
  expect_data_error([&] { Whitening::load(path); }, "mean of 3 entries, expected 4");
}

TEST(Load, EveryKind) {
  const TemporaryFolder folder;
  const Dataset want = small_set();
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
