// How a run of finetuning trains, found in the clear on parts of its own training set.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "features/samples/dataset.h"
#include "features/samples/order_seed.h"
#include "learn/reference/early_stopping.h"
#include "party/owner/finetuning_settings.h"

namespace blindtuner::party {
using namespace reference;

struct Choice {
  std::size_t way = 0;
  double balance = 0;     ///< the best strength with it
  nlohmann::json report;  ///< what was tried
};

/// Of the poolings that all sets have the features of (Dataset::poolings) takes one: trains with each
/// in the clear on parts of `train`, 5-fold cross-validated, and takes the cheapest to train with on
/// ciphertexts among the best (learn/reference/selection.h); the first one where there are less than 20
/// samples. `way`: how a run on such features would train. Returns what was tried. Throws DataError.
nlohmann::json choose_pooling(Dataset& train, const std::vector<Dataset*>& others,
                              const std::function<TrainingWay(const Dataset&)>& way, int patience,
                              const OrderSeed& seed);

/// A line of it.
std::string pooling_text(const nlohmann::json& choice);

/// Trains every way in the clear on parts of `train` (before whitening) and takes the one of least
/// cost among the best in the same manner, with early stopping by `rule` (the limit of |logit| is the
/// circuit's). `seconds`: what a way costs, or DataError for one that cannot be taken. Throws DataError
/// when none can, or none stays within its circuit's range. `progress`: told how much is done; what it
/// throws ends it.
Choice choose_way(const Dataset& train, const std::vector<TrainingWay>& ways,
                  const StoppingRule& rule, const OrderSeed& seed,
                  const std::function<double(const TrainingWay&)>& seconds,
                  const std::function<void(double)>& progress = {});

/// On how many of so many samples settings are tried: as many as take a minute or so, 1000 at least.
std::size_t trial_samples(std::size_t samples, std::size_t width, int classes);

/// A few lines of it.
std::string choice_text(const nlohmann::json& choice);

}  // namespace blindtuner::party
