#include "party/owner/run_judge.h"

#include "learn/encrypted_trainer.h"
#include "learn/model_noise.h"
#include "learn/optimiser.h"
#include "learn/reference/metrics.h"
#include "party/owner/comparison.h"
#include "party/owner/opening.h"
#include "party/owner/trust.h"
#include "records/model.h"
#include "records/sections.h"

namespace blindtuner::party {
namespace {

using nlohmann::json;

// The model is the one that the run was to end with: after all steps, or the best round's of a run
// that went through its rounds or was told to stop.
void judge_end(json& report, const FinishedRun& run, const ModelFile& file) {
  const int planned = planned_steps(file),
            expected = run.validated ? run.validated->kept_steps : planned;
  const std::string advice = "Do not use this server: it did not do what it was told to.";
  if (file.training.steps != expected)
    distrust(report,
             "the model is after " + std::to_string(file.training.steps) +
                 " steps, the run's is after " + std::to_string(expected),
             advice);
  if (run.validated && !run.validated->ended)
    distrust(report,
             "the server ended the run after " + std::to_string(run.validated->rounds.size()) +
                 " rounds of validation, neither told to stop nor at the end of its " +
                 std::to_string(planned) + " steps",
             advice);
}

// The model in the clear after so many steps, classes x (features + 1).
Eigen::MatrixXd same_in_the_clear(int steps, const FinishedRun& run, const Parameters& parameters,
                                  const HeadCircuit& circuit, const PlainResult& clear) {
  const UpdatePlan plan(run.config, run.train.size());
  const std::vector<double> c = EncryptedTrainer::round_coefficients(
      plan.model(steps), EncryptedTrainer::coefficient_scale(parameters, circuit));
  Eigen::MatrixXd w = Eigen::MatrixXd::Zero(clear.weights.rows(), clear.weights.cols());
  for (std::size_t s = 0; s < static_cast<std::size_t>(steps); ++s)
    w += c[s] * clear.gradients.at(s);
  return w;
}

FeatureSizes sizes_of(const Dataset& set, ProductLayout layout, const Parameters& parameters) {
  layout.samples = set.size();
  const FeatureMatrix& x = set.features;
  return feature_sizes(parameters, layout, {x.data(), static_cast<std::size_t>(x.size())});
}

// Of the validation set's, by the model after so many steps, whose classes' norms are `norm` at most;
// single precision in the clear counts as noise.
double noise_of_scores(const FinishedRun& run, const Parameters& parameters, ProductLayout layout,
                       const HeadCircuit& circuit, int steps, double norm) {
  const double of_weights = model_noise(parameters, layout, run.config, steps, circuit,
                                        sizes_of(run.train, layout, parameters)) +
                            kSinglePrecision * norm;
  layout.samples = run.validated->set.size();
  return score_noise(parameters, layout, of_weights, norm, circuit,
                     sizes_of(run.validated->set, layout, parameters));
}

}  // namespace

double judge_run(json& report, const FinishedRun& run, const Parameters& parameters,
                 const ModelFile& file, const LinearClassifier& model,
                 const PlainResult& approximate) {
  const int steps = file.training.steps;
  const HeadCircuit& circuit = circuit_named(file.training.circuit);
  const LogitLimit limit = LogitLimit::of(circuit);
  judge_logits(report, limit, largest_logit(scores(model, run.train.features)),
               "on the training samples");
  // Early stopping may have ended the run in the clear before.
  std::optional<PlainResult> longer;
  if (approximate.gradients.size() < static_cast<std::size_t>(steps) ||
      (run.validated && approximate.rounds.size() < run.validated->rounds.size()))
    longer = rehearse_as_encrypted(
        {run.train, nullptr, run.validated ? &run.validated->set : nullptr, run.config, circuit,
         parameters, kMaxRounds, run.validated ? run.validated->balance : 0});
  const PlainResult& in_the_clear = longer ? *longer : approximate;
  if (report["trusted"].get<bool>())
    judge_logits(report, limit, largest_logit_of_steps(in_the_clear, steps), "during training");
  judge_end(report, run, file);

  const Eigen::MatrixXd clear = same_in_the_clear(steps, run, parameters, circuit, in_the_clear);
  const auto difference = WeightDifference::between(model, clear);
  const ProductLayout& layout = file.model.layout;
  const double noise = weight_noise(parameters, file, sizes_of(run.train, layout, parameters)),
               largest = largest_logit(clear);
  judge_difference(report, difference, noise, largest);
  if (run.validated && report["trusted"])
    judge_rounds(report, circuit.head(), layout.classes, run.validated->rounds, in_the_clear.rounds,
                 [&](int at) {
                   const double norm = same_in_the_clear(at, run, parameters, circuit, in_the_clear)
                                           .rowwise()
                                           .norm()
                                           .maxCoeff();
                   return noise_of_scores(run, parameters, layout, circuit, at, norm);
                 });
  if (run.publish && report["trusted"] && !difference.covered(noise, largest))
    distrust(report, "its errors are larger than a publication's noise is made for",
             "Repeat the training; unpublished the model may be used.");
  return published_error(noise, largest);
}

}  // namespace blindtuner::party
