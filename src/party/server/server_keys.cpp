#include "party/server/server_keys.h"

#include "base/error.h"

namespace blindtuner::party {

ServerKeysPtr load_keys(ByteSource& source, const KeySet& set, const FractionCallback& progress) {
  auto out = std::make_shared<ServerKeys>();
  out->set = set;
  out->keys = read_training_keys(source, set, progress, &out->contents);
  return out;
}

void require_fit(const ServerKeys& keys, const Bootstrapper& bootstrapper) {
  const Parameters& parameters = *keys.set.parameters;
  const BootstrapKeyShapes expected(parameters, bootstrapper.rotations(),
                                    class_sum_rotations(parameters, keys.keys.layout.class_stride),
                                    parameters.circuit_start());
  const BootstrapKeys& have = keys.keys.bootstrap;
  const auto require_shape = [&](bool fits, const std::string& which) {
    if (!fits)
      throw DataError(keys.set.name + ": the key for " + which +
                      " is missing, or of another shape than these parameters have it");
  };
  require_shape(have.evaluation.relinearisation.shape == expected.relinearisation,
                "relinearisation");
  for (const auto& [g, shape] : expected.galois) {
    // One of more limbs serves as one of fewer.
    const auto key = have.evaluation.galois.find(g);
    const bool fits =
        key != have.evaluation.galois.end() && key->second.shape.q_count >= shape.q_count &&
        key->second.shape.p_count == shape.p_count &&
        key->second.shape.digit_ends == parameters.digit_ends(key->second.shape.q_count);
    require_shape(fits, "the automorphism X -> X^" + std::to_string(g));
  }
  require_shape(have.small_to_sparse.shape == expected.small_to_sparse, "small to sparse");
  require_shape(have.dense_to_sparse.shape == expected.dense_to_sparse, "dense to sparse");
  require_shape(have.sparse_to_dense.shape == expected.sparse_to_dense, "sparse to dense");
  require_shape(have.dense_to_small.shape == expected.dense_to_small, "dense to small");
}

}  // namespace blindtuner::party
