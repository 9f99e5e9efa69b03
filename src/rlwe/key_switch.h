// Hybrid key switching in its parts, so that decompositions and divisions by P can be shared.
#pragma once

#include <span>
#include <utility>

#include "rlwe/ciphertext.h"
#include "rlwe/keys.h"

namespace blindtuner {

/// c in digits: digit d holds the centred value of c modulo the digit's primes, in all q_count +
/// p_count limbs. Digits are kept as coefficients and transformed where they are used, a limb at a
/// time and for all its uses, while it is in the cache.
class Decomposition {
 public:
  /// c: NTT domain, q limbs only, perhaps fewer than the shape has; it must stay.
  Decomposition(const Poly& c, const KeyShape& shape);

  std::size_t q_count() const { return c_->q_count(); }
  std::size_t limbs() const { return q_count() + p_count_; }
  /// Throws ContractError when the key's ring, special primes or digits differ.
  void require_fits(const KeySwitchKey& key) const;

  /// Limb i of every digit in the NTT domain. The decomposition must stay.
  class Limb {
   public:
    Limb(const Decomposition& digits, std::size_t i);
    /// Words [begin, begin + count) of this limb of sum_d digit_d * (b_d, a_d), to c0 and c1, for a
    /// key that fits.
    void inner_product(u64* c0, u64* c1, const KeySwitchKey& key, std::size_t begin,
                       std::size_t count) const;

   private:
    std::size_t i_, q_count_;
    const Modulus* modulus_;
    Buffer transforms_;
    std::vector<const u64*> digits_;
  };

 private:
  const Poly* c_;
  std::size_t p_count_;
  std::vector<std::size_t> begins_, ends_;  ///< the shape's digits, the last one cut to q_count
  std::vector<Poly> digits_;                ///< a digit's own limbs are unset: they are those of c

  bool owns(std::size_t d, std::size_t limb) const { return limb >= begins_[d] && limb < ends_[d]; }
};

/// (c0, c1) with c0 + c1 s_to ~ c s_from: decompose, inner product, division by P.
std::pair<Poly, Poly> key_switch(const Poly& c, const KeySwitchKey& key);

/// c under s to c under s_to, where key switches from s.
Ciphertext key_switch(const Ciphertext& c, const KeySwitchKey& key);

/// Degree two to degree one, key switching from s^2.
Ciphertext relinearise(const Tensor& t, const KeySwitchKey& key);
/// Relinearise and rescale by the last `count` primes in one division (merged with that by P).
Ciphertext relinearise_rescale(const Tensor& t, const KeySwitchKey& key, std::size_t count = 1);

/// c(X^g) under s. Throws ContractError when the key for g is missing.
Ciphertext apply_automorphism(const Ciphertext& c, u64 g, const GaloisKeys& keys);
/// The same for several g, whose keys have one shape, from one decomposition.
std::vector<Ciphertext> apply_automorphisms(const Ciphertext& c, std::span<const u64> g,
                                            const GaloisKeys& keys);
const KeySwitchKey& find_galois_key(const GaloisKeys& keys, u64 g);

}  // namespace blindtuner
