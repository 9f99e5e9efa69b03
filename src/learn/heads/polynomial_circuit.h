// The circuit of a head whose predictions depend on their own score alone: one polynomial.
#pragma once

#include "learn/head.h"

namespace blindtuner::learn {

/// P(z) ~ p(y), y = sin(2 pi rho z / B) / (2 pi rho) what eval_mod hands over; |y| < 1 for |z| <= B.
class PolynomialCircuit final : public HeadCircuit {
 public:
  /// `chebyshev`: p in the Chebyshev basis of [-1, 1], degree 0 first. `levels` follow from it.
  PolynomialCircuit(const Head& head, CircuitFigures figures, std::vector<double> chebyshev);

  std::span<const double> chebyshev() const { return chebyshev_; }
  void evaluate(std::span<const double> scores, std::span<double> predictions) const override;
  std::unique_ptr<HeadEvaluator> evaluator(const Bootstrapper& bootstrapper, std::size_t number,
                                           std::size_t class_stride) const override;

 private:
  std::vector<double> chebyshev_;
};

/// A head whose only circuit is such a one.
class PolynomialHead : public Head {
 public:
  PolynomialHead(CircuitFigures figures, std::vector<double> chebyshev)
      : circuit_(*this, std::move(figures), std::move(chebyshev)) {}

  std::span<const HeadCircuit* const> circuits() const final { return {&all_, 1}; }
  /// Throws DataError for another family than "default" and for a range beyond its own.
  const HeadCircuit& circuit(std::string_view family, int classes, double range) const final;

 private:
  PolynomialCircuit circuit_;
  const HeadCircuit* all_ = &circuit_;
};

}  // namespace blindtuner::learn
