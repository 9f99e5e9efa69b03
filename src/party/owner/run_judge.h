// A run of finetuning held against all that its owner, who has the data, knows of it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "features/samples/dataset.h"
#include "party/owner/rehearsal.h"
#include "records/model.h"

namespace blindtuner::party {
using namespace records;

/// Features as they were encrypted.
struct FinishedRun {
  const Dataset& train;
  const TrainingConfig& config;
  bool publish = false;  ///< its errors must be within what a publication's noise is made for
  struct Validated {
    const Dataset& set;
    const nlohmann::json& rounds;  ///< as the validator reports them
    int kept_steps = 0;            ///< of the model that it kept
    bool ended = false;            ///< told to stop, or gone through
    double balance = 0;            ///< of their loss
  };
  std::optional<Validated> validated;
};

/// Adds what there is to say of the decrypted `model` of `file` to the report, and whether it can be
/// trusted: logits within their range, the steps that were asked for, weights and rounds as the same
/// training in the clear has them (`approximate`, which may end before the model's steps). Returns
/// the error that a publication's noise is made for.
double judge_run(nlohmann::json& report, const FinishedRun& run, const Parameters& parameters,
                 const ModelFile& file, const LinearClassifier& model,
                 const PlainResult& approximate);

}  // namespace blindtuner::party
