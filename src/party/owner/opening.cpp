#include "party/owner/opening.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "learn/model_noise.h"
#include "learn/result_shape.h"
#include "party/owner/data_sets.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::party {
namespace {

PlausibleValues plausible(const Disclosure& door, const ModelFile& file) {
  return plausible_weights(door.parameters(), file.model.layout, file.training.config,
                           circuit_named(file.training.circuit), file.training.steps);
}

PlausibleValues plausible(const Disclosure& door, const ScoresFile& file) {
  return plausible_scores(door.parameters(), file.scores.layout, circuit_named(file.circuit));
}

std::string unrecorded_advice(const DataId& id, const OwnerFolder& keys) {
  if (Disclosure(keys.keys, keys.folder).sizes_of(to_string(id)))
    return ", but their ledger knows it: the record is an older copy; put the newest back, or give "
           "--unrecorded-data if nobody else had the data set since";
  return "; give --unrecorded-data if an earlier version of this program encrypted it, or you did "
         "with "
         "a copy of the keys, and nobody else had it since";
}

// Whether only earlier programs have used these keys: there is no record, and no trace of one.
bool before_records(const OwnerFolder& keys) {
  if (keys.keys.with_ledger || path_exists(data_sets_path(keys))) return false;
  const auto entries = Disclosure(keys.keys, keys.folder).ledger().read();
  return !entries || std::none_of(entries->begin(), entries->end(), [](const LedgerEntry& e) {
    return e.kind == LedgerEntry::Kind::kEncrypted;
  });
}

// What is recorded of it.
std::optional<RecordedDataSet> require_own_data(const DataId& id,
                                                std::optional<std::size_t> samples,
                                                const OwnerFolder& keys,
                                                const ExpectedRun& expected,
                                                const std::string& name) {
  if (before_records(keys)) return {};
  std::optional<RecordedDataSet> known = recorded_data_set(keys, id);
  if (known && samples && known->samples != *samples)
    throw DataError(name + ": says that its data set has " + std::to_string(*samples) +
                    " samples, " + std::to_string(known->samples) + " were encrypted");
  if (!known && !expected.unrecorded_data)
    throw DataError(name + ": these keys have no record of its data set in " +
                    quoted_path(data_sets_path(keys)) + unrecorded_advice(id, keys));
  return known;
}

// There is one such set only, or the owner said which.
void require_only_one(const DataId& id, const std::string& use, const OwnerFolder& keys,
                      const ExpectedRun& expected, const std::string& name) {
  const std::optional<RecordedDataSet> known = recorded_data_set(keys, id);
  const std::size_t count = recorded_for(keys, use);
  if (!known || (count == 1 && known->use == use)) return;
  throw DataError(name + ": says that it is of '" + known->file + "' (" +
                  to_string(id).substr(0, 8) + "..), one of several data sets of these keys (" +
                  std::to_string(count) + " for " + use +
                  "), and its noise follows from which: say it" + expected.ways_to_say);
}

void require_training_set(const DataId& id, std::optional<std::size_t> samples,
                          const OwnerFolder& keys, const ExpectedRun& expected,
                          const std::string& name) {
  const auto known = require_own_data(id, samples, keys, expected, name);
  if (known && known->use != "training")
    throw DataError(name + ": says that it was trained on '" + known->file +
                    "', which was encrypted for " + known->use);
  if (expected.data && id != *expected.data)
    throw DataError(name + ": was trained on another data set than this run's");
  if (expected.published && !expected.data) require_only_one(id, "training", keys, expected, name);
}

// A list of rates may have a million.
std::string shortened(const nlohmann::json& value) {
  const std::string text = json_text(value);
  return text.size() <= 80 ? text : text.substr(0, 80) + "..";
}

// The first field in which they differ.
std::string difference(const TrainingConfig& has, const TrainingConfig& expected) {
  nlohmann::json is = to_json(has), wanted = to_json(expected);
  // Left out of a file where it is softmax.
  is["head"] = has.head;
  wanted["head"] = expected.head;
  for (const auto& [field, value] : wanted.items())
    if (is.at(field) != value)
      return field + " is " + shortened(is.at(field)) + ", expected " + shortened(value);
  return {};
}

void require_training(const TrainingState& training, const ExpectedRun& expected,
                      const std::string& name) {
  if (expected.config && !(training.config == *expected.config))
    throw DataError(name + ": was trained with another configuration than was asked for: " +
                    difference(training.config, *expected.config) + expected.advice);
  if (!expected.circuit.empty() && training.circuit != expected.circuit)
    throw DataError(name + ": was trained with the circuit " + training.circuit + ", expected " +
                    expected.circuit + expected.advice);
}

}  // namespace

int planned_steps(const ModelFile& file) {
  return file.training.config.total_steps(file.model.layout.samples);
}

std::optional<int> planned_steps(const ScoresFile& file, const OwnerFolder& keys) {
  if (!file.training) return {};
  const TrainingConfig& config = file.training->config;
  if (config.steps > 0) return config.steps;
  if (!file.trained_on) return {};
  const std::optional<RecordedDataSet> known = recorded_data_set(keys, *file.trained_on);
  if (!known) return {};
  return config.total_steps(known->samples);
}

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
  require_training_set(file.data, file.model.layout.samples, keys, expected, name);
  require_training(file.training, expected, name);
}

namespace {

void require_transcript(const ModelFile& file, const OwnerFolder& keys,
                        const Transcript& transcript, const std::string& name) {
  const auto refuse = [&](const std::string& what) {
    throw DataError(name + ": not the model of the transcript, which says another " + what);
  };
  if (to_hex(transcript.parameters) != keys.set.parameters->digest()) refuse("parameter set");
  if (transcript.key_set != keys.set.header.key_id) refuse("key set");
  if (transcript.data_id != file.data) refuse("training set");
  const auto known = recorded_data_set(keys, file.data);
  if (known && known->contents != transcript.data) refuse("content of the training set");
  TrainingState last = file.training;
  last.steps = transcript.training.steps;
  if (transcript.training == last && file.training.steps < last.steps)
    throw DataError(name + ": the model after " + std::to_string(file.training.steps) +
                    " steps, and a transcript is of the last step's alone, of this one after " +
                    std::to_string(last.steps) +
                    ": models of earlier rounds of validation are in none; open the last, or "
                    "this one without the transcript");
  if (!(transcript.training == file.training)) refuse("training");
  if (transcript.model != file.contents) refuse("model");
}

void require_scores(const ScoresFile& file, const OwnerFolder& keys, const ExpectedRun& expected,
                    const std::optional<DataId>& scored, const std::string& name) {
  require_shape_of_keys(file.scores.layout, keys, name);
  require_own_data(file.data, file.scores.layout.samples, keys, expected, name);
  if (scored && file.data != *scored)
    throw DataError(name + ": holds scores of another data set than the one that is told");
  if (expected.published && !scored)
    require_only_one(file.data, "prediction", keys, expected, name);
  // Whoever carries the file may leave it out: that is no way past what is asked for.
  if (file.trained_on)
    require_training_set(*file.trained_on, {}, keys, expected, name);
  else if (expected.data || expected.published)
    throw DataError(name +
                    ": does not say what its model was trained on, as those of earlier versions, "
                    "so that nobody can hold it against a training set: score the samples again");
  if (file.training) require_training(*file.training, expected, name);
  const std::optional<int> planned = planned_steps(file, keys);
  if (planned && file.training->steps > *planned)
    throw DataError(name + ": says that its model is after " +
                    std::to_string(file.training->steps) + " steps, the configuration has " +
                    std::to_string(*planned));
  if (!file.training && expected.config)
    throw DataError(name +
                    ": does not say how its model was trained, as those of earlier versions, so "
                    "that nobody can hold it against a configuration: score the samples again");
}

}  // namespace

ModelFile open_model(const std::filesystem::path& path, const OwnerFolder& keys,
                     const ExpectedRun& expected) {
  const std::string name = quoted_path(path);
  ModelFile file = read_model(
      path, keys.set, [&](const ModelFile& said) { require_run(said, keys, expected, name); });
  if (expected.transcript) require_transcript(file, keys, *expected.transcript, name);
  return file;
}

ScoresFile open_scores(const std::filesystem::path& path, const OwnerFolder& keys,
                       const ExpectedRun& expected, const std::optional<DataId>& scored) {
  return read_scores(path, keys.set, [&](const ScoresFile& file) {
    require_scores(file, keys, expected, scored, quoted_path(path));
  });
}

DataId identity_of_own_set(const std::filesystem::path& file, const OwnerFolder& keys,
                           bool unrecorded_data) {
  const DatasetFile said = scan_dataset(file, keys.set);
  require_own_copy(said.info.id, said.contents, {}, keys, unrecorded_data, quoted_path(file));
  return said.info.id;
}

Origin origin_of(const std::string& name, const DataId& data) {
  return {.name = name, .data = to_string(data)};
}

void require_own_copy(const DataId& id, const Sha256Digest& contents, const std::string& use,
                      const OwnerFolder& keys, bool unrecorded_data, const std::string& name) {
  const std::optional<RecordedDataSet> known = recorded_data_set(keys, id);
  if (known && known->contents != contents)
    throw DataError(name + ": is not the data set that was written to '" + known->file +
                    "': of the same identity, but with other contents");
  if (known && !use.empty() && known->use != use)
    throw DataError(name + ": was encrypted for " + known->use + ", expected a set for " + use);
  if (!known && !unrecorded_data)
    throw DataError(name + ": these keys have no record of it in " +
                    quoted_path(data_sets_path(keys)) + unrecorded_advice(id, keys));
}

std::vector<double> open_weights(Disclosure& door, const ModelFile& file, const Origin& origin,
                                 double norm_limit) {
  PlausibleValues values = plausible(door, file);
  values.norm = norm_limit;
  return door.open(file.model, values, origin);
}

Published publish_weights(Disclosure& door, const ModelFile& file, const Origin& origin,
                          const Publication& publication) {
  return door.publish(file.model, plausible(door, file), origin, publication);
}

std::vector<double> open_logits(Disclosure& door, const ScoresFile& file, const Origin& origin) {
  return door.open(file.scores, plausible(door, file), origin);
}

Published publish_logits(Disclosure& door, const ScoresFile& file, const Origin& origin,
                         const Publication& publication) {
  return door.publish(file.scores, plausible(door, file), origin, publication);
}

double weight_noise(const Parameters& parameters, const ModelFile& file,
                    const FeatureSizes& sizes) {
  return model_noise(parameters, file.model.layout, file.training.config, file.training.steps,
                     circuit_named(file.training.circuit), sizes);
}

}  // namespace blindtuner::party
