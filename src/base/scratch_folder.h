// A folder that is gone, with all that is in it, when this is.
#pragma once

#include <filesystem>

#include "base/path.h"

namespace blindtuner {

class ScratchFolder {
 public:
  /// Makes it, unless it is there. Throws DataError.
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {
    make_folder(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace blindtuner
