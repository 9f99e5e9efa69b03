#include "base/buffer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/smaps.h"

namespace blindtuner {
namespace {

TEST(Buffer, IsAlignedAndOfTheAskedSize) {
  for (std::size_t count : {1, 7, 8, 9, 16, 1000, 65536}) {
    const Buffer buffer(count);
    EXPECT_EQ(buffer.size(), count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u) << count;
  }
}

TEST(Buffer, MayBeEmpty) {
  Buffer none, zero(0);
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(zero.data(), nullptr);
  EXPECT_EQ(zero.size(), 0u);
  none.zero();
}

TEST(Buffer, RefusesSizesThatOverflow) {
  EXPECT_THROW(Buffer(SIZE_MAX / 8), std::bad_alloc);
  EXPECT_THROW(Buffer(SIZE_MAX), std::bad_alloc);
}

TEST(Buffer, MovesWithoutCopying) {
  Buffer a(100);
  a.zero();
  std::uint64_t* const data = a.data();
  Buffer b(std::move(a));
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(a.size(), 0u);
  Buffer c(5);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.size(), 100u);
}

TEST(Buffer, ReusesFreedBlocks) {
  constexpr std::size_t kCount = 4321;  // a size that no other test uses
  std::uint64_t* data = nullptr;
  {
    Buffer first(kCount);
    data = first.data();
  }
  const Buffer second(kCount);
  EXPECT_EQ(second.data(), data);
}

TEST(Buffer, FreeNeighboursBecomeOneAgain) {
  constexpr std::size_t kCount = std::size_t{3} << 24;  // 384 MiB, never touched
  const std::uint64_t* whole = nullptr;
  {
    const Buffer buffer(kCount);
    whole = buffer.data();
  }
  {
    std::vector<Buffer> parts;
    for (int i = 0; i < 6; ++i) parts.emplace_back(kCount / 6);
    for (std::size_t i : {1, 4, 0, 5, 3, 2}) parts[i] = Buffer();
  }
  const Buffer again(kCount);
  EXPECT_EQ(again.data(), whole);
}

TEST(Buffer, LiveBlocksAreApart) {
  std::vector<Buffer> buffers;
  for (std::uint64_t i = 0; i < 20; ++i) {
    buffers.emplace_back(100);
    std::fill_n(buffers.back().data(), 100, i);
  }
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(std::all_of(buffers[i].data(), buffers[i].data() + 100,
                            [i](std::uint64_t word) { return word == i; }));
}

TEST(Buffer, WipesWhatItHeldBeforeReuse) {
  constexpr std::size_t kCount = 1235;  // a size that no other test uses
  std::uint64_t* data = nullptr;
  {
    Buffer secret(kCount, true);
    EXPECT_TRUE(secret.wiped());
    data = secret.data();
    std::fill_n(data, kCount, 0x5ec7e75ec7e75ec7u);
  }
  const Buffer next(kCount, true);
  ASSERT_EQ(next.data(), data);
  EXPECT_TRUE(std::all_of(data, data + kCount, [](std::uint64_t word) { return word == 0; }));
}

TEST(Buffer, WipesWhatItHeldWhenAssignedOver) {
  constexpr std::size_t kCount = 1237;  // a size that no other test uses
  Buffer secret(kCount, true);
  std::uint64_t* const data = secret.data();
  std::fill_n(data, kCount, 1);
  secret = Buffer();
  const Buffer next(kCount, true);
  ASSERT_EQ(next.data(), data);
  EXPECT_TRUE(std::all_of(data, data + kCount, [](std::uint64_t word) { return word == 0; }));
}

TEST(Buffer, GivesIdleMemoryBack) {
  { Buffer idle(1 << 16); }
  release_pooled_memory();
  Buffer again(1 << 16);
  again.zero();
  EXPECT_EQ(again.data()[0], 0u);
}

TEST(Wipe, Overwrites) {
  std::uint8_t bytes[37];
  std::fill(std::begin(bytes), std::end(bytes), 0xFF);
  wipe(bytes + 1, 35);
  EXPECT_EQ(bytes[0], 0xFF);
  EXPECT_EQ(bytes[36], 0xFF);
  EXPECT_TRUE(std::all_of(bytes + 1, bytes + 36, [](std::uint8_t b) { return b == 0; }));
}

TEST(Buffer, SecretsAreKeptFromDumpsForksAndSwap) {
  const Buffer ordinary(1000), small(1000, true), large(std::size_t{1} << 20, true);
  const std::string flags = testing_support::mapping_flags(small.data());
  if (flags.empty()) GTEST_SKIP() << "this kernel shows no flags of mappings";
  EXPECT_EQ(testing_support::mapping_flags(ordinary.data()).find(" dd "), std::string::npos);
  for (const Buffer* secret : {&small, &large}) {
    EXPECT_NE(testing_support::mapping_flags(secret->data()).find(" dd "), std::string::npos);
    EXPECT_NE(testing_support::mapping_flags(secret->data()).find(" wf "), std::string::npos);
  }
  struct rlimit limit {};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (limit.rlim_cur >= std::size_t{8} << 20) {
    EXPECT_NE(flags.find(" lo "), std::string::npos);
  }
}

TEST(Buffer, AForkedProcessHasNoSecrets) {
  Buffer ordinary(1000), secret(1000, true);
  ordinary.data()[7] = secret.data()[7] = 42;
  if (testing_support::mapping_flags(secret.data()).find(" wf ") == std::string::npos)
    GTEST_SKIP() << "this kernel does not wipe memory on fork";
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(ordinary.data()[7] == 42 && secret.data()[7] == 0 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(secret.data()[7], 42u);
}

TEST(Buffer, SecretsAreGivenBackThoughLocked) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' munlock does nothing, so that locked memory stays";
#endif
  std::uint64_t* data = nullptr;
  {
    Buffer secret(std::size_t{1} << 21, true);
    data = secret.data();
    std::fill_n(data, secret.size(), 1);
  }
  release_pooled_memory();
  std::vector<unsigned char> resident((std::size_t{8} << 20) / 4096);
  ASSERT_EQ(mincore(data, std::size_t{8} << 20, resident.data()), 0);
  EXPECT_EQ(std::count(resident.begin(), resident.end(), 1), 0);
}

}  // namespace
}  // namespace blindtuner
