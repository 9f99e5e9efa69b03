// How large a modulus each secret may meet at 128 bits of classical security.
#pragma once

#include <cstddef>
#include <string>

namespace blindtuner::rlwe {

/// What makes a secret hard to find: the dimension of its module and its distribution.
struct SecretHardness {
  int log_n = 0;                  ///< the secret lives in Z[X]/(X^(2^log_n) + 1)
  std::size_t sparse_weight = 0;  ///< 0: uniform ternary; else the number of nonzero coefficients
};

/// The largest log2(QP) under which samples of this secret keep 128 bits of security; 0 for a
/// secret that has no entry.
///
/// Uniform ternary secrets: @[BCC24, Table 5.2], stricter below dimension 2^16 than the older
/// @[HES18, Table 1] and @[OpenFHE-tables]. Sparse secrets: estimated for this program. Both are
/// recomputed in docs/SECURITY.md.
double max_log2_modulus(const SecretHardness& hardness);

/// Throws SecurityError, naming `what`, when log2_modulus exceeds the bound.
void require_secure(const SecretHardness& hardness, double log2_modulus, const std::string& what);

/// How often one bootstrapping fails: log2 of a bound for the probability that |I| >= range for any of
/// the 2^log_n coefficients of mod_raise(m) = m + q_0 I, for a secret of this weight and messages of at
/// most `message` q_0. -infinity where it cannot; log_n, which says nothing, where the range is so small
/// that it happens all the time. docs/SECURITY.md, "Failure probability of bootstrapping".
double log2_range_failure(int log_n, std::size_t weight, int range, double message);

}  // namespace blindtuner::rlwe
