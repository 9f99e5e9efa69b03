// Any t of k owners open. At set-up each owner i cuts its small secret by @[Sha79], over R' modulo the primes of
// results, and hands owner j, and nobody else, the value at j + 1 of
//
//   f_i(x) = s'_i + r_1 x + .. + r_(t-1) x^(t-1),   r uniform.
//
// S_j = sum_i f_i(j + 1) is what owner j keeps: t of these have sum_j lambda_j S_j = s', with lambda_j by the set of
// the t (Lagrange's coefficient at 0); fewer are uniform, whatever s' is. Who opens is settled before
// anybody answers, and lambda_j S_j stands for s'_j in the share (opening.h).
//
// Such a share alone tells more than s'_j's would. Whoever has t - 1 parts, one of them that of an owner who does not
// open, can write S_j as what is known plus (a / b) s', a and b small whole numbers: from c_1 lambda_j S_j + eta_j follows
// (a / b) (m + e) + eta_j modulo q, and with it m + e modulo b to the last bit. So decryptors hide their shares from all
// but their sum: each pair of them agrees on a key, and one adds what the other subtracts,
//
//   d_j = c_1 lambda_j S_j + eta_j + sum_(i < j) F(k_ij) - sum_(i > j) F(k_ij),
//
// F uniform polynomials, of all that the share is of. The sum over those who are honest is c_1 s' + sum eta_j and what
// the others know; less than their sum is uniform.
#pragma once

#include "base/sha256.h"
#include "secret/joint/sealed_box.h"
#include "secret/secret_key.h"

namespace blindtuner::secret::joint {

/// What each of `owners` gets of one owner's secret, by its place: NTT domain, modulo the first q_count primes, in
/// wiped memory. Throws ContractError unless 2 <= threshold <= owners, and owners are fewer than any prime.
std::vector<Poly> deal(const SecretKey& s, std::size_t q_count, std::size_t threshold,
                       std::size_t owners, Prng& prng);

/// lambda_j S_j of owner j among the decryptors, places in rising order. Throws ContractError for places that
/// are not, or where the owner is none of them.
Poly weighted_part(const Poly& part, std::size_t owner, std::span<const std::size_t> decryptors);

/// What an owner among the decryptors opens with.
struct OpeningPart {
  struct Pair {
    Seed key;
    bool adds;
    Pair(const Seed& k, bool add) : key(k), adds(add) {}
    ~Pair() { wipe(key.data(), key.size()); }
    Pair(const Pair&) = default;
    Pair& operator=(const Pair&) = default;
  };
  Poly secret;               ///< lambda_j S_j
  std::vector<Pair> others;  ///< one with each other decryptor

  /// sum_(i < j) F(k_ij) - sum_(i > j) F(k_ij), NTT domain, in wiped memory. `of`: what names all that the share is of; the
  /// decryptors' masks of the same add up to zero.
  Poly mask(std::size_t q_count, const Sha256Digest& of) const;
};
/// keys: all owners' public ones, in their order; `own` is this one's. Throws as weighted_part(), and DataError for a key that no
/// secret can be shared with.
OpeningPart opening_part(const Poly& part, std::size_t owner,
                         std::span<const std::size_t> decryptors, const BoxKey& own,
                         std::span<const PublicBoxKey> keys);

}  // namespace blindtuner::secret::joint
