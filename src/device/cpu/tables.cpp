#include "device/cpu/tables.h"

#include <bit>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "math/bits.h"

namespace blindtuner::device {
using namespace math;

Division::Division(kernels::BaseConversion conversion_) : conversion(std::move(conversion_)) {
  // -D mod q is minus_q of the conversion.
  for (std::size_t i = 0; i < conversion.to.size(); ++i) {
    const Modulus& q = conversion.to[i];
    inverse.push_back(q.inv(q.neg(conversion.minus_q[i])));
  }
}

RingTables::RingTables(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes)
    : log_n_(log_n), q_size_(q_primes.size()) {
  std::vector<u64> primes(q_primes.begin(), q_primes.end());
  primes.insert(primes.end(), p_primes.begin(), p_primes.end());
  require(!q_primes.empty(), "a ring needs at least one prime");
  require(std::set<u64>(primes.begin(), primes.end()).size() == primes.size(),
          "a ring's primes must be distinct");
  transforms_.resize(primes.size());
  parallel_for(primes.size(), [&](std::size_t i) {
    transforms_[i] = std::make_unique<kernels::NttTable>(log_n, primes[i]);
  });
  for (std::size_t i = 0; i < q_size_; ++i) {
    special_products_.push_back(1);
    for (const u64 p : p_primes)
      special_products_.push_back(q(i).mul(special_products_.back(), p % q(i).q));
  }
}

const std::uint32_t* RingTables::automorphism_index(u64 g) const {
  const std::size_t two_n = 2 * n();
  g &= two_n - 1;
  std::lock_guard lock(mutex_);
  auto& index = automorphisms_[g];
  if (index.empty()) {
    index.resize(n());
    for (std::size_t j = 0; j < n(); ++j) {
      const std::size_t exponent = (g * (2 * reverse_bits(j, log_n_) + 1)) & (two_n - 1);
      index[j] = static_cast<std::uint32_t>(reverse_bits(exponent >> 1, log_n_));
    }
  }
  return index.data();
}

const kernels::BaseConversion& RingTables::mod_up(std::size_t begin, std::size_t end,
                                                  std::size_t q_count, std::size_t p_count) const {
  std::lock_guard lock(mutex_);
  auto& slot = mod_up_[{begin, end, q_count, p_count}];
  if (!slot) {
    std::vector<Modulus> from, to;
    for (std::size_t i = 0; i < q_count + p_count; ++i)
      (i >= begin && i < end ? from : to).push_back(modulus(i, q_count));
    slot = std::make_unique<kernels::BaseConversion>(std::move(from), std::move(to));
  }
  return *slot;
}

const Division& RingTables::division(std::size_t q_keep, std::size_t q_count,
                                     std::size_t p_count) const {
  std::lock_guard lock(mutex_);
  auto& slot = divisions_[{q_keep, q_count, p_count, 0}];
  if (!slot) {
    std::vector<Modulus> from, to;
    for (std::size_t i = 0; i < q_count + p_count; ++i)
      (i < q_keep ? to : from).push_back(modulus(i, q_count));
    slot = std::make_unique<Division>(kernels::BaseConversion(std::move(from), std::move(to)));
  }
  return *slot;
}

const kernels::NttTable& RingTables::subring_transform(std::size_t width, std::size_t i,
                                                       std::size_t q_count) const {
  std::lock_guard lock(mutex_);
  Transforms& list = subrings_[width];
  if (list.empty())
    for (const auto& table : transforms_) {
      // roots[n/2] = psi^brv(n/2) = psi
      const u64 psi = table->roots.data()[n() / 2];
      list.push_back(std::make_unique<kernels::NttTable>(
          std::countr_zero(n() / width), table->modulus.q, table->modulus.pow(psi, width)));
    }
  return *list[place(i, q_count)];
}

}  // namespace blindtuner::device
