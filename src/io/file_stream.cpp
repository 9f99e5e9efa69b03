#include "io/file_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/path.h"
#include "io/container_reader.h"

namespace blindtuner::io {

std::size_t FileSource::read_some(std::span<std::uint8_t> out) {
  const std::size_t got = file_.read_some(out, position_);
  position_ += got;
  return got;
}

FileHeader read_header(const std::filesystem::path& path, std::optional<FileKind> expected) {
  FileSource source(path);
  if (expected) return ContainerReader(source, *expected).header();
  return ContainerReader(source).header();
}

std::optional<FileKind> file_kind(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) && !is_not_told(error)) return std::nullopt;
  try {
    return read_header(path).kind;
  } catch (const NotTold&) {
    throw;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

namespace {

bool are_zeros(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

bool is_whole(const std::filesystem::path& path) {
  const InputFile file(path);
  std::array<std::uint8_t, kMagic.size()> magic{};
  const std::size_t got = file.read_some(magic, 0);
  if (are_zeros(std::span(magic).first(got))) return false;
  if (std::memcmp(magic.data(), kMagic.data(), got) != 0) return true;
  // Frames are full but for the last of a section: of more than that, mostly empty ones, the reader says
  // what is wrong with them.
  const std::uint64_t most_frames = file.size() / kFrameBytes + 2 * kMostSections;
  std::uint64_t frames = 0;
  for (std::uint64_t at = kHeaderBytes;;) {
    if (++frames > most_frames) return true;
    std::array<std::uint8_t, kFramePrefixBytes> prefix{};
    if (file.read_some(prefix, at) < prefix.size() || are_zeros(prefix)) return false;
    std::uint32_t length = 0;
    SectionTag tag = 0;
    std::memcpy(&length, prefix.data(), 4);
    std::memcpy(&tag, &prefix[4], 4);
    if (length > kFrameBytes) return true;
    at += kFramePrefixBytes + length + kDigestBytes;
    if (at > file.size()) return false;
    if (tag != kEndTag) continue;
    FrameDigest digest{};
    return file.read_some(digest, at - kDigestBytes) == kDigestBytes && !are_zeros(digest);
  }
}

}  // namespace blindtuner::io
