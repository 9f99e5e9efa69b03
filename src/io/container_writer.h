// Writes the format of io/format.h, a few megabytes at a time.
#pragma once

#include <concepts>
#include <span>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "io/byte_stream.h"
#include "io/format.h"

namespace blindtuner::io {

/// The file appears in its sink with commit(), whole; without it nothing is left. Failures are the sink's
/// DataErrors. The buffers of a secret key are wiped. One thread.
class ContainerWriter {
 public:
  /// The sink, which has taken nothing yet, must outlive this.
  ContainerWriter(ByteSink& sink, const FileHeader& header);
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  /// Ends the section before and starts another. Everything is written inside a section.
  void begin_section(SectionTag tag);

  void bytes(std::span<const std::uint8_t> data);
  /// Whole numbers, as wide as they are, and doubles.
  template <typename T>
  requires(std::integral<T> || std::same_as<T, double>) void number(T value) {
    std::uint8_t raw[sizeof(T)];
    __builtin_memcpy(raw, &value, sizeof(T));
    bytes(raw);
  }
  /// Length (4 bytes) and bytes.
  void text(std::string_view value);
  /// Number (8 bytes) and values.
  void doubles(std::span<const double> values);

  /// The header's.
  std::uint32_t version() const { return version_; }
  /// Payload bytes so far.
  std::uint64_t size() const { return size_; }
  /// Writes the rest and flushes the sink, where nothing appears before commit(). At most once.
  void complete();
  /// Writes the rest and commits the sink. Call once.
  void commit();
  /// SHA-256 over the digests of all frames, which cover the header and every payload: no two files
  /// that differ have it in common. After complete() or commit().
  const Sha256Digest& contents() const { return contents_; }

 private:
  struct Frame {
    std::size_t offset, payload;
  };
  void open_frame();
  void close_frame();
  void flush();
  void finish();

  ByteSink& sink_;
  std::uint32_t version_;
  FrameDigest header_digest_;
  bool secret_, in_section_ = false, complete_ = false;
  SectionTag tag_ = 0;
  std::vector<std::uint8_t> buffer_;  // whole frames, the last one open
  std::vector<Frame> frames_;
  std::size_t used_ = 0;
  std::uint64_t next_number_ = 0;  // of the first frame in the buffer
  std::uint64_t size_ = 0;
  Sha256 digests_;
  Sha256Digest contents_{};
};

}  // namespace blindtuner::io
