#include "base/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

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
  const Buffer next(kCount);
  ASSERT_EQ(next.data(), data);
  EXPECT_TRUE(std::all_of(data, data + kCount, [](std::uint64_t word) { return word == 0; }));
}

TEST(Buffer, WipesWhatItHeldWhenAssignedOver) {
  constexpr std::size_t kCount = 1237;  // a size that no other test uses
  Buffer secret(kCount, true);
  std::uint64_t* const data = secret.data();
  std::fill_n(data, kCount, 1);
  secret = Buffer();
  const Buffer next(kCount);
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

}  // namespace
}  // namespace blindtuner
