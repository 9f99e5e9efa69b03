// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace blindtuner {

/// Permissions of new files, less the process's umask: kForTheOwner for secrets and for whatever
/// was decrypted and has no noise.
inline constexpr unsigned kForTheOwner = 0600, kForAnybody = 0666;

/// What a target that is a symbolic link means.
enum class Links {
  kFollow,   ///< the file that it leads to is replaced (or made), the link stays
  kReplace,  ///< the link itself is replaced: for folders where others may plant links
};

/// Writes to a file without a name (O_TMPFILE) in the target's folder; commit() flushes it to the
/// disk (fsync) and puts it in the target's place. Without commit, when anything fails, or when the
/// process is killed, nothing of it is left and an older target stays as it was.
///
/// Where the file system knows no files without a name, and for the moment before a rename, there
/// is a file `.blindtuner-*.tmp` beside the target, locked (flock) by its writer; what a killed
/// process left so is removed by the next AtomicFile in that folder (one of another machine, whose
/// locks a network's file system need not show, when it is a day old).
///
/// A target that exists must be a regular file that we may write and replace; its permissions, its access list and,
/// where the system lets us, its owner and group stay. They never become wider than they were, nor wider than
/// `mode`. Other hard links to it keep the old contents.
///
/// Every failure (no such folder, no permission, disk full, a device or a folder in its place) is a
/// DataError that names the target and the system's reason. One thread. write() throws Interrupted
/// when the program is asked to end; commit() does not.
class AtomicFile {
 public:
  /// `mode`: a new file's permissions, less the process's umask. 0600 for secrets.
  explicit AtomicFile(std::filesystem::path target, unsigned mode = kForAnybody,
                      Links links = Links::kFollow);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Bytes written so far.
  std::uint64_t size() const { return size_; }
  /// Flush to the disk, though nothing appears yet.
  void flush();
  /// Flush, fsync, rename, fsync of the folder. Call once; nothing may be written afterwards.
  void commit();
  /// The same with a file that is whole already, in the place of what was written: it gets a second name
  /// (on file systems without these it is renamed), so it must be on the target's file system. Its own
  /// permissions stay where there is no target yet.
  void commit_file(const std::filesystem::path& whole);

  /// Whether a file is called as those are that have no name yet of their own.
  static bool is_temporary(const std::filesystem::path& path);

  /// Only for tests: as on a file system that knows no files without a name.
  static void always_name_temporaries(bool always);

 private:
  void find_target(Links links, unsigned mode);
  void require_regular(unsigned mode) const;
  void require_replaceable(unsigned user) const;
  void open_temporary();
  void sweep() noexcept;
  void put(const void* data, std::size_t bytes);
  void keep_owner();
  void keep_access_list();
  bool link_to(const std::string& name);
  void copy_to_named();
  [[noreturn]] void fail(const char* action, int error);
  void discard() noexcept;

  std::filesystem::path target_;  // as it was named, for messages
  std::string name_, temporary_;  // in the folder; no temporary: the new file has no name yet
  int folder_ = -1, descriptor_ = -1;
  bool replaces_ = false;  // something of that name is there
  bool keeps_ = false;     // a regular file: its permissions and owner are kept
  unsigned mode_ = 0, was_ = 0, user_ = 0, group_ = 0;
  std::uint64_t size_ = 0;
};

/// Throws what AtomicFile throws for a target that cannot be written, before the hours whose result
/// it is to hold. Changes nothing.
void check_writable(const std::filesystem::path& target, Links links = Links::kFollow);

/// The folder's names survive a crash; where the file system cannot promise it, as well as it can.
void flush_folder(const std::filesystem::path& folder);

/// The whole file in one call.
void write_file_atomically(const std::filesystem::path& target, std::span<const std::uint8_t> bytes,
                           unsigned mode = kForAnybody);
void write_file_atomically(const std::filesystem::path& target, std::string_view text,
                           unsigned mode = kForAnybody);

}  // namespace blindtuner
