#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iterator>

#include "features/data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  const auto bytes = get_file(path);
  return {bytes.begin(), bytes.end()};
}

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

void put(const fs::path& path, std::string_view text) { write_file_atomically(path, text); }

/// Both kinds of temporary: a file without a name, and one beside the target.
class AtomicFileTest : public ::testing::TestWithParam<bool> {
 protected:
  AtomicFileTest() { AtomicFile::always_name_temporaries(GetParam()); }
  ~AtomicFileTest() override { AtomicFile::always_name_temporaries(false); }
  TemporaryFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(Temporaries, AtomicFileTest, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Named" : "Nameless"; });

TEST_P(AtomicFileTest, AppearsOnlyWithCommit) {
  const auto path = folder_ / "out";
  {
    AtomicFile file(path);
    file.write(std::string_view("one "));
    file.write(std::string_view("two"));
    EXPECT_EQ(file.size(), 7u);
    EXPECT_FALSE(fs::exists(path));
    EXPECT_EQ(folder_.files(), GetParam() ? 1u : 0u);
    file.commit();
    EXPECT_THROW(file.commit(), ContractError);
    EXPECT_THROW(file.write(std::string_view("more")), ContractError);
  }
  EXPECT_EQ(text_of(path), "one two");
  EXPECT_EQ(folder_.files(), 1u);
  put(path, "again");
  EXPECT_EQ(text_of(path), "again");
  EXPECT_EQ(folder_.files(), 1u);
}

/// What is done where the system refuses a call, as in a sandbox.
void without(unsigned call, unsigned error, const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter refuse[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter{std::size(refuse), refuse};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      ::_exit(77);
    try {
      work();
    } catch (const DataError& refused) {
      std::fprintf(stderr, "%s\n", refused.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
void put_without(unsigned call, unsigned error, const fs::path& path, std::string_view text) {
  without(call, error, [&] { put(path, text); });
}

TEST_P(AtomicFileTest, WithoutLinks) {
  const std::string text(3000000, 'x');
  for (const unsigned error : {EPERM, EACCES, ENOSYS}) {
    const auto path = folder_ / std::to_string(error), whole = folder_ / "whole";
    put_without(SYS_linkat, error, path, text);
    put_without(SYS_linkat, error, path, text + "y");
    EXPECT_EQ(text_of(path), text + "y");
    put_file(whole, "whole");
    without(SYS_linkat, error, [&] { AtomicFile(path).commit_file(whole); });
    EXPECT_EQ(text_of(path), "whole");
    EXPECT_FALSE(fs::exists(whole));
  }
  EXPECT_EQ(folder_.files(), 3u);
}

TEST_P(AtomicFileTest, WithoutPermissionsOfItsOwn) {
  const auto path = folder_ / "out";
  put(path, "old");
  const unsigned mode = mode_of(path);
  put_without(SYS_fchmod, EPERM, path, "new");
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(mode_of(path), mode);
}

TEST_P(AtomicFileTest, AbandonedLeavesTheOldFile) {
  const auto path = folder_ / "out";
  put_file(path, "old");
  {
    AtomicFile file(path);
    file.write(std::string_view("new"));
  }
  check_writable(path);
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(folder_.files(), 1u);
}

TEST_P(AtomicFileTest, NobodysOutputGoesIntoAFileWhereStreamsAreClosed) {
  const auto path = folder_ / "out";
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int stream : {0, 1, 2}) ::close(stream);
    AtomicFile file(path);
    for (const int stream : {0, 1, 2}) (void)!::write(stream, "a warning", 9);
    file.write(std::string_view("whole"));
    file.commit();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(text_of(path), "whole");
  EXPECT_EQ(folder_.files(), 1u);
}

TEST_P(AtomicFileTest, FailuresNameTheTarget) {
  const std::string folder = (folder_ / "missing").string();
  expect_data_error(
      [&] { AtomicFile(folder_ / "missing/out"); },
      "cannot write '" + folder + "/out': '" + folder + "': no such folder; make it first");
  put_file(folder, "a file");
  expect_data_error([&] { AtomicFile(folder_ / "missing/out"); }, "'" + folder + "': is no folder");
  fs::remove(folder);
  for (const char* name : {"folder/", ".", "..", "folder/.."})
    expect_data_error([&] { AtomicFile(folder_ / name); }, name);
  expect_data_error([&] { AtomicFile(""); }, "not a file name");
  expect_data_error([&] { AtomicFile(folder_ / std::string(256, 'n')); }, "name too long");
  EXPECT_EQ(folder_.files(), 0u);
}

TEST_P(AtomicFileTest, NamesAsLongAsTheFileSystemAllows) {
  const auto path = folder_ / std::string(255, 'n');
  put(path, "x");
  put(path, "y");
  EXPECT_EQ(text_of(path), "y");
}

// The superuser, too, keeps its devices.
TEST_P(AtomicFileTest, ReplacesRegularFilesOnly) {
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_data_error([&] { put(folder_ / "folder", "x"); }, "is a folder");
  expect_data_error([&] { put(folder_ / "pipe", "x"); }, "is a pipe");
  // A twin of /dev/null: were it replaced, the machine should not lose its own.
  fs::path device = folder_ / "null";
  if (::mknod(device.c_str(), S_IFCHR | 0666, ::makedev(1, 3)) != 0) device = "/dev/null";
  expect_data_error([&] { put(device, "x"); }, "is a device");
  fs::create_symlink(device, folder_ / "link");
  expect_data_error([&] { put(folder_ / "link", "x"); }, "is a device");
  EXPECT_TRUE(fs::is_character_file(device));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link") && fs::is_fifo(folder_ / "pipe"));
  // What a shell gives as /dev/stdout is one of these.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  expect_data_error([&] { put("/proc/self/fd/" + std::to_string(ends[1]), "x"); }, "is a pipe");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_P(AtomicFileTest, FollowsLinksToTheirEnd) {
  fs::create_directory(folder_ / "deep");
  fs::create_symlink("middle", folder_ / "link");
  fs::create_symlink("deep/end", folder_ / "middle");
  for (const char* text : {"made", "replaced"}) {
    put(folder_ / "link", text);
    EXPECT_EQ(text_of(folder_ / "deep/end"), text);
    EXPECT_TRUE(fs::is_symlink(folder_ / "link") && fs::is_symlink(folder_ / "middle"));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder_ / "deep/end")));
  }
  fs::create_symlink("loop", folder_ / "loop");
  expect_data_error([&] { put(folder_ / "loop", "x"); }, "symbolic links");
}

TEST_P(AtomicFileTest, ReplacesALinkWhereItIsToldTo) {
  put_file(folder_ / "kept", "kept");
  fs::create_symlink("kept", folder_ / "link");
  AtomicFile file(folder_ / "link", 0666, Links::kReplace);
  file.write(std::string_view("new"));
  file.commit();
  EXPECT_EQ(text_of(folder_ / "kept"), "kept");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder_ / "link")));
}

TEST_P(AtomicFileTest, PermissionsNeverWiden) {
  const mode_t before = ::umask(022);
  const auto path = folder_ / "out";
  put(path, "x");
  EXPECT_EQ(mode_of(path), 0644u);
  for (const unsigned mode : {0600u, 0640u, 0664u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    put(path, "y");
    EXPECT_EQ(mode_of(path), mode);
  }
  // A secret stays one whatever was there.
  write_file_atomically(path, std::string_view("z"), 0600);
  EXPECT_EQ(mode_of(path), 0600u);
  write_file_atomically(folder_ / "secret", std::string_view("z"), 0600);
  EXPECT_EQ(mode_of(folder_ / "secret"), 0600u);
  ::umask(077);
  put(folder_ / "private", "x");
  EXPECT_EQ(mode_of(folder_ / "private"), 0600u);
  ::umask(before);
}

// acl(5): the owner and one user more read it, its group does not, though the mask shows among the group's bits.
TEST_P(AtomicFileTest, AccessListsStay) {
  constexpr const char* kName = "system.posix_acl_access";
  constexpr std::uint32_t kNone = UINT32_MAX, kUser = 65534;
  struct Entry {
    std::uint16_t tag, rights;
    std::uint32_t id;
  };
  const std::array<Entry, 5> entries{
      {{0x01, 6, kNone}, {0x02, 4, kUser}, {0x04, 0, kNone}, {0x10, 4, kNone}, {0x20, 0, kNone}}};
  std::array<char, sizeof(std::uint32_t) + sizeof entries> list{}, after{};
  const std::uint32_t version = 2;
  std::memcpy(list.data(), &version, sizeof version);
  std::memcpy(list.data() + sizeof version, entries.data(), sizeof entries);
  const auto path = folder_ / "out";
  put(path, "one");
  if (::setxattr(path.c_str(), kName, list.data(), list.size(), 0) != 0) {
    ASSERT_EQ(errno, EOPNOTSUPP);
    GTEST_SKIP() << "no access lists here";
  }
  ASSERT_EQ(mode_of(path), 0640u);
  put(path, "two");
  EXPECT_EQ(text_of(path), "two");
  EXPECT_EQ(mode_of(path), 0640u);
  ASSERT_EQ(::getxattr(path.c_str(), kName, after.data(), after.size()),
            static_cast<ssize_t>(list.size()));
  EXPECT_EQ(after, list);

  // That of a folder is for new files, not for what is there.
  put(folder_ / "old", "one");
  ASSERT_EQ(::chmod((folder_ / "old").c_str(), 0640), 0);
  ASSERT_EQ(
      ::setxattr((folder_ / ".").c_str(), "system.posix_acl_default", list.data(), list.size(), 0),
      0);
  put(folder_ / "old", "two");
  EXPECT_EQ(mode_of(folder_ / "old"), 0640u);
  EXPECT_EQ(::getxattr((folder_ / "old").c_str(), kName, after.data(), after.size()), -1);
}

// Both can be written, and no other file can be put in their place.
TEST_P(AtomicFileTest, WhatCannotBeReplacedIsRefusedAtOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs the superuser, to be somebody else and to mount";
  const auto sticky = folder_ / "sticky";
  put(sticky, "one");
  ASSERT_EQ(::chmod(sticky.c_str(), 0666), 0);
  ASSERT_EQ(::chmod((folder_ / ".").c_str(), 01777), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  std::string refused;
  try {
    check_writable(sticky);
  } catch (const DataError& error) {
    refused = error.what();
  }
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_NE(refused.find("sticky"), std::string::npos) << refused;
  EXPECT_NO_THROW(check_writable(sticky));

  const auto mounted = folder_ / "mounted";
  put(mounted, "one");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(mounted.c_str(), mounted.c_str(), nullptr, MS_BIND, nullptr) != 0)
      ::_exit(2);
    try {
      check_writable(mounted);
    } catch (const DataError& error) {
      ::_exit(std::string(error.what()).find("mounted by itself") != std::string::npos ? 0 : 3);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(status, 0);
}

TEST_P(AtomicFileTest, AProtectedFileIsNotReplaced) {
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser can write everything";
  put_file(folder_ / "out", "old");
  ASSERT_EQ(::chmod((folder_ / "out").c_str(), 0444), 0);
  expect_data_error([&] { put(folder_ / "out", "new"); }, "Permission denied");
  EXPECT_EQ(text_of(folder_ / "out"), "old");
}

TEST_P(AtomicFileTest, TheOwnerStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "only the superuser can give files away";
  put_file(folder_ / "out", "old");
  ASSERT_EQ(::chown((folder_ / "out").c_str(), 65534, 65534), 0);
  put(folder_ / "out", "new");
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "out").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534u);
  EXPECT_EQ(status.st_gid, 65534u);
}

TEST_P(AtomicFileTest, NoRoomRemovesTheTemporary) {
  // A limit on the size of files stands for a full disk.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text(5000, 'x');
  const std::string message = data_error([&] { put(folder_ / "out", text); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("out"), std::string::npos) << message;
  EXPECT_EQ(folder_.files(), 0u);
}

// What a killed process leaves is removed by the next that writes there; what a living one is at
// work on is not.
TEST_P(AtomicFileTest, SweepsWhatNobodyHolds) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder_ / "out");
    file.write(std::string_view("half"));
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const std::size_t held = GetParam() ? 1 : 0;
  put(folder_ / "other", "x");
  EXPECT_EQ(folder_.files(), 1 + held) << "held by the child";
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(folder_.files(), 1 + held);
  put(folder_ / "other", "y");
  EXPECT_EQ(folder_.files(), 1u);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_P(AtomicFileTest, SweepsItsOwnOnly) {
  const std::string left = ".blindtuner-0123456789abcdef.tmp";
  for (const char* name : {".blindtuner-0123.tmp", "x.tmp", ".blindtuner-0123456789abcdef.enc"})
    put_file(folder_ / name, "not ours");
  put_file(folder_ / "kept", "kept");
  const auto leave = [&] {
    put_file(folder_ / left, "left");
    fs::last_write_time(folder_ / left, fs::file_time_type::clock::now() - std::chrono::hours(30));
  };
  leave();
  put(folder_ / "out", "x");
  EXPECT_FALSE(fs::exists(folder_ / left));
  EXPECT_EQ(folder_.files(), 5u);
  // One that somebody holds, the moment before its rename.
  leave();
  const int holder = ::open((folder_ / left).c_str(), O_RDONLY);
  ASSERT_EQ(::flock(holder, LOCK_EX | LOCK_NB), 0);
  put(folder_ / "out", "y");
  EXPECT_TRUE(fs::exists(folder_ / left));
  ::close(holder);
  put(folder_ / "out", "z");
  EXPECT_FALSE(fs::exists(folder_ / left));
}

TEST_P(AtomicFileTest, LeavesWhatAnotherMachineWrites) {
  // Whose lock is not to be seen here.
  const fs::path theirs = folder_ / ".blindtuner-0123456789abcdef.tmp";
  put_file(theirs, "half of");
  put(folder_ / "out", "x");
  EXPECT_TRUE(fs::exists(theirs));
}

TEST_P(AtomicFileTest, MeansTheFolderThatItWasGiven) {
  const fs::path before = fs::current_path();
  fs::create_directory(folder_ / "elsewhere");
  fs::current_path(folder_ / ".");
  AtomicFile file("out");
  file.write(std::string_view("x"));
  fs::current_path(folder_ / "elsewhere");
  file.commit();
  fs::current_path(before);
  EXPECT_EQ(text_of(folder_ / "out"), "x");
}

}  // namespace
}  // namespace blindtuner
