// The public whitening against what it promises, and what trainings are by default.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <blindtuner/whitening.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string_view>

#include "api/fixture.h"

namespace blindtuner::testing_support {
namespace {

/// Columns of other units that hang together.
std::vector<float> mixed(std::size_t count) {
  std::vector<float> out;
  unsigned seed = 1;
  const auto next = [&seed] {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<float>(seed >> 8) / 0x1p24f - 0.5f;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const float a = next(), b = next(), c = next();
    out.insert(out.end(), {100 * a + 7, a + b, 0.01f * (c - b)});
  }
  return out;
}

TEST(Whitening, MakesColumnsOfMeanZeroAndVarianceOneThatAreNotCorrelated) {
  const std::vector<float> x = mixed(500);
  const Whitening whitening = Whitening::fit(lenient(), {x, kWidth, {}}, 1e-6);
  EXPECT_EQ(whitening.features(), kWidth);
  ASSERT_EQ(whitening.width(), kWidth);
  const std::vector<float> z = whitening.apply({x, kWidth, {}});
  ASSERT_EQ(z.size(), x.size());
  for (std::size_t a = 0; a < kWidth; ++a) {
    double mean = 0;
    for (std::size_t i = 0; i < 500; ++i) mean += z[i * kWidth + a] / 500.0;
    EXPECT_NEAR(mean, 0, 1e-4);
    for (std::size_t b = 0; b < kWidth; ++b) {
      double product = 0;
      for (std::size_t i = 0; i < 500; ++i)
        product += static_cast<double>(z[i * kWidth + a]) * z[i * kWidth + b] / 500;
      EXPECT_NEAR(product, a == b ? 1 : 0, 1e-3);
    }
  }
}

TEST(Whitening, UnfoldsAModelToOneWithTheSameScores) {
  const std::vector<float> x = mixed(50);
  const Whitening whitening = Whitening::fit(lenient(), {x, kWidth, {}});
  LinearModel model{
      .classes = 2, .features = kWidth, .weights = {1, -2, 3, 0.5, 0, -1}, .bias = {0.1, -0.2}};
  model.steps = 5;
  model.complete = true;
  const LinearModel raw = whitening.unfold(model);
  EXPECT_EQ(raw.steps, 5);
  EXPECT_TRUE(raw.complete);
  const std::vector<float> z = whitening.apply({x, kWidth, {}});
  const std::vector<double> expected = model.scores({z, kWidth, {}}),
                            got = raw.scores({x, kWidth, {}});
  ASSERT_EQ(got.size(), 100u);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-4);
  model.bias.pop_back();
  EXPECT_THROW((void)whitening.unfold(model), ContractError);
}

TEST(Whitening, OfFewSamplesHasAsManyDirectionsAsTheseDiffer) {
  const std::vector<float> x = mixed(3);
  EXPECT_EQ(Whitening::fit(lenient(), {x, kWidth, {}}).width(), 2u);
}

TEST(Whitening, RefusesWhatItCannotBeFittedTo) {
  std::vector<float> x = mixed(10);
  const Whitening whitening = Whitening::fit(lenient(), {x, kWidth, {}});
  EXPECT_THROW((void)whitening.apply({x, 5, {}}), DataError);
  EXPECT_THROW((void)whitening.apply({x, 4, {}}), ContractError);
  EXPECT_THROW(Whitening::fit(lenient(), {x, kWidth, {}}, 0), ContractError);
  EXPECT_THROW(Whitening::fit(lenient(), {std::span(x).first(3), kWidth, {}}), DataError);
  x[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(Whitening::fit(lenient(), {x, kWidth, {}}), DataError);
}

TEST(SinglePrecision, IsRefusedToColumnsThatItTakesTheDifferencesOf) {
  // Times in seconds, and what varies by rounding alone.
  const std::vector<double> held{1.7e9, 0.3, 1.7e9 + 86400, 0.1 + 0.2},
      lost{0.5, 1.7e9, 0.25, 1.7e9 + 60};
  EXPECT_NO_THROW(check_single_precision(held, 2));
  EXPECT_NO_THROW(check_single_precision({}, 2));
  try {
    check_single_precision(lost, 2);
    ADD_FAILURE() << "an offset that takes all of what tells two samples apart";
  } catch (const DataError& e) {
    const std::string_view said = e.what();
    EXPECT_NE(said.find("features: column 1: values near 1.7e+09 that vary by 30, of which single "
                        "precision keeps steps of 128"),
              said.npos)
        << said;
  }
  EXPECT_THROW(check_single_precision(held, 3), ContractError);
  EXPECT_THROW(check_single_precision(held, 0), ContractError);
}

TEST(TrainingDefaults, AreWhatAnEmptyConfigurationStandsFor) {
  const TemporaryFolder folder;
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
  const Server server = Server::load(lenient(), owner.evaluation_keys());
  EXPECT_EQ(server.train(folder / "data.enc").steps(), 20);
  // A checkpoint is of one configuration: what goes on from it has the same.
  const auto checkpoint = folder / "checkpoint";
  (void)server.train(folder / "data.enc", {}, {}, checkpoint).step();
  EXPECT_EQ(
      server.train(folder / "data.enc", {.configuration = default_configuration()}, {}, checkpoint)
          .done(),
      1);
  EXPECT_THROW(server.train(folder / "data.enc", {.configuration = default_configuration(10)}, {},
                            checkpoint),
               DataError);
  EXPECT_EQ(server.train(folder / "data.enc", {.configuration = default_configuration(10)}).steps(),
            10);
  EXPECT_THROW((void)default_configuration(-1), DataError);
}

TEST(TrainingDefaults, HaveTheRangeOfTheirCircuit) {
  EXPECT_EQ(score_range({}, 10), 16);
  EXPECT_GT(score_range({.softmax = "wide"}, 10), 16);
  EXPECT_EQ(score_range({.configuration = R"({"head": "sigmoid"})"}, 200), 32);
  EXPECT_THROW((void)score_range({.softmax = "none"}, 10), DataError);
}

}  // namespace
}  // namespace blindtuner::testing_support
