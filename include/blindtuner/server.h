// The server's part: it computes on what it cannot read. Nothing in this library could use a secret key.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/errors.h>
#include <blindtuner/keys.h>
#include <blindtuner/parameters.h>
#include <blindtuner/progress.h>
#include <blindtuner/training.h>

#include <filesystem>
#include <functional>
#include <memory>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What a run tells, and asks. Any of them may be empty; what one throws ends the run as it stands and is passed
/// on. They are called on the thread that runs it.
struct TrainingCallbacks {
  /// `step` (from 0) is at work and `fraction` of it done.
  std::function<void(int step, double fraction)> training{};
  /// The owner's answer to `round` is waited for, since `fraction` of the longest wait.
  std::function<void(int round, double fraction)> waiting{};
  /// Whether to call the run off; asked wherever the others are told.
  std::function<bool()> stop{};
};

enum class TrainingEnd {
  kAllSteps,
  kStoppedByOwner,  ///< by an answer to a round of validation
  kCalledOff,       ///< by TrainingCallbacks::stop; run() goes on from there
};

/// How an owner takes part in a run (Owner::validate is its side).
struct EarlyStopping {
  std::filesystem::path data{};      ///< the encrypted validation set; empty: no rounds
  std::filesystem::path exchange{};  ///< the folder that both sides see; with data, and only then
  double timeout = 3600;             ///< seconds to wait for an answer: 0 to 10^7
};

/// One run of training. Moves, does not copy; keeps the keys and the data. One thread at a time. All functions throw
/// ContractError for one that was moved from.
class Training {
 public:
  Training(Training&&) noexcept = default;
  Training& operator=(Training&&) noexcept = default;
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;
  ~Training() = default;

  int steps() const;  ///< planned
  int done() const;
  /// The steps that are left, or as many as there are until it ends. Throws DataError: no answer came in time, a
  /// file cannot be written, an answer is none.
  TrainingEnd run(const TrainingCallbacks& callbacks = {});
  /// One step, and the round of validation that is due after it: kCalledOff while steps are left. Nothing more
  /// after an answer that stopped the run. Throws as run().
  TrainingEnd step();
  /// Writes the encrypted model after the steps done so far: one at least, or ContractError. Takes the place of
  /// a file that is there, but throws DataError for an owner's key, ledger or record, a training's checkpoint and a file of
  /// this run: its data, its validation set.
  void save_model(const std::filesystem::path& file) const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  friend class Server;
  explicit Training(std::shared_ptr<State> state) : state_(std::move(state)) {}
  State& state() const;
  std::shared_ptr<State> state_;
};

/// Computes under one owner's evaluation keys. A value: copies share the keys, which take gigabytes. All
/// functions throw ContractError for one that was moved from.
class Server {
 public:
  /// Throws DataError for what are no evaluation keys, SecurityError for parameters below 128 bits unless the
  /// context allows them.
  static Server load(const Context& context, const std::filesystem::path& evaluation_keys,
                     const Progress& progress = {});

  KeysInfo keys() const;
  ParameterSet parameters() const;

  /// Begins a run on an encrypted data set. checkpoint: a file that holds the run's state after every step and
  /// that it goes on from where there is one; empty: none. Throws DataError when keys, data, options and
  /// checkpoint do not fit, or another run has this checkpoint; ContractError for options out of range.
  Training train(const std::filesystem::path& data, const TrainingOptions& options = {},
                 const EarlyStopping& early_stopping = {},
                 const std::filesystem::path& checkpoint = {}) const;

  /// Writes the encrypted scores of a data set under a model, in the place of a file that is there. Throws DataError when
  /// these do not fit, and where `scores` is one of the two, an owner's key, ledger or record, or a checkpoint.
  void score(const std::filesystem::path& data, const std::filesystem::path& model,
             const std::filesystem::path& scores, const Progress& progress = {}) const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit Server(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;
  std::shared_ptr<const State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
