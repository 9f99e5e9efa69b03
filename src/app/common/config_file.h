// A training configuration in a file of its own.
#pragma once

#include <filesystem>

#include "learn/training_config.h"

namespace blindtuner::app {
using namespace learn;

/// A training configuration in JSON; `classes` where the file does not say. The default one where
/// the path is empty. Throws DataError.
TrainingConfig read_training_config(const std::filesystem::path& path, int classes);

}  // namespace blindtuner::app
