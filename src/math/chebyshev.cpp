#include "math/chebyshev.h"

#include <cmath>
#include <numbers>

#include "math/reproducible.h"

namespace blindtuner::math {

std::vector<double> chebyshev_interpolate(const std::function<double(double)>& f, double a,
                                          double b, int degree) {
  const int nodes = degree + 1;
  std::vector<double> values(nodes), coefficients(nodes);
  for (int k = 0; k < nodes; ++k) {
    const double u = reproducible::cos(std::numbers::pi * (k + 0.5) / nodes);
    values[k] = f(0.5 * (b - a) * u + 0.5 * (a + b));
  }
  for (int i = 0; i < nodes; ++i) {
    double sum = 0;
    for (int k = 0; k < nodes; ++k)
      sum += values[k] * reproducible::cos(std::numbers::pi * i * (k + 0.5) / nodes);
    coefficients[i] = sum * (i == 0 ? 1.0 : 2.0) / nodes;
  }
  return coefficients;
}

double chebyshev_evaluate(std::span<const double> c, double u) {
  double b1 = 0, b2 = 0;
  for (std::size_t i = c.size(); i-- > 1;) {
    const double b0 = c[i] + 2 * u * b1 - b2;
    b2 = b1;
    b1 = b0;
  }
  return (c.empty() ? 0.0 : c[0]) + u * b1 - b2;
}

}  // namespace blindtuner::math
