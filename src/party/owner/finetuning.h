// The whole path of a run, from features in the clear to a classifier that was trained on ciphertexts and
// is held against the same training in the clear. Where keys are, who plays the server and what is shown
// is its host's.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "features/data/whitening.h"
#include "features/samples/dataset.h"
#include "learn/reference/plain_reference.h"
#include "party/owner/decrypted.h"
#include "party/owner/finetuning_settings.h"
#include "party/owner/key_folder.h"
#include "party/owner/listener.h"
#include "plan/forecast.h"
#include "records/model.h"
#include "secret/disclosure.h"
#include "transport/channel.h"

namespace blindtuner::party {
using namespace learn;
using namespace features;
using namespace records;
using namespace reference;
using namespace plan;
using namespace rlwe;
using namespace secret;
using namespace transport;

/// Features before whitening, in any order.
struct FinetuningSets {
  Dataset train;
  std::optional<Dataset> test;  ///< none: nothing is said about others than the training's samples
  std::optional<Dataset> validation;  ///< none: taken from `train`
};

/// What goes to the server, what comes back, and the map, which stays.
struct FinetuningFiles {
  std::filesystem::path data, validation, model, whitening;
  std::filesystem::path kept_in;  ///< where data and validation will lie in the end, for the record
};

/// What a run asks of whoever runs it. All of these may throw, which ends the run.
class FinetuningHost {
 public:
  FinetuningHost() = default;
  virtual ~FinetuningHost() = default;
  FinetuningHost(const FinetuningHost&) = delete;
  FinetuningHost& operator=(const FinetuningHost&) = delete;

  /// Before any work: what it will take. `new_keys`: keys are made.
  virtual void expect(const Forecast& forecast, bool new_keys) = 0;
  /// Whether there are keys of an earlier run, to be used again.
  virtual bool has_keys() const = 0;
  /// These, held against what the run needs.
  virtual OwnerFolder open_keys(const KeygenRequest& needed) = 0;
  virtual OwnerFolder make_keys(const KeygenRequest& request) = 0;
  /// Has the server train on the run's data to the end of what it is told, `way`. Where the run has a
  /// validation set, `answer` is to be called several times a second meanwhile: it takes the rounds that
  /// came over exchange().
  virtual void train(const OwnerFolder& keys, const TrainingWay& way,
                     const std::function<void()>& answer) = 0;
  /// Asked for once, before train(), where the run has a validation set.
  virtual std::shared_ptr<Channel> exchange(const OwnerFolder& keys) = 0;
  /// The model is decrypted and judged, and nothing is published yet, which may be refused.
  virtual void opened(const struct FinetuningResult& result) { (void)result; }

  Listener listener;  ///< notes: each phase as it begins, each round of validation
  /// What to do, in the host's terms: where samples are too few to hold some out, and where settings take
  /// logits out of the softmax circuit's range.
  std::string advice_on_few, advice_on_range;
};

struct FinetuningResult {
  FinetuningSettings settings;  ///< as they were chosen; batches are whole blocks
  FinetuningSets sets;          ///< as they were encrypted: split, in order, whitened
  std::optional<Whitening> whitening;
  ParametersPtr parameters;
  ModelFile file;                  ///< the encrypted model
  LinearClassifier model;          ///< what it decrypts to: on whitened features, before balance()
  PlainResult exact, approximate;  ///< the same training in the clear; with the circuit's softmax
  nlohmann::json choice;           ///< choose_way()'s report; null: nothing was chosen
  nlohmann::json validation;       ///< Validator::report(); null: no validation set
  nlohmann::json judgement;        ///< of judge_run(): whether the model is trusted, and why not
  std::optional<Published> published;
  std::string not_published;              ///< why, where it was to be and is trusted
  std::map<std::string, double> seconds;  ///< of each phase, "key_generation", and "total"

  /// The rounds of validation, each with what the training in the clear saw at it ("plain"); none without.
  nlohmann::json rounds() const;
  LinearClassifier balanced(const LinearClassifier& model) const;
  /// A model on features before whitening, after balance(), with the names that belong to it.
  DecryptedModel on_features(const LinearClassifier& model) const;
};

/// Choice of settings, whitening, keys, the same training in the clear, encryption, the server's training
/// with rounds of validation, decryption, judgement, and a publication where one is asked for and the
/// model is trusted: one that is refused takes nothing else of the run with it. Throws DataError, before any work
/// for all that can be known then; no file is written before the keys are there.
/// `allow_insecure`: parameters below 128 bits.
FinetuningResult finetune(FinetuningHost& host, FinetuningSettings settings, FinetuningSets sets,
                          const FinetuningFiles& files, bool allow_insecure);

}  // namespace blindtuner::party
