// What is told of a column that is the label again, and what of a good feature is not.
#include "features/samples/answers.h"

#include <gtest/gtest.h>

#include <random>

namespace blindtuner {
using namespace features;
namespace {

constexpr std::size_t kAnswer = 3;

/// Labels in turn, noise in every column but one, which is `answer` of the label and the row.
template <typename F>
Dataset set_of(std::size_t rows, int classes, const F& answer, std::size_t width = 6) {
  std::mt19937 random(7);
  std::normal_distribution<float> noise;
  Dataset set;
  set.classes = classes;
  set.features.resize(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(width));
  for (std::size_t i = 0; i < rows; ++i) {
    const int label = static_cast<int>(i) % classes;
    set.labels.push_back(label);
    for (std::size_t j = 0; j < width; ++j)
      set.features(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          j == kAnswer ? static_cast<float>(answer(label, i, noise(random))) : noise(random);
  }
  return set;
}

std::vector<std::size_t> found(const Dataset& set) {
  std::vector<std::size_t> out;
  for (const AnswerColumn& one : answer_columns(set)) out.push_back(one.column);
  return out;
}

const std::vector<std::size_t> kFound = {kAnswer}, kNone;

TEST(Answers, CopiesAndMapsOfTheLabel) {
  const float codes[] = {7, -1, 30, 2};
  for (const std::size_t rows : {100, 3000}) {
    EXPECT_EQ(found(set_of(rows, 2, [](int k, auto, float) { return k; })), kFound);
    EXPECT_EQ(found(set_of(rows, 3, [](int k, auto, float) { return 5 - 2.5 * k; })), kFound);
    EXPECT_EQ(found(set_of(rows, 4, [&](int k, auto, float) { return codes[k]; })), kFound);
  }
  // Almost: three rows of a thousand; and what the label was cut from.
  const Dataset almost =
      set_of(1000, 2, [](int k, std::size_t i, float) { return i % 400 == 0 ? 1 - k : k; });
  EXPECT_EQ(found(almost), kFound);
  EXPECT_NEAR(answer_columns(almost)[0].share, 0.997, 1e-9);
  EXPECT_EQ(found(set_of(900, 3, [](int k, auto, float x) { return k + 0.4 * std::tanh(x); })),
            kFound);
  // One class in a hundred rows.
  Dataset rare = set_of(4000, 2, [](int k, auto, float) { return k; });
  for (std::size_t i = 0; i < rare.size(); ++i) {
    rare.labels[i] = i % 100 == 0;
    rare.features(static_cast<Eigen::Index>(i), kAnswer) = i % 100 == 0 ? 5.0F : 4.0F;
  }
  EXPECT_EQ(found(rare), kFound);
}

TEST(Answers, GoodFeaturesAreNone) {
  // Four deviations apart, 98 % of the rows; on few rows all of them, perhaps.
  for (const std::size_t rows : {20, 60, 150, 3000})
    EXPECT_EQ(found(set_of(rows, 2, [](int k, auto, float x) { return 4 * k + x; })), kNone)
        << rows;
  // Apart altogether, but on few rows.
  EXPECT_EQ(found(set_of(150, 3, [](int k, auto, float x) { return 20 * k + x; })), kNone);
  // Two values on so few rows that one column of many may be the label by chance.
  EXPECT_EQ(found(set_of(20, 2, [](int k, auto, float) { return k; })), kNone);
  // One class apart from two others.
  EXPECT_EQ(found(set_of(900, 3, [](int k, auto, float x) { return k == 0 ? 50 + x : x; })), kNone);
  // Right in 97 %.
  EXPECT_EQ(
      found(set_of(1000, 2, [](int k, std::size_t i, float) { return i % 33 == 0 ? 1 - k : k; })),
      kNone);
  // A constant, where nearly all rows are of one class.
  Dataset rare = set_of(2000, 2, [](auto, auto, float) { return 1; });
  for (std::size_t i = 0; i < rare.size(); ++i) rare.labels[i] = i % 400 == 0;
  EXPECT_EQ(found(rare), kNone);
  // Of one class alone nothing can be told.
  rare.labels.assign(rare.size(), 0);
  EXPECT_EQ(found(rare), kNone);
}

TEST(Answers, WarningNamesThem) {
  Dataset set = set_of(300, 2, [](int k, auto, float) { return 2 * k - 1; });
  EXPECT_NE(answer_warning(set, answer_columns(set))
                .find("feature 4 alone gives the label in 100 % of 300 rows: is it an answer"),
            std::string::npos);
  set.feature_names = {"a", "b", "c", "outcome", "e", "f"};
  EXPECT_TRUE(answer_warning(set, answer_columns(set)).starts_with("'outcome' alone gives"));
  EXPECT_NE(answer_warning(set, {{3, 0.99999}}).find(" 99.9 % "), std::string::npos);
  EXPECT_EQ(answer_warning(set, {}), "");
  EXPECT_NE(answer_warning(set, std::vector<AnswerColumn>(7, {3, 1})).find("; so do 2 more:"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner
