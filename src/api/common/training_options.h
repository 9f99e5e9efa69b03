// What an owner and a server agree on, as both understand it.
#pragma once

#include <blindtuner/training.h>

#include "learn/head.h"
#include "learn/training_config.h"

namespace blindtuner {

inline constexpr double kMaxRange = 1e4;  ///< as --range

/// For so many classes. Throws DataError.
learn::TrainingConfig config_of(const TrainingOptions& options, std::size_t classes);
const learn::HeadCircuit& circuit_of(const TrainingOptions& options,
                                     const learn::TrainingConfig& config);

}  // namespace blindtuner
