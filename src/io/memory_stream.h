// Bytes in memory as sources and sinks.
#pragma once

#include <vector>

#include "io/byte_stream.h"

namespace blindtuner::io {

/// Bytes that somebody else holds and keeps while they are read.
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const std::uint8_t> bytes, std::string name)
      : left_(bytes), size_(bytes.size()), name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::optional<std::uint64_t> size() const override { return size_; }
  std::size_t read_some(std::span<std::uint8_t> out) override;

 private:
  std::span<const std::uint8_t> left_;
  std::uint64_t size_;
  std::string name_;
};

/// Keeps the bytes until it ends; it does not wipe them.
class MemorySink final : public ByteSink {
 public:
  void write(std::span<const std::uint8_t> bytes) override;
  void flush() override {}
  void commit() override;
  /// After commit().
  const std::vector<std::uint8_t>& bytes() const;

 private:
  std::vector<std::uint8_t> bytes_;
  bool whole_ = false;
};

}  // namespace blindtuner::io
