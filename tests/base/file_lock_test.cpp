#include "base/file_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Kind = FileLock::Kind;

class FileLockTest : public testing::Test {
 protected:
  FileLockTest() {
    std::string name = (fs::temp_directory_path() / "file_lock_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~FileLockTest() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  std::string refusal(const std::string& role = "keys", Kind kind = Kind::kExclusive) const {
    try {
      const FileLock lock(folder_, role, kind);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }
  fs::path folder_;
};

TEST_F(FileLockTest, OfAFile) {
  const FileLock lock = lock_file(folder_ / "model.enc");
  EXPECT_TRUE(lock.held());
  EXPECT_TRUE(fs::exists(folder_ / ".model.enc.lock"));
  EXPECT_NE(refusal("model.enc"), "");
  EXPECT_NO_THROW(lock_file(folder_ / "other.enc"));
}

TEST_F(FileLockTest, SaysWhoHoldsTheFolder) {
  set_process_title("blindtuner keygen");
  {
    const FileLock lock(folder_, "keys");
    ASSERT_TRUE(lock.held());
    const std::string text = refusal();
    EXPECT_NE(text.find(folder_.string()), text.npos) << text;
    EXPECT_NE(text.find("'blindtuner keygen'"), text.npos) << text;
    EXPECT_NE(text.find("process " + std::to_string(::getpid()) + ", since 2"), text.npos) << text;
    EXPECT_EQ(refusal("owner"), "") << "roles are independent";
  }
  EXPECT_EQ(refusal(), "");
  EXPECT_TRUE(fs::is_empty(folder_)) << "the last holder removes the file";
}

TEST_F(FileLockTest, MakesTheFolderThatItHolds) {
  const FileLock lock = make_locked_folder(folder_ / "new", "keys");
  EXPECT_TRUE(lock.held());
  EXPECT_THROW(make_locked_folder(folder_ / "new", "keys"), DataError);
}

TEST_F(FileLockTest, ReadersShareAndWritersDoNot) {
  FileLock first(folder_, "keys", Kind::kShared);
  const FileLock second(folder_, "keys", Kind::kShared);
  ASSERT_TRUE(first.held() && second.held());
  EXPECT_NE(refusal(), "");
  first.release();
  EXPECT_NE(refusal(), "") << "one reader is left";
  EXPECT_EQ(refusal("keys", Kind::kShared), "");
}

TEST_F(FileLockTest, Moves) {
  FileLock lock(folder_, "keys");
  FileLock other = std::move(lock);
  EXPECT_TRUE(other.held() && !lock.held());
  EXPECT_NE(refusal(), "");
  other = FileLock();
  EXPECT_EQ(refusal(), "");
}

// A killed holder's lock is gone though its file is there, and its name is not given as a holder's.
TEST_F(FileLockTest, EndsWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    set_process_title("the killed one");
    const FileLock lock(folder_, "keys", Kind::kShared);
    const char held = lock.held() ? 'h' : 'n';
    if (::write(ready[1], &held, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char held = 0;
  ASSERT_EQ(::read(ready[0], &held, 1), 1);
  ASSERT_EQ(held, 'h');
  EXPECT_NE(refusal().find("the killed one"), std::string::npos);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(fs::exists(folder_ / ".keys.lock"));
  const FileLock shared(folder_, "keys", Kind::kShared);
  EXPECT_EQ(refusal().find("the killed one"), std::string::npos);
  EXPECT_NE(refusal(), "");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(FileLockTest, IsNotGivenBackByACopyInAForkedProcess) {
  FileLock lock(folder_, "keys");
  const pid_t child = ::fork();
  if (child == 0) {
    lock.release();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(fs::exists(folder_ / ".keys.lock"));
  EXPECT_NE(refusal(), "");
  lock.release();
  EXPECT_EQ(refusal(), "");
}

TEST_F(FileLockTest, IsNotGoneWithoutWhereDescriptorsAreShort) {
  const fs::path folder = folder_;  // sanitizers look at this test's object by a descriptor
  const pid_t child = ::fork();
  if (child == 0) {
    const struct rlimit streams { 3, 3 };
    ::setrlimit(RLIMIT_NOFILE, &streams);
    try {
      const FileLock lock(folder, "keys");
    } catch (const DataError&) {
      ::_exit(0);
    }
    ::_exit(1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(FileLockTest, HoldsFilesOfTheLongestNames) {
  const fs::path one = folder_ / (std::string(254, 'n') + "1"),
                 other = folder_ / (std::string(254, 'n') + "2");
  const FileLock lock = lock_file(one);
  EXPECT_TRUE(lock.held());
  EXPECT_THROW((void)lock_file(one), DataError);
  EXPECT_TRUE(lock_file(other).held());
}

TEST_F(FileLockTest, WaitsAsLongAsItIsTold) {
  FileLock held(folder_, "keys");
  std::thread releases([&] {
    std::this_thread::sleep_for(100ms);
    held.release();
  });
  const FileLock waits(folder_, "keys", Kind::kExclusive, 600s);
  EXPECT_TRUE(waits.held());
  releases.join();
}

// Taking, removing and making the file anew must never let two in.
TEST_F(FileLockTest, AdmitsOneAtATime) {
  std::atomic<int> inside{0}, entries{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) try {
          const FileLock lock(folder_, "keys", Kind::kExclusive, 0ms);
          EXPECT_EQ(++inside, 1);
          ++entries;
          --inside;
        } catch (const DataError&) {
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(entries, 0);
}

TEST_F(FileLockTest, AFolderThatCannotBeWrittenIsNoObstacle) {
  EXPECT_FALSE(FileLock(folder_ / "missing", "keys", Kind::kShared).held());
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser can write everywhere";
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_FALSE(FileLock(folder_, "keys", Kind::kShared).held());
  EXPECT_FALSE(FileLock(folder_, "keys", Kind::kExclusive).held());
}

// What another user's killed command left in a folder that is ours would lock nobody out.
TEST_F(FileLockTest, RefusesALockThatIsNotForThisUser) {
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  std::ofstream(folder_ / ".keys.lock") << "";
  fs::permissions(folder_ / ".keys.lock", fs::perms::none);
  if (root) {
    ASSERT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const std::string exclusive = refusal(), shared = refusal("keys", Kind::kShared),
                    another = refusal("other");
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_NE(exclusive.find("Permission denied; remove it when nobody is at work there"),
            std::string::npos)
      << exclusive;
  EXPECT_NE(shared.find("Permission denied"), std::string::npos) << shared;
  EXPECT_EQ(another, "");
}

// What stands in the file is another's text, and so may be what stands in its place.
TEST_F(FileLockTest, TrustsNothingThatItFinds) {
  const fs::path file = folder_ / ".keys.lock";
  std::ofstream(file) << "1 nonsense without an end" << std::string(10000, 'x');
  EXPECT_EQ(refusal(), "");
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  const std::string none = "no lock but a link";
  EXPECT_NE(refusal().find(none), std::string::npos);
  fs::remove(file);
  const fs::path other = folder_ / "other";
  std::ofstream(other) << "kept";
  fs::create_symlink(other, file);
  EXPECT_NE(refusal().find(none), std::string::npos);
  fs::remove(file);
  fs::create_hard_link(other, file);
  EXPECT_NE(refusal().find(none), std::string::npos);
  EXPECT_EQ(fs::file_size(other), 4u);
}

}  // namespace
}  // namespace blindtuner
