#include "party/owner/trust.h"

#include <cmath>
#include <cstdio>

namespace blindtuner::party {
namespace {

constexpr char kAdvice[] =
    "Train again so that logits stay smaller or the circuit stands more: whitened features, a "
    "smaller learning rate, fewer steps, a circuit for a wider range.";

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string beyond(const LogitLimit& limit) {
  return text_of(limit.limit) + ", beyond which the circuit " + limit.circuit +
         " that training used computes something else";
}

void add_limit(nlohmann::json& report, const LogitLimit& limit) {
  report["logit_limit"] = limit.limit;
  if (!report.contains("trusted")) report["trusted"] = true;
}

}  // namespace

void distrust(nlohmann::json& report, const std::string& reason, const std::string& advice) {
  report["trusted"] = false;
  report["reasons"].push_back(reason);
  if (!report.contains("advice")) report["advice"] = advice;
}

void judge_logits(nlohmann::json& report, const LogitLimit& limit, double largest,
                  const std::string& where) {
  if (limit.limit > 0) add_limit(report, limit);
  if (!std::isfinite(largest))
    distrust(report, "logits " + where + " are not finite numbers", kAdvice);
  else if (limit.limit > 0 && largest > limit.limit)
    distrust(report,
             "logits " + where + " reach " + text_of(largest) + " in magnitude, the limit is " +
                 beyond(limit),
             kAdvice);
}

void judge_weights(nlohmann::json& report, const LogitLimit& limit, const LinearClassifier& model) {
  add_limit(report, limit);
  double largest = 0;
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    const double rms = std::hypot(model.weights.row(k).norm(), model.bias(k));
    if (!(rms <= largest)) largest = rms;
  }
  if (!std::isfinite(largest))
    distrust(report, "weights are not finite numbers", kAdvice);
  else if (largest > limit.limit)
    distrust(report,
             "the weights give whitened features logits of " + text_of(largest) +
                 " in the root mean square, the limit is " + beyond(limit),
             kAdvice);
}

}  // namespace blindtuner::party
