// Galois actions on one factor of the ring only.
//
// R' is a free module over Z[Y], Y = X^width, with basis X^0 .. X^(width-1). The map
//
//   L(sum_j y_j(Y) X^j) = sum_j y_j(Y^g) Y^(t_j) X^j
//
// acts on Y alone, as if samples and features had variables of their own. With t_j = 0 the basis is
// X^j; with t_0 = 0, t_j = g - 1 it is X^-j (the reversed basis).
#pragma once

#include <bit>
#include <cstddef>

#include "math/modulus.h"

namespace blindtuner::device {
using namespace math;

/// What a map does; g odd, taken modulo 2n/width.
struct ComponentMap {
  std::size_t width = 0;  ///< a power of two
  u64 g = 1;
  bool reversed = false;

  /// Where coefficient i of n goes, and whether with the other sign.
  struct Place {
    std::size_t index;
    bool negative;
  };
  Place place(std::size_t i, std::size_t n) const {
    const int log_width = std::countr_zero(width);
    const std::size_t rows = n >> log_width, j = i & (width - 1);
    std::size_t y = (i >> log_width) * g;
    if (reversed && j != 0) y += g - 1;
    return {((y & (rows - 1)) << log_width) + j, (y & rows) != 0};
  }
  bool operator==(const ComponentMap&) const = default;
};

}  // namespace blindtuner::device
