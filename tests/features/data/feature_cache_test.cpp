#include "features/data/feature_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

constexpr std::size_t kWidth = 3, kRecord = 32 + 4 * kWidth + 8, kHeader = 64;

Sha256Digest digest_of(std::string_view text) { return Sha256().add(text).finish(); }

class Cache : public ::testing::Test {
 protected:
  void add(FeatureCache& cache, const std::string& sample, const std::vector<float>& features) {
    const FeatureCache::Entry entry{digest_of(sample), features};
    cache.add({&entry, 1});
  }
  std::vector<float> find(const FeatureCache& cache, const std::string& sample) {
    std::vector<float> out(kWidth, -1);
    return cache.find(digest_of(sample), out) ? out : std::vector<float>{};
  }
  std::filesystem::path file() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache"))
      return entry.path();
    return {};
  }
  TemporaryFolder folder_;
  const Sha256Digest key_ = digest_of("model");
  const std::vector<float> one_ = {1, 2, 3}, two_ = {4, 5, 6};
};

// What others could put there would be taken for features.
TEST_F(Cache, BelongsToTheUserAlone) {
  namespace fs = std::filesystem;
  const auto open = [&](const char* name) { FeatureCache(folder_ / name, key_, kWidth); };
  { FeatureCache cache(folder_ / "cache", key_, kWidth); }
  fs::create_directory_symlink(folder_ / "cache", folder_ / "link");
  for (const char* name : {"link", "link/"})
    expect_data_error([&] { open(name); }, "a link or no folder");
  EXPECT_NO_THROW(open("cache/"));
  // Links on the way to it are the user's own affair.
  EXPECT_NO_THROW(open("link/inner"));
  for (const auto write : {fs::perms::others_write, fs::perms::group_write}) {
    fs::permissions(folder_ / "cache", fs::perms::owner_all | write);
    expect_data_error([&] { open("cache"); }, "others may write to it");
  }
  fs::permissions(folder_ / "cache", fs::perms::owner_all);
  fs::remove_all(folder_ / "cache" / "inner");
  const fs::path records = file();
  fs::rename(records, folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", records);
  expect_data_error([&] { open("cache"); }, "a link, expected a file");
  fs::remove(records);
  fs::create_hard_link(folder_ / "elsewhere", records);
  expect_data_error([&] { open("cache"); }, "no other name");
  fs::remove(records);
  ASSERT_EQ(::mkfifo(records.c_str(), 0600), 0);
  expect_data_error([&] { open("cache"); }, "expected a file of yours");
  fs::remove(records);
  put_file(records, "");
  fs::permissions(records, fs::perms::owner_all | fs::perms::others_read);
  EXPECT_NO_THROW(open("cache"));
  struct stat status {};
  ASSERT_EQ(::stat(records.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  if (::geteuid() != 0) GTEST_SKIP() << "files of other users need root";
  ASSERT_EQ(::chown((folder_ / "cache").c_str(), 1, 1), 0);
  expect_data_error([&] { open("cache"); }, "belongs to another user");
}

TEST_F(Cache, RemembersAcrossRuns) {
  {
    FeatureCache cache(folder_ / "cache", key_, kWidth);
    EXPECT_TRUE(find(cache, "one").empty());
    add(cache, "one", one_);
    EXPECT_EQ(find(cache, "one"), one_);
  }
  FeatureCache cache(folder_ / "cache", key_, kWidth);
  add(cache, "two", two_);
  FeatureCache again(folder_ / "cache", key_, kWidth);
  EXPECT_EQ(again.size(), 2u);
  EXPECT_EQ(find(again, "one"), one_);
  EXPECT_EQ(find(again, "two"), two_);
  EXPECT_TRUE(find(again, "three").empty());
  // Others' features are in other files.
  FeatureCache other(folder_ / "cache", digest_of("other model"), kWidth);
  EXPECT_TRUE(find(other, "one").empty());
  // Nobody else may read them.
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "cache").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077, 0u);
}

TEST_F(Cache, TwoWritersShareAFile) {
  FeatureCache a(folder_ / "cache", key_, kWidth), b(folder_ / "cache", key_, kWidth);
  add(a, "one", one_);
  add(b, "two", two_);
  FeatureCache c(folder_ / "cache", key_, kWidth);
  EXPECT_EQ(find(c, "one"), one_);
  EXPECT_EQ(find(c, "two"), two_);
}

TEST_F(Cache, DamageIsAbsence) {
  {
    FeatureCache cache(folder_ / "cache", key_, kWidth);
    add(cache, "one", one_);
    add(cache, "two", two_);
  }
  const auto good = get_file(file());
  ASSERT_EQ(good.size(), kHeader + 2 * kRecord);
  // Whatever bit flips, a wrong feature is never given.
  for (std::size_t bit = 0; bit < 8 * good.size(); bit += 5) {
    auto bytes = good;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    put_file(file(), bytes);
    const FeatureCache cache(folder_ / "cache", key_, kWidth);
    const auto one = find(cache, "one"), two = find(cache, "two");
    EXPECT_TRUE(one.empty() || one == one_) << bit;
    EXPECT_TRUE(two.empty() || two == two_) << bit;
    EXPECT_TRUE(one.empty() || two.empty()) << bit;
    put_file(file(), good);
  }
  // A write that was cut off: what is whole stays, and what comes next is whole again.
  for (std::size_t length = 0; length < good.size(); length += 3) {
    put_file(file(), std::span(good).first(length));
    {
      FeatureCache cache(folder_ / "cache", key_, kWidth);
      EXPECT_EQ(find(cache, "one").empty(), length < kHeader + kRecord);
      add(cache, "two", two_);
    }
    const FeatureCache cache(folder_ / "cache", key_, kWidth);
    EXPECT_EQ(find(cache, "two"), two_) << length;
    EXPECT_EQ(find(cache, "one").empty(), length < kHeader + kRecord);
  }
}

TEST_F(Cache, ADamagedRecordIsReplaced) {
  {
    FeatureCache cache(folder_ / "cache", key_, kWidth);
    add(cache, "one", one_);
  }
  auto bytes = get_file(file());
  bytes[kHeader + 33] ^= 1;
  put_file(file(), bytes);
  {
    FeatureCache cache(folder_ / "cache", key_, kWidth);
    EXPECT_TRUE(find(cache, "one").empty());
    add(cache, "one", one_);
  }
  const FeatureCache cache(folder_ / "cache", key_, kWidth);
  EXPECT_EQ(find(cache, "one"), one_);
}

TEST_F(Cache, BadFolder) {
  put_file(folder_ / "cache", "a file");
  expect_data_error([&] { FeatureCache cache(folder_ / "cache", key_, kWidth); }, "cache'");
}

}  // namespace
}  // namespace blindtuner
