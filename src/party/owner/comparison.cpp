#include "party/owner/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "party/owner/trust.h"

namespace blindtuner::party {
namespace {

// Over the bound of the noise model. Measured: at most 1.0, 2.7 and 2.9 in 45 models of up to 240 weights
// (docs/NOISE.md, "Decrypted models and scores"); a run's root mean square may be that of one normal
// number, which exceeds 6 twice in a billion.
constexpr double kRms = 6, kLargest = 24, kClassSums = 24;

double largest_in(const Eigen::MatrixXd& m) {
  return m.hasNaN() ? NAN : m.size() == 0 ? 0 : m.cwiseAbs().maxCoeff();
}

}  // namespace

WeightDifference WeightDifference::between(const LinearClassifier& model,
                                           const Eigen::MatrixXd& clear) {
  Eigen::MatrixXd difference = -clear;
  difference.leftCols(clear.cols() - 1) += model.weights;
  difference.col(clear.cols() - 1) += model.bias;
  WeightDifference out;
  out.largest = largest_in(difference);
  out.rms = difference.norm() / std::sqrt(static_cast<double>(difference.size()));
  out.class_sums =
      largest_in(difference.colwise().sum()) / std::sqrt(static_cast<double>(difference.rows()));
  return out;
}

double published_error(double noise, double largest_weight) {
  return noise + std::max(noise, kSinglePrecision * largest_weight);
}

bool WeightDifference::covered(double noise, double largest_weight) const {
  return rms <= published_error(noise, largest_weight);
}

bool WeightDifference::explained(double noise, double largest_weight) const {
  const double single = kSinglePrecision * largest_weight;
  return rms <= kRms * noise + single && largest <= kLargest * noise + single &&
         class_sums <= kClassSums * noise + single;
}

void judge_rounds(nlohmann::json& report, const Head& head, std::size_t classes,
                  const nlohmann::json& rounds, const std::vector<ValidationRound>& clear,
                  const std::function<double(int)>& noise_after) {
  const std::string advice = "Do not use this server: its scores decide which model is the best.";
  if (rounds.size() > clear.size())
    return distrust(report,
                    "validation has " + std::to_string(rounds.size()) +
                        " rounds, the same training in the clear " + std::to_string(clear.size()),
                    advice);
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const ValidationScore& expected = clear[i].score;
    const double score = kLargest * noise_after(clear[i].steps);
    const auto beyond = [&](const char* member, double value, double most) {
      const nlohmann::json& said = rounds[i].at(member);
      return !said.is_number() || !(std::abs(said.get<double>() - value) <= most);
    };
    if (!beyond("loss", expected.loss, score * head.loss_slope(expected.loss, classes)) &&
        !beyond("max_logit", expected.max_logit, 2 * score))
      continue;
    return distrust(report,
                    "the scores of validation round " + std::to_string(i + 1) +
                        " are not those of the same training in the clear, which encryption does "
                        "not explain",
                    advice);
  }
}

void judge_difference(nlohmann::json& report, const WeightDifference& difference, double noise,
                      double largest_weight) {
  report["largest_weight_difference"] = difference.largest;
  report["rms_weight_difference"] = difference.rms;
  report["class_sum_difference"] = difference.class_sums;
  report["predicted_weight_noise"] = noise;
  if (difference.explained(noise, largest_weight)) return;
  char reason[300];
  std::snprintf(
      reason, sizeof reason,
      "weights differ by up to %.3g from the same training in the clear, %.3g in the root "
      "mean square, and their sums over the classes by %.3g; encryption explains errors of "
      "standard deviation %.3g: numbers left their range, or the server computed something "
      "else",
      difference.largest, difference.rms, difference.class_sums, noise);
  distrust(report, reason,
           "Repeat the training; if logits stay within the limit and the difference stays, do not "
           "use this server.");
}

}  // namespace blindtuner::party
