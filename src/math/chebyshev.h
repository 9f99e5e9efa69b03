// Chebyshev interpolation and evaluation on an interval, in the clear.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace blindtuner::math {

/// Coefficients c_0..c_degree of the interpolant sum_i c_i T_i(u), u = (2x - a - b)/(b - a), of f on
/// [a, b] at the Chebyshev nodes (c_0 is not halved).
std::vector<double> chebyshev_interpolate(const std::function<double(double)>& f, double a,
                                          double b, int degree);

/// sum_i c_i T_i(u) by Clenshaw's recurrence.
double chebyshev_evaluate(std::span<const double> coefficients, double u);

}  // namespace blindtuner::math
