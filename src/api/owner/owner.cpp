#include <blindtuner/owner.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "api/common/state.h"
#include "api/common/training_options.h"
#include "api/owner/samples.h"
#include "api/owner/shared.h"
#include "base/error.h"
#include "base/path.h"
#include "features/samples/order_seed.h"
#include "features/samples/shuffle.h"
#include "io/kept_file.h"
#include "learn/reference/early_stopping.h"
#include "party/owner/data_checks.h"
#include "party/owner/data_sets.h"
#include "party/owner/encrypting.h"
#include "party/owner/exchange.h"
#include "party/owner/opening.h"
#include "party/owner/results.h"
#include "party/owner/validator.h"
#include "records/dataset.h"
#include "secret/disclosure.h"
#include "transport/channel.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* name_of(DataUse use) {
  switch (use) {
    case DataUse::kTraining:
      return "training";
    case DataUse::kValidation:
      return "validation";
    case DataUse::kPrediction:
      break;
  }
  return "prediction";
}

features::Dataset copy_of(const DataSet& data, DataUse use, std::size_t classes) {
  require(use == DataUse::kPrediction ? data.labels.empty() : data.labels.size() == data.samples(),
          "as many labels as samples for training and validation, none for prediction");
  features::Dataset out;
  out.features = matrix_of(data);
  out.labels.assign(data.labels.begin(), data.labels.end());
  out.classes = static_cast<int>(classes);
  return out;
}

void check(const features::Dataset& set, DataUse use, const party::OwnerFolder& keys) {
  const std::string name = std::string("samples for ") + name_of(use);
  party::check_features(set, keys, name, false);
  if (use == DataUse::kTraining)
    features::validate_training_set(set, name);
  else if (use == DataUse::kValidation)
    features::validate_set(set, name);
  else if (set.features.rows() == 0)
    throw DataError(name + ": there are none");
}

party::ExpectedRun run_of(const ExpectedTraining& expected, const party::OwnerFolder& keys) {
  party::ExpectedRun out;
  if (!expected.data.empty()) out.data = party::identity_of_own_set(expected.data, keys, false);
  if (expected.options) {
    out.config = config_of(*expected.options, keys.layout().classes);
    out.circuit = circuit_of(*expected.options, *out.config).name;
  }
  return out;
}

party::ExpectedRun published_run_of(const ExpectedTraining& expected,
                                    const party::OwnerFolder& keys, double budget) {
  require(std::isfinite(budget) && budget > 0, "a budget is a number of bits above 0");
  require(expected.options.has_value(),
          "a publication is held against what the server was told to train with");
  party::ExpectedRun out = run_of(expected, keys);
  out.published = true;
  return out;
}

party::ModelRequest model_request(const fs::path& model, party::ExpectedRun expected) {
  party::ModelRequest out;
  out.model = model;
  out.expected = std::move(expected);
  return out;
}

party::ScoresRequest scores_request(const fs::path& scores, party::ExpectedRun expected,
                                    const fs::path& data, const party::OwnerFolder& keys) {
  party::ScoresRequest out;
  out.scores = scores;
  out.expected = std::move(expected);
  out.rows_needed = true;
  if (!data.empty()) out.data = party::identity_of_own_set(data, keys, false);
  return out;
}

LinearModel model_of(const party::OpenedModel& opened) {
  LinearModel out = linear_model_of(opened.model.classifier);
  out.steps = opened.end.steps;
  out.complete = opened.end.known;
  return out;
}

Scores scores_of(const party::OpenedScores& opened) {
  return blindtuner::scores_of(opened.scores, opened.judgement);
}

party::KeygenRequest request_of(const Context& context, const ParameterSet& parameters,
                                const DataShape& shape) {
  require(shape.batch >= 1 && shape.batch <= linalg::kMaxSamples,
          "a batch of 1 to 2^32 - 1 samples");
  party::KeygenRequest request;
  request.parameters = parameters.state()->parameters;
  request.features = shape.features;
  request.classes = shape.classes;
  request.batch = shape.batch;
  request.allow_insecure = context.allows_insecure();
  return request;
}

}  // namespace

struct Owner::State {
  Context context;
  party::OwnerFolder keys;

  secret::Disclosure door() const { return {keys.keys, keys.folder}; }
};

const Owner::State& Owner::state() const {
  require(state_ != nullptr, "an owner that was moved from");
  return *state_;
}

Owner Owner::make_keys(const Context& context, const fs::path& relative,
                       const ParameterSet& parameters, const DataShape& shape,
                       std::string_view passphrase, const OwnerNotices& notices) {
  const fs::path folder = absolute_path(relative);
  {
    const UseContext use(context);
    bool asked = false;
    (void)party::make_keys(folder, request_of(context, parameters, shape), false,
                           source_of(passphrase, asked), listener_of(notices));
  }
  return open(context, folder, passphrase, notices);
}

Owner Owner::open(const Context& context, const fs::path& folder, std::string_view passphrase,
                  const OwnerNotices& notices) {
  const UseContext use(context);
  bool asked = false;
  party::OwnerFolder keys =
      party::open_keys_to_encrypt(absolute_path(folder), context.allows_insecure(),
                                  source_of(passphrase, asked), listener_of(notices));
  if (!passphrase.empty() && !asked)
    throw DataError(quoted_path(party::secret_key_path(folder)) +
                    ": is under no passphrase, and one was given");
  return Owner(std::make_shared<const State>(State{context, std::move(keys)}));
}

std::uint64_t Owner::size_of_keys(const Context& context, const ParameterSet& parameters,
                                  const DataShape& shape) {
  const UseContext use(context);
  return party::evaluation_keys_bytes(request_of(context, parameters, shape));
}

KeysInfo Owner::keys() const {
  return keys_info(state().keys.set, state().keys.layout(), evaluation_keys());
}

ParameterSet Owner::parameters() const {
  return ParameterSet::State::wrap(state().keys.set.parameters);
}

DataShape Owner::shape() const { return keys().shape; }

fs::path Owner::evaluation_keys() const { return party::evaluation_keys_path(state().keys.folder); }

void Owner::encrypt(const DataSet& data, DataUse use, const fs::path& file, SampleOrder order,
                    const OwnerNotices& notices) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  features::Dataset set = copy_of(data, use, keys.layout().classes);
  check(set, use, keys);
  io::require_replaceable(file);
  const party::Listener listener = listener_of(notices);
  if (nlohmann::json said; use == DataUse::kTraining)
    party::tell_of_training_set(set, "the training set", party::TrainingPart::kAll, said, listener);
  features::OrderSeed seed;
  party::DataSetUse recorded;
  recorded.rows = party::RowOrder::kKept;
  if (use == DataUse::kTraining && order == SampleOrder::kMixed) {
    recorded.rows = party::RowOrder::kMixed;
    seed = features::OrderSeed::fresh();
    set = features::select(set, features::shuffled_indices(set.size(), seed.bytes()));
  }
  recorded.use = name_of(use);
  if (use != DataUse::kPrediction) recorded.seed = seed.text();
  (void)party::encrypt_to(file, keys, set, recorded, listener);
}

std::vector<int> Owner::open_labels(const fs::path& data) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  const std::string name = quoted_path(data);
  const records::DatasetFile file =
      records::read_dataset(data, keys.set, {}, [&](const records::DatasetFile& said) {
        party::require_shape_of_keys(said.info.layout, keys, name);
      });
  party::require_own_copy(file.info.id, file.contents, {}, keys, false, name);
  return state().door().open_labels(file.data, party::origin_of(name, file.info.id));
}

LinearModel Owner::open_model(const fs::path& model, const ExpectedTraining& expected) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  secret::Disclosure door = state().door();
  return model_of(party::decrypt_model(door, keys, model_request(model, run_of(expected, keys))));
}

Scores Owner::open_scores(const fs::path& scores, const ExpectedTraining& expected,
                          const fs::path& data) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  secret::Disclosure door = state().door();
  return scores_of(party::decrypt_scores(
      door, keys, scores_request(scores, run_of(expected, keys), data, keys)));
}

PublishedModel Owner::publish_model(const fs::path& model, const ExpectedTraining& expected,
                                    double budget) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  party::ModelRequest request = model_request(model, published_run_of(expected, keys, budget));
  request.publication = party::PublicationRequest{budget, {}};
  secret::Disclosure door = state().door();
  const party::OpenedModel opened = party::decrypt_model(door, keys, request);
  return {model_of(opened), opened.published.noise, opened.published.bits};
}

PublishedScores Owner::publish_scores(const fs::path& scores, const fs::path& model,
                                      const ExpectedTraining& expected, const fs::path& data,
                                      double budget) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  party::ScoresRequest request =
      scores_request(scores, published_run_of(expected, keys, budget), data, keys);
  request.model = model;
  request.publication = party::PublicationRequest{budget, {}};
  secret::Disclosure door = state().door();
  const party::OpenedScores opened = party::decrypt_scores(door, keys, request);
  return {scores_of(opened), opened.published.noise, opened.published.bits};
}

ValidationResult Owner::validate(const ValidationOptions& options,
                                 const ExpectedTraining& expected) const {
  const party::OwnerFolder& keys = state().keys;
  const UseContext in(state().context);
  require(options.patience >= 1 && options.patience <= reference::kMaxPatience,
          "a patience of 1 to 10,000");
  require(options.timeout >= 0 && options.timeout <= transport::kMaxTimeout,
          "a timeout of 0 to 10^7 seconds");
  require(!options.data.empty() && !options.exchange.empty() && !options.best_model.empty(),
          "validation has data, an exchange and a place for the best model");
  io::require_replaceable(options.best_model);
  io::require_other_file(options.best_model, options.data, "the validation set");
  const auto channel = party::open_exchange(options.exchange, keys, options.best_model);
  party::ValidatorOptions asked;
  asked.channel = channel;
  asked.data = options.data;
  asked.out = options.best_model;
  asked.patience = options.patience;
  asked.announce = options.round;
  asked.run = run_of(expected, keys);
  party::Validator validator(keys, std::move(asked));
  const auto stop = [&] { return options.stop && options.stop(); };
  ValidationResult out;
  try {
    while (!(out.finished = validator.poll()) && !stop())
      party::await_round(*channel, static_cast<int>(validator.rounds().size()) + 1, options.timeout,
                         stop);
  } catch (const UntrustedResult& error) {
    throw UntrustedResult(error.what() + validator.kept_words());
  }
  out.rounds = static_cast<int>(validator.rounds().size());
  if (out.rounds == 0) return out;
  out.best_round = validator.best_round();
  out.best_steps = validator.best_steps();
  out.loss = validator.best().score.loss;
  out.accuracy = validator.best().score.accuracy;
  out.stopped = validator.stopped();
  out.problems = problems_of(validator.judgement());
  return out;
}

Ledger Owner::ledger() const {
  const UseContext in(state().context);
  return ledger_of(state().door());
}

}  // namespace blindtuner
