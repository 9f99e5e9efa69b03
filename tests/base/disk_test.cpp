#include "base/disk.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "features/data/test_files.h"

namespace blindtuner {
namespace {

TEST(Disk, MeasuresFilesAndRoom) {
  const testing_support::TemporaryFolder scratch;
  std::ofstream(scratch / "file") << "12345";
  EXPECT_EQ(file_bytes(scratch / "file"), 5u);
  EXPECT_EQ(file_bytes(scratch / "none"), 0u);
  require_room(scratch / ".", 1, "a byte");
  EXPECT_THROW(require_room(scratch / ".", std::uint64_t{1} << 62, "everything"), DataError);
  require_room(scratch / "none", std::uint64_t{1} << 62, "of what nobody knows");
}

}  // namespace
}  // namespace blindtuner
