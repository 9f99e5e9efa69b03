#include "secret/bootstrap_keygen.h"

namespace blindtuner {

BootstrapKeys make_bootstrap_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                  std::span<const std::size_t> extra_rotations,
                                  std::size_t extra_q_count) {
  const Parameters& p = *secrets.parameters;
  const Ring& ring = p.ring();
  const bool insecure = p.insecure();
  const KeyShape top{p.top(), ring.p_size(), p.digit_ends(p.top())};
  const KeyShape at_eval_mod{p.eval_mod_start(), ring.p_size(), p.digit_ends(p.eval_mod_start())};
  const KeyShape at_q0{1, p.sparse_special(), {1}};
  const KeyShape at_bottom{2, p.small_special(), {2}};
  const SecretKey lifted = secrets.small.lifted(ring);

  BootstrapKeys keys;
  keys.evaluation.relinearisation = make_relinearisation_key(secrets.big, at_eval_mod, insecure);
  for (std::size_t steps : bootstrapper.rotations()) {
    const u64 g = rotation_galois(static_cast<std::int64_t>(steps), ring.n());
    keys.evaluation.galois.emplace(g, make_galois_key(g, secrets.big, top, insecure));
  }
  const u64 conjugation = conjugation_galois(ring.n());
  keys.evaluation.galois.emplace(conjugation,
                                 make_galois_key(conjugation, secrets.big, at_eval_mod, insecure));
  for (std::size_t steps : extra_rotations) {
    const u64 g = rotation_galois(static_cast<std::int64_t>(steps), ring.n());
    if (keys.evaluation.galois.contains(g)) continue;
    const KeyShape shape{extra_q_count, ring.p_size(), p.digit_ends(extra_q_count)};
    keys.evaluation.galois.emplace(g, make_galois_key(g, secrets.big, shape, insecure));
  }
  keys.small_to_sparse = make_key_switch_key(lifted.ntt(), secrets.sparse, at_q0, insecure,
                                             "key from the small to the sparse secret");
  keys.dense_to_sparse = make_key_switch_key(secrets.big.ntt(), secrets.sparse, at_q0, insecure,
                                             "key from the dense to the sparse secret");
  keys.sparse_to_dense = make_key_switch_key(secrets.sparse.ntt(), secrets.big, top, insecure,
                                             "key from the sparse to the dense secret");
  keys.dense_to_small = make_key_switch_key(secrets.big.ntt(), lifted, at_bottom, insecure,
                                            "key from the dense to the small secret");
  return keys;
}

}  // namespace blindtuner
