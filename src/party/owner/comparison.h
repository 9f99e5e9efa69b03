// A decrypted model beside the same training in the clear: what an owner who has all the data can
// hold a server to (docs/SECURITY.md, "A server that deviates").
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "features/samples/dataset.h"
#include "learn/reference/early_stopping.h"

namespace blindtuner::party {
using namespace reference;

/// How far the training in the clear, which computes its products in single precision, may be off, of the
/// largest weight. Measured, with samples in another order within their batches: 2^-23.4.
inline constexpr double kSinglePrecision = 0x1p-20;

/// Differences of weights, bias included.
struct WeightDifference {
  double largest = 0, rms = 0;
  /// Of the sums over the classes, which training leaves at zero whatever the data; over
  /// sqrt(classes), as independent errors add up.
  double class_sums = 0;

  static WeightDifference between(const LinearClassifier& model, const Eigen::MatrixXd& clear);

  /// Whether it is within published_error(). Then what a publication tells is bounded, honest errors
  /// or not: of all differences of this root mean square, Gaussian channels carry most about equal ones.
  bool covered(double noise, double largest_weight) const;
  /// Whether encryption, with errors of standard deviation `noise` at most, and single precision, in
  /// which the training in the clear computes its products, explain it. `largest_weight`: of the
  /// model in the clear. False for what is not a number.
  bool explained(double noise, double largest_weight) const;
};

/// The error that a publication's noise is made for, where the bound by the noise model is `noise`:
/// the run's, and not what was measured, which would show in the noise's size.
double published_error(double noise, double largest_weight);

/// Distrusts rounds of validation whose scores are not those of the same training in the clear: what a
/// server sends decides when a run ends and which model is the best. `rounds`: with members loss and
/// max_logit. noise_after(steps): the standard deviation of a score's error.
void judge_rounds(nlohmann::json& report, const Head& head, std::size_t classes,
                  const nlohmann::json& rounds, const std::vector<ValidationRound>& clear,
                  const std::function<double(int)>& noise_after);

/// Writes the difference into the report and distrusts it where it is not explained.
void judge_difference(nlohmann::json& report, const WeightDifference& difference, double noise,
                      double largest_weight);

}  // namespace blindtuner::party
