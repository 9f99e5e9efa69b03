// The whole path of a run as this program plays it: what `finetune` and `demo` have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "app/common/program.h"
#include "app/owner/keys.h"
#include "app/owner/run_folder.h"
#include "party/owner/finetuning.h"

namespace blindtuner::app {

/// Which keys a run uses.
struct RunKeys {
  std::filesystem::path folder;  ///< empty: keys/ in the run's folder
  bool fresh = false;            ///< new ones though there are some, which are kept (make_keys)
  PassphraseOptions passphrase;
};
void add_run_key_options(Command& command, RunKeys& keys);

/// What is no setting of the training.
struct RunOptions {
  RunKeys keys;
  std::string server;  ///< the server's program; empty: the one beside this
};

struct FinetuningData {
  std::string name;  ///< for reports
  FinetuningSets sets;
  nlohmann::json reading = nlohmann::json::object();  ///< for the report: how each set was read
  /// For the report's notes: why figures of the test set may be too good.
  std::vector<std::string> doubts{};
  nlohmann::json poolings;  ///< the same of choose_pooling(); null: there was no choice
};

/// finetune() with the server's program as a process of its own. There is a test set. Leaves in the folder, together and at
/// the end: what was sent, model.npz (on features before whitening; the owner's), published.npz when it
/// is to publish, report.json and report.html; and keys/, which a later run there uses again. Returns
/// the report. Throws DataError, before any work for all that can be known then.
nlohmann::json finetune_encrypted(const CommonOptions& common, const RunOptions& options,
                                  FinetuningSettings settings, FinetuningData data,
                                  RunFolder& folder);

/// What finetuning notes, on stderr behind "[owner] ".
Listener owner_listener(const CommonOptions& common);

}  // namespace blindtuner::app
