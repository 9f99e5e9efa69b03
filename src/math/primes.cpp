#include "math/primes.h"

#include <algorithm>

namespace blindtuner::math {
namespace {

u64 mul_mod(u64 a, u64 b, u64 n) { return static_cast<u64>(u128{a} * b % n); }

u64 pow_mod(u64 base, u64 exponent, u64 n) {
  u64 result = 1 % n;
  for (base %= n; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = mul_mod(result, base, n);
    base = mul_mod(base, base, n);
  }
  return result;
}

}  // namespace

bool is_prime(u64 n) {
  constexpr u64 kBases[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
  if (n < 2) return false;
  for (u64 p : kBases)
    if (n % p == 0) return n == p;
  const int twos = std::countr_zero(n - 1);
  const u64 odd = (n - 1) >> twos;
  for (u64 base : kBases) {
    u64 x = pow_mod(base, odd, n);
    if (x == 1 || x == n - 1) continue;
    bool composite = true;
    for (int i = 1; i < twos && composite; ++i) {
      x = mul_mod(x, x, n);
      composite = x != n - 1;
    }
    if (composite) return false;
  }
  return true;
}

std::vector<u64> ntt_primes(int bits, u64 step, std::size_t count, std::span<const u64> taken) {
  require(bits >= 20 && bits <= kMaxModulusBits, "NTT primes have 20 to 50 bits");
  std::vector<u64> primes;
  const u64 low = u64{1} << (bits - 1);
  for (u64 p = ((u64{1} << bits) - 2) / step * step + 1; p > low && primes.size() < count;
       p -= step)
    if (is_prime(p) && std::find(taken.begin(), taken.end(), p) == taken.end()) primes.push_back(p);
  require(primes.size() == count, "not enough NTT primes of this size");
  return primes;
}

u64 primitive_root_of_unity(const Modulus& modulus, u64 order) {
  require(std::has_single_bit(order) && (modulus.q - 1) % order == 0,
          "the order of a root of unity must be a power of two dividing q-1");
  u64 root = 0;
  for (u64 g = 2; root == 0; ++g) {
    const u64 candidate = modulus.pow(g, (modulus.q - 1) / order);
    if (order == 1 || modulus.pow(candidate, order / 2) == modulus.q - 1) root = candidate;
  }
  // The others are its odd powers.
  const u64 square = modulus.mul(root, root);
  u64 smallest = root, power = root;
  for (u64 i = 1; i < order / 2; ++i) {
    power = modulus.mul(power, square);
    smallest = std::min(smallest, power);
  }
  return smallest;
}

}  // namespace blindtuner::math
