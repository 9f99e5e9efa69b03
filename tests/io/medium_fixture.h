// Tests of what is read and written, on disk, in memory, and as a connection brings it.
#pragma once

#include <map>
#include <memory>

#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "io_fixture.h"

namespace blindtuner::testing_support {

/// Bytes that arrive a few at a time; `knows_size`: as a file does, not as a connection.
class PiecesSource final : public ByteSource {
 public:
  PiecesSource(std::span<const std::uint8_t> bytes, std::string name, bool knows_size)
      : source_(bytes, std::move(name)), knows_size_(knows_size) {}
  const std::string& name() const override { return source_.name(); }
  std::optional<std::uint64_t> size() const override {
    return knows_size_ ? source_.size() : std::nullopt;
  }
  std::size_t read_some(std::span<std::uint8_t> out) override {
    piece_ = piece_ * 7 % 4099;  // 1, 7, 49, ..
    return source_.read_some(out.first(std::min(out.size(), piece_)));
  }

 private:
  MemorySource source_;
  bool knows_size_;
  std::size_t piece_ = 1;
};

/// What files are read from; only the first writes to the disk.
enum class Medium { kFile, kMemory, kPieces, kStream };
inline const char* name_of(Medium medium) {
  constexpr const char* kNames[] = {"File", "Memory", "Pieces", "Stream"};
  return kNames[static_cast<int>(medium)];
}

/// Files by name in one medium, which go away with the test.
class MediumTest : public IoTest, public ::testing::WithParamInterface<Medium> {
 protected:
  bool knows_size() const { return GetParam() != Medium::kStream; }

  std::unique_ptr<ByteSource> source(const std::string& name = "file") const {
    if (GetParam() == Medium::kFile) return std::make_unique<FileSource>(path(name));
    const Bytes& bytes = files_.at(name);
    const std::string called = "'" + name + "'";
    if (GetParam() == Medium::kMemory) return std::make_unique<MemorySource>(bytes, called);
    return std::make_unique<PiecesSource>(bytes, called, knows_size());
  }
  /// Calls f(writer) and commits what it wrote.
  template <typename F>
  void write_file(const FileHeader& header, F&& f, const std::string& name = "file") {
    const auto write = [&](ByteSink& sink) {
      ContainerWriter out(sink, header);
      f(out);
      out.commit();
    };
    if (GetParam() == Medium::kFile) {
      FileSink sink(path(name));
      write(sink);
    } else {
      MemorySink sink;
      write(sink);
      files_[name] = sink.bytes();
    }
  }

  Bytes load(const std::string& name = "file") const {
    return GetParam() == Medium::kFile ? IoTest::load(path(name)) : files_.at(name);
  }
  void store(const std::string& name, const Bytes& bytes) {
    if (GetParam() == Medium::kFile)
      IoTest::store(path(name), bytes);
    else
      files_[name] = bytes;
  }

 private:
  std::map<std::string, Bytes> files_;
};

#define BLINDTUNER_IN_EVERY_MEDIUM(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(                                                                \
      , suite,                                                                             \
      ::testing::Values(Medium::kFile, Medium::kMemory, Medium::kPieces, Medium::kStream), \
      [](const auto& with) { return std::string(name_of(with.param)); })

}  // namespace blindtuner::testing_support
