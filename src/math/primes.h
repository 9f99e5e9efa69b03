// Primes for number-theoretic transforms.
#pragma once

#include <span>
#include <vector>

#include "math/modulus.h"

namespace blindtuner::math {

/// Deterministic Miller-Rabin for 64-bit numbers (the first twelve primes as bases suffice).
bool is_prime(u64 n);

/// The `count` largest primes below 2^bits with p = 1 (mod step), none of them in `taken`.
/// bits in [20, 50]. Throws ContractError when there are not enough.
std::vector<u64> ntt_primes(int bits, u64 step, std::size_t count, std::span<const u64> taken = {});

/// A primitive `order`-th root of unity modulo the prime q; order a power of two dividing q-1.
/// The smallest such root, so that tables are the same everywhere.
u64 primitive_root_of_unity(const Modulus& modulus, u64 order);

}  // namespace blindtuner::math
