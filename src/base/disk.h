// Folders on a disk, and what files take of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace blindtuner {

/// Throws DataError when the disk of the folder has less left than `what` will take.
void require_room(const std::filesystem::path& folder, std::uint64_t bytes,
                  const std::string& what);
/// Of a file; 0 of none.
std::uint64_t file_bytes(const std::filesystem::path& path);

}  // namespace blindtuner
