// One polynomial of every score by itself, on the slots of a half bootstrap: all of a head whose classes do
// not know of each other, and the beginning of softmax.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"

namespace blindtuner::learn {
using namespace ckks;

/// y -> p(y) where a class is and 0 elsewhere, y = sin(2 pi rho x) / (2 pi rho) what eval_mod makes of
/// x. The class of a sample is the top bits of the slot's index (linalg/layout.h).
class SlotPolynomial {
 public:
  /// p in the Chebyshev basis of [-1, 1], degree 0 first; the result has `scale`. Throws
  /// ContractError where the parameters have too few levels, or there are no such classes: two
  /// at least, within a stride that is a power of two.
  SlotPolynomial(const Bootstrapper& bootstrapper, std::vector<double> chebyshev, double rho,
                 double scale, std::size_t classes, std::size_t class_stride);

  /// The limbs that a polynomial of so many coefficients leaves of a half bootstrap.
  static std::size_t q_count_after(const Parameters& parameters, std::size_t coefficients);
  /// The scale to ask half_bootstrap for, which makes y's 2^39.
  static double input_scale(double rho);

  double scale() const { return scale_; }
  /// Sines in, at input_scale(); ceil(log2(coefficients)) levels.
  void apply(Halves& sines, const BootstrapKeys& keys) const;

 private:
  std::vector<double> chebyshev_;
  double rho_, scale_;
  std::size_t q_count_;
  Poly padding_;  // p(0) in the slots of missing classes
};

}  // namespace blindtuner::learn
