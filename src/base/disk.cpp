#include "base/disk.h"

#include <system_error>

#include "base/error.h"
#include "base/quantity.h"

namespace blindtuner {

void require_room(const std::filesystem::path& folder, std::uint64_t bytes,
                  const std::string& what) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (!error && space.available < bytes)
    throw DataError("'" + folder.string() + "': the disk has " +
                    bytes_text(static_cast<double>(space.available)) + " left, " + what +
                    " will take " + bytes_text(static_cast<double>(bytes)));
}

std::uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace blindtuner
