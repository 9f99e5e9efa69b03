// Whether a result can be what training should have given, as far as can be told from it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "features/samples/dataset.h"
#include "learn/head.h"

namespace blindtuner::party {
using namespace learn;
using namespace features;

/// The circuit that a model was trained with and the largest |logit| that it stands
/// (HeadCircuit::stable_range): what training computes from larger ones is another thing, and does
/// not show as an error. limit 0: not known.
struct LogitLimit {
  std::string circuit;
  double limit = 0;
  static LogitLimit of(const HeadCircuit& circuit) { return {circuit.name, circuit.stable_range}; }
};

/// Sets "trusted": false, adds to "reasons" and, where there is none yet, sets "advice": what to do.
/// print_report() and the report's page say so first, and the program's exit code is kExitUntrusted.
/// A reason is a sentence without its full stop.
void distrust(nlohmann::json& report, const std::string& reason, const std::string& advice);

/// Adds "logit_limit" and, if nothing is amiss so far, "trusted": true; distrusts what is beyond, and
/// what is not a number. `where`: "on the training samples". Nothing where the limit is not known,
/// unless the logit is not a number.
void judge_logits(nlohmann::json& report, const LogitLimit& limit, double largest_logit,
                  const std::string& where);

/// What can be told of a model's logits without data, where its features are whitened (uncorrelated,
/// mean zero, mean square one at most): the root mean square of the logits of a class is the norm of
/// its weights, and the largest is larger. Distrusts beyond the limit.
void judge_weights(nlohmann::json& report, const LogitLimit& limit, const LinearClassifier& model);

}  // namespace blindtuner::party
