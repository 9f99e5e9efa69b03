// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace blindtuner {

/// Writes to a temporary beside the target; commit() flushes it to the disk (fsync) and renames it
/// over the target. Without commit, or when anything fails, the temporary is removed and an older
/// target stays as it was. Every failure (no such folder, no permission, disk full) is a DataError
/// that names the target and the system's reason. Move-less; one thread.
class AtomicFile {
 public:
  /// `mode`: the file's permissions, less the process's umask. 0600 for secrets.
  explicit AtomicFile(std::filesystem::path target, unsigned mode = 0666);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Bytes written so far.
  std::uint64_t size() const { return size_; }
  /// Flush, fsync, rename, fsync of the folder. Call once; nothing may be written afterwards.
  void commit();

 private:
  void put(const void* data, std::size_t bytes);
  [[noreturn]] void fail(const char* action, int error);
  void discard() noexcept;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// The whole file in one call.
void write_file_atomically(const std::filesystem::path& target,
                           std::span<const std::uint8_t> bytes);
void write_file_atomically(const std::filesystem::path& target, std::string_view text);

}  // namespace blindtuner
