#include "party/owner/rehearsal.h"

#include <cmath>
#include <cstdio>

#include "learn/encrypted_trainer.h"
#include "learn/reference/metrics.h"
#include "learn/result_shape.h"

namespace blindtuner::party {
namespace {

PlainOptions options_of(const RehearsedRun& run) {
  PlainOptions options;
  options.measure_models = false;
  options.validation = run.validation;
  options.stopping = {run.patience, logit_limit(run.circuit), run.balance};
  if (run.progress)
    options.on_step = [&run,
                       total = run.config.total_steps(run.train.size())](const PlainStep& step) {
      run.progress((step.step + 1.0) / total);
      return true;
    };
  return options;
}

/// Where settings take what a circuit or ciphertexts bound by `most`.
std::string reached(double largest, double most) {
  char text[100];
  if (std::isfinite(largest))
    std::snprintf(text, sizeof text, "to %.3g, beyond the %.3g that ", largest, most);
  else
    std::snprintf(text, sizeof text, "beyond all numbers, where %.3g is all that ", most);
  return text;
}

}  // namespace

PlainResult rehearse_exactly(const RehearsedRun& run) {
  return train_plain(run.train, run.test, run.config, options_of(run));
}

PlainResult rehearse_as_encrypted(const RehearsedRun& run) {
  PlainOptions options = options_of(run);
  options.predictions = [&](std::span<const double> z, std::span<double> p) {
    run.circuit.evaluate(z, p);
  };
  const double scale = EncryptedTrainer::coefficient_scale(run.parameters, run.circuit);
  options.rounding = [scale](std::span<const double> c) {
    return EncryptedTrainer::round_coefficients(c, scale);
  };
  return train_plain(run.train, run.test, run.config, options);
}

double largest_logit_of_steps(const PlainResult& result, int steps) {
  double most = 0;
  for (const PlainStep& step : result.steps)
    // Written so that what is not a number stays.
    if (step.step < steps && !(step.max_logit <= most)) most = step.max_logit;
  return most;
}

double largest_logit_of_training(const RehearsedRun& run, const PlainResult& result) {
  const auto best = static_cast<std::size_t>(result.best_round);
  const int steps =
      best == 0 ? static_cast<int>(result.steps.size()) : result.rounds[best - 1].steps;
  const double of_steps = largest_logit_of_steps(result, steps);
  const double of_model = largest_logit(scores(result.model, run.train.features));
  return of_model <= of_steps ? of_steps : std::isnan(of_steps) ? of_steps : of_model;
}

std::string rounds_out_of_range(const HeadCircuit& circuit, const PlainResult& result) {
  const double most = largest_score(circuit);
  for (const ValidationRound& round : result.rounds) {
    if (std::isfinite(round.score.loss) && round.score.max_logit <= most) continue;
    return "in the clear, these settings take the scores of validation round " +
           std::to_string(round.round) + ", after " + std::to_string(round.steps) + " steps, " +
           reached(round.score.max_logit, most) +
           "ciphertexts hold: the run would end there without a result";
  }
  return "";
}

std::string out_of_range(const HeadCircuit& circuit, double largest) {
  if (largest <= circuit.stable_range) return "";
  return "in the clear, these settings take logits " + reached(largest, circuit.stable_range) +
         "the circuit " + circuit.name + " stands: on ciphertexts the result could not be trusted";
}

}  // namespace blindtuner::party
