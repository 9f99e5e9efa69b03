#include "learn/heads/sigmoid.h"

#include <cmath>

#include "base/error.h"
#include "learn/heads/polynomial_circuit.h"

namespace blindtuner::learn {
namespace {

CircuitFigures figures_of(const SigmoidFit& fit) {
  return {.name = fit.name,
          .range = fit.range,
          .bound = fit.bound,
          .rho = fit.rho,
          // It is fitted out to the bound; the polynomial grows beyond.
          .stable_range = fit.bound,
          .max_error = fit.max_error,
          .noise_gain = fit.bound / 4,  // the steepest slope, of z / B
          .largest_residual = 1};
}

class Sigmoid final : public PolynomialHead {
 public:
  Sigmoid() : PolynomialHead(figures_of(sigmoid_fit()), sigmoid_fit().chebyshev) {}

  std::string_view name() const override { return "sigmoid"; }
  double relative_rate() const override { return 1; }
  bool log_odds() const override { return true; }
  double prediction_at_zero(std::size_t) const override { return 0.5; }
  double evaluate(std::span<const double> scores, std::size_t label,
                  std::span<double> predictions) const override {
    require(label < scores.size() && scores.size() == predictions.size(), "sigmoid: sizes");
    double loss = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double z = scores[k], small = std::exp(-std::abs(z));
      predictions[k] = (z < 0 ? small : 1) / (1 + small);
      // -log of what the class's own answer has: log(1 + exp(-z)) or log(1 + exp(z)).
      loss += std::max(k == label ? -z : z, 0.0) + std::log1p(small);
    }
    return loss;
  }
  double loss_slope(double, std::size_t classes) const override {
    return static_cast<double>(classes);
  }
};

}  // namespace

const Head& sigmoid_head() {
  static const Sigmoid head;
  return head;
}

}  // namespace blindtuner::learn
