#include "base/cpu.h"
#include "kernels_fixture.h"

namespace blindtuner::kernels {
namespace {

TEST(Dispatch, FindsWhatTheProcessorHas) {
  ASSERT_NE(find_kernels("scalar"), nullptr);
  EXPECT_EQ(find_kernels("avx2") != nullptr, cpu_features().avx2);
  EXPECT_EQ(find_kernels("avx512ifma") != nullptr, cpu_features().avx512_ifma);
  EXPECT_EQ(find_kernels("mmx"), nullptr);
  EXPECT_EQ(find_kernels(""), nullptr);
}

TEST(Dispatch, ListsTheReferenceFirst) {
  const auto tables = available_kernels();
  ASSERT_FALSE(tables.empty());
  EXPECT_EQ(tables.front()->name, "scalar");
  for (const LimbKernels* table : tables) EXPECT_EQ(find_kernels(table->name), table);
}

}  // namespace
}  // namespace blindtuner::kernels
