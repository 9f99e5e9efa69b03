// The whole path, from features in the clear to an evaluated classifier that was trained on
// ciphertexts: what `finetune` and `demo` have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "app/owner/finetuning_settings.h"
#include "app/owner/run_folder.h"
#include "features/data/dataset.h"

namespace blindtuner::app {

/// Features before whitening, in any order.
struct FinetuningData {
  std::string name;  ///< for reports
  Dataset train, test;
  std::optional<Dataset> validation;                  ///< none: taken from `train`
  nlohmann::json reading = nlohmann::json::object();  ///< for the report: how each set was read
  nlohmann::json poolings;  ///< the same of choose_pooling(); null: there was no choice
};

/// Keys, whitening, encryption, the server's program, rounds of validation, decryption, the same
/// training in the clear, evaluation. Leaves in the folder, together and at the end: what was sent,
/// model.npz (on features before whitening; the owner's), published.npz when it is to publish,
/// report.json and report.html; and keys/, which a later run there uses again. Returns the report.
/// Throws DataError, before any work for all that can be known then.
nlohmann::json finetune_encrypted(const CommonOptions& common, FinetuningSettings settings,
                                  FinetuningData data, RunFolder& folder);

/// A few lines of text out of the report.
std::string finetuning_summary(const nlohmann::json& report, const std::string& out);

}  // namespace blindtuner::app
