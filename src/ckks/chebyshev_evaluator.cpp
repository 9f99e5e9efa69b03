#include "ckks/chebyshev_evaluator.h"

#include <bit>
#include <cmath>

namespace blindtuner::ckks {

ChebyshevEvaluator::ChebyshevEvaluator(Ciphertext x, const KeySwitchKey& relinearisation)
    : relinearisation_(relinearisation) {
  powers_.emplace(1, std::move(x));
}

int ChebyshevEvaluator::depth(std::size_t coefficients) {
  return coefficients <= 1 ? 0 : std::bit_width(coefficients - 1);
}

// NOLINTNEXTLINE(misc-no-recursion): i halves
const Ciphertext& ChebyshevEvaluator::power(std::size_t i) {
  if (const auto it = powers_.find(i); it != powers_.end()) return it->second;
  // T_(a+b) = 2 T_a T_b - T_(a-b), a - b in {0, 1}
  const std::size_t a = (i + 1) / 2, b = i / 2;
  const Ciphertext& ta = power(a);
  const Ciphertext& tb = power(b);
  Tensor t = tensor(ta, tb);
  for (Poly* c : {&t.c0, &t.c1, &t.c2}) add_inplace(*c, *c);
  if (a == b) {
    add_real_constant_inplace(t.c0, -t.scale);
  } else {
    const Ciphertext& x = power(1);
    require(t.scale / x.scale < 4e18, "a scale beyond what integers carry");
    const std::int64_t factor = -std::llrint(t.scale / x.scale);
    mul_integer_add_inplace(t.c0, x.c0, factor);
    mul_integer_add_inplace(t.c1, x.c1, factor);
  }
  return powers_.emplace(i, relinearise_rescale(t, relinearisation_)).first->second;
}

// NOLINTNEXTLINE(misc-no-recursion): the degree falls below its highest power of two
bool ChebyshevEvaluator::accumulate(std::vector<double> c, Tensor& acc, int log_leaf) {
  const std::size_t q_count = acc.c0.q_count();
  while (c.size() > 1 && c.back() == 0) c.pop_back();
  const std::size_t degree = c.size() - 1;
  const std::size_t available = powers_.at(1).q_count();
  const std::size_t leaf_depth = degree <= 1 ? 0 : std::bit_width(degree - 1);
  if (degree <= 1 || (degree < (std::size_t{1} << log_leaf) && q_count + leaf_depth <= available)) {
    for (std::size_t i = 1; i <= degree; ++i) {
      if (c[i] == 0) continue;
      const Ciphertext& t = power(i);
      const double factor = c[i] * acc.scale / t.scale;
      require(std::abs(factor) < 4e18, "a coefficient exceeds the scale it is rounded at");
      mul_integer_add_inplace(acc.c0, t.c0, std::llrint(factor));
      mul_integer_add_inplace(acc.c1, t.c1, std::llrint(factor));
    }
    add_real_constant_inplace(acc.c0, c[0] * acc.scale);
    return false;
  }
  // c = low + T_m * high, by T_(m+j) = 2 T_m T_j - T_(m-j)
  const std::size_t m = std::bit_floor(degree);
  std::vector<double> low(c.begin(), c.begin() + m), high(c.size() - m);
  high[0] = c[m];
  for (std::size_t j = 1; j < high.size(); ++j) {
    high[j] = 2 * c[m + j];
    low[m - j] -= c[m + j];
  }
  const Ciphertext& t = power(m);
  const Ciphertext factor = evaluate_at(high, q_count, acc.scale / t.scale, log_leaf);
  tensor_add_inplace(acc, factor, t);
  accumulate(std::move(low), acc, log_leaf);
  return true;
}

// NOLINTNEXTLINE(misc-no-recursion): likewise
Ciphertext ChebyshevEvaluator::evaluate_at(std::span<const double> c, std::size_t q_count,
                                           double scale, int log_leaf) {
  const Ring& ring = powers_.at(1).ring();
  require(q_count + 1 <= powers_.at(1).q_count(), "not enough levels for this polynomial");
  const double acc_scale = scale * static_cast<double>(ring.q(q_count).q);
  Tensor acc{Poly::zero(ring, q_count + 1, 0, Domain::kNtt),
             Poly::zero(ring, q_count + 1, 0, Domain::kNtt),
             Poly::zero(ring, q_count + 1, 0, Domain::kNtt), acc_scale};
  if (accumulate({c.begin(), c.end()}, acc, log_leaf)) {
    Ciphertext out = relinearise_rescale(acc, relinearisation_);
    out.scale = scale;
    return out;
  }
  Ciphertext out{std::move(acc.c0), std::move(acc.c1), acc_scale};
  rescale_inplace(out);
  out.scale = scale;
  return out;
}

Ciphertext ChebyshevEvaluator::evaluate(std::span<const double> c, std::size_t q_count,
                                        double scale, int log_leaf) {
  require(c.size() >= 2, "a polynomial of degree at least one");
  require(q_count + static_cast<std::size_t>(depth(c.size())) <= powers_.at(1).q_count(),
          "not enough levels for this polynomial");
  return evaluate_at(c, q_count, scale, log_leaf);
}

}  // namespace blindtuner::ckks
