// Keys as sums of shares. Every b half of a key is linear in what it hides and in the secret that hides it,
//
//   b_d = -a_d s_to + e_d + P g_d s_from = sum over the owners i of (-a_d s_to,i + e_d,i + P g_d s_from,i),
//
// so each owner makes a share from its own secrets (secret/keygen.h), and whoever has all of them adds
// them up. One owner's key is its own share. docs/decisions/key-shares.md.
#pragma once

#include <functional>
#include <string>

#include "rlwe/keys.h"

namespace blindtuner::rlwe {

/// The b halves of one owner's share, as many as the key has.
using KeyShare = std::vector<Poly>;

/// The uniform half of streams 0 .. count-1 of the seed.
std::vector<Poly> uniform_halves(const Ring& ring, std::size_t q_count, std::size_t p_count,
                                 std::size_t count, const Seed& seed);

/// Adds a share to those that b has: none as long as it is empty. Throws ContractError for shares of
/// different shapes.
void add_share(std::vector<Poly>& b, KeyShare&& share);

/// The key whose uniform halves the seed gives and whose share of owner i next(i) gives, asked in order: in
/// memory are the key and one share, however many owners there are.
KeySwitchKey sum_shares(const Ring& ring, const KeyShape& shape, const Seed& seed,
                        std::size_t owners, const std::function<KeyShare(std::size_t owner)>& next);

/// A key-switching key that circuits need, as its owners and whoever adds up their shares know it.
struct KeyPlan {
  enum class Kind {
    kRelinearisation,  ///< s^2 -> s
    kGalois,           ///< s -> s(X^(1/g))
    kSmallToSparse,    ///< s'(X^ratio) -> s~
    kDenseToSparse,    ///< s -> s~
    kSparseToDense,    ///< s~ -> s
    kDenseToSmall,     ///< s -> s'(X^ratio)
    kWayIn,            ///< one owner's own s' -> the s' of all
  };
  Kind kind{};
  KeyShape shape;
  u64 g = 1;  ///< of kGalois; of kWayIn the owner, counted from 0
  bool small =
      false;  ///< of the small ring, where s' stands for s: kWayIn always, the first two kinds

  /// What tells it from all others of a set, for the common reference and for messages.
  std::string name() const;
};

}  // namespace blindtuner::rlwe
