// The folder in which a training server's rounds of validation meet their owner's answers.
#pragma once

#include <filesystem>
#include <string>

namespace blindtuner::app {

/// Their names in the folder that both programs see. 1 <= round <= kMaxRounds.
std::filesystem::path round_path(const std::filesystem::path& folder, int round);
std::filesystem::path answer_path(const std::filesystem::path& folder, int round);
/// Whether all of such a file is there: something may copy the folder both ways. Throws DataError.
bool arrived(const std::filesystem::path& path);
/// What the message of a wait that ended without it ends with.
std::string partly_there(const std::filesystem::path& path);

}  // namespace blindtuner::app
