#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing;

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const TemporaryFolder folder;
  const auto path = folder / "out";
  {
    AtomicFile file(path);
    file.write(std::string_view("one "));
    file.write(std::string_view("two"));
    EXPECT_EQ(file.size(), 7u);
    EXPECT_FALSE(std::filesystem::exists(path));
    file.commit();
    EXPECT_THROW(file.commit(), ContractError);
    EXPECT_THROW(file.write(std::string_view("more")), ContractError);
  }
  const auto bytes = get_file(path);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "one two");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, AbandonedLeavesTheOldFile) {
  const TemporaryFolder folder;
  const auto path = folder / "out";
  put_file(path, "old");
  {
    AtomicFile file(path);
    file.write(std::string_view("new"));
  }
  EXPECT_EQ(get_file(path).size(), 3u);
  EXPECT_EQ(get_file(path)[0], 'o');
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, FailuresNameTheTarget) {
  const TemporaryFolder folder;
  expect_data_error([&] { AtomicFile(folder / "missing/out"); }, "missing/out");
  expect_data_error([&] { AtomicFile(folder / "folder/"); }, "not a file name");
  // A folder cannot be replaced by a file: the rename fails, and the temporary goes.
  std::filesystem::create_directory(folder / "taken");
  put_file(folder / "taken/inside", "x");
  expect_data_error([&] { write_file_atomically(folder / "taken", std::string_view("x")); },
                    "rename");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(AtomicFile, NoRoomRemovesTheTemporary) {
  const TemporaryFolder folder;
  // A limit on the size of files stands for a full disk.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text(5000, 'x');
  const std::string message =
      data_error([&] { write_file_atomically(folder / "out", std::string_view(text)); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("out"), std::string::npos) << message;
  EXPECT_EQ(folder.files(), 0u);
}

}  // namespace
}  // namespace blindtuner
