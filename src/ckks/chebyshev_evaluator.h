// Polynomials in Chebyshev basis on ciphertexts, at the least possible depth.
#pragma once

#include <map>
#include <span>

#include "ckks/evaluator.h"

namespace blindtuner::ckks {

/// Evaluates sum_i c_i T_i(x) on slots, x with values in [-1, 1].
///
/// Paterson-Stockmeyer in the Chebyshev basis with leaves of degree < 2^log_leaf; products of a
/// leaf's coefficients cost integers, not levels, so a polynomial of degree d takes exactly
/// ceil(log2(d + 1)) levels. All scales are exact: coefficients are rounded at the scale that makes
/// the sums meet. Sums are taken before relinearisation and rescaling. @[BMTH21, Sec. 5]
class ChebyshevEvaluator {
 public:
  ChebyshevEvaluator(Ciphertext x, const KeySwitchKey& relinearisation);

  /// The polynomial at `q_count` limbs (at most x's minus the depth) with the given scale.
  Ciphertext evaluate(std::span<const double> coefficients, std::size_t q_count, double scale,
                      int log_leaf = 2);

  static int depth(std::size_t coefficients);

 private:
  const Ciphertext& power(std::size_t i);
  Ciphertext evaluate_at(std::span<const double> coefficients, std::size_t q_count, double scale,
                         int log_leaf);
  /// acc += polynomial, at acc's level and scale, before rescaling. Returns whether acc.c2 was
  /// used.
  bool accumulate(std::vector<double> coefficients, Tensor& acc, int log_leaf);

  const KeySwitchKey& relinearisation_;
  std::map<std::size_t, Ciphertext> powers_;  // T_i
};

}  // namespace blindtuner::ckks
