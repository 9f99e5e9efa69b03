// Keys for the bootstrapping circuits.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"
#include "secret/keygen.h"

namespace blindtuner::secret {
using namespace ckks;

/// Makes every key that the bootstrapper's circuits need, and rotation keys for `extra_rotations`
/// at extra_q_count limbs. Each key's modulus is checked against its own secret.
BootstrapKeys make_bootstrap_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                  std::span<const std::size_t> extra_rotations = {},
                                  std::size_t extra_q_count = 0);

}  // namespace blindtuner::secret
