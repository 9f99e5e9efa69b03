// Keys as sums of shares. Every b half of a key is linear in what it hides and in the secret that hides it,
//
//   b_d = -a_d s_to + e_d + P g_d s_from = sum over the owners i of (-a_d s_to,i + e_d,i + P g_d s_from,i),
//
// so each owner makes a share from its own secrets (secret/keygen.h), and whoever has all of them adds
// them up. One owner's key is its own share. docs/decisions/key-shares.md.
#pragma once

#include <string>

#include "rlwe/keys.h"

namespace blindtuner::rlwe {

/// The b halves of one owner's share, as many as the key has.
using KeyShare = std::vector<Poly>;

/// The uniform half of streams 0 .. count-1 of the seed.
std::vector<Poly> uniform_halves(const Ring& ring, std::size_t q_count, std::size_t p_count,
                                 std::size_t count, const Seed& seed);

/// Adds a share to those that b has: none, as long as it is empty. Throws ContractError for shares of
/// different shapes.
void add_share(std::vector<Poly>& b, KeyShare&& share);

/// A key-switching key that circuits need, as its owners and whoever adds up their shares know it.
struct KeyPlan {
  enum class Kind {
    kRelinearisation,  ///< s^2 -> s
    kGalois,           ///< s -> s(X^(1/g))
    kSmallToSparse,    ///< s'(X^ratio) -> s~
    kDenseToSparse,    ///< s -> s~
    kSparseToDense,    ///< s~ -> s
    kDenseToSmall,     ///< s -> s'(X^ratio)
  };
  Kind kind{};
  KeyShape shape;
  u64 g = 1;           ///< of kGalois
  bool small = false;  ///< of the small ring, where s' stands for s: the first two kinds alone

  /// What tells it from all others of a set, for the common reference and for messages.
  std::string name() const;
};

}  // namespace blindtuner::rlwe
