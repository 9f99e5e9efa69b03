// The head that tells every class from all others, each by itself: one-versus-rest logistic regression.
#pragma once

#include "learn/head.h"

namespace blindtuner::learn {

/// P_k = 1 / (1 + exp(-z_k)), which do not sum to 1 over the classes. No sums over classes, so one
/// circuit of 5 levels, |z| <= 32, serves any number of them.
const Head& sigmoid_head();

/// What tools/fit_softmax fits.
struct SigmoidFit {
  std::string name;
  double range = 0, bound = 0, rho = 0;
  std::vector<double> chebyshev;  ///< of y, degree 0 first (PolynomialCircuit)
  double max_error = 0, mean_error = 0;
};
const SigmoidFit& sigmoid_fit();

}  // namespace blindtuner::learn
