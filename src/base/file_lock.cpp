#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/sha256.h"

namespace blindtuner {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestRole = 240;  // of a name's 255 bytes

std::string& process_title() {
  static std::string title = "another program";
  return title;
}

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> text{};
  localtime_r(&seconds, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The lines of living processes: a killed one could not remove its own.
std::string holders(int descriptor) {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  std::string_view rest(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  std::string out;
  for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
    const std::string line(rest.substr(0, end));
    const long process = std::atol(line.c_str());
    const std::size_t space = line.find(' ');
    if (process <= 0 || process > INT32_MAX || space == line.npos) continue;
    if (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) continue;
    out += (out.empty() ? "" : ", ") + line.substr(space + 1);
  }
  return out;
}

}  // namespace

void set_process_title(std::string title) { process_title() = std::move(title); }

FileLock::FileLock(std::filesystem::path folder, const std::string& role, Kind kind,
                   std::chrono::milliseconds patience)
    : folder_(std::move(folder)), file_(folder_ / ("." + role + ".lock")) {
  const int operation = kind == Kind::kExclusive ? LOCK_EX : LOCK_SH;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string by;
  // A holder that has not written its line yet gets a moment to do so.
  for (int unnamed = 0;;) {
    if (!open_file() || take(operation)) return;
    by = holders(descriptor_);
    ::close(std::exchange(descriptor_, -1));
    const bool late = std::chrono::steady_clock::now() >= deadline;
    if (late && (!by.empty() || ++unnamed > 10)) break;
    throw_if_interrupted();
    std::this_thread::sleep_for(late ? 10ms : 50ms);
  }
  throw DataError(quoted_path(folder_) + ": is in use by " +
                  (by.empty() ? std::string("another program") : by) +
                  "; wait until it has ended, or take another folder");
}

FileLock::FileLock(FileLock&& other) noexcept { *this = std::move(other); }

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this == &other) return *this;
  release();
  folder_ = std::move(other.folder_);
  file_ = std::move(other.file_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  home_ = other.home_;
  return *this;
}

// Everybody must be able to hold it whose folder it is, so the mode is the umask's; the file says
// nothing that `ps` does not.
bool FileLock::open_file() {
  constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  descriptor_ = above_streams(::open(file_.c_str(), O_RDWR | O_CREAT | kFlags, 0666));
  if (descriptor_ < 0) descriptor_ = ::open(file_.c_str(), O_RDONLY | kFlags);
  const int error = descriptor_ < 0 ? errno : 0;
  // There is something to hold then, and it would be worked on unheld as soon as others have closed theirs.
  if (error == EMFILE || error == ENFILE || error == ENOMEM)
    throw DataError("cannot lock " + quoted_path(file_) + ": " +
                    std::generic_category().message(error));
  // So would a folder that can be written and whose lock is not for this user, held or left by a killed process.
  struct stat there {};
  if (error != 0 && error != ELOOP && ::lstat(file_.c_str(), &there) == 0 &&
      ::faccessat(AT_FDCWD, folder_.c_str(), W_OK, AT_EACCESS) == 0)
    throw DataError("cannot lock " + quoted_path(file_) + ": " +
                    std::generic_category().message(error) +
                    "; remove it when nobody is at work there: another user has made it");
  struct stat info {};
  const bool opened = descriptor_ >= 0 && ::fstat(descriptor_, &info) == 0;
  // What others may have put there: nobody writes through a link, nor believes to hold one.
  if (opened ? S_ISREG(info.st_mode) && info.st_nlink <= 1 : error != ELOOP) return opened;
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  throw DataError(quoted_path(file_) +
                  ": is no lock but a link, or no regular file; find out who put it there, and "
                  "remove it");
}

// True when there is nothing more to wait for: held, or not to be had here. The file that is locked
// must still be the one of that name: the last holder removes it.
bool FileLock::take(int operation) {
  for (;;) {
    while (::flock(descriptor_, operation | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return false;
      ::close(std::exchange(descriptor_, -1));
      return true;
    }
    struct stat held {
    }, named{};
    if (::fstat(descriptor_, &held) == 0 && ::lstat(file_.c_str(), &named) == 0 &&
        same_file(held, named))
      break;
    ::close(std::exchange(descriptor_, -1));
    if (!open_file()) return true;
  }
  struct stat mine {};
  if (::fstat(descriptor_, &mine) != 0 || mine.st_uid != ::geteuid()) return true;
  if (operation == LOCK_EX && ::ftruncate(descriptor_, 0) != 0) return true;
  const std::string line = std::to_string(::getpid()) + " '" + process_title() + "' (process " +
                           std::to_string(::getpid()) + ", since " + now() + ")\n";
  if (::lseek(descriptor_, 0, SEEK_END) >= 0)
    if (::write(descriptor_, line.data(), line.size()) < 0) return true;
  return true;
}

void FileLock::release() noexcept {
  if (descriptor_ < 0) return;
  // The last holder's business. Others see that the name is gone, or another file's, and try again. What a fork
  // copied is the same open file, which would be locked as if nobody else held it.
  struct stat held {
  }, named{};
  if (home_.here() && ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 &&
      ::fstat(descriptor_, &held) == 0 && ::lstat(file_.c_str(), &named) == 0 &&
      same_file(held, named))
    ::unlink(file_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

FileLock make_locked_folder(const std::filesystem::path& path, const std::string& role) {
  make_folder(path);
  return FileLock(path, role);
}

FileLock lock_file(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  std::string role = path.filename().string();
  // With what is around it a long name would be none, and nothing would be held.
  if (role.size() > kLongestRole) {
    const Sha256Digest digest = Sha256().add(role).finish();
    role = role.substr(0, kLongestRole - 2 * digest.size()) + to_hex(digest);
  }
  return FileLock(path.has_parent_path() ? path.parent_path() : ".", role,
                  FileLock::Kind::kExclusive, patience);
}

}  // namespace blindtuner
