#include "kernels/api.h"
#include "math/bits.h"
#include "math/primes.h"

namespace blindtuner::kernels {
namespace {

// NttTable::tail and ::lanes from `roots` and their inverses.
void make_tail(Buffer& tail, Buffer& lanes, const Buffer& roots, const Buffer& inverses,
               const Modulus& q) {
  const std::size_t blocks = roots.size() / 128;
  tail = Buffer(8 * blocks);
  lanes = Buffer(48 * 8);
  for (std::size_t level = 0; level < 3; ++level) {
    const std::size_t c = std::size_t{16} << level;
    for (std::size_t block = 0; block < blocks; ++block) {
      const u64 root = roots.data()[c * (blocks + block)];
      tail.data()[8 * block + level] = root;
      tail.data()[8 * block + 3 + level] = q.shoup52(root);
      for (std::size_t unused : {6, 7}) tail.data()[8 * block + unused] = 0;
    }
    for (std::size_t p = 0; p < 8; ++p)
      for (std::size_t lane = 0; lane < 8; ++lane) {
        const std::size_t k = (8 * p + lane) >> (2 - level);
        const u64 root = q.mul(roots.data()[c + k], inverses.data()[c]);
        u64* at = lanes.data() + (6 * p + 2 * level) * 8 + lane;
        at[0] = root;
        at[8] = q.shoup52(root);
      }
  }
}

}  // namespace

NttTable::NttTable(int log_n_, u64 q)
    : NttTable(log_n_, q, primitive_root_of_unity(Modulus(q), u64{2} << log_n_)) {}

NttTable::NttTable(int log_n_, u64 q, u64 psi)
    : modulus(q),
      log_n(log_n_),
      n(std::size_t{1} << log_n_),
      roots(n),
      roots_shoup(n),
      inv_roots(n),
      inv_roots_shoup(n) {
  require(log_n >= 4 && log_n <= 17 && (q - 1) % (2 * n) == 0,
          "a transform of size n needs a prime q = 1 mod 2n and n in [16, 2^17]");
  require(modulus.pow(psi, n) == q - 1, "psi must be a primitive 2n-th root of unity");
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
  if (n >= 128) {
    make_tail(tail, lanes, roots, inv_roots, modulus);
    make_tail(inv_tail, inv_lanes, inv_roots, roots, modulus);
  }
}

}  // namespace blindtuner::kernels
