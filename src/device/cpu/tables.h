// What the CPU keeps for a ring.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "kernels/api.h"

namespace blindtuner::device {
using namespace math;

/// Division by the product D of dropped primes.
struct Division {
  kernels::BaseConversion conversion;  ///< from the dropped primes to the others
  std::vector<u64> inverse;            ///< D^-1 modulo each of the others
  explicit Division(kernels::BaseConversion conversion);
};

/// Immutable after construction; what it caches, it fills under a lock.
class RingTables {
 public:
  /// See Device::make_arithmetic.
  RingTables(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes);

  int log_n() const { return log_n_; }
  std::size_t n() const { return std::size_t{1} << log_n_; }
  const Modulus& q(std::size_t i) const { return transforms_[i]->modulus; }
  /// Of limb i where there are q_count q limbs before the special ones.
  const kernels::NttTable& transform(std::size_t i, std::size_t q_count) const {
    return *transforms_[place(i, q_count)];
  }
  const Modulus& modulus(std::size_t i, std::size_t q_count) const {
    return transform(i, q_count).modulus;
  }
  /// p_0 * .. * p_(p_count-1) mod q_i.
  u64 special_product(std::size_t i, std::size_t p_count) const {
    return special_products_[i * (p_size() + 1) + p_count];
  }

  /// index with: NTT of a(X^g) at j equals NTT of a at index[j]; g odd, taken mod 2n.
  const std::uint32_t* automorphism_index(u64 g) const;
  /// From limbs [begin, end) of the q chain to the q limbs of [0, q_count) outside that range, in
  /// order, followed by the first p_count special primes.
  const kernels::BaseConversion& mod_up(std::size_t begin, std::size_t end, std::size_t q_count,
                                        std::size_t p_count) const;
  /// Of q limbs [0, q_keep) by q limbs [q_keep, q_count) and p_count special primes.
  const Division& division(std::size_t q_keep, std::size_t q_count, std::size_t p_count) const;
  /// transform() of the subring in X^width.
  const kernels::NttTable& subring_transform(std::size_t width, std::size_t i,
                                             std::size_t q_count) const;

 private:
  std::size_t p_size() const { return transforms_.size() - q_size_; }
  std::size_t place(std::size_t i, std::size_t q_count) const {
    return i < q_count ? i : q_size_ + i - q_count;
  }

  using Transforms = std::vector<std::unique_ptr<kernels::NttTable>>;  // q chain, special primes
  using Key = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>;
  int log_n_;
  std::size_t q_size_;
  Transforms transforms_;
  std::vector<u64> special_products_;  // by q limb, then number of factors
  mutable std::mutex mutex_;
  mutable std::map<u64, std::vector<std::uint32_t>> automorphisms_;
  mutable std::map<Key, std::unique_ptr<kernels::BaseConversion>> mod_up_;
  mutable std::map<Key, std::unique_ptr<Division>> divisions_;
  mutable std::map<std::size_t, Transforms> subrings_;
};

}  // namespace blindtuner::device
