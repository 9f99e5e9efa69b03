#include "kernels/api.h"
#include "math/primes.h"

namespace blindtuner::kernels {
namespace {

std::size_t reverse_bits(std::size_t value, int bits) {
  std::size_t reversed = 0;
  for (int i = 0; i < bits; ++i) reversed |= ((value >> i) & 1) << (bits - 1 - i);
  return reversed;
}

}  // namespace

NttTable::NttTable(int log_n_, u64 q)
    : modulus(q),
      log_n(log_n_),
      n(std::size_t{1} << log_n_),
      roots(n),
      roots_shoup(n),
      inv_roots(n),
      inv_roots_shoup(n) {
  require(log_n >= 4 && log_n <= 17 && (q - 1) % (2 * n) == 0,
          "a transform of size n needs a prime q = 1 mod 2n and n in [16, 2^17]");
  const u64 psi = primitive_root_of_unity(modulus, 2 * n);
  const u64 psi_inv = modulus.inv(psi);
  n_inv = modulus.inv(n);
  n_inv_shoup = modulus.shoup52(n_inv);
  u64 power = 1, power_inv = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = reverse_bits(i, log_n);
    roots.data()[j] = power;
    roots_shoup.data()[j] = modulus.shoup52(power);
    inv_roots.data()[j] = power_inv;
    inv_roots_shoup.data()[j] = modulus.shoup52(power_inv);
    power = modulus.mul(power, psi);
    power_inv = modulus.mul(power_inv, psi_inv);
  }
  last_inv = modulus.mul(inv_roots.data()[1], n_inv);
  last_inv_shoup = modulus.shoup52(last_inv);
}

}  // namespace blindtuner::kernels
