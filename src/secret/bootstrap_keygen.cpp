#include "secret/bootstrap_keygen.h"

#include "ckks/bootstrap/key_plans.h"

namespace blindtuner::secret {

BootstrapKeys make_bootstrap_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                  std::span<const std::size_t> extra_rotations,
                                  std::size_t extra_q_count) {
  const Parameters& p = *secrets.parameters;
  const BootstrapKeyShapes shapes(p, bootstrapper.rotations(), extra_rotations, extra_q_count);
  CommonReference reference;
  ShareMaker shares(secrets);
  BootstrapKeys keys;
  for (const KeyPlan& plan : key_plans(shapes))
    key_in(keys, plan) = make_key(p.ring(), plan.shape, reference.seed(plan.name()),
                                  [&](std::span<const Poly> a) { return shares.make(plan, a); });
  return keys;
}

}  // namespace blindtuner::secret
