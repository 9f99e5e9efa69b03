// Evaluation keys from secret keys: an owner's shares of them (rlwe/key_share.h), and the keys of an owner who
// is alone, which are one share each.
#pragma once

#include <functional>

#include "rlwe/common_reference.h"
#include "rlwe/key_share.h"
#include "secret/secret_key.h"

namespace blindtuner::secret {

/// For every digit d of the shape -a_d to + e_d + P g_d payload: an owner's share of a key with the uniform
/// halves a. The payload is any polynomial over all limbs of the shape, NTT domain, usually a secret; or an
/// empty one, for zero. The errors are what the generator gives.
/// Throws SecurityError when the shape's modulus exceeds what `to` allows and the parameters are not
/// marked insecure.
KeyShare make_share(std::span<const Poly> a, const Poly& payload, const SecretKey& to,
                    const KeyShape& shape, bool insecure_allowed, const std::string& name,
                    Prng errors = Prng::for_secrets());

/// All of one owner's shares of key-switching keys. The secrets must outlive it.
class ShareMaker {
 public:
  /// Of the owner with this index (from 0) of so many. A key's errors are drawn for the purpose that is its name.
  explicit ShareMaker(const SecretKeys& secrets, std::size_t index = 0, std::size_t owners = 1,
                      const Randomness& randomness = {})
      : secrets_(secrets), index_(index), owners_(owners), randomness_(randomness) {}
  /// Of the planned key. A relinearisation key is not linear in s: throws ContractError for one unless the
  /// owner is alone; several take two rounds (joint/relinearisation.h).
  KeyShare make(const KeyPlan& plan, std::span<const Poly> a);

 private:
  const SecretKey& lifted();

  const SecretKeys& secrets_;
  std::size_t index_, owners_;
  Randomness randomness_;
  std::optional<SecretKey> lifted_;  // s'(X^ratio), once it is asked for
};

// Keys of an owner who is alone.

/// From the shares that `share` makes of the uniform halves.
KeySwitchKey make_key(const Ring& ring, const KeyShape& shape, const Seed& seed,
                      const std::function<KeyShare(std::span<const Poly> a)>& share);
/// That switches from `payload` to `to`.
KeySwitchKey make_key_switch_key(const Poly& payload, const SecretKey& to, const KeyShape& shape,
                                 bool insecure_allowed, const std::string& name);

/// The key for X -> X^g of ciphertexts under s (see GaloisKeys for its direction).
KeySwitchKey make_galois_key(u64 g, const SecretKey& s, const KeyShape& shape,
                             bool insecure_allowed);

/// From s^2 to s.
KeySwitchKey make_relinearisation_key(const SecretKey& s, const KeyShape& shape,
                                      bool insecure_allowed);

/// g^-1 modulo 2n.
u64 inverse_galois(u64 g, std::size_t n);

}  // namespace blindtuner::secret
