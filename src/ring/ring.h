// R = Z[X]/(X^n + 1) with two chains of primes: q_0..q_L carry the messages, p_0..p_k-1 (the
// special primes) are used inside key switching only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "kernels/api.h"

namespace blindtuner {

/// Immutable after construction (its caches are filled under a lock). Polynomials point to their
/// ring, which must outlive them.
class Ring {
 public:
  /// n = 2^log_n; all primes distinct, below 2^50, = 1 mod 2n. Throws ContractError otherwise.
  Ring(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int log_n() const { return log_n_; }
  std::size_t n() const { return std::size_t{1} << log_n_; }
  std::size_t q_size() const { return q_size_; }
  std::size_t p_size() const { return tables_.size() - q_size_; }

  const kernels::NttTable& q_table(std::size_t i) const { return *tables_[i]; }
  const kernels::NttTable& p_table(std::size_t i) const { return *tables_[q_size_ + i]; }
  const Modulus& q(std::size_t i) const { return tables_[i]->modulus; }
  const Modulus& p(std::size_t i) const { return tables_[q_size_ + i]->modulus; }
  /// log2 of q_0 * .. * q_(q_count-1) * p_0 * .. * p_(p_count-1).
  double log2_modulus(std::size_t q_count, std::size_t p_count) const;

  /// p_0 * .. * p_(p_count-1) mod q_i: what key switching multiplies messages with.
  u64 special_product(std::size_t i, std::size_t p_count) const {
    return special_products_[i * (p_size() + 1) + p_count];
  }

  /// index with: NTT of a(X^g) at j equals NTT of a at index[j]; g odd, taken mod 2n. Cached.
  const std::uint32_t* automorphism_index(u64 g) const;

  /// Conversion from limbs [from_begin, from_end) of the q chain to the q limbs of
  /// [0, q_count) outside that range, in order, followed by the first p_count special primes.
  /// Cached.
  const kernels::BaseConversion& mod_up_conversion(std::size_t from_begin, std::size_t from_end,
                                                   std::size_t q_count, std::size_t p_count) const;
  /// Conversion from q limbs [q_keep, q_count) followed by p_count special primes to q limbs
  /// [0, q_keep). Cached.
  const kernels::BaseConversion& scale_down_conversion(std::size_t q_keep, std::size_t q_count,
                                                       std::size_t p_count) const;

 private:
  int log_n_;
  std::size_t q_size_;
  std::vector<std::unique_ptr<kernels::NttTable>> tables_;  // q chain, then special primes
  std::vector<u64> special_products_;                       // by q limb, then number of factors
  mutable std::mutex mutex_;
  mutable std::map<u64, std::vector<std::uint32_t>> automorphisms_;
  using Key = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>;
  mutable std::map<Key, std::unique_ptr<kernels::BaseConversion>> mod_up_;
  mutable std::map<Key, std::unique_ptr<kernels::BaseConversion>> scale_down_;
};

/// i with its lowest `bits` bits reversed.
std::size_t reverse_bits(std::size_t i, int bits);

}  // namespace blindtuner
