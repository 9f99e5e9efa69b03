// `inspect`: what a file is, without any key.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/common/program.h"

namespace blindtuner::app {

/// What a file is: for a program, and as lines of text.
struct Inspection {
  nlohmann::json report;
  std::string text;
};
/// Reads the whole file. Throws DataError when it is damaged or none of this program's.
Inspection inspect_file(const std::filesystem::path& path, bool refuse_secret_keys, bool quiet);

/// Adds the command. The server's program refuses secret keys here as everywhere.
void add_inspect(Program& program, bool refuse_secret_keys);

}  // namespace blindtuner::app
