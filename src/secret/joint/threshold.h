// Any t of k owners open. At set-up each owner i cuts its small secret by @[Sha79], over R' modulo the primes of
// results, and hands owner j, and nobody else, the value at j + 1 of
//
//   f_i(x) = s'_i + r_1 x + .. + r_(t-1) x^(t-1),   r uniform.
//
// S_j = sum_i f_i(j + 1) is what owner j keeps: t of these have sum_j lambda_j S_j = s', with lambda_j by the set of
// the t (Lagrange's coefficient at 0); fewer are uniform, whatever s' is. Who opens is settled before
// anybody answers, and lambda_j S_j stands for s'_j in the share (opening.h).
#pragma once

#include "secret/secret_key.h"

namespace blindtuner::secret::joint {

/// What each of `owners` gets of one owner's secret, by its place: NTT domain, modulo the first q_count primes, in
/// wiped memory. Throws ContractError unless 2 <= threshold <= owners, and owners are fewer than any prime.
std::vector<Poly> deal(const SecretKey& s, std::size_t q_count, std::size_t threshold,
                       std::size_t owners, Prng& prng);

/// lambda_j S_j of owner j among the decryptors, places in rising order. Throws ContractError for places that
/// are not, or where the owner is none of them.
Poly weighted_part(const Poly& part, std::size_t owner, std::span<const std::size_t> decryptors);

}  // namespace blindtuner::secret::joint
