#include "base/path.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/error.h"
#include "features/data/test_files.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

TEST(Path, LiesWithin) {
  const testing_support::TemporaryFolder scratch;
  const fs::path folder = scratch / "a";
  fs::create_directory(folder);
  fs::create_directory_symlink(folder, scratch / "link");
  fs::create_symlink("loop", scratch / "loop");
  fs::create_symlink("a/new", scratch / "to_be_made");
  fs::create_symlink(scratch / "to_be_made", scratch / "twice");
  for (const fs::path& inside :
       {folder, scratch / "to_be_made", scratch / "twice", folder / "", folder / "x",
        folder / "x/y", folder / "x/../y", scratch / "link/x", scratch / "b/../a/x"})
    for (const fs::path& outer : {folder, folder / "", scratch / "link"})
      EXPECT_TRUE(lies_within(inside, outer)) << inside << " in " << outer;
  for (const fs::path& outside : {scratch / "", scratch / "ab", scratch / "ab/x", folder / "..",
                                  folder / "../b", scratch / "loop/x"})
    EXPECT_FALSE(lies_within(outside, folder)) << outside;
  // Neither is there.
  EXPECT_TRUE(lies_within(scratch / "no/x", scratch / "no"));
  EXPECT_FALSE(lies_within(scratch / "no", scratch / "no/x"));
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  EXPECT_TRUE(lies_within("x", folder));
  EXPECT_TRUE(lies_within(folder / "x", "."));
  fs::current_path(before);
}

TEST(Path, TellsWhatItIsToldFromWhatItIsNot) {
  for (const int error : {0, ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG})
    EXPECT_FALSE(is_not_told({error, std::generic_category()})) << error;
  for (const int error : {EIO, ESTALE, EMFILE, ENOMEM})
    EXPECT_TRUE(is_not_told({error, std::system_category()})) << error;
  const testing_support::TemporaryFolder scratch;
  std::ofstream(scratch / "file") << "x";
  fs::create_symlink("file", scratch / "link");
  fs::create_symlink("loop", scratch / "loop");
  EXPECT_EQ(type_of(scratch / "file"), fs::file_type::regular);
  EXPECT_EQ(type_of(scratch / "loop"), fs::file_type::symlink);
  for (const char* name : {"none", "file/x", "loop/x"})
    EXPECT_EQ(type_of(scratch / name), fs::file_type::not_found) << name;
  EXPECT_TRUE(same_file(scratch / "file", scratch / "link"));
  for (const char* name : {"none", "loop", ""})
    EXPECT_FALSE(same_file(scratch / "file", scratch / name)) << name;
}

TEST(Path, MakesFolders) {
  const testing_support::TemporaryFolder scratch;
  make_folder(scratch / "a/b");
  EXPECT_TRUE(fs::is_directory(scratch / "a/b"));
  make_folder(scratch / "a/b");
  std::ofstream(scratch / "file") << "x";
  for (const fs::path& path : {scratch / "file", scratch / "file/x"}) try {
      make_folder(path);
      ADD_FAILURE() << path;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
    }
  EXPECT_NO_THROW(require_folder(scratch / "a/b"));
  fs::create_symlink("loop", scratch / "loop");
  for (const char* name : {"none", "file", "file/x", "loop"})
    EXPECT_THROW(require_folder(scratch / name), DataError) << name;
}

}  // namespace
}  // namespace blindtuner
