#include "rlwe/security.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <sstream>

#include "base/error.h"

namespace blindtuner::rlwe {

double max_log2_modulus(const SecretHardness& hardness) {
  struct Entry {
    int log_n;
    std::size_t sparse_weight;
    double log2_modulus;
  };
  constexpr Entry kTable[] = {
      {10, 0, 26},  {11, 0, 53},   {12, 0, 106},  {13, 0, 214},  {14, 0, 430},
      {15, 0, 868}, {16, 0, 1747}, {17, 0, 3523}, {16, 32, 104},
  };
  for (const Entry& entry : kTable)
    if (entry.log_n == hardness.log_n && entry.sparse_weight == hardness.sparse_weight)
      return entry.log2_modulus;
  return 0;
}

void require_secure(const SecretHardness& hardness, double log2_modulus, const std::string& what) {
  const double bound = max_log2_modulus(hardness);
  if (log2_modulus <= bound) return;
  std::ostringstream message;
  message << what << ": log2(QP) = " << std::ceil(log2_modulus * 10) / 10
          << " is below 128 bits of security for a secret of dimension 2^" << hardness.log_n;
  if (hardness.sparse_weight != 0) message << " and weight " << hardness.sparse_weight;
  message << " (at most " << bound << ")";
  throw SecurityError(message.str());
}

double log2_range_failure(int log_n, std::size_t weight, int range, double message) {
  const long double h = static_cast<long double>(weight);
  // P(U_1 + .. + U_h <= x), U_i uniform in [0, 1]: 1/h! sum_(k <= x) (-1)^k C(h, k) (x - k)^h, as a
  // logarithm to base 2. The terms cancel less than a hundredfold for x <= h/4.
  const auto log2_lower_tail = [&](long double x) {
    if (x <= 0) return -std::numeric_limits<long double>::infinity();
    long double sum = 0, choose = 1;
    for (long double k = 0; k <= x; k += 1) {
      sum += choose * std::pow((x - k) / x, h);
      choose *= -(h - k) / (k + 1);
    }
    return std::log2(sum) + h * std::log2(x) -
           std::lgamma(h + 1) / std::numbers::ln2_v<long double>;
  };
  // Beyond, the terms cancel: P(Y >= y) <= exp(-t y) (sinh(t / 2) / (t / 2))^h for every t > 0, Y the centred
  // sum (Chernoff's bound, five bits above what it bounds for the weights of docs/SECURITY.md). Convex in t.
  const auto log2_upper_bound = [&](long double y) {
    const auto bound = [&](long double t) {
      return h * std::log(std::sinh(t / 2) / (t / 2)) - t * y;
    };
    long double low = 1e-6L, high = 64;
    for (int i = 0; i < 100; ++i) {
      const long double a = low + (high - low) / 3, b = high - (high - low) / 3;
      (bound(a) < bound(b) ? high : low) = bound(a) < bound(b) ? b : a;
    }
    return bound(low) / std::numbers::ln2_v<long double>;
  };
  const long double edge = static_cast<long double>(range) - 0.5L, middle = h / 2 - edge;
  if (edge <= message) return log_n;
  if (middle + message > h / 4)
    return static_cast<double>(std::min<long double>(log2_upper_bound(edge - message) + 1, 0) +
                               log_n);
  const long double either =
      std::exp2(log2_lower_tail(middle + message)) + std::exp2(log2_lower_tail(middle - message));
  return static_cast<double>(std::log2(either) + log_n);
}

}  // namespace blindtuner::rlwe
