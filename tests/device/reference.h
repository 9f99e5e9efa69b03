// Polynomials modulo a chain of primes as the formulas of device/device.h have them: plain, slow,
// one residue after the other, and sharing nothing with any device but the smallest roots of unity.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "device/device.h"
#include "math/primes.h"

namespace blindtuner::testing_support {
using namespace math;

inline u64 times(u64 a, u64 b, u64 q) { return static_cast<u64>(u128{a} * b % q); }
inline u64 plus(u64 a, u64 b, u64 q) { return static_cast<u64>((u128{a} + b) % q); }
inline u64 minus(u64 a, u64 b, u64 q) { return plus(a, q - b, q); }
inline u64 power(u64 base, u64 exponent, u64 q) {
  u64 result = 1;
  for (; exponent != 0; exponent >>= 1, base = times(base, base, q))
    if (exponent & 1) result = times(result, base, q);
  return result;
}
inline u64 inverse(u64 a, u64 q) { return power(a, q - 2, q); }
/// A signed number modulo q.
inline u64 residue(__int128 x, u64 q) {
  const __int128 r = x % static_cast<__int128>(q);
  return static_cast<u64>(r < 0 ? r + static_cast<__int128>(q) : r);
}

using Limb = std::vector<u64>;

/// Limbs of q primes, then of special ones.
struct PlainPoly {
  std::vector<Limb> q, p;
  std::size_t n() const { return q.front().size(); }
  bool operator==(const PlainPoly&) const = default;
};

struct PlainRing {
  int log_n;
  std::vector<u64> q, p;
  std::size_t n() const { return std::size_t{1} << log_n; }

  PlainPoly zero(std::size_t q_count, std::size_t p_count) const {
    return {std::vector<Limb>(q_count, Limb(n())), std::vector<Limb>(p_count, Limb(n()))};
  }
  /// The first limbs of either kind.
  static PlainPoly first(const PlainPoly& x, std::size_t q_count, std::size_t p_count) {
    PlainPoly out = x;
    out.q.resize(q_count);
    out.p.resize(p_count);
    return out;
  }

  /// f(residue of a, residue of b, prime) throughout; b may have more limbs.
  template <typename F>
  PlainPoly map(const PlainPoly& a, const PlainPoly& b, F&& f) const {
    PlainPoly out = a;
    for (std::size_t i = 0; i < a.q.size(); ++i)
      for (std::size_t j = 0; j < a.n(); ++j) out.q[i][j] = f(a.q[i][j], b.q[i][j], q[i]);
    for (std::size_t i = 0; i < a.p.size(); ++i)
      for (std::size_t j = 0; j < a.n(); ++j) out.p[i][j] = f(a.p[i][j], b.p[i][j], p[i]);
    return out;
  }
  PlainPoly sum(const PlainPoly& a, const PlainPoly& b) const { return map(a, b, plus); }
  PlainPoly difference(const PlainPoly& a, const PlainPoly& b) const { return map(a, b, minus); }
  PlainPoly product(const PlainPoly& a, const PlainPoly& b) const { return map(a, b, times); }
  /// f(limb, prime) of every limb.
  template <typename F>
  PlainPoly each(PlainPoly x, F&& f) const {
    for (std::size_t i = 0; i < x.q.size(); ++i) x.q[i] = f(x.q[i], q[i]);
    for (std::size_t i = 0; i < x.p.size(); ++i) x.p[i] = f(x.p[i], p[i]);
    return x;
  }

  /// Value j is the polynomial at psi^(2 brv(j) + 1).
  PlainPoly transformed(const PlainPoly& x) const;
  PlainPoly coefficients(const PlainPoly& x) const;
  /// Coefficient i of x goes to X^(exponent(i)), which is taken modulo 2n, X^n = -1.
  template <typename F>
  PlainPoly moved(const PlainPoly& x, F&& exponent) const {
    return each(x, [&](const Limb& from, u64 prime) {
      Limb to(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        const std::size_t at = exponent(i) % (2 * from.size());
        const u64 value = at < from.size() ? from[i] : minus(0, from[i], prime);
        to[at % from.size()] = plus(to[at % from.size()], value, prime);
      }
      return to;
    });
  }
  /// x(X^g) of a transform.
  PlainPoly rotated(const PlainPoly& x, u64 g) const {
    return transformed(moved(coefficients(x), [g](std::size_t i) { return i * g; }));
  }

  PlainPoly mod_up(const PlainPoly& x, std::size_t begin, std::size_t end, std::size_t q_count,
                   std::size_t p_count) const;
  /// Coefficient domain in and out.
  PlainPoly scale_down_coefficients(const PlainPoly& x, std::size_t keep) const;
  PlainPoly scale_down(const PlainPoly& x, std::size_t keep) const {
    return transformed(scale_down_coefficients(coefficients(x), keep));
  }

  struct Pair {
    PlainPoly c0, c1;
  };
  struct Key {
    std::vector<PlainPoly> b, a;
    std::vector<std::size_t> digit_ends;
    std::size_t p_count;
  };
  /// <c, key> modulo QP.
  Pair inner_product(const PlainPoly& c, const Key& key) const;
  /// P x, with special limbs that are zero.
  PlainPoly times_special(const PlainPoly& x, std::size_t p_count) const;
};

enum class Fill { kRandom, kZero, kLargest, kAlternating };
inline constexpr Fill kFills[] = {Fill::kRandom, Fill::kZero, Fill::kLargest, Fill::kAlternating};

/// Polynomials of a fill that every call varies.
class Source {
 public:
  explicit Source(const PlainRing& ring) : ring_(ring) {}
  PlainPoly poly(std::size_t q_count, std::size_t p_count, Fill fill = Fill::kRandom);
  PlainRing::Key key(std::size_t q_count, std::size_t p_count, std::vector<std::size_t> digit_ends);
  u64 below(u64 bound) { return random_() % bound; }

 private:
  const PlainRing& ring_;
  std::mt19937_64 random_{20260101};
};

}  // namespace blindtuner::testing_support
