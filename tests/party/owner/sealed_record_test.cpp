// What an owner keeps for itself is taken as it was written, or not at all.
#include "party/owner/sealed_record.h"

#include <nlohmann/json.hpp>

#include "base/memory_limit.h"
#include "base/path.h"
#include "io/io_fixture.h"
#include "party/owner/data_sets.h"
#include "records/key_set.h"

namespace blindtuner::testing_support {
using namespace party;
namespace {

class SealedRecord : public IoTest {
 protected:
  static OwnerKeys fresh_keys() {
    return {SecretKeys::generate(Parameters::create(find_parameters("InsecureTest10"))),
            fresh_key_id()};
  }
  const OwnerKeys keys_ = fresh_keys();
};

TEST_F(SealedRecord, EveryBitCounts) {
  const nlohmann::json record = {{"rounds", {1, 2.5, nullptr}}, {"file", "\xff"}, {"stop", true}};
  write_sealed(path(), keys_, "rounds", record);
  EXPECT_EQ(std::filesystem::status(path()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(read_sealed(path(), keys_, "rounds")["rounds"], record["rounds"]);
  const Bytes good = load(path());
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes flipped = good;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    store(path("flipped"), flipped);
    EXPECT_NE(message_of([&] { read_sealed(path("flipped"), keys_, "rounds"); }), "")
        << "bit " << bit << " of " << good.size();
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    store(path("cut"), Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_NE(message_of([&] { read_sealed(path("cut"), keys_, "rounds"); }), "");
  }
}

TEST_F(SealedRecord, OfTheseKeysAndThisPurpose) {
  write_sealed(path(), keys_, "rounds", {{"stop", true}});
  const auto said = [&](const OwnerKeys& keys, const char* purpose) {
    return message_of([&] { read_sealed(path(), keys, purpose); });
  };
  EXPECT_EQ(said(keys_, "rounds"), "");
  EXPECT_NE(said(keys_, "data sets").find("seal"), std::string::npos);
  EXPECT_NE(said(fresh_keys(), "rounds").find("seal"), std::string::npos);
}

// What would not be read again is not written.
TEST_F(SealedRecord, AsLargeAsMayBe) {
  constexpr std::uintmax_t kMost = 1 << 26;
  const auto size_of = [&](std::size_t names) {
    write_sealed(path(), keys_, "rounds", {{"names", std::string(names, 'x')}});
    return std::filesystem::file_size(path());
  };
  const std::size_t most = kMost - size_of(0);
  EXPECT_EQ(size_of(most), kMost);
  const auto read = [&] {
    const MemoryLimit limit(500'000'000);
    return message_of([&] { read_sealed(path(), keys_, "rounds"); });
  };
  EXPECT_EQ(read(), "");
  EXPECT_NE(message_of([&] { size_of(most + 1); }).find("is full"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path()), kMost);
  std::filesystem::resize_file(path(), kMost + 1);
  EXPECT_NE(read().find("67108865 bytes, expected at most 67108864"), std::string::npos);
}

TEST_F(SealedRecord, DataSets) {
  OwnerFolder owner{fresh_keys(), {}, folder_};
  EXPECT_TRUE(recorded_data_sets(owner).empty());
  const RecordedDataSet first{DataId{1}, {2}, "a.enc", "training", 10, true, "7", "m", {4, 6}};
  const RecordedDataSet second{DataId{3}, {4}, "b\xff.enc", "prediction", 20, false, "", {}, {}};
  record_data_set(owner, first);
  record_data_set(owner, second);
  EXPECT_EQ(recorded_data_sets(owner).size(), 2u);
  EXPECT_FALSE(recorded_data_set(owner, DataId{2}));
  const auto found = recorded_data_set(owner, DataId{3});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->contents, second.contents);
  EXPECT_EQ(found->samples, 20u);
  EXPECT_EQ(found->use, "prediction");
  EXPECT_EQ(recorded_data_set(owner, DataId{1})->seed, "7");
  EXPECT_EQ(recorded_data_set(owner, DataId{1})->map, "m");
  EXPECT_EQ(recorded_data_set(owner, DataId{1})->class_samples, first.class_samples);
  EXPECT_FALSE(found->map);
  // Of other keys in the same folder: a record of their own.
  OwnerFolder other{fresh_keys(), {}, folder_};
  EXPECT_TRUE(recorded_data_sets(other).empty());
  Bytes changed = load(data_sets_path(owner));
  changed[changed.size() / 3] ^= 1;
  store(data_sets_path(owner), changed);
  const auto advises = [](const std::string& said) {
    return said.find("set it aside") != said.npos && said.find("'--unrecorded-data'") != said.npos;
  };
  EXPECT_PRED1(advises, message_of([&] { recorded_data_sets(owner); }));
  EXPECT_PRED1(advises, message_of([&] { record_data_set(owner, first); }));
  std::filesystem::remove(data_sets_path(owner));
  record_data_set(owner, second);
  EXPECT_EQ(recorded_data_sets(owner).size(), 1u);
}

TEST_F(SealedRecord, NoneBesideOtherKeys) {
  const OwnerFolder owner{fresh_keys(), {}, folder_};
  const auto key = secret_key_path(folder_);
  write_secret_key(key, owner.keys);
  const RecordedDataSet set{DataId{1}, {2}, "a.enc", "training", 10, true, "7", "m", {4, 6}};
  record_data_set(owner, set);
  // Somebody has put another folder in this one's place since `owner` was read.
  write_secret_key(key, fresh_keys());
  std::filesystem::remove(data_sets_path(owner));
  const std::string refused = message_of([&] { record_data_set(owner, set); });
  EXPECT_NE(refused.find("is another than a moment ago"), std::string::npos) << refused;
  EXPECT_NE(message_of([&] { keep_identifiers(owner, set.id, {}); }), "");
  EXPECT_FALSE(std::filesystem::exists(data_sets_path(owner)));
  EXPECT_FALSE(std::filesystem::exists(identifiers_path(owner, set.id)));
}

TEST_F(SealedRecord, ColumnsOfManySets) {
  const OwnerFolder owner{fresh_keys(), {}, folder_};
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("column " + std::to_string(i));
  RecordedDataSet set{DataId{1}, {2}, "a.enc", "training", 10, true, "7", "m", {4, 6}};
  set.feature_names = names;
  record_data_set(owner, set);
  const std::uintmax_t one = std::filesystem::file_size(data_sets_path(owner));
  // As earlier programs wrote it.
  nlohmann::json record = read_sealed(data_sets_path(owner), owner.keys, "data sets");
  record["data_sets"][0]["feature_names"] = names;
  record.erase("columns");
  write_sealed(data_sets_path(owner), owner.keys, "data sets", record);
  set.id = DataId{3};
  record_data_set(owner, set);
  set.id = DataId{5};
  set.feature_names = std::vector<std::string>{"another"};
  record_data_set(owner, set);
  EXPECT_LT(std::filesystem::file_size(data_sets_path(owner)), one + 2000);
  for (const DataId& id : {DataId{1}, DataId{3}})
    EXPECT_EQ(recorded_data_set(owner, id)->feature_names, ColumnNames(names));
  EXPECT_EQ(recorded_data_set(owner, DataId{5})->feature_names.size(), 1u);
  record = read_sealed(data_sets_path(owner), owner.keys, "data sets");
  record["data_sets"][0]["feature_names"] = 2;
  write_sealed(data_sets_path(owner), owner.keys, "data sets", record);
  EXPECT_THROW(recorded_data_sets(owner), DataError);
}

}  // namespace
}  // namespace blindtuner::testing_support
