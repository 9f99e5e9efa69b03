#include "base/input_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "features/data/feature_cache.h"
#include "features/data/idx.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/data/test_files.h"
#include "features/data/whitening.h"
#include "features/samples/class_names.h"
#include "features/tables/table.h"
#include "features/tables/table_text.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

TEST(InputFile, ReadsWhereItIsAsked) {
  const TemporaryFolder folder;
  put_file(folder / "x", "0123456789");
  std::filesystem::create_symlink("x", folder / "link");
  for (const char* name : {"x", "link"}) {
    const InputFile file(folder / name);
    EXPECT_EQ(file.size(), 10u);
    std::vector<std::uint8_t> three(3);
    file.read(three, 7);
    EXPECT_EQ(three, (std::vector<std::uint8_t>{'7', '8', '9'}));
    EXPECT_EQ(file.read_some(three, 8), 2u);
    EXPECT_EQ(file.read_some(three, 100), 0u);
    expect_data_error([&] { file.read(three, 8); }, name + std::string("': shrank"));
  }
}

// Cloned without the extension, every large file of a repository is such a text.
TEST(InputFile, PointersOfGitLfsAreNoFiles) {
  const TemporaryFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:";
  put_file(folder / "x", pointer + std::string(64, '0') + "\nsize 9\n");
  expect_data_error([&] { InputFile{folder / "x"}; }, "x': a pointer of Git LFS, and not the file");
  put_file(folder / "x", "note,label\n" + pointer);
  EXPECT_EQ(InputFile(folder / "x").size(), 11 + pointer.size());
}

TEST(InputFile, ShrinkingMeanwhileIsAnError) {
  const TemporaryFolder folder;
  put_file(folder / "x", std::string(1 << 16, 'x'));
  const InputFile file(folder / "x");
  std::vector<std::uint8_t> all(1 << 16);
  file.read(all, 0);
  std::filesystem::resize_file(folder / "x", 1 << 12);
  expect_data_error([&] { file.read(all, 0); }, "shrank while it was read");
}

// Whatever reads a file by its name refuses what is none, at once.
TEST(InputFile, NoReaderWaitsForAPipe) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::filesystem::create_directory(folder / "folder");
  std::filesystem::create_symlink("loop", folder / "loop");
  using Reader = std::function<void(const std::filesystem::path&)>;
  const std::map<std::string, Reader> readers = {
      {"InputFile", [](const auto& path) { InputFile file(path); }},
      {"read_file", [](const auto& path) { read_file(path); }},
      {"file_digest", [](const auto& path) { file_digest(path); }},
      {"read_json", [](const auto& path) { read_json(path); }},
      {"npy", [](const auto& path) { read_npy_samples(path); }},
      {"npz", [](const auto& path) { NpzArchive archive(path); }},
      {"csv", [](const auto& path) { Table table(path); }},
      {"idx", [](const auto& path) { read_idx_array(path); }},
      {"text table", [](const auto& path) { read_table_text(path, 1 << 20); }},
      {"class names", [](const auto& path) { read_class_names(path); }},
      {"whitening", [](const auto& path) { Whitening::load(path); }}};
  for (const auto& [name, read] : readers) {
    SCOPED_TRACE(name);
    for (const char* what : {"pipe", "socket", "folder"})
      expect_data_error([&, &call = read] { call(folder / what); },
                        what + std::string("': not a regular file"));
    expect_data_error([&, &call = read] { call("/dev/zero"); }, "'/dev/zero': not a regular file");
    expect_data_error([&, &call = read] { call(folder / "none"); }, "none': no such file");
    expect_data_error([&, &call = read] { call(folder / "loop"); }, "loop': Too many levels");
  }
  ::close(socket);
}

}  // namespace
}  // namespace blindtuner
