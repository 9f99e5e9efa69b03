#include "rlwe/keys.h"

#include "ring/sampling.h"

namespace blindtuner {

void KeySwitchKey::expand() {
  a.clear();
  for (std::size_t d = 0; d < shape.digits(); ++d)
    a.push_back(sample_uniform(ring(), shape.q_count, shape.p_count, seed, d));
}

}  // namespace blindtuner
