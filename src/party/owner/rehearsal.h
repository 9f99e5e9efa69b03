// A training in the clear before it is paid for on ciphertexts.
#pragma once

#include <functional>
#include <string>

#include "learn/reference/plain_reference.h"
#include "rlwe/parameters.h"

namespace blindtuner::party {
using namespace reference;
using namespace rlwe;

struct RehearsedRun {
  const Dataset& train;
  const Dataset* test = nullptr;
  const Dataset* validation = nullptr;  ///< early stopping by it
  const TrainingConfig& config;
  const HeadCircuit& circuit;
  const Parameters& parameters;
  int patience = 3;
  double balance = 0;  ///< of early stopping's loss
  /// How much is done, at least: told after every step. What it throws ends the training.
  std::function<void(double)> progress{};
};

/// Its steps, with exact predictions; or with what encryption puts in its place: the circuit, and integer
/// coefficients.
PlainResult rehearse_exactly(const RehearsedRun& run);
PlainResult rehearse_as_encrypted(const RehearsedRun& run);

/// The largest |logit| that the circuit was given in the first `steps` steps; NaN if one is.
double largest_logit_of_steps(const PlainResult& result, int steps);

/// The largest |logit| that the circuit was given up to the steps of the result's model, or that this
/// model gives on the training samples; NaN if one is.
double largest_logit_of_training(const RehearsedRun& run, const PlainResult& result);

/// A line for settings that take the scores of some round of validation beyond what ciphertexts hold, or to what are no
/// numbers: opened, these would be refused, and a refused round ends its run with all that the rounds before have given.
/// Empty for others.
std::string rounds_out_of_range(const HeadCircuit& circuit, const PlainResult& result);

/// A line for settings that take logits to `largest`, beyond what the circuit stands; empty for
/// others.
std::string out_of_range(const HeadCircuit& circuit, double largest);

}  // namespace blindtuner::party
