#include "features/samples/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "features/data/test_files.h"
#include "features/samples/order_seed.h"
#include "features/samples/shuffle.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

Dataset small_set() {
  Dataset set;
  set.features.resize(3, 2);
  set.features << 1, 2, 3, 4, 5, 6;
  set.labels = {0, 1, 2};
  set.classes = 3;
  return set;
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

TEST(Dataset, RowsOfASetThatIsGivenUpAreSelectedInItsPlace) {
  Dataset set;
  set.classes = 7;
  set.features.resize(7, 2);
  for (int i = 0; i < 7; ++i) {
    set.features.row(i) << static_cast<float>(i), static_cast<float>(-i);
    set.labels.push_back(i);
    set.digests.push_back(std::to_string(i));
  }
  for (const std::vector<std::uint32_t>& indices : {std::vector<std::uint32_t>{3, 0, 6, 1, 2, 5, 4},
                                                    {6, 0, 1, 2, 3, 4, 5},
                                                    {5, 2},
                                                    {},
                                                    {4, 4, 1}}) {
    const Dataset expected = select(set, indices);
    Dataset given = set;
    const float* const there = given.features.data();
    const Dataset out = select(std::move(given), indices);
    EXPECT_EQ(out.features, expected.features);
    EXPECT_EQ(out.labels, expected.labels);
    EXPECT_EQ(out.digests, expected.digests);
    if (indices.size() == 7) {
      EXPECT_EQ(out.features.data(), there);
    }
  }
  EXPECT_THROW((void)select(Dataset(set), std::vector<std::uint32_t>{7}), ContractError);
}

}  // namespace
}  // namespace blindtuner
