// Threads and memory that belong to whoever made them.
#include "base/resources.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "base/parallel.h"
#include "base/smaps.h"

namespace blindtuner {
namespace {

std::set<std::thread::id> threads_of_a_loop() {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(200, [&](std::size_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  return seen;
}

TEST(Resources, LimitThreadsWhereTheyAreUsedAndNowhereElse) {
  Resources one(1), two(2);
  const int before = max_threads();
  {
    const UseResources use(one);
    EXPECT_EQ(max_threads(), 1);
    EXPECT_EQ(threads_of_a_loop(), (std::set{std::this_thread::get_id()}));
    {
      const UseResources inner(two);
      EXPECT_EQ(max_threads(), 2);
      EXPECT_LE(threads_of_a_loop().size(), 2u);
    }
    EXPECT_EQ(max_threads(), 1);
    std::thread([&] { EXPECT_EQ(max_threads(), before); }).join();
  }
  EXPECT_EQ(max_threads(), before);
}

TEST(Resources, AreThoseOfTheLoopOnAllItsThreads) {
  Resources three(3);
  const UseResources use(three);
  parallel_for(100, [&](std::size_t) { EXPECT_EQ(&Resources::current(), &three); });
}

TEST(Resources, AreUsedByTwoThreadsAtOnce) {
  const auto work = [](int threads) {
    Resources mine(threads);
    const UseResources use(mine);
    for (int i = 0; i < 5; ++i) EXPECT_LE(threads_of_a_loop().size(), std::size_t(threads));
  };
  std::jthread one(work, 1), three(work, 3);
}

bool is_mapped(const void* address) {
  const auto page = reinterpret_cast<std::uintptr_t>(address) / 4096 * 4096;
  unsigned char resident = 0;
  return ::mincore(reinterpret_cast<void*>(page), 1, &resident) == 0 || errno != ENOMEM;
}

Buffer filled(std::size_t count, std::uint64_t value, bool wiped = false) {
  Buffer out(count, wiped);
  std::fill_n(out.data(), count, value);
  return out;
}

bool all_are(const Buffer& buffer, std::uint64_t value) {
  return std::all_of(buffer.data(), buffer.data() + buffer.size(),
                     [&](std::uint64_t word) { return word == value; });
}

constexpr std::size_t kSmall = 1000, kLarge = std::size_t{1} << 18;

TEST(Resources, GiveTheirMemoryBackWithThemAndItsLastBlock) {
  for (const bool wiped : {false, true})
    for (const std::size_t count : {kSmall, kLarge})
      for (const bool blocks_first : {false, true}) {
        std::optional<Resources> mine(std::in_place, 1);
        std::vector<Buffer> blocks;
        {
          const UseResources use(*mine);
          for (std::uint64_t i = 0; i < 3; ++i) blocks.push_back(filled(count, i, wiped));
        }
        const void* const address = blocks[0].data();
        if (blocks_first) {
          blocks.clear();
          EXPECT_TRUE(is_mapped(address));
          mine.reset();
        } else {
          mine.reset();
          blocks.erase(blocks.begin() + 1);
          EXPECT_TRUE(all_are(blocks[0], 0) && all_are(blocks[1], 2));
          blocks.clear();
        }
        EXPECT_FALSE(is_mapped(address)) << wiped << count << blocks_first;
      }
}

TEST(Resources, GiveMemoryBackThatTheyGrewBy) {
  std::set<const void*> places;
  {
    Resources mine(1);
    const UseResources use(mine);
    std::vector<Buffer> blocks;
    for (int i = 0; i < 5; ++i) blocks.emplace_back(std::size_t{3} << 23);  // 192 MiB, untouched
    for (int i = 0; i < 20; ++i) blocks.emplace_back(kLarge / 2, true);     // 1 MiB
    for (const Buffer& block : blocks) places.insert(block.data());
  }
  for (const void* const place : places) EXPECT_FALSE(is_mapped(place));
}

TEST(Resources, ShareNoMemory) {
  Resources one(1), other(1);
  const auto place_in = [](Resources& resources, bool wiped) {
    const UseResources use(resources);
    return Buffer(kSmall, wiped).data();
  };
  for (const bool wiped : {false, true}) {
    const auto* const first = place_in(one, wiped);
    EXPECT_NE(place_in(other, wiped), first);
    EXPECT_EQ(place_in(one, wiped), first);
    EXPECT_NE(Buffer(kSmall, wiped).data(), first);  // the program's
  }
}

TEST(Resources, ABlockGoesBackToWhereItIsFrom) {
  Resources one(1), other(1);
  Buffer block;
  const std::uint64_t* place = nullptr;
  {
    const UseResources use(one);
    block = filled(kSmall, 7);
    place = block.data();
  }
  const UseResources elsewhere(other);
  block = filled(kSmall, 8);
  EXPECT_NE(block.data(), place);
  const UseResources back(one);
  EXPECT_EQ(Buffer(kSmall).data(), place);
}

TEST(Resources, AreGivenBackWhereTheyAreUsedAlone) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' munlock does nothing, so that locked memory stays";
#endif
  Resources mine(1);
  const auto resident = [](const std::uint64_t* place) {
    std::vector<unsigned char> pages(kLarge * 8 / 4096);
    EXPECT_EQ(::mincore(const_cast<std::uint64_t*>(place), kLarge * 8, pages.data()), 0);
    return std::count(pages.begin(), pages.end(), 1) > 0;
  };
  const UseResources use(mine);
  const std::uint64_t* const place = filled(kLarge, 1).data();
  {
    Resources other(1);
    const UseResources elsewhere(other);
    release_pooled_memory();
    EXPECT_TRUE(resident(place));
  }
  release_pooled_memory();
  EXPECT_FALSE(resident(place));
}

TEST(Resources, ProtectSecretsAsTheProgramsDo) {
  Resources mine(1);
  const UseResources use(mine);
  for (const std::size_t count : {kSmall, kLarge}) {
    const Buffer secret(count, true), ordinary(count);
    const std::string flags = testing_support::mapping_flags(secret.data());
    if (flags.empty()) GTEST_SKIP() << "this kernel shows no flags of mappings";
    EXPECT_NE(flags.find(" dd "), std::string::npos);
    EXPECT_NE(flags.find(" wf "), std::string::npos);
    EXPECT_EQ(testing_support::mapping_flags(ordinary.data()).find(" dd "), std::string::npos);
  }
}

TEST(Resources, LoopsTakeMemoryFromThoseOfWhoeverStartedThem) {
  std::vector<Buffer> blocks(64);
  std::optional<Resources> three(std::in_place, 3);
  {
    const UseResources use(*three);
    parallel_for(blocks.size(), [&](std::size_t i) { blocks[i] = filled(kSmall, i); });
  }
  three.reset();
  std::set<const void*> places;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_TRUE(all_are(blocks[i], i));
    places.insert(blocks[i].data());
  }
  parallel_for(blocks.size(), [&](std::size_t i) { blocks[i] = Buffer(); });
  for (const void* const place : places) EXPECT_FALSE(is_mapped(place));
}

// Blocks made on one thread are freed on another, while those whose memory it is go.
TEST(Resources, ManyThreadsPassBlocksOn) {
  constexpr std::size_t kThreads = 4;
  std::barrier<> together(kThreads);
  std::vector<std::vector<Buffer>> blocks(kThreads);
  std::vector<const void*> places(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        std::optional<Resources> mine(std::in_place, 1);
        for (int round = 0; round < 50; ++round) {
          {
            const UseResources use(*mine);
            for (std::uint64_t i = 1; i < 20; ++i)
              blocks[t].push_back(filled(17 * i, t, i % 2 == 0));
          }
          places[t] = blocks[t][0].data();
          if (round % 10 == 9) mine.emplace(1);
          together.arrive_and_wait();
          const std::size_t other = (t + 1) % kThreads;
          for (const Buffer& block : blocks[other]) EXPECT_TRUE(all_are(block, other));
          blocks[other].clear();
          together.arrive_and_wait();
        }
      });
  }
  for (const void* const place : places) EXPECT_FALSE(is_mapped(place));
}

}  // namespace
}  // namespace blindtuner
