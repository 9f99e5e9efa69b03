// A training configuration in a file of its own.
#pragma once

#include <filesystem>

#include "learn/training_config.h"

namespace blindtuner::app {
using namespace learn;

/// A training configuration in JSON; `classes` where the file does not say. The default one where
/// the path is empty. `head`, unless it is empty, whatever the file says. Throws DataError.
TrainingConfig read_training_config(const std::filesystem::path& path, int classes,
                                    const std::string& head = "");

}  // namespace blindtuner::app
