// Files from outside, as every reader opens them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace blindtuner {

/// A regular file, open for reading. Opening never waits: a pipe, a socket, a device or a folder is
/// refused. What is read is copied, so a file that shrinks meanwhile is an error of the read and no
/// fault. Any number of threads at once.
class InputFile {
 public:
  /// Follows links. Throws DataError: no such file, no permission, not a regular file; NotTold, as all that reads here.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& name() const { return name_; }  ///< the path in quotes
  std::uint64_t size() const { return size_; }       ///< bytes, when it was opened

  /// Fills `out` from byte `offset` as far as the file goes; returns the number of bytes read.
  /// Throws DataError when reading fails, and whatever throw_if_interrupted() does.
  std::size_t read_some(std::span<std::uint8_t> out, std::uint64_t offset) const;
  /// Fills `out` from byte `offset`. Throws DataError, also when the file ends before.
  void read(std::span<std::uint8_t> out, std::uint64_t offset) const;
  /// The whole file. Throws DataError when it is larger than `max_bytes`, before memory is asked for.
  std::vector<std::uint8_t> read_all(std::uint64_t max_bytes) const;

 private:
  std::string name_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// The bytes of a regular file. Throws DataError when it cannot be opened or read, is not a regular
/// file, or is larger than `max_bytes`.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path,
                                    std::uint64_t max_bytes = std::uint64_t{1} << 40);

/// SHA-256 of a regular file's bytes, read piece by piece. Throws DataError.
Sha256Digest file_digest(const std::filesystem::path& path);

}  // namespace blindtuner
