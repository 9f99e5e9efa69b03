// What no output may take the place of.
#pragma once

#include <filesystem>
#include <string>

namespace blindtuner::io {

/// What a file of these first bytes is to an owner, who cannot make it again, or one of this name: "a secret key",
/// "evaluation keys", "the ledger of keys", "a record of keys", "a signing key", "a folder's lock", "a record of a study" for
/// whatever is in the folder of one of its parties; "what cannot be read", which may be any of them. Links are followed. Empty for other files, and where nothing is.
std::string kept_by_owner(const std::filesystem::path& path);

/// Whoever writes a file where a caller says calls this first. Throws DataError for what kept_by_owner() names, and for the
/// checkpoint of a training, which is hours of a server's: `checkpoint`: it is meant for one.
void require_replaceable(const std::filesystem::path& output, bool checkpoint = false);

/// Throws DataError where an output is a file that the same call has read; `what`: "the model".
void require_other_file(const std::filesystem::path& output, const std::filesystem::path& input,
                        const std::string& what);

}  // namespace blindtuner::io
