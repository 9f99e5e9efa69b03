// The report of the server's program, as far as the owner's own repeats it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace blindtuner::app {

/// What a server claims: numbers to be shown, which decide nothing.
struct ServerReport {
  int steps = 0;
  nlohmann::json seconds;           ///< an object of numbers
  nlohmann::json seconds_per_step;  ///< a list of such objects
  double peak_memory_bytes = 0;
};

/// Throws DataError for anything but a file of that form.
ServerReport read_server_report(const std::filesystem::path& path);

}  // namespace blindtuner::app
