#include "learn/heads/squared.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "ckks/bootstrap/eval_mod.h"
#include "learn/heads/polynomial_circuit.h"

namespace blindtuner::learn {
namespace {

// Scores are to be 0 or 1, and stay near that as long as steps are not too large.
constexpr double kRange = 8;
constexpr double kRho = 1.0 / 16;
constexpr int kDegree = 7;

// |y| <= sin(2 pi rho) / (2 pi rho), where the arcsine's polynomial is fitted to [-1, 1].
CircuitFigures figures() {
  return {.name = "squared_r8",
          .range = kRange,
          .bound = kRange,
          .rho = kRho,
          // Beyond it errors grow (0.03 at twice the range), and noise passes what is counted with.
          .stable_range = kRange,
          .max_error = 1.5e-6,
          .noise_gain = kRange,
          .largest_residual = kRange + 1};
}

std::vector<double> arcsine_times_range() {
  std::vector<double> c = arcsine_polynomial(2 * std::numbers::pi * kRho, kDegree);
  for (double& x : c) x *= kRange;
  return c;
}

class Squared final : public PolynomialHead {
 public:
  Squared() : PolynomialHead(figures(), arcsine_times_range()) {}

  std::string_view name() const override { return "squared"; }
  double relative_rate() const override { return 1.0 / 8; }
  bool log_odds() const override { return false; }
  double prediction_at_zero(std::size_t) const override { return 0; }
  double evaluate(std::span<const double> scores, std::size_t label,
                  std::span<double> predictions) const override {
    require(label < scores.size() && scores.size() == predictions.size(), "squared: sizes");
    double loss = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double residual = (predictions[k] = scores[k]) - (k == label ? 1 : 0);
      loss += residual * residual / 2;
    }
    return loss;
  }
  // By Cauchy-Schwarz over classes and samples.
  double loss_slope(double loss, std::size_t classes) const override {
    return std::sqrt(2 * static_cast<double>(classes) * loss);
  }
};

}  // namespace

const Head& squared_head() {
  static const Squared head;
  return head;
}

}  // namespace blindtuner::learn
