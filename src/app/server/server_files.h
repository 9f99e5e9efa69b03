// Opening what the owner sends: with the refusals that only a server makes, and progress on the terminal.
#pragma once

#include <memory>

#include "base/signature.h"
#include "party/server/server_keys.h"
#include "records/dataset.h"
#include "records/training_keys.h"

namespace blindtuner::app {
using namespace records;
using namespace party;

/// Refuses a secret key wherever some other file was expected, before anything of it is read.
void refuse_secret_key(const std::filesystem::path& path);

TrainingKeysInfo open_training_keys(const std::filesystem::path& path, bool allow_insecure);
ServerKeysPtr open_keys_of(const std::filesystem::path& path, const KeySet& set, bool quiet);
/// Said of a secret's file.
void warn_if_readable_by_others(const std::filesystem::path& path);
/// The key in the file, which is made where there is none; its fingerprint is told then.
SigningKey signing_key_in(const std::filesystem::path& path);
std::shared_ptr<const DatasetFile> open_dataset(const std::filesystem::path& path,
                                                const KeySet& keys, bool quiet);

}  // namespace blindtuner::app
