// Opening what the owner sends: with the refusals that only a server makes.
#pragma once

#include "records/dataset.h"
#include "records/training_keys.h"

namespace blindtuner::app {
using namespace records;

/// Refuses a secret key wherever some other file was expected, before anything of it is read.
void refuse_secret_key(const std::filesystem::path& path);

TrainingKeysInfo open_training_keys(const std::filesystem::path& path, bool allow_insecure);
/// Every key that bootstrapping by this object needs is there and of the shape that it needs. Throws
/// DataError: keys of such a file would fail in the midst of the work.
void require_fit(const std::filesystem::path& path, const TrainingKeys& keys,
                 const Parameters& parameters, const Bootstrapper& bootstrapper);
DatasetFile open_dataset(const std::filesystem::path& path, const KeySet& keys, bool quiet);

}  // namespace blindtuner::app
