// Reads the format of io/format.h, a few megabytes at a time, every frame verified before its use.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "io/byte_stream.h"
#include "io/format.h"

namespace blindtuner::io {

/// Every failure is a DataError of one line that starts with the source's name. One thread. Memory is
/// bounded: a few megabytes, whatever the file says. The buffers of a secret key are wiped.
///
/// A reader of some kind of file enters the sections in their order, takes what the kind's
/// specification says, and calls finish(). It allocates for a number of items only after
/// require_available().
class ContainerReader {
 public:
  /// Checks the header. The source, of which nothing was read yet, must outlive this.
  explicit ContainerReader(ByteSource& source);
  /// The same, and the file must be of this kind.
  ContainerReader(ByteSource& source, FileKind expected);
  ~ContainerReader();
  ContainerReader(const ContainerReader&) = delete;
  ContainerReader& operator=(const ContainerReader&) = delete;

  /// Its written_parameters are empty before the first section was asked for.
  const FileHeader& header() const { return header_; }
  const std::string& name() const { return source_.name(); }  ///< the source's
  std::optional<std::uint64_t> file_bytes() const { return file_bytes_; }
  /// Told the bytes consumed after every few megabytes; may throw to give up.
  void on_progress(std::function<void(std::uint64_t)> callback) { progress_ = std::move(callback); }

  /// The section before must have been read to its end.
  void enter_section(SectionTag tag);
  /// The next section's name; the one before must have been read to its end. kEndTag at the end.
  SectionTag next_section();
  /// Reads the current section to its end; returns how many bytes that were.
  std::uint64_t skip_section();

  void bytes(std::span<std::uint8_t> out);
  template <typename T>
  requires(std::integral<T> || std::same_as<T, double>) T number() {
    std::uint8_t raw[sizeof(T)];
    bytes(raw);
    T value;
    __builtin_memcpy(&value, raw, sizeof(T));
    return value;
  }
  /// A whole number in [least, most]. `what` opens the message.
  std::uint64_t number_in(std::uint64_t value, std::uint64_t least, std::uint64_t most,
                          const char* what) const;
  /// A double that is neither NaN nor infinite.
  double finite(const char* what);
  /// A text of at most `most` bytes, printable or whitespace or UTF-8.
  std::string text(std::size_t most, const char* what);
  /// At most `most` finite values.
  std::vector<double> doubles(std::size_t most, const char* what);

  /// Refuses `count` items of at least `item_bytes` bytes that the rest of the file cannot hold. Of a source
  /// that does not know its size it refuses none: callers ask for the memory of a few items at a time.
  void require_available(std::uint64_t count, std::uint64_t item_bytes, const char* what) const;
  /// Everything was read, and the file ends here.
  void finish();
  /// ContainerWriter::contents() of this file. After finish().
  const Sha256Digest& contents() const { return contents_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Frame {
    SectionTag tag;
    std::size_t offset, payload;  // of the payload in the buffer
  };
  void fill(std::size_t wanted);
  void load();
  void begin_sections();
  void require_section_finished();

  ByteSource& source_;
  FileHeader header_;
  FrameDigest header_digest_;
  bool secret_ = false;
  std::optional<std::uint64_t> file_bytes_;
  std::uint64_t position_ = 0;  // in the file, of the first byte that belongs to no frame yet
  std::uint64_t next_number_ = 0;
  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0, filled_ = 0;  // of the buffer: bytes of frames_, bytes in all
  std::vector<Frame> frames_;
  std::size_t current_ = 0;  // frame
  std::size_t taken_ = 0;    // bytes of its payload
  bool in_section_ = false;
  SectionTag tag_ = 0;
  std::function<void(std::uint64_t)> progress_;
  Sha256 digests_;
  Sha256Digest contents_{};
};

/// One section as `inspect` shows it.
struct SectionSize {
  std::string name;
  std::uint64_t bytes = 0;
};
/// Verifies a whole file without interpreting it. Throws DataError.
std::vector<SectionSize> scan_sections(ContainerReader& reader);

}  // namespace blindtuner::io
