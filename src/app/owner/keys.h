// Keys on the command line: where they are, and what opens them.
#pragma once

#include <filesystem>

#include "app/common/program.h"
#include "app/owner/passphrase.h"
#include "party/owner/key_folder.h"

namespace blindtuner::app {
using namespace party;

/// The options of every command that takes keys.
struct KeyOptions {
  std::filesystem::path folder;
  PassphraseOptions passphrase;
};
void add_key_options(Command& command, KeyOptions& options);

/// The functions of party/owner/key_folder.h with these options' passphrase; what they have to say goes
/// to stderr. Throws DataError, too, where a passphrase was given for keys that have none.
OwnerFolder open_keys(const KeyOptions& options, const CommonOptions& common,
                      LostLedger lost = LostLedger::kRefused);
/// `known`: the passphrase where it was read already; empty: it is read where one is needed.
OwnerFolder open_keys_to_encrypt(const KeyOptions& options, const CommonOptions& common,
                                 const SecretBytes& known = {});

/// What keys have to say, on stderr: notes as they are unless there is to be no progress, warnings
/// always.
Listener key_listener(const CommonOptions& common);

}  // namespace blindtuner::app
