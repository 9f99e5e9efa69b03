// The whole path, from features in the clear to an evaluated classifier that was trained on
// ciphertexts: what `finetune` and `demo` have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "app/owner/key_folder.h"
#include "data/dataset.h"
#include "data/order_seed.h"
#include "secret/disclosure.h"
#include "train/training_config.h"

namespace blindtuner {

/// Features before whitening, in any order.
struct FinetuningData {
  std::string name;  ///< for reports
  Dataset train, test;
  std::optional<Dataset> validation;     ///< none: taken from `train`
  std::vector<std::string> class_names;  ///< empty: numbers
};

/// Which keys a run uses.
struct RunKeys {
  std::filesystem::path folder;  ///< empty: keys/ in the run's folder
  bool fresh = false;            ///< new ones though there are some, which are kept (make_keys)
  PassphraseOptions passphrase;
};
void add_run_key_options(CLI::App& command, RunKeys& keys);

struct FinetuningSettings {
  std::string out;
  RunKeys keys;
  std::string parameters = "Standard", server;
  TrainingConfig config;  ///< batches are rounded up to whole blocks of the layout
  bool whiten = true;
  std::string softmax = "default";
  double range = 0;                  ///< 0: find_softmax_circuit's choice
  double validation_fraction = 0.1;  ///< with none in the data; 0: no early stopping
  int patience = 3;
  OrderSeed seed = OrderSeed::fresh();  ///< of the samples' order and the hold-outs
  std::size_t samples = 0;              ///< training samples to use; 0: all
  bool publish = false;                 ///< also a model to be shared
  double budget = kPublicationBudget;
};

/// The presets. A tenth of the samples is held out for validation, 3000 at most. fast: whitened
/// features, few large steps, a full first one; the default training with a batch that fills the
/// big ring. thorough: twice the steps, twice the batch and the wide softmax, for classifiers whose
/// logits grow beyond 16. paper: HETAL's way, [HETAL]: features as they are, Nesterov, batches of
/// 512 to 2048, the wide softmax; the rate is 1 for normalised features, as HETAL takes for a
/// sentence encoder's, and less for longer ones, on which that would diverge (docs/RESULTS.md).
FinetuningSettings preset_settings(const std::string& name, const Dataset& train);

/// What can be refused before features are made: a server's program that is not ours, an output that
/// cannot be written. Makes the folder. Throws DataError.
void check_run(const std::string& out, const std::string& server);

/// Keys, whitening, encryption, the server's program, rounds of validation, decryption, the same
/// training in the clear, evaluation. Leaves in `out`: keys/, what was sent, model.npz (on features
/// before whitening; the owner's), published.npz when it is to publish, report.json and report.html.
/// A later run there replaces these and uses the keys again; nothing else in the folder is touched.
/// Returns the report. Throws DataError, before any work for all that can be known then.
nlohmann::json finetune_encrypted(const CommonOptions& common, FinetuningSettings settings,
                                  FinetuningData data);

/// A few lines of text out of the report.
std::string finetuning_summary(const nlohmann::json& report, const std::string& out);

}  // namespace blindtuner
