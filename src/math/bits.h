#pragma once

#include <cstddef>

namespace blindtuner::math {

/// i with its lowest `bits` bits reversed.
inline std::size_t reverse_bits(std::size_t i, int bits) {
  std::size_t reversed = 0;
  for (int b = 0; b < bits; ++b) reversed |= ((i >> b) & 1) << (bits - 1 - b);
  return reversed;
}

}  // namespace blindtuner::math
