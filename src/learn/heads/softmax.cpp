#include "learn/heads/softmax.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "learn/heads/softmax_evaluator.h"

namespace blindtuner::learn {
namespace {

CircuitFigures figures_of(const SoftmaxCircuit& c) {
  return {.name = c.name,
          .classes = c.classes,
          .range = c.range,
          .bound = c.bound,
          .rho = c.rho,
          .stable_range = c.stable_range,
          .max_error = c.max_error,
          .noise_gain = c.noise_gain,
          .largest_residual = 1,
          .levels = c.depth()};
}

class Circuit final : public HeadCircuit {
 public:
  Circuit(const Head& head, const SoftmaxCircuit& chain)
      : HeadCircuit(head, figures_of(chain)), chain_(chain) {}

  void evaluate(std::span<const double> scores, std::span<double> predictions) const override {
    evaluate_softmax_circuit(chain_, scores, predictions);
  }
  std::unique_ptr<HeadEvaluator> evaluator(const Bootstrapper& bootstrapper, std::size_t number,
                                           std::size_t class_stride) const override {
    return std::make_unique<SoftmaxEvaluator>(bootstrapper, chain_, number, class_stride);
  }

 private:
  const SoftmaxCircuit& chain_;
};

class Softmax final : public Head {
 public:
  Softmax() {
    for (const SoftmaxCircuit& chain : softmax_circuits()) {
      kept_.push_back(std::make_unique<Circuit>(*this, chain));
      circuits_.push_back(kept_.back().get());
    }
  }
  std::string_view name() const override { return "softmax"; }
  double relative_rate() const override { return 1; }
  bool log_odds() const override { return true; }
  double prediction_at_zero(std::size_t classes) const override {
    return 1.0 / static_cast<double>(classes);
  }
  double evaluate(std::span<const double> scores, std::size_t label,
                  std::span<double> predictions) const override {
    require(label < scores.size(), "softmax: no such class");
    return exact_softmax(scores, predictions) - scores[label];
  }
  double loss_slope(double, std::size_t) const override { return 2; }
  std::span<const HeadCircuit* const> circuits() const override { return circuits_; }
  const HeadCircuit& circuit(std::string_view family, int classes, double range) const override {
    const SoftmaxCircuit& found = find_softmax_circuit(family, classes, range);
    return *circuits_[static_cast<std::size_t>(&found - softmax_circuits().data())];
  }

 private:
  std::vector<std::unique_ptr<Circuit>> kept_;
  std::vector<const HeadCircuit*> circuits_;
};

}  // namespace

const Head& softmax_head() {
  static const Softmax head;
  return head;
}

double exact_softmax(std::span<const double> logits, std::span<double> probabilities) {
  require(!logits.empty() && logits.size() == probabilities.size(),
          "exact_softmax: as many probabilities as logits");
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t k = 0; k < logits.size(); ++k) sum += probabilities[k] = std::exp(logits[k] - top);
  for (double& p : probabilities) p /= sum;
  return top + std::log(sum);
}

}  // namespace blindtuner::learn
