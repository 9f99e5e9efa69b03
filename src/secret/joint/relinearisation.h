// The relinearisation key of several owners, who none of them has s = sum s_i and so not s^2. Two rounds
// @[MTBH21, Protocol 2], each a sum that needs no secret (rlwe/key_share.h):
//
//   1.  h0 = sum (-a u_i + P g s_i + e),   h1 = sum (a s_i + e)
//   2.  b  = sum (s_i h0 + (u_i - s_i) h1 + e)
//
// The key is (b, h1), b + h1 s = P g s^2 + s e_0 + u e_1 + e_2: its uniform half is a sum, for which there is
// no seed, and its error's standard deviation about sigma k sqrt(4 N / 3) for k owners.
#pragma once

#include <optional>

#include "secret/keygen.h"

namespace blindtuner::secret::joint {

/// One owner's answer to the first round, or the sums of all.
struct FirstRound {
  KeyShare h0, h1;
};

/// Adds one owner's answer to those that are in `sum`.
void add_share(FirstRound& sum, FirstRound&& share);

/// One owner's part in one such key. s must outlive it. What it draws for the first round (u_i) it keeps
/// for the second, and wipes with itself.
class Relinearisation {
 public:
  /// Purposes of what is drawn begin with the key's name.
  Relinearisation(const SecretKey& s, const KeyPlan& plan, bool insecure_allowed,
                  const Randomness& randomness = {})
      : s_(s), plan_(plan), insecure_allowed_(insecure_allowed), randomness_(randomness) {}

  /// Once. Throws SecurityError when the shape's modulus exceeds what s allows and the parameters are not
  /// marked insecure: u_i is drawn as s_i was, and is as hard to find.
  FirstRound first(std::span<const Poly> a);
  /// In the place of first() where an earlier program has answered the first round out of the same seed.
  void resume();
  /// From the sums of all owners. Once: two answers to different sums would tell s_i. Throws ContractError
  /// when asked again, or before the first round.
  KeyShare second(const FirstRound& sums);

 private:
  const SecretKey& s_;
  KeyPlan plan_;
  bool insecure_allowed_;
  Randomness randomness_;
  bool asked_ = false;
  std::optional<SecretKey> u_;  // between the rounds
};

/// The key that the second round's shares add up to.
KeySwitchKey relinearisation_key(const KeyShape& shape, FirstRound&& sums, KeyShare&& b);

}  // namespace blindtuner::secret::joint
