#include "app/server/server_files.h"

#include "app/common/progress.h"
#include "base/error.h"
#include "base/path.h"
#include "io/file_stream.h"
#include "records/dataset.h"
#include "records/training_keys.h"

namespace blindtuner::app {

void refuse_secret_key(const std::filesystem::path& path) {
  FileSource source(path);
  const ContainerReader in(source);
  if (in.header().kind == FileKind::kSecretKey)
    in.fail(
        "is a secret key: it belongs to its owner alone, not on a server; expected a file that "
        "the owner encrypted, or evaluation keys");
}

TrainingKeysInfo open_training_keys(const std::filesystem::path& path, bool allow_insecure) {
  refuse_secret_key(path);
  return read_training_keys_info(path, allow_insecure);
}

void require_fit(const std::filesystem::path& path, const TrainingKeys& keys,
                 const Parameters& parameters, const Bootstrapper& bootstrapper) {
  const BootstrapKeyShapes expected(parameters, bootstrapper.rotations(),
                                    class_sum_rotations(parameters, keys.layout.class_stride),
                                    parameters.circuit_start());
  const BootstrapKeys& have = keys.bootstrap;
  const auto require_shape = [&](bool fits, const std::string& which) {
    if (!fits)
      throw DataError(quoted_path(path) + ": the key for " + which +
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

DatasetFile open_dataset(const std::filesystem::path& path, const KeySet& keys, bool quiet) {
  refuse_secret_key(path);
  ProgressBar bar("reading data", quiet);
  DatasetFile data = read_dataset(path, keys, [&](double f) { bar.update(f); });
  bar.finish();
  return data;
}

}  // namespace blindtuner::app
