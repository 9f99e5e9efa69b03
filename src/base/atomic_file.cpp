#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace blindtuner {
namespace {

std::string random_suffix() {
  const Seed seed = fresh_seed();
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%02x%02x%02x%02x%02x%02x", seed[0], seed[1], seed[2],
                seed[3], seed[4], seed[5]);
  return text.data();
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target, unsigned mode) : target_(std::move(target)) {
  if (target_.filename().empty())
    throw DataError("cannot write '" + target_.string() + "': not a file name");
  temporary_ = target_;
  temporary_ += ".tmp-" + random_suffix();
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor_ < 0) {
    const int error = errno;
    temporary_.clear();  // not ours to remove
    fail("open", error);
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_ = std::filesystem::path();
}

void AtomicFile::fail(const char* action, int error) {
  discard();
  throw DataError("cannot write '" + target_.string() + "': " + action + ": " +
                  std::generic_category().message(error));
}

void AtomicFile::put(const void* data, std::size_t bytes) {
  require(descriptor_ >= 0, "AtomicFile: written after commit or failure");
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, std::min(bytes, std::size_t{1} << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write", errno);
    }
    next += written;
    bytes -= static_cast<std::size_t>(written);
    size_ += static_cast<std::uint64_t>(written);
  }
}

void AtomicFile::write(std::span<const std::uint8_t> bytes) { put(bytes.data(), bytes.size()); }
void AtomicFile::write(std::span<const std::byte> bytes) { put(bytes.data(), bytes.size()); }
void AtomicFile::write(std::string_view text) { put(text.data(), text.size()); }

void AtomicFile::commit() {
  require(descriptor_ >= 0, "AtomicFile: committed twice or after failure");
  if (::fsync(descriptor_) != 0) fail("fsync", errno);
  // Closed before the rename: some file systems report a full disk only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("close", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename", errno);
  temporary_ = std::filesystem::path();
  // The name, too, should survive a crash. The file is whole whatever happens here, and some file
  // systems refuse to flush folders, so a failure is not one of ours.
  const auto folder = target_.has_parent_path() ? target_.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    (void)::fsync(descriptor);
    ::close(descriptor);
  }
}

void write_file_atomically(const std::filesystem::path& target,
                           std::span<const std::uint8_t> bytes) {
  AtomicFile file(target);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text) {
  AtomicFile file(target);
  file.write(text);
  file.commit();
}

}  // namespace blindtuner
