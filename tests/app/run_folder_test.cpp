#include "app/owner/run_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/interrupt.h"
#include "features/data/test_files.h"

namespace blindtuner::app {
namespace {

/// In a process of its own: 0 where the run's files are gone and nothing was thrown on the way.
[[noreturn]] void end_interrupted_run(const std::filesystem::path& out) {
  {
    const RunFolder run(out, {});
    request_interrupt();
  }
  std::_Exit(std::filesystem::is_directory(out / "run.unfinished") ? 1 : 0);
}

// A signal while data are read or settings are tried, before there is anything to keep.
TEST(RunFolder, OfAnInterruptedRunNothingIsLeft) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const blindtuner::testing_support::TemporaryFolder folder;
  EXPECT_EXIT(end_interrupted_run(folder / "out"), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace blindtuner::app
