// The owner's part: keys, encryption, and the one door by which anything decrypted leaves.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/errors.h>
#include <blindtuner/keys.h>
#include <blindtuner/ledger.h>
#include <blindtuner/model.h>
#include <blindtuner/parameters.h>
#include <blindtuner/training.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What an owner is told beside results, in sentences without their full stop. Any may be empty; called on the
/// thread that called the function.
struct OwnerNotices {
  std::function<void(const std::string&)> warning{};  ///< what may make a key or a result worthless
  std::function<void(const std::string&)> note{};
  /// How much of a task is done ("making keys", "encrypting", "writing"), one after another. What it throws before
  /// a task's end, 1, ends the call, without a file of it, and is passed on: so a call is called off.
  std::function<void(const std::string& task, double fraction)> progress{};
};

/// What a data set is encrypted for; results are held against it.
enum class DataUse { kTraining, kValidation, kPrediction };

/// Of a training set's samples; others keep theirs.
enum class SampleOrder {
  kMixed,  ///< drawn from 256 fresh bits: a server that knows the samples does not know which is where
  kKept,   ///< a step of training takes samples that follow each other
};

/// What an owner knows of a run beforehand. What is left out is taken as the result says it, which is good enough
/// for an owner's own eyes.
struct ExpectedTraining {
  std::optional<TrainingOptions> options{};  ///< what the server was told to train with
  std::filesystem::path data{};              ///< the encrypted training set that it was given
};

struct ValidationOptions {
  std::filesystem::path data{};        ///< the encrypted validation set
  std::filesystem::path exchange{};    ///< the folder that both sides see
  std::filesystem::path best_model{};  ///< where the best round's encrypted model goes; not in `exchange`
  int patience = 3;                    ///< rounds without a smaller loss before the run is stopped: 1 to 10,000
  double timeout = 3600;               ///< seconds to wait for a round: 0 to 10^7
  std::function<void(const std::string&)> round{};  ///< told a line about every round
  /// Whether to wait no longer; asked several times a second. The rounds so far are kept beside best_model:
  /// called again, validate() goes on.
  std::function<bool()> stop{};
};

struct ValidationResult {
  int rounds = 0;      ///< answered or seen; 0: called off before the first, and what follows says nothing
  int best_round = 0;  ///< from 1
  int best_steps = 0;  ///< of training that made its model
  double loss = 0, accuracy = 0;  ///< on the validation set, in the best round
  bool stopped = false;           ///< the server was told to stop
  bool finished = false;          ///< nothing is left to do: stopped, or through all rounds
  std::vector<std::string> problems{};  ///< why the best round cannot be trusted; none: it can
};

/// One owner's keys in their folder: secret.key, evaluation.keys for a server, the ledger of what left by the door,
/// and sealed records of what was encrypted. A value: copies share the keys. One thread at a time for all copies;
/// another process on the same folder is kept apart by locks. All functions throw ContractError for an Owner
/// that was moved from.
class Owner {
 public:
  /// Makes keys in a folder that holds none; it is made where it is missing, for its owner alone, and may be there,
  /// as a call that was called off leaves it: without keys. passphrase: what secret.key is sealed with; empty: nothing.
  /// Throws DataError, SecurityError for parameters below 128 bits unless the context allows them, ContractError for a
  /// batch out of range.
  static Owner make_keys(const Context& context, const std::filesystem::path& folder,
                         const ParameterSet& parameters, const DataShape& shape,
                         std::string_view passphrase = {}, const OwnerNotices& notices = {});
  /// Throws DataError for what are no keys, for a wrong passphrase and one that is missing or too many, and
  /// where the ledger of the keys is gone; SecurityError as above.
  static Owner open(const Context& context, const std::filesystem::path& folder,
                    std::string_view passphrase = {}, const OwnerNotices& notices = {});

  /// Bytes that evaluation_keys() of such keys will have. Throws as make_keys().
  static std::uint64_t size_of_keys(const Context& context, const ParameterSet& parameters,
                                    const DataShape& shape);

  KeysInfo keys() const;
  ParameterSet parameters() const;
  /// What the keys are for; of the batch, which their layout no longer has, the default.
  DataShape shape() const;
  /// The file for the server.
  std::filesystem::path evaluation_keys() const;

  /// Encrypts samples to a file for the server, in the place of one that is there, and records it. Labels belong to
  /// training and validation, and to these alone. Throws
  /// DataError for features of another width than the keys' or out of range, labels that are no class, a training
  /// set of one class and a file that cannot be written or is a key, a ledger, a record or a checkpoint; ContractError for sizes that
  /// do not fit each other. A file that is there stays where the call fails. `notices` are told what is amiss with a training set and yet
  /// taken (docs/DATA.md), as a feature that gives the label away.
  void encrypt(const DataSet& data, DataUse use, const std::filesystem::path& file,
               SampleOrder order = SampleOrder::kMixed, const OwnerNotices& notices = {}) const;

  // The door. What leaves is in the ledger first. All throw DataError for a file of other keys, of a data set that
  // these have not encrypted, of another training than is expected, for numbers that no such computation
  // gives (UntrustedResult where a training may have diverged) and where the ledger was changed or cannot be written.

  /// Labels of an encrypted data set of one's own, in its order.
  std::vector<int> open_labels(const std::filesystem::path& data) const;
  /// At full precision, for the owner alone.
  LinearModel open_model(const std::filesystem::path& model,
                         const ExpectedTraining& expected = {}) const;
  /// The same of scores, in the order of the rows that were encrypted, or DataError where nobody knows it (of sets with labels
  /// from earlier versions, or of which a part was held out). data: the encrypted set that was scored; empty: whichever of one's own.
  Scores open_scores(const std::filesystem::path& scores, const ExpectedTraining& expected = {},
                     const std::filesystem::path& data = {}) const;

  /// A model that may be shared: with noise that hides what its errors tell about the secret key, and rounded.
  /// The same model gives the same numbers again. expected.options must be there and `budget` a number above 0, or
  /// ContractError. Throws
  /// DataError, too, where all publications of these keys could tell more than `budget` bits, for a model
  /// that is not complete, and for one of several training sets without expected.data.
  PublishedModel publish_model(const std::filesystem::path& model, const ExpectedTraining& expected,
                               double budget = 1) const;
  /// The same of scores; model: the encrypted one that made them. Throws DataError, too, where scores are not
  /// to be trusted, and for one of several sets for prediction without `data`.
  PublishedScores publish_scores(const std::filesystem::path& scores,
                                 const std::filesystem::path& model,
                                 const ExpectedTraining& expected,
                                 const std::filesystem::path& data = {}, double budget = 1) const;

  /// Early stopping: opens the rounds of a training (EarlyStopping of server.h is the other side), answers each with
  /// one bit, go on or stop, and keeps the best model, encrypted. Returns when the run needs no more answers, or
  /// when options.stop says so. Throws DataError when no round comes in time, for rounds of another run,
  /// and where best_model is a key, a ledger, a record, a checkpoint or options.data; ContractError for options that are missing or out of
  /// range.
  ValidationResult validate(const ValidationOptions& options,
                            const ExpectedTraining& expected = {}) const;

  /// What left, and what it can have told. Throws DataError where the ledger was changed or is gone.
  Ledger ledger() const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit Owner(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;
  std::shared_ptr<const State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
