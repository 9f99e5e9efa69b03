#include "base/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>
#include <system_error>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/random.h"
#include "base/sha256.h"

namespace blindtuner {
namespace {

constexpr int kMostLinks = 40;  // as many as the kernel follows
constexpr std::string_view kPrefix = ".blindtuner-", kSuffix = ".tmp";
constexpr std::size_t kMachineDigits = 6, kRandomDigits = 10;
constexpr std::time_t kForgottenAfter = 24 * 3600;

std::atomic<bool> always_named = false;

/// Which machine, and which start of it, this is: a few digits of a hash.
const std::string& machine_digits() {
  static const std::string digits = [] {
    std::string told(256, '\0');
    const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t got = file < 0 ? -1 : ::read(file, told.data(), told.size());
    if (file >= 0) ::close(file);
    if (got <= 0) (void)::gethostname(told.data(), told.size() - 1);
    return to_hex(Sha256().add(told).finish()).substr(0, kMachineDigits);
  }();
  return digits;
}

// Short, so that a target's name may be as long as the file system allows.
std::string temporary_name() {
  const std::string random = to_hex(fresh_seed()).substr(0, kRandomDigits);
  return std::string(kPrefix) + machine_digits() + random + std::string(kSuffix);
}

bool is_temporary_name(std::string_view name) {
  return name.size() == kPrefix.size() + kMachineDigits + kRandomDigits + kSuffix.size() &&
         name.starts_with(kPrefix) && name.ends_with(kSuffix);
}

/// Whether nobody is at work with a temporary whose lock is free. That of another machine may not be seen from here, on a
/// network's file system: there, much has happened in the folder since it was written last, by that file system's own clock.
bool is_forgotten(const char* name, int folder) {
  if (std::string_view(name).substr(kPrefix.size()).starts_with(machine_digits())) return true;
  struct stat inside {
  }, left{};
  return ::fstat(folder, &inside) == 0 &&
         ::fstatat(folder, name, &left, AT_SYMLINK_NOFOLLOW) == 0 &&
         inside.st_mtime - left.st_mtime > kForgottenAfter;
}

/// Whether a file system is mounted on what has this name, as container programs mount single files.
bool is_mounted_on(int folder, const char* name) {
  struct statx status {};
  return ::statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// What a POSIX access list is called (acl(5)), which says more than nine bits of permission do.
constexpr const char* kAccessList = "system.posix_acl_access";

std::string path_of_descriptor(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// Whether the descriptor's file is the one of that name.
bool has_name(int descriptor, int folder, const char* name) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 &&
         ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

// A sandbox may forbid links, and Android does, where files without a name are to be had.
bool may_not_link(int error) {
  return error == EPERM || error == EACCES || error == ENOSYS || error == EOPNOTSUPP;
}

bool lock_now(int descriptor) {
  int result = 0;
  while ((result = ::flock(descriptor, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
  }
  return result == 0;
}

// The file is whole whatever happens here, and some file systems refuse to flush folders, so a failure
// is not one of ours.
void flush_at(int folder, const char* name) {
  const int list = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list < 0) return;
  (void)::fsync(list);
  ::close(list);
}

}  // namespace

bool AtomicFile::is_temporary(const std::filesystem::path& path) {
  return is_temporary_name(path.filename().string());
}

void AtomicFile::always_name_temporaries(bool always) { always_named = always; }

AtomicFile::AtomicFile(std::filesystem::path target, unsigned mode, Links links)
    : target_(std::move(target)) {
  try {
    find_target(links, mode);
    (void)machine_digits();  // sweep() can throw nothing
    sweep();
    open_temporary();
  } catch (...) {
    discard();
    throw;
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (!temporary_.empty()) ::unlinkat(folder_, temporary_.c_str(), 0);
  temporary_.clear();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (folder_ >= 0) ::close(std::exchange(folder_, -1));
}

void AtomicFile::fail(const char* action, int error) {
  discard();
  throw DataError("cannot write " + quoted_path(target_) + ": " + action + ": " +
                  std::generic_category().message(error));
}

// Sets the folder, the name in it, and what a target that is there demands.
void AtomicFile::find_target(Links links, unsigned mode) {
  mode_ = mode;
  struct stat status {};
  if (links == Links::kFollow && ::stat(target_.c_str(), &status) == 0)
    require_regular(status.st_mode);
  std::filesystem::path path = target_;
  for (int followed = 0;; ++followed) {
    name_ = path.filename().string();
    if (name_.empty() || name_ == "." || name_ == "..")
      throw DataError("cannot write " + quoted_path(target_) + ": not a file name");
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (folder_ >= 0) ::close(folder_);
    folder_ = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_ < 0 && (errno == ENOENT || errno == ENOTDIR))
      throw DataError("cannot write " + quoted_path(target_) + ": " + quoted_path(folder) +
                      (errno == ENOENT ? ": no such folder; make it first" : ": is no folder"));
    if (folder_ < 0) fail("open", errno);
    if (::fstatat(folder_, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) fail("open", errno);
      return;
    }
    if (!S_ISLNK(status.st_mode)) break;
    if (links == Links::kReplace) {
      replaces_ = true;
      return;
    }
    if (followed == kMostLinks) fail("open", ELOOP);
    std::array<char, PATH_MAX> to{};
    const ssize_t length = ::readlinkat(folder_, name_.c_str(), to.data(), to.size() - 1);
    if (length < 0) fail("open", errno);
    path = folder / to.data();  // an absolute one stands for itself
  }
  require_regular(status.st_mode);
  if (::faccessat(folder_, name_.c_str(), W_OK, AT_EACCESS) != 0) fail("open", errno);
  require_replaceable(status.st_uid);
  replaces_ = keeps_ = true;
  was_ = status.st_mode & 0777;
  mode_ = mode & was_;
  user_ = status.st_uid;
  group_ = status.st_gid;
}

void AtomicFile::require_regular(unsigned mode) const {
  if (!S_ISREG(mode))
    throw DataError("cannot write " + quoted_path(target_) + ": is " + kind_of(mode) +
                    ", expected a regular file or a new name");
}

// Writing to them is allowed, and a rename is not: found out now, not when all is computed.
void AtomicFile::require_replaceable(unsigned user) const {
  if (is_mounted_on(folder_, name_.c_str()))
    throw DataError("cannot write " + quoted_path(target_) +
                    ": it is mounted by itself, and cannot be replaced; mount its folder");
  struct stat inside {};
  const unsigned self = ::geteuid();
  if (self != 0 && self != user && ::fstat(folder_, &inside) == 0 && self != inside.st_uid &&
      (inside.st_mode & S_ISVTX) != 0)
    throw DataError("cannot write " + quoted_path(target_) +
                    ": it is another user's, whom alone its folder lets replace it (sticky bit)");
}

void AtomicFile::open_temporary() {
  if (!always_named) {
    descriptor_ = above_streams(::openat(folder_, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode_));
    // Without /proc it could not be given a name.
    if (descriptor_ >= 0 && ::access(path_of_descriptor(descriptor_).c_str(), F_OK) != 0)
      ::close(std::exchange(descriptor_, -1));
    if (descriptor_ >= 0) {
      (void)lock_now(descriptor_);
      return;
    }
  }
  // Another program's sweep may come between the making and the locking.
  do {
    if (descriptor_ >= 0) ::close(descriptor_);
    std::string name = temporary_name();
    descriptor_ = above_streams(
        ::openat(folder_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_));
    if (descriptor_ < 0) fail("open", errno);
    temporary_ = std::move(name);
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  } while (!has_name(descriptor_, folder_, temporary_.c_str()));
}

// What a killed process left has lost its lock.
void AtomicFile::sweep() noexcept {
  const int list = ::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = list < 0 ? nullptr : ::fdopendir(list);
  if (entries == nullptr) {
    if (list >= 0) ::close(list);
    return;
  }
  while (const dirent* entry = ::readdir(entries)) {
    if (!is_temporary_name(entry->d_name) || !is_forgotten(entry->d_name, folder_)) continue;
    const int left =
        ::openat(folder_, entry->d_name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (left < 0) continue;
    if (lock_now(left) && has_name(left, folder_, entry->d_name))
      ::unlinkat(folder_, entry->d_name, 0);
    ::close(left);
  }
  ::closedir(entries);
}

void AtomicFile::put(const void* data, std::size_t bytes) {
  require(descriptor_ >= 0, "AtomicFile: written after commit or failure");
  throw_if_interrupted();
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

// The umask may have taken what the old file had. Where the group cannot stay, the new one may do
// no more than anybody.
void AtomicFile::keep_owner() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail("stat", errno);
  if ((status.st_uid != user_ || status.st_gid != group_) &&
      ::fchown(descriptor_, user_, group_) != 0 &&
      ::fchown(descriptor_, static_cast<uid_t>(-1), group_) != 0 && status.st_gid != group_)
    mode_ &= 0707u | (mode_ & 07u) << 3;
  keep_access_list();
  if (::fchmod(descriptor_, mode_) == 0) return;
  // Some file systems give all files the same permissions, and some keep nobody's.
  const bool refused = errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP;
  if (!refused || (status.st_mode & 0777u & ~(mode_ | was_)) != 0 || status.st_uid != user_ ||
      status.st_gid != group_)
    fail("chmod", errno);
}

// The bits of the group are the list's mask where there is one: without it they would let the group do what they let
// those on the list. A list that the folder has for new files is not the old file's either.
void AtomicFile::keep_access_list() {
  std::array<char, 1 << 16> list{};  // as much as the kernel takes
  const std::string old = path_of_descriptor(folder_) + "/" + name_;
  const ssize_t bytes = ::lgetxattr(old.c_str(), kAccessList, list.data(), list.size());
  if (bytes < 0)
    (void)::fremovexattr(descriptor_, kAccessList);
  else if (::fsetxattr(descriptor_, kAccessList, list.data(), static_cast<std::size_t>(bytes), 0) !=
           0)
    mode_ &= 0700;
}

// Reports also what a network's file system would say when it is closed.
void AtomicFile::flush() {
  require(descriptor_ >= 0, "AtomicFile: committed twice or after failure");
  if (::fsync(descriptor_) != 0) fail("fsync", errno);
}

bool AtomicFile::link_to(const std::string& name) {
  if (::linkat(AT_FDCWD, path_of_descriptor(descriptor_).c_str(), folder_, name.c_str(),
               AT_SYMLINK_FOLLOW) == 0)
    return true;
  if (errno != EEXIST && !may_not_link(errno)) fail("link", errno);
  return false;
}

/// Into a temporary that has a name, where a file without one is not given any.
void AtomicFile::copy_to_named() {
  always_named = true;
  const int whole = std::exchange(descriptor_, -1);
  try {
    open_temporary();
    size_ = 0;
    std::vector<char> part(std::size_t{1} << 20);
    for (off_t at = 0;; at = static_cast<off_t>(size_)) {
      const ssize_t got = ::pread(whole, part.data(), part.size(), at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read", errno);
      if (got == 0) break;
      put(part.data(), static_cast<std::size_t>(got));
    }
    flush();
  } catch (...) {
    ::close(whole);
    throw;
  }
  ::close(whole);
}

void AtomicFile::commit() {
  flush();
  bool done = false;
  if (temporary_.empty()) {
    done = !replaces_ && link_to(name_);
    std::string name = done ? "" : temporary_name();
    if (!done && link_to(name))
      temporary_ = std::move(name);
    else if (!done)
      copy_to_named();
  }
  if (!done) {
    if (keeps_) keep_owner();
    if (::renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) fail("rename", errno);
    temporary_.clear();
  }
  flush_at(folder_, ".");
  discard();
}

void AtomicFile::commit_file(const std::filesystem::path& whole) {
  require(descriptor_ >= 0, "AtomicFile: committed twice or after failure");
  if (!temporary_.empty()) ::unlinkat(folder_, std::exchange(temporary_, {}).c_str(), 0);
  ::close(descriptor_);
  descriptor_ = ::open(whole.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor_ < 0) fail("open", errno);
  (void)lock_now(descriptor_);  // against another program's sweep
  if (keeps_) keep_owner();
  const std::string name = temporary_name();
  if (::linkat(AT_FDCWD, whole.c_str(), folder_, name.c_str(), 0) == 0) {
    temporary_ = name;  // goes away in discard() where the target was this very file
    if (::renameat(folder_, name.c_str(), folder_, name_.c_str()) != 0) fail("rename", errno);
  } else if (!may_not_link(errno) && errno != EMLINK) {
    fail("link", errno);
  } else if (::renameat(AT_FDCWD, whole.c_str(), folder_, name_.c_str()) != 0) {
    fail("rename", errno);
  }
  flush_at(folder_, ".");
  discard();
}

void flush_folder(const std::filesystem::path& folder) { flush_at(AT_FDCWD, folder.c_str()); }

void check_writable(const std::filesystem::path& target, Links links) {
  const AtomicFile probe(target, 0600, links);
}

void write_file_atomically(const std::filesystem::path& target, std::span<const std::uint8_t> bytes,
                           unsigned mode) {
  AtomicFile file(target, mode);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text,
                           unsigned mode) {
  AtomicFile file(target, mode);
  file.write(text);
  file.commit();
}

}  // namespace blindtuner
