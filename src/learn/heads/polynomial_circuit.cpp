#include "learn/heads/polynomial_circuit.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "learn/heads/slot_polynomial.h"
#include "math/chebyshev.h"

namespace blindtuner::learn {
using namespace math;
namespace {

// Of the predictions. The quotients by T_16 = 2^42, T_8 = 2^39 and T_4 are evaluated at the scale less
// 6, 9 and 9 bits: they are what has to be precise (2^-26 against 2^-17 at 2^36).
constexpr double kValueScale = 35184372088832.0;  // 2^45

class Evaluator final : public HeadEvaluator {
 public:
  Evaluator(const Bootstrapper& bootstrapper, SlotPolynomial polynomial, double input_scale)
      : bootstrapper_(bootstrapper),
        polynomial_(std::move(polynomial)),
        input_scale_(input_scale) {}

  double input_scale() const override { return input_scale_; }
  double output_scale() const override { return polynomial_.scale(); }
  int bootstraps() const override { return 0; }
  Halves evaluate(Halves sines, const BootstrapKeys& keys) const override {
    polynomial_.apply(sines, keys);
    sines.for_each([&](Ciphertext& c) {
      c.drop_to(bootstrapper_.parameters().slot_to_coeff_start());
      c.scale = polynomial_.scale();
    });
    return sines;
  }

 private:
  const Bootstrapper& bootstrapper_;
  SlotPolynomial polynomial_;
  double input_scale_;
};

CircuitFigures with_levels(CircuitFigures figures, std::size_t coefficients) {
  figures.levels = ChebyshevEvaluator::depth(coefficients);
  return figures;
}

}  // namespace

PolynomialCircuit::PolynomialCircuit(const Head& head, CircuitFigures figures,
                                     std::vector<double> chebyshev)
    : HeadCircuit(head, with_levels(std::move(figures), chebyshev.size())),
      chebyshev_(std::move(chebyshev)) {}

void PolynomialCircuit::evaluate(std::span<const double> scores,
                                 std::span<double> predictions) const {
  require(!scores.empty() && scores.size() == predictions.size(),
          "a circuit gives as many predictions as there are scores");
  const double omega = 2 * std::numbers::pi * rho;
  for (std::size_t k = 0; k < scores.size(); ++k)
    predictions[k] = chebyshev_evaluate(chebyshev_, std::sin(omega * scores[k] / bound) / omega);
}

std::unique_ptr<HeadEvaluator> PolynomialCircuit::evaluator(const Bootstrapper& bootstrapper,
                                                            std::size_t number,
                                                            std::size_t class_stride) const {
  return std::make_unique<Evaluator>(
      bootstrapper,
      SlotPolynomial(bootstrapper, chebyshev_, rho, kValueScale, number, class_stride),
      SlotPolynomial::input_scale(rho));
}

const HeadCircuit& PolynomialHead::circuit(std::string_view family, int /*classes*/,
                                           double range) const {
  const std::string head(name());
  if (family != "default")
    throw DataError("the head '" + head + "' has no families of circuits, as softmax has");
  if (range > circuit_.range)
    throw DataError("the head '" + head + "' has no circuit for scores up to " +
                    std::to_string(range) + ", only for " + std::to_string(circuit_.range));
  return circuit_;
}

}  // namespace blindtuner::learn
