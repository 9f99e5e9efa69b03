// The whole path, from features in the clear to an evaluated classifier that was trained on
// ciphertexts: what `finetune` and `demo` have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "app/owner/finetuning_settings.h"
#include "data/dataset.h"

namespace blindtuner {

/// Features before whitening, in any order.
struct FinetuningData {
  std::string name;  ///< for reports
  Dataset train, test;
  std::optional<Dataset> validation;                  ///< none: taken from `train`
  nlohmann::json reading = nlohmann::json::object();  ///< for the report: how each set was read
  nlohmann::json poolings;  ///< the same of choose_pooling(); null: there was no choice
};

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
