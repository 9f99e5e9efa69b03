// Folders that one program at a time may work in.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/home_process.h"

namespace blindtuner {

/// How this process is called in the messages of others: "blindtuner keygen". Set once, at start.
void set_process_title(std::string title);

/// Holds `folder`/.`role`.lock by flock(2) until it is destroyed or its process ends, however that
/// happens: a lock is never stale. Roles are independent of each other, so the owner's and the
/// server's programs can work in one folder as "owner" and "server". The file holds a line for
/// every holder (process, title, since when) and is removed by the last one. Programs that are started do not
/// inherit the lock, and a process that is forked off gives it back no more than it takes it. Two locks of one process exclude each other like those of two.
///
/// A link, symbolic or hard, or anything but a regular file under that name is refused; a file of
/// another user is locked and not written to.
///
/// Where there are no descriptors left, or the file is there and is not for this user although the folder can be
/// written, DataError. Where the file can be neither opened nor made (no such folder, a folder that cannot be written),
/// or the file system knows no locks, there is nothing to hold: held() is false. Writing will fail
/// there by itself, and reading goes on.
class FileLock {
 public:
  enum class Kind {
    kExclusive,  ///< nobody else holds it
    kShared,     ///< nobody else holds it exclusively
  };

  /// Holds nothing.
  FileLock() = default;
  /// Waits up to `patience` for other holders. Throws DataError that names the folder and who holds
  /// it, or a file of its name that is no lock. Ends early when the program is interrupted.
  FileLock(std::filesystem::path folder, const std::string& role, Kind kind = Kind::kExclusive,
           std::chrono::milliseconds patience = {});
  ~FileLock() { release(); }
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

  bool held() const { return descriptor_ >= 0; }
  void release() noexcept;

 private:
  bool open_file();
  bool take(int operation);

  std::filesystem::path folder_, file_;
  int descriptor_ = -1;
  HomeProcess home_{};
};

/// Makes the folder and holds it in this role: keep what is returned. Throws DataError of make_folder
/// (base/path.h) and of FileLock.
FileLock make_locked_folder(const std::filesystem::path& path, const std::string& role);
/// Holds a file that one program at a time may make or replace, there or not yet: its role is its name.
FileLock lock_file(const std::filesystem::path& path, std::chrono::milliseconds patience = {});

}  // namespace blindtuner
