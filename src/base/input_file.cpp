#include "base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"

namespace blindtuner {
namespace {

// Small enough that an interruption is noticed soon on a slow disk.
constexpr std::size_t kPiece = std::size_t{1} << 24;

[[noreturn]] void cannot_read(const std::string& name, int error) {
  const std::error_code code(error, std::generic_category());
  const std::string what = "cannot read " + name + ": " + code.message();
  if (is_not_told(code)) throw NotTold(what);
  throw DataError(what);
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : name_(quoted_path(path)) {
  const auto refuse = [&](const std::string& why) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw DataError("cannot read " + name_ + ": " + why);
  };
  const auto fail = [&] {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    cannot_read(name_, error);
  };
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  // A socket cannot be opened at all.
  if (descriptor_ < 0 && errno == ENXIO) refuse("not a regular file");
  if (descriptor_ < 0 && errno == ENOENT) refuse("no such file");
  if (descriptor_ < 0) fail();
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail();
  if (!S_ISREG(status.st_mode)) refuse("not a regular file");
  size_ = static_cast<std::uint64_t>(status.st_size);
  // What Git leaves where the files of its extension for large ones were not fetched.
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";
  char start[kPointer.size()];
  if (size_ < 1024 && ::pread(descriptor_, start, sizeof start, 0) == sizeof start &&
      std::string_view(start, sizeof start) == kPointer)
    refuse("a pointer of Git LFS, and not the file that it stands for ('git lfs pull' fetches it)");
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read_some(std::span<std::uint8_t> out, std::uint64_t offset) const {
  std::size_t done = 0;
  while (done < out.size()) {
    throw_if_interrupted();
    const ssize_t got = ::pread(descriptor_, out.data() + done, std::min(out.size() - done, kPiece),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(name_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void InputFile::read(std::span<std::uint8_t> out, std::uint64_t offset) const {
  if (read_some(out, offset) != out.size()) throw DataError(name_ + ": shrank while it was read");
}

std::vector<std::uint8_t> InputFile::read_all(std::uint64_t max_bytes) const {
  if (size_ > max_bytes)
    throw DataError(name_ + ": " + std::to_string(size_) + " bytes, expected at most " +
                    std::to_string(max_bytes));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size_));
  read(bytes, 0);
  return bytes;
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return InputFile(path).read_all(max_bytes);
}

Sha256Digest file_digest(const std::filesystem::path& path) {
  const InputFile file(path);
  Sha256 hash;
  std::vector<std::uint8_t> piece(1 << 20);
  std::uint64_t done = 0;
  while (const std::size_t got = file.read_some(piece, done)) {
    hash.add(piece.data(), got);
    done += got;
  }
  return hash.finish();
}

}  // namespace blindtuner
