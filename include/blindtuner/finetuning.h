// A whole run, as the command `finetune` does it: settings, rehearsal in the clear, keys, encryption, rounds of
// validation, decryption and judgement. Who plays the server is its user's.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/model.h>
#include <blindtuner/owner.h>
#include <blindtuner/parameters.h>
#include <blindtuner/training.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What is left out is the preset's (docs/TRAINING.md), and what is given stands: a 0 is refused where it is no setting.
struct FinetuningOptions {
  std::string preset = "auto";  ///< "fast", "thorough", "paper"; "auto": chosen by training in the clear
  std::string configuration{};  ///< JSON: all of a training's settings, in the place of the preset's
  std::optional<std::string> head{};     ///< what is trained for; none: the configuration's, softmax
  std::optional<std::string> softmax{};  ///< family of circuits, as TrainingOptions::softmax
  std::optional<double> range{};         ///< scores that the circuit is to stand, in magnitude: 1 to 10^4
  std::optional<int> steps{}, epochs{};   ///< one of the two, or neither: 1 to 100,000
  std::optional<double> learning_rate{};  ///< of the first step: 1e-12 to 1e6
  std::optional<std::size_t> batch{};     ///< samples a step: 1 to 2^30
  std::optional<int> validation_every{};  ///< steps from one round to the next; 0: a pass over the data
  std::optional<double> l2{};
  std::optional<bool> whitened{};  ///< whether features are whitened
  std::optional<double> epsilon{};  ///< and by which eps, above 0
  /// Share held out where there is no validation set, below 1; 0: no early stopping.
  std::optional<double> validation_fraction{};
  int patience = 3;  ///< rounds without a smaller loss before the run ends
  /// Strength of making classes of different sizes count alike, 0 to 1; none: what is best on held-out parts.
  std::optional<double> balance = 0;
  /// In its place: how much each class counts, one above 0 a class.
  std::vector<double> class_weights{};
  std::string seed{};      ///< of the samples' order and of what is held out, as `--seed`; empty: fresh and secret
  bool unchecked = false;  ///< train though the same steps in the clear leave the circuit's range
  ParameterSet parameters = ParameterSet::standard();
};

/// What the server is given, all of it public or encrypted, and asked for.
struct ServerTask {
  std::filesystem::path evaluation_keys{}, data{};
  TrainingOptions options{};
  std::filesystem::path validation{}, exchange{};  ///< as EarlyStopping has them; empty without rounds
  std::filesystem::path model{};                   ///< where the encrypted model is to be when it is done
  /// Answers the rounds that came: to be called several times a second while the server trains, on the thread that
  /// was given the task.
  std::function<void()> answer{};
};

struct FinetuningOutcome {
  LinearModel model{};  ///< on features as they came, classes balanced
  bool trusted = false;
  std::vector<std::string> problems{};  ///< why it is not
  std::string report{};  ///< JSON: what the command's report.json has of the run itself
};

/// samples, and validation where there is a set of its own: before whitening, in any order, with labels. folder: where keys
/// and encrypted files go, empty or not there; they stay. A run that ends before it has made keys leaves no file there. Throws
/// DataError for a folder that is not empty, in which nothing is changed, and as the command refuses, SecurityError for
/// parameters below 128 bits unless the context allows them, ContractError for numbers out of range; what `server` and the
/// notices throw ends the run and is passed on.
FinetuningOutcome finetune(const Context& context, const std::filesystem::path& folder,
                           const DataSet& samples, const FinetuningOptions& options,
                           const std::function<void(const ServerTask&)>& server,
                           const OwnerNotices& notices = {}, const DataSet& validation = {});

}  // namespace blindtuner
#pragma GCC visibility pop
