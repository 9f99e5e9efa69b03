#include "math/chebyshev.h"

#include <gtest/gtest.h>

#include <cmath>

namespace blindtuner {
using namespace math;
namespace {

TEST(Chebyshev, EvaluatesTheBasis) {
  for (int degree = 0; degree <= 12; ++degree) {
    std::vector<double> c(degree + 1, 0.0);
    c[degree] = 1;
    for (double u : {-1.0, -0.7, 0.0, 0.3, 1.0})
      EXPECT_NEAR(chebyshev_evaluate(c, u), std::cos(degree * std::acos(u)), 1e-13);
  }
  EXPECT_EQ(chebyshev_evaluate({}, 0.5), 0.0);
}

TEST(Chebyshev, RecoversAPolynomial) {
  // On [1, 3] with u = x - 2: x^2 = (u + 2)^2 = 4.5 T_0 + 4 T_1 + 0.5 T_2.
  const auto c = chebyshev_interpolate([](double x) { return x * x; }, 1, 3, 5);
  const double expected[] = {4.5, 4, 0.5, 0, 0, 0};
  ASSERT_EQ(c.size(), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(c[i], expected[i], 1e-13) << i;
}

TEST(Chebyshev, ApproximatesTheExponential) {
  const auto c = chebyshev_interpolate([](double x) { return std::exp(x); }, -2, 2, 20);
  for (double x = -2; x <= 2; x += 0.125)
    EXPECT_NEAR(chebyshev_evaluate(c, x / 2), std::exp(x), 1e-12);
}

}  // namespace
}  // namespace blindtuner
