// Uniform random polynomials: public, sampled by rejection. Secrets and errors: secret_sampling.h.
#pragma once

#include "base/random.h"
#include "ring/poly.h"

namespace blindtuner::ring {

/// Standard deviation of all encryption errors. @[HES18, Table 1]
inline constexpr double kErrorSigma = 3.2;

/// A polynomial with uniform limbs, NTT domain, determined by (seed, stream): limb i depends on its
/// prime's place in the ring only, so the same seed gives the same limbs at every level.
/// stream < 2^32.
Poly sample_uniform(const Ring& ring, std::size_t q_count, std::size_t p_count, const Seed& seed,
                    u64 stream);

}  // namespace blindtuner::ring
