#include "secret/bootstrap_keygen.h"

namespace blindtuner::secret {

BootstrapKeys make_bootstrap_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                  std::span<const std::size_t> extra_rotations,
                                  std::size_t extra_q_count) {
  const Parameters& p = *secrets.parameters;
  const Ring& ring = p.ring();
  const bool insecure = p.insecure();
  const BootstrapKeyShapes shapes(p, bootstrapper.rotations(), extra_rotations, extra_q_count);
  const SecretKey lifted = secrets.small.lifted(ring);

  BootstrapKeys keys;
  keys.evaluation.relinearisation =
      make_relinearisation_key(secrets.big, shapes.relinearisation, insecure);
  for (const auto& [g, shape] : shapes.galois)
    keys.evaluation.galois.emplace(g, make_galois_key(g, secrets.big, shape, insecure));
  keys.small_to_sparse = make_key_switch_key(lifted.ntt(), secrets.sparse, shapes.small_to_sparse,
                                             insecure, "key from the small to the sparse secret");
  keys.dense_to_sparse =
      make_key_switch_key(secrets.big.ntt(), secrets.sparse, shapes.dense_to_sparse, insecure,
                          "key from the dense to the sparse secret");
  keys.sparse_to_dense =
      make_key_switch_key(secrets.sparse.ntt(), secrets.big, shapes.sparse_to_dense, insecure,
                          "key from the sparse to the dense secret");
  keys.dense_to_small = make_key_switch_key(secrets.big.ntt(), lifted, shapes.dense_to_small,
                                            insecure, "key from the dense to the small secret");
  return keys;
}

}  // namespace blindtuner::secret
