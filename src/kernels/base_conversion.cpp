#include "kernels/api.h"

namespace blindtuner::kernels {

BaseConversion::BaseConversion(std::vector<Modulus> from_, std::vector<Modulus> to_)
    : from(std::move(from_)), to(std::move(to_)) {
  const std::size_t k = from.size();
  require(k >= 1 && k <= 32, "a base conversion has 1 to 32 source primes");
  for (std::size_t i = 0; i < k; ++i) {
    u64 rest = 1;
    for (std::size_t j = 0; j < k; ++j)
      if (j != i) rest = from[i].mul(rest, from[j].q % from[i].q);
    inverse.push_back(from[i].inv(rest));
    inverse_shoup.push_back(from[i].shoup52(inverse.back()));
    reciprocal.push_back(1.0 / static_cast<double>(from[i].q));
  }
  for (const Modulus& t : to) {
    u64 product = 1;
    for (std::size_t i = 0; i < k; ++i) {
      u64 rest = 1;
      for (std::size_t j = 0; j < k; ++j)
        if (j != i) rest = t.mul(rest, from[j].q % t.q);
      factor.push_back(rest);
      product = t.mul(product, from[i].q % t.q);
    }
    minus_q.push_back(t.neg(product));
  }
}

}  // namespace blindtuner::kernels
