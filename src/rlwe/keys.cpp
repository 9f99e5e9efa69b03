#include "rlwe/keys.h"

#include <algorithm>

#include "rlwe/key_share.h"

namespace blindtuner::rlwe {

bool KeyShape::same_digits(const KeyShape& other, std::size_t q_count_) const {
  for (std::size_t d = 0;; ++d) {
    if (d >= digits() || d >= other.digits()) return false;
    if (std::min(digit_ends[d], q_count_) != std::min(other.digit_ends[d], q_count_)) return false;
    if (digit_ends[d] >= q_count_) return true;
  }
}

device::Key KeySwitchKey::view() const {
  device::Key key;
  for (const Poly& poly : b) key.b.push_back(poly.view());
  for (const Poly& poly : a) key.a.push_back(poly.view());
  key.digit_ends = shape.digit_ends;
  key.p_count = shape.p_count;
  return key;
}

void KeySwitchKey::expand() {
  require(seeded, "this key's uniform halves are a sum: no seed gives them");
  a = uniform_halves(ring(), shape.q_count, shape.p_count, shape.digits(), seed);
}

}  // namespace blindtuner::rlwe
