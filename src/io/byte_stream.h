// Where the bytes of a file of ours come from and go to: a file on disk (io/file_stream.h), memory
// (io/memory_stream.h), or whatever else can say these few things.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace blindtuner::io {

/// One file's bytes from the first to the last, once. It ends with the file: what it holds beyond is an
/// error of its reader. One thread.
class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// What messages call it; of a file, its path in quotes.
  virtual const std::string& name() const = 0;
  /// How many bytes there are in all, where that is known before they were read. It bounds what readers ask
  /// memory for; without it, they let memory grow with what arrives.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// The next bytes, as many as there are at the moment, at least one, at most out.size() (> 0); 0 when none
  /// will follow. Waits for the first. Throws DataError when reading fails, and what
  /// throw_if_interrupted() throws.
  virtual std::size_t read_some(std::span<std::uint8_t> out) = 0;
};

/// Takes one file's bytes. Nothing of them is to be seen before commit(), and nothing is left when it
/// ends without. One thread.
class ByteSink {
 public:
  ByteSink() = default;
  virtual ~ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;

  /// Takes all of them. Throws DataError when they cannot be kept, and what throw_if_interrupted() throws.
  virtual void write(std::span<const std::uint8_t> bytes) = 0;
  /// What was written is as safe as it will be. Throws DataError.
  virtual void flush() = 0;
  /// All was written: it appears, flushed. Called once, and nothing after it. Throws DataError.
  virtual void commit() = 0;
};

}  // namespace blindtuner::io
