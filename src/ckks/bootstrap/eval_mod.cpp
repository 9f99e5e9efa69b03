#include "ckks/bootstrap/eval_mod.h"

#include <cmath>
#include <numbers>

#include "math/chebyshev.h"
#include "math/reproducible.h"

namespace blindtuner::ckks {

EvalMod::EvalMod(int range, int degree, int doublings) : range_(range), doublings_(doublings) {
  require(range >= 1 && degree >= 2 && degree % 2 == 0 && doublings >= 0, "eval_mod's shape");
  const double angle = 2 * std::numbers::pi * (range + 0.25) / std::ldexp(1.0, doublings);
  const std::vector<double> c = chebyshev_interpolate(
      [&](double x) { return math::reproducible::cos(angle * x); }, -1, 1, degree);
  // The odd coefficients vanish, and T_2k(x) = T_k(T_2(x)).
  for (std::size_t i = 0; i < c.size(); i += 2) coefficients_.push_back(c[i]);
}

int EvalMod::depth() const {
  return 1 + ChebyshevEvaluator::depth(coefficients_.size()) + doublings_;
}

Ciphertext EvalMod::evaluate(Ciphertext x, double scale,
                             const KeySwitchKey& relinearisation) const {
  const Ring& ring = x.ring();
  require(x.q_count() > static_cast<std::size_t>(depth()), "not enough levels for eval_mod");
  add_constant_inplace(x, -0.25 * input_factor());
  // T_2(x') = 2 x'^2 - 1
  Tensor t = tensor_square(x);
  for (Poly* c : {&t.c0, &t.c1, &t.c2}) add_inplace(*c, *c);
  add_real_constant_inplace(t.c0, -t.scale);
  Ciphertext y = relinearise_rescale(t, relinearisation);

  // Scales backwards from the result: squaring s and dividing by q must give the next one.
  const std::size_t q_count = y.q_count() - ChebyshevEvaluator::depth(coefficients_.size());
  double first = scale;
  for (int i = 0; i < doublings_; ++i)
    first = std::sqrt(first * static_cast<double>(ring.q(q_count - doublings_ + i).q));
  ChebyshevEvaluator polynomial(std::move(y), relinearisation);
  Ciphertext c = polynomial.evaluate(coefficients_, q_count, first);
  for (int i = 0; i < doublings_; ++i) {
    Tensor square = tensor_square(c);
    for (Poly* part : {&square.c0, &square.c1, &square.c2}) add_inplace(*part, *part);
    add_real_constant_inplace(square.c0, -square.scale);
    c = relinearise_rescale(square, relinearisation);
  }
  return c;
}

double EvalMod::evaluate_plain(double t) const {
  const double x = (t - 0.25) * input_factor();
  double y = chebyshev_evaluate(coefficients_, 2 * x * x - 1);
  for (int i = 0; i < doublings_; ++i) y = 2 * y * y - 1;
  return y;
}

std::vector<double> arcsine_polynomial(double gain, int degree) {
  require(gain > 0 && gain < 1 && degree >= 1 && degree % 2 == 1, "the arcsine's range and degree");
  std::vector<double> c =
      chebyshev_interpolate([gain](double y) { return std::asin(gain * y) / gain; }, -1, 1, degree);
  for (std::size_t i = 0; i < c.size(); i += 2) c[i] = 0;  // rounding errors
  return c;
}

Ciphertext arcsine_correction(Ciphertext y, double gain, int degree, double scale,
                              const KeySwitchKey& relinearisation) {
  const std::vector<double> coefficients = arcsine_polynomial(gain, degree);
  const std::size_t depth = ChebyshevEvaluator::depth(coefficients.size());
  require(y.q_count() > depth, "not enough levels for the arcsine");
  const std::size_t q_count = y.q_count() - depth;
  return ChebyshevEvaluator(std::move(y), relinearisation).evaluate(coefficients, q_count, scale);
}

}  // namespace blindtuner::ckks
