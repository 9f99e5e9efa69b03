// t -> sin(2 pi t), which is 2 pi (t mod 1) for t near integers.
#pragma once

#include "ckks/chebyshev_evaluator.h"

namespace blindtuner::ckks {

/// sin(2 pi t) for |t| <= range, t given as x = t / (range + 1/4) on slots.
///
/// cos(2 pi (t - 1/4) / 2^doublings) is even in t - 1/4, so it is a polynomial of half the degree
/// in T_2; then `doublings` times y -> 2 y^2 - 1. @[HK20, Sec. 3], @[BMTH21, Sec. 5.3]
class EvalMod {
 public:
  /// degree even. The depth is 1 + ceil(log2(degree / 2 + 1)) + doublings.
  EvalMod(int range, int degree, int doublings);

  /// The result has x's limbs minus depth() and scale `scale`.
  Ciphertext evaluate(Ciphertext x, double scale, const KeySwitchKey& relinearisation) const;

  int depth() const;
  /// What CtS has to multiply t with: 1 / (range + 1/4).
  double input_factor() const { return 1.0 / (range_ + 0.25); }
  /// The same polynomial in the clear, as a function of t.
  double evaluate_plain(double t) const;

 private:
  double range_;
  int doublings_;
  std::vector<double> coefficients_;  // in T_k(T_2(x'))
};

/// arcsin(gain * y) / gain for y in [-1, 1], gain < 1, as an odd polynomial of the given degree:
/// its coefficients in Chebyshev basis.
std::vector<double> arcsine_polynomial(double gain, int degree);

/// Takes slots that hold y = sin(gain * v) / gain to v with the given scale, up to the error of
/// arcsine_polynomial; ceil(log2(degree + 1)) levels. Working on y rather than on the sine itself
/// keeps the rounding of every product small against the value.
Ciphertext arcsine_correction(Ciphertext y, double gain, int degree, double scale,
                              const KeySwitchKey& relinearisation);

}  // namespace blindtuner::ckks
