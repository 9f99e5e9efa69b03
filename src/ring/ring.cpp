#include "ring/ring.h"

#include <cmath>
#include <set>

#include "base/parallel.h"

namespace blindtuner {

std::size_t reverse_bits(std::size_t i, int bits) {
  std::size_t reversed = 0;
  for (int b = 0; b < bits; ++b) reversed |= ((i >> b) & 1) << (bits - 1 - b);
  return reversed;
}

Ring::Ring(int log_n, std::span<const u64> q_primes, std::span<const u64> p_primes)
    : log_n_(log_n), q_size_(q_primes.size()) {
  std::vector<u64> primes(q_primes.begin(), q_primes.end());
  primes.insert(primes.end(), p_primes.begin(), p_primes.end());
  require(!q_primes.empty(), "a ring needs at least one prime");
  require(std::set<u64>(primes.begin(), primes.end()).size() == primes.size(),
          "a ring's primes must be distinct");
  tables_.resize(primes.size());
  parallel_for(primes.size(), [&](std::size_t i) {
    tables_[i] = std::make_unique<kernels::NttTable>(log_n, primes[i]);
  });
  for (std::size_t i = 0; i < q_size(); ++i) {
    special_products_.push_back(1);
    for (std::size_t j = 0; j < p_size(); ++j)
      special_products_.push_back(q(i).mul(special_products_.back(), p(j).q % q(i).q));
  }
}

double Ring::log2_modulus(std::size_t q_count, std::size_t p_count) const {
  require(q_count <= q_size() && p_count <= p_size(), "more primes than the ring has");
  double bits = 0;
  for (std::size_t i = 0; i < q_count; ++i) bits += std::log2(static_cast<double>(q(i).q));
  for (std::size_t i = 0; i < p_count; ++i) bits += std::log2(static_cast<double>(p(i).q));
  return bits;
}

const std::uint32_t* Ring::automorphism_index(u64 g) const {
  const std::size_t two_n = 2 * n();
  g &= two_n - 1;
  require((g & 1) != 0, "an automorphism's exponent is odd");
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

const kernels::BaseConversion& Ring::mod_up_conversion(std::size_t from_begin, std::size_t from_end,
                                                       std::size_t q_count,
                                                       std::size_t p_count) const {
  std::lock_guard lock(mutex_);
  auto& slot = mod_up_[{from_begin, from_end, q_count, p_count}];
  if (!slot) {
    std::vector<Modulus> from, to;
    for (std::size_t i = 0; i < q_count; ++i)
      (i >= from_begin && i < from_end ? from : to).push_back(q(i));
    for (std::size_t i = 0; i < p_count; ++i) to.push_back(p(i));
    slot = std::make_unique<kernels::BaseConversion>(std::move(from), std::move(to));
  }
  return *slot;
}

const kernels::BaseConversion& Ring::scale_down_conversion(std::size_t q_keep, std::size_t q_count,
                                                           std::size_t p_count) const {
  std::lock_guard lock(mutex_);
  auto& slot = scale_down_[{q_keep, q_count, p_count, 0}];
  if (!slot) {
    std::vector<Modulus> from, to;
    for (std::size_t i = 0; i < q_keep; ++i) to.push_back(q(i));
    for (std::size_t i = q_keep; i < q_count; ++i) from.push_back(q(i));
    for (std::size_t i = 0; i < p_count; ++i) from.push_back(p(i));
    slot = std::make_unique<kernels::BaseConversion>(std::move(from), std::move(to));
  }
  return *slot;
}

}  // namespace blindtuner
