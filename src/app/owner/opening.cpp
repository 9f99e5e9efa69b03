#include "app/owner/opening.h"

#include <nlohmann/json.hpp>

#include "app/owner/data_sets.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "train/model_noise.h"
#include "train/result_shape.h"

namespace blindtuner {
namespace {

PlausibleValues plausible(const Disclosure& door, const ModelFile& file) {
  return plausible_weights(door.parameters(), file.model.layout, file.training.config,
                           softmax_circuit_named(file.training.circuit), file.training.steps);
}

PlausibleValues plausible(const Disclosure& door, const ScoresFile& file) {
  return plausible_scores(door.parameters(), file.scores.layout,
                          softmax_circuit_named(file.circuit));
}

std::string unrecorded_advice() {
  return "; give --unrecorded-data if an earlier version of this program encrypted it, or you did "
         "with "
         "a copy of the keys, and nobody else had it since";
}

// Where there is no record at all, only earlier programs have used these keys.
void require_own_data(const DataId& id, std::size_t samples, const OwnerFolder& keys,
                      const ExpectedRun& expected, const std::string& name) {
  if (!path_exists(data_sets_path(keys))) return;
  const std::optional<RecordedDataSet> known = recorded_data_set(keys, id);
  if (known && known->samples != samples)
    throw DataError(name + ": says that its data set has " + std::to_string(samples) +
                    " samples, " + std::to_string(known->samples) + " were encrypted");
  if (!known && !expected.unrecorded_data)
    throw DataError(name + ": these keys have no record of its data set in " +
                    quoted_path(data_sets_path(keys)) + unrecorded_advice());
}

// The first field in which they differ.
std::string difference(const TrainingConfig& has, const TrainingConfig& expected) {
  const nlohmann::json is = to_json(has), wanted = to_json(expected);
  for (const auto& [field, value] : wanted.items())
    if (is.at(field) != value)
      return field + " is " + json_text(is.at(field)) + ", expected " + json_text(value);
  return {};
}

void require_training(const TrainingState& training, const ExpectedRun& expected,
                      const std::string& name) {
  if (expected.config && !(training.config == *expected.config))
    throw DataError(name + ": was trained with another configuration than was asked for: " +
                    difference(training.config, *expected.config));
  if (!expected.circuit.empty() && training.circuit != expected.circuit)
    throw DataError(name + ": was trained with the softmax circuit " + training.circuit +
                    ", expected " + expected.circuit);
}

}  // namespace

void require_shape_of_keys(const ProductLayout& layout, const OwnerFolder& keys,
                           const std::string& name) {
  // A secret.key of version 0.1 alone does not say it: what is decrypted must be plausible all the
  // same.
  const std::optional<ProductLayout>& made_for = keys.known_layout();
  if (made_for && !same_shape(layout, *made_for))
    throw DataError(
        name + ": has " + std::to_string(layout.features - 1) + " features and " +
        std::to_string(layout.classes) + " classes (width " + std::to_string(layout.width) +
        "), the keys were made for " + std::to_string(made_for->features - 1) + " and " +
        std::to_string(made_for->classes) + " (width " + std::to_string(made_for->width) + ")");
}

void require_run(const ModelFile& file, const OwnerFolder& keys, const ExpectedRun& expected,
                 const std::string& name) {
  require_shape_of_keys(file.model.layout, keys, name);
  require_own_data(file.data, file.model.layout.samples, keys, expected, name);
  if (expected.data && file.data != *expected.data)
    throw DataError(name + ": was trained on another data set than this run's");
  require_training(file.training, expected, name);
}

ModelFile open_model(const std::filesystem::path& path, const OwnerFolder& keys,
                     const ExpectedRun& expected) {
  ModelFile file = read_model(path, keys.set);
  require_run(file, keys, expected, quoted_path(path));
  return file;
}

ScoresFile open_scores(const std::filesystem::path& path, const OwnerFolder& keys,
                       const ExpectedRun& expected) {
  ScoresFile file = read_scores(path, keys.set);
  require_shape_of_keys(file.scores.layout, keys, quoted_path(path));
  require_own_data(file.data, file.scores.layout.samples, keys, expected, quoted_path(path));
  if (file.training) require_training(*file.training, expected, quoted_path(path));
  return file;
}

Origin origin_of(const std::string& name, const DataId& data) {
  return {.name = name, .data = to_string(data)};
}

void require_own_copy(const DatasetFile& file, const OwnerFolder& keys, bool unrecorded_data,
                      const std::string& name) {
  const std::optional<RecordedDataSet> known = recorded_data_set(keys, file.info.id);
  if (known && known->contents != file.contents)
    throw DataError(name + ": is not the data set that was written to '" + known->file +
                    "': of the same identity, but with other contents");
  if (!known && !unrecorded_data)
    throw DataError(name + ": these keys have no record of it in " +
                    quoted_path(data_sets_path(keys)) + unrecorded_advice());
}

std::vector<double> open_weights(Disclosure& door, const ModelFile& file, const Origin& origin) {
  return door.open(file.model, plausible(door, file), origin);
}

Published publish_weights(Disclosure& door, const ModelFile& file, const Origin& origin,
                          double error, double budget) {
  return door.publish(file.model, plausible(door, file), origin, error, budget);
}

std::vector<double> open_logits(Disclosure& door, const ScoresFile& file, const Origin& origin) {
  return door.open(file.scores, plausible(door, file), origin);
}

Published publish_logits(Disclosure& door, const ScoresFile& file, const Origin& origin,
                         double error, double budget) {
  return door.publish(file.scores, plausible(door, file), origin, error, budget);
}

double weight_noise(const Parameters& parameters, const ModelFile& file,
                    const FeatureSizes& sizes) {
  return model_noise(parameters, file.model.layout, file.training.config, file.training.steps,
                     softmax_circuit_named(file.training.circuit), sizes);
}

}  // namespace blindtuner
