// Arithmetic modulo one prime below 2^50.
//
// 50 bits leave room in AVX-512 IFMA's 52-bit products for lazily reduced values: 4q < 2^52.
// Everything here is defined by its result; the vector kernels reach the same results by other ways.
#pragma once

#include <bit>
#include <cstdint>

#include "base/error.h"

namespace blindtuner::math {

using u64 = std::uint64_t;
using u128 = unsigned __int128;

inline constexpr int kMaxModulusBits = 50;

/// A prime q < 2^50 with the constants that reductions need.
struct Modulus {
  u64 q = 0;
  int bits = 0;          ///< 2^(bits-1) < q < 2^bits
  u64 barrett = 0;       ///< floor(2^(51+bits) / q) < 2^52, see reduce_product
  u64 two52 = 0;         ///< 2^52 mod q
  u64 two52_shoup = 0;   ///< shoup52(two52)
  u64 two104 = 0;        ///< 2^104 mod q
  u64 two104_shoup = 0;  ///< shoup52(two104)
  u64 one_shoup = 0;     ///< shoup52(1)
  u64 quotient64 = 0;    ///< floor(2^64 / q): quotients of 64-bit numbers, at most 1 short
  double inverse = 0;    ///< 1.0 / q

  Modulus() = default;
  /// Throws ContractError unless 2 < value < 2^50 and value is odd.
  explicit Modulus(u64 value) : q(value), bits(std::bit_width(value)) {
    require(value > 2 && bits <= kMaxModulusBits && (value & 1) != 0,
            "a modulus must be odd and below 2^50");
    inverse = 1.0 / static_cast<double>(value);
    barrett = static_cast<u64>((u128{1} << (51 + bits)) / value);
    two52 = static_cast<u64>((u128{1} << 52) % value);
    two52_shoup = shoup52(two52);
    two104 = static_cast<u64>(u128{two52} * two52 % value);
    two104_shoup = shoup52(two104);
    one_shoup = shoup52(1);
    quotient64 = static_cast<u64>((u128{1} << 64) / value);
  }

  /// floor(w * 2^52 / q) for w in [0, q): Shoup's quotient for products with a fixed factor.
  /// Tables of roots need many: a double's quotient, below 2^52, is at most 1 off, and a division of 128 bits takes far longer.
  u64 shoup52(u64 w) const {
    const u64 quotient = static_cast<u64>(static_cast<double>(w) * (inverse * 0x1p52));
    const auto r = static_cast<std::int64_t>((w << 52) - quotient * q);
    return quotient + (r >= static_cast<std::int64_t>(q) ? 1 : 0) - (r < 0 ? 1 : 0);
  }

  // No branch and no division depends on a residue, which may be a secret's: all ones where a
  // difference of numbers below 2^63 is negative select what is added back.

  /// d for d in [0, 2^63), d + addend for the others: negative as signed numbers.
  static u64 add_if_negative(u64 d, u64 addend) { return d + (addend & (u64{0} - (d >> 63))); }

  /// [0, 2q) -> [0, q)
  u64 subtract_once(u64 x) const { return add_if_negative(x - q, q); }

  /// p mod q for p < 2^(2*bits): ((p >> (bits-1)) * barrett) >> 52 is at most 2 short. @[Bar86]
  u64 reduce_product(u128 p) const {
    const u64 top = static_cast<u64>(p >> (bits - 1));
    const u64 quotient = static_cast<u64>((u128{top} * barrett) >> 52);
    const u64 r = static_cast<u64>(p) - quotient * q;
    return subtract_once(add_if_negative(r - 2 * q, 2 * q));
  }

  u64 add(u64 a, u64 b) const { return subtract_once(a + b); }         ///< a, b in [0, q)
  u64 sub(u64 a, u64 b) const { return add_if_negative(a - b, q); }    ///< a, b in [0, q)
  u64 neg(u64 a) const { return add_if_negative(u64{0} - a, q); }      ///< a in [0, q)
  u64 mul(u64 a, u64 b) const { return reduce_product(u128{a} * b); }  ///< a, b in [0, q)

  /// w*x mod q in [0, 2q), for x < 2^52, w in [0, q), w_shoup = shoup52(w).
  u64 mul_shoup_lazy(u64 x, u64 w, u64 w_shoup) const {
    const u64 quotient = static_cast<u64>((u128{x} * w_shoup) >> 52);
    return x * w - quotient * q;
  }
  u64 mul_shoup(u64 x, u64 w, u64 w_shoup) const {
    return subtract_once(mul_shoup_lazy(x, w, w_shoup));
  }

  /// Any 64-bit number.
  u64 reduce(u64 x) const {
    const u64 quotient = static_cast<u64>((u128{x} * quotient64) >> 64);
    return subtract_once(x - quotient * q);
  }
  /// Three 52-bit digits, each times its power of 2^52; a division of 128 bits takes far longer.
  u64 reduce(u128 x) const {
    constexpr u64 kMask = (u64{1} << 52) - 1;
    const u64 low = mul_shoup(static_cast<u64>(x) & kMask, 1, one_shoup);
    const u64 middle = mul_shoup(static_cast<u64>(x >> 52) & kMask, two52, two52_shoup);
    const u64 high = mul_shoup(static_cast<u64>(x >> 104), two104, two104_shoup);
    return add(add(low, middle), high);
  }
  /// The residue of a signed integer.
  u64 reduce_signed(std::int64_t x) const {
    const u64 sign = static_cast<u64>(x >> 63);
    const u64 r = reduce((static_cast<u64>(x) ^ sign) - sign);
    return (r & ~sign) | (neg(r) & sign);
  }
  /// The representative in (-q/2, q/2] of a residue.
  std::int64_t centred(u64 a) const {
    return static_cast<std::int64_t>(a - (q & (u64{0} - ((q / 2 - a) >> 63))));
  }
  u64 pow(u64 base, u64 exponent) const {
    u64 result = 1, power = base % q;
    for (; exponent != 0; exponent >>= 1) {
      if (exponent & 1) result = mul(result, power);
      power = mul(power, power);
    }
    return result;
  }
  /// a^-1 for a in [1, q), by Fermat.
  u64 inv(u64 a) const { return pow(a, q - 2); }
};

}  // namespace blindtuner::math
