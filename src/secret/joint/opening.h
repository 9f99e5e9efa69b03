// Decryption by several owners: each makes a share, and who has the shares of all adds them to c_0. For the door
// (secret/disclosure.h) and for tests, as everything that decrypts is.
//
//   d_i = c_1 s'_i + eta_i        c_0 + sum d_i = m + e + sum eta_i
//
// eta_i is a Gaussian over the integers, wide beside e: without it the shares would tell e, which with the
// ciphertexts tells secrets (docs/SECURITY.md, "What decrypted results give away").
#pragma once

#include "rlwe/ciphertext.h"
#include "secret/secret_key.h"

namespace blindtuner::secret::joint {

/// A discrete Gaussian over the integers of standard deviation wide_sigma(levels), n independent ones:
/// sum_j 2^j g_j, each g_j of kErrorSigma. By @[PDG14, Lemma 2] within 2^-71 of one in each level: a partial
/// sum below 2^j has 1.85 2^j and the next term 3.2 2^j, together 1.6 2^j over the multiples of 2^j.
Poly sample_wide_gaussian(const Ring& ring, std::size_t q_count, int levels, Prng& prng);
/// kErrorSigma sqrt((4^levels - 1) / 3).
double wide_sigma(int levels);
/// The fewest levels, at least 1, with at least this standard deviation. Throws ContractError beyond
/// kMostLevels.
int wide_levels(double sigma);
inline constexpr int kMostLevels = 96;

/// d_i, NTT domain, public. The noise is what the generator gives.
Poly decryption_share(const Ciphertext& c, const SecretKey& s, int levels, Prng& prng);
/// The same of what stands in s'_i's place where fewer than all open (joint/threshold.h): a polynomial of
/// at least c's limbs, NTT domain.
Poly decryption_share(const Ciphertext& c, const Poly& secret, int levels, Prng& prng);

}  // namespace blindtuner::secret::joint
