// Files on disk as sources and sinks.
#pragma once

#include <filesystem>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "io/byte_stream.h"
#include "io/format.h"

namespace blindtuner::io {

/// A regular file (base/input_file.h).
class FileSource final : public ByteSource {
 public:
  /// Throws DataError as InputFile.
  explicit FileSource(const std::filesystem::path& path) : file_(path) {}
  const std::string& name() const override { return file_.name(); }
  std::optional<std::uint64_t> size() const override { return file_.size(); }
  std::size_t read_some(std::span<std::uint8_t> out) override;

 private:
  InputFile file_;
  std::uint64_t position_ = 0;
};

/// A file that appears whole or not at all (base/atomic_file.h), in the place of one that is there.
class FileSink final : public ByteSink {
 public:
  /// `mode`: a new file's permissions. Throws DataError as AtomicFile.
  explicit FileSink(const std::filesystem::path& target, unsigned mode = kForAnybody,
                    Links links = Links::kFollow)
      : file_(target, mode, links) {}
  void write(std::span<const std::uint8_t> bytes) override { file_.write(bytes); }
  void flush() override { file_.flush(); }
  void commit() override { file_.commit(); }

 private:
  AtomicFile file_;
};

/// A file's header, and its kind held against `expected`. Throws DataError as ContainerReader.
FileHeader read_header(const std::filesystem::path& path, std::optional<FileKind> expected = {});

/// None of a file that is not there, is no regular one, or is none of ours.
std::optional<FileKind> file_kind(const std::filesystem::path& path);

/// False for a file that ends before its last frame does, and for one with zeros where its first bytes, a frame's name or the last
/// digest must be, as long as somebody copies it: what copies may make a file of its full size first. Looks at the frames' ends
/// alone: what is damaged, or none of ours, is whole, and its reader says what is wrong with it. Throws DataError as InputFile.
bool is_whole(const std::filesystem::path& path);

}  // namespace blindtuner::io
