// Functions of which the encrypted training's constants are made: the same bits on every x86-64 processor.
//
// A C library may have cos and its like twice, for processors with fused multiply-add and for those without, which
// differ in some last bits (glibc has). A constant that rounds otherwise makes another ciphertext, so that an audit on
// another machine finds an honest server guilty. Of long double there is one of each; rounded to double it is
// the nearest value but for one argument in a thousand or so.
#pragma once

#include <cmath>

namespace blindtuner::math::reproducible {

inline double cos(double x) { return static_cast<double>(std::cos(static_cast<long double>(x))); }
inline double sin(double x) { return static_cast<double>(std::sin(static_cast<long double>(x))); }
inline double log(double x) { return static_cast<double>(std::log(static_cast<long double>(x))); }
inline double pow(double x, double y) {
  return static_cast<double>(std::pow(static_cast<long double>(x), static_cast<long double>(y)));
}

}  // namespace blindtuner::math::reproducible
