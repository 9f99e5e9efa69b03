#include "base/path.h"

#include <system_error>

#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner {

std::string quoted_path(const std::filesystem::path& path) {
  std::string name = printable(path.string());
  name.insert(name.begin(), '\'');
  name.push_back('\'');
  return name;
}

bool path_exists(const std::filesystem::path& path) {
  std::error_code error;
  const bool found = std::filesystem::exists(path, error);
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    throw DataError("cannot look for " + quoted_path(path) + ": " + error.message());
  return found;
}

}  // namespace blindtuner
