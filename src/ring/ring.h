// R = Z[X]/(X^n + 1) with two chains of primes: q_0..q_L carry the messages, p_0..p_k-1 (the
// special primes) are used inside key switching only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "math/modulus.h"

namespace blindtuner::ring {
using namespace math;

/// Immutable, and on one device. Polynomials point to their ring, which must outlive them.
class Ring {
 public:
  /// n = 2^log_n; all primes distinct, below 2^50, = 1 mod 2n. Throws ContractError otherwise.
  Ring(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes,
       const device::Device& device = device::active_device());
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int log_n() const { return log_n_; }
  std::size_t n() const { return std::size_t{1} << log_n_; }
  std::size_t q_size() const { return q_.size(); }
  std::size_t p_size() const { return p_.size(); }

  const Modulus& q(std::size_t i) const { return q_[i]; }
  const Modulus& p(std::size_t i) const { return p_[i]; }
  /// log2 of q_0 * .. * q_(q_count-1) * p_0 * .. * p_(p_count-1).
  double log2_modulus(std::size_t q_count, std::size_t p_count) const;

  /// p_0 * .. * p_(p_count-1) mod q_i: what key switching multiplies messages with.
  u64 special_product(std::size_t i, std::size_t p_count) const;

  /// What works on this ring's residues.
  const device::Arithmetic& arithmetic() const { return *arithmetic_; }

 private:
  int log_n_;
  std::unique_ptr<device::Arithmetic> arithmetic_;
  std::vector<Modulus> q_, p_;
};

}  // namespace blindtuner::ring
