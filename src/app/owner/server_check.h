// Which program plays the server.
#pragma once

#include <filesystem>
#include <string>

namespace blindtuner::app {

/// server_program(named), once it has said that it is blindtuner-server of this program's version.
/// Throws DataError: before keys and encryption, not after.
std::filesystem::path checked_server_program(const std::string& named);

}  // namespace blindtuner::app
