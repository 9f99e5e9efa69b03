// The server's program as a process of its own, for commands that play both parties.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace blindtuner {

/// `named` if it is not empty, otherwise 'blindtuner-server' beside this program. Throws DataError.
std::filesystem::path server_program(const std::string& named);

/// Runs it to its end. Lines of its stderr appear on ours behind "[server] "; `meanwhile` is called
/// a few times a second. When either throws, or this program is interrupted, the process is ended
/// first. Throws DataError with the server's own message when it fails.
void run_server(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                const std::function<void()>& meanwhile = {});

}  // namespace blindtuner
