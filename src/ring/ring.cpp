#include "ring/ring.h"

#include <cmath>

namespace blindtuner::ring {

Ring::Ring(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes,
           const device::Device& device)
    : log_n_(log_n),
      arithmetic_(device.make_arithmetic(log_n, q_primes, p_primes)),
      q_(q_primes.begin(), q_primes.end()),
      p_(p_primes.begin(), p_primes.end()) {}

double Ring::log2_modulus(std::size_t q_count, std::size_t p_count) const {
  require(q_count <= q_size() && p_count <= p_size(), "more primes than the ring has");
  double bits = 0;
  for (std::size_t i = 0; i < q_count; ++i) bits += std::log2(static_cast<double>(q(i).q));
  for (std::size_t i = 0; i < p_count; ++i) bits += std::log2(static_cast<double>(p(i).q));
  return bits;
}

u64 Ring::special_product(std::size_t i, std::size_t p_count) const {
  u64 product = 1;
  for (std::size_t j = 0; j < p_count; ++j) product = q(i).mul(product, p(j).q % q(i).q);
  return product;
}

}  // namespace blindtuner::ring
