// Where passphrases come from: a file that is named, or the terminal, without echo. Never an
// argument, which every user of the machine could read.
#pragma once

#include <filesystem>
#include <string>

#include "app/common/program.h"
#include "base/buffer.h"

namespace blindtuner::app {

struct PassphraseOptions {
  std::string file;              ///< whose first line it is; may be a pipe
  bool may_be_unsealed = false;  ///< take a key that has none, though one was given
};
/// --passphrase-file
void add_passphrase_options(Command& command, PassphraseOptions& options);

/// The variable of the environment that names a file with one; programs that are started do not see it.
inline constexpr char kPassphraseVariable[] = "BLINDTUNER_PASSPHRASE_FILE";

/// The passphrase of `what`, 1 to kMaxPassphrase bytes: from the file of the options, else from the
/// one that BLINDTUNER_PASSPHRASE_FILE names, else from the terminal. Throws DataError where there
/// is none of the three.
SecretBytes read_passphrase(const PassphraseOptions& options, const std::filesystem::path& what);
/// Of one that was read, as a pipe says it once.
SecretBytes copy_of(const SecretBytes& passphrase);
/// Whether a file for one was named, by the options or by the environment.
bool passphrase_given(const PassphraseOptions& options);
/// Throws DataError where one was given for `what`, which has none: whoever gives one relies on it, and
/// somebody else's key may lie there.
void refuse_unused_passphrase(const PassphraseOptions& options, const std::filesystem::path& what);
/// A new one for it: from the file of the options, else from the terminal, twice.
SecretBytes read_new_passphrase(const PassphraseOptions& options,
                                const std::filesystem::path& what);

inline constexpr std::size_t kMaxPassphrase = 1024;

}  // namespace blindtuner::app
