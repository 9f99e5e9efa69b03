// What the public interface writes: whose place it takes, and what it leaves as it was.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "api/fixture.h"

namespace blindtuner::testing_support {
namespace {

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One owner, a training with a checkpoint, its model, and every function that writes where it is told to.
struct Outputs : ::testing::Test {
  TemporaryFolder folder;
  Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  fs::path data = folder / "data.enc", validation = folder / "validation.enc",
           checkpoint = folder / "checkpoint.enc", model = folder / "model.enc";
  Server server = Server::load(lenient(), owner.evaluation_keys());
  Training training = begun();

  using Writer = std::function<void(const fs::path&)>;
  std::map<std::string, Writer> writers = {
      {"encrypt",
       [&](const fs::path& to) { owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, to); }},
      {"validate",
       [&](const fs::path& to) {
         (void)owner.validate({validation, folder / "exchange", to, 3, 0});
       }},
      {"save", [&](const fs::path& to) { small().save(to); }},
      {"save_model", [&](const fs::path& to) { training.save_model(to); }},
      {"score", [&](const fs::path& to) { server.score(data, model, to); }},
      {"train", [&](const fs::path& to) { (void)server.train(data, steps(1), {}, to).step(); }}};

  Training begun() {
    owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, data);
    owner.encrypt(Samples(20).set(), DataUse::kValidation, validation);
    Training out = server.train(data, steps(2), {}, checkpoint);
    (void)out.step();
    out.save_model(model);
    return out;
  }

  /// Refused, and nothing is changed.
  void expect_kept(const std::string& by, const fs::path& named, const fs::path& file) {
    const std::string before = contents(file);
    EXPECT_THROW(writers.at(by)(named), DataError) << by << " to " << named;
    EXPECT_TRUE(fs::is_regular_file(file)) << by << " to " << named;
    EXPECT_EQ(contents(file), before) << by << " to " << named;
  }
};

TEST_F(Outputs, TakeThePlaceOfNothingOfAnOwner) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / "keys")) files.push_back(entry.path());
  ASSERT_GE(files.size(), 4u);  // two keys, a ledger and a record of data sets
  std::ofstream(folder / "keys" / "ledger-0123456789abcdef.jsonl").close();
  files.push_back(folder / "keys" / "ledger-0123456789abcdef.jsonl");
  std::ofstream(folder / "keys" / ".owner.lock").close();
  files.push_back(folder / "keys" / ".owner.lock");
  std::ofstream(folder / "signing.key") << "blindtuner signing key 1: 00\n";
  files.push_back(folder / "signing.key");
  for (const fs::path& file : files) {
    const fs::path link = folder / "link.enc";
    fs::create_symlink(file, link);
    for (const auto& [by, write] : writers) {
      expect_kept(by, file, file);
      expect_kept(by, link, file);
      EXPECT_TRUE(fs::is_symlink(link)) << by;
    }
    fs::remove(link);
  }
}

TEST_F(Outputs, TakeThePlaceOfNothingThatWasReadOrWillBe) {
  const fs::path second = folder / "second.enc";
  fs::create_hard_link(model, second);
  for (const fs::path& file : {data, model, second}) expect_kept("score", file, file);
  for (const fs::path& file : {data, checkpoint}) expect_kept("save_model", file, file);
  for (const auto& [by, write] : writers)
    if (by != "train") expect_kept(by, checkpoint, checkpoint);
  expect_kept("validate", validation, validation);
}

TEST_F(Outputs, TakeThePlaceOfEarlierOnes) {
  writers.at("score")(folder / "scores.enc");
  for (const char* by : {"score", "save_model", "save", "encrypt"}) {
    const fs::path file = folder / (std::string("again-") + by);
    std::ofstream(file) << "earlier";
    writers.at(by)(file);
    EXPECT_NE(contents(file), "earlier") << by;
  }
}

TEST_F(Outputs, OfDataSetsThatCannotBeRecordedLeaveTheEarlierFile) {
  for (const auto& entry : fs::directory_iterator(folder / "keys"))
    if (entry.path().filename().string().starts_with("data-sets-"))
      std::ofstream(entry.path(), std::ios::app) << " ";  // its seal is wrong
  expect_kept("encrypt", data, data);
  EXPECT_THROW(writers.at("encrypt")(folder / "none.enc"), DataError);
  EXPECT_FALSE(fs::exists(folder / "none.enc"));
}

TEST_F(Outputs, AreWhereTheyWereMeantWhenTheyWereNamed) {
  const fs::path before = fs::current_path();
  fs::current_path(folder / "");
  const Owner again = Owner::open(lenient(), "keys");
  Training named = server.train("data.enc", steps(1), {}, "relative.enc");
  fs::current_path(before);
  (void)named.run();
  EXPECT_TRUE(fs::exists(folder / "relative.enc"));
  EXPECT_FALSE(fs::exists("relative.enc"));
  EXPECT_THROW(named.save_model(data), DataError);
  EXPECT_NO_THROW((void)again.open_labels(data));
  EXPECT_TRUE(again.evaluation_keys().is_absolute());
}

using MovedFrom = Outputs;

// NOLINTBEGIN(bugprone-use-after-move)
TEST_F(MovedFrom, ContextsSetsServersAndTrainingsAreNone) {
  Context context = lenient();
  const Context other_context = std::move(context);
  EXPECT_THROW((void)context.threads(), ContractError);
  EXPECT_THROW((void)context.allows_insecure(), ContractError);
  EXPECT_THROW((void)read_keys_info(context, owner.evaluation_keys()), ContractError);
  EXPECT_THROW((void)Server::load(context, owner.evaluation_keys()), ContractError);
  EXPECT_THROW((void)Owner::open(context, folder / "keys"), ContractError);
  EXPECT_THROW((void)Owner::make_keys(context, folder / "none", small(), kShape), ContractError);
  EXPECT_EQ(other_context.threads(), 2);

  ParameterSet set = small();
  const ParameterSet other_set = std::move(set);
  EXPECT_THROW((void)set.name(), ContractError);
  EXPECT_THROW((void)set.json(), ContractError);
  EXPECT_THROW(set.save(folder / "set.json"), ContractError);
  EXPECT_THROW((void)Owner::size_of_keys(lenient(), set, kShape), ContractError);
  EXPECT_EQ(other_set.name(), "InsecureTest10");

  const Server other_server = std::move(server);
  EXPECT_THROW((void)server.keys(), ContractError);
  EXPECT_THROW((void)server.parameters(), ContractError);
  EXPECT_THROW((void)server.train(data), ContractError);
  EXPECT_THROW(server.score(data, model, folder / "scores.enc"), ContractError);
  EXPECT_EQ(other_server.keys().identity, owner.keys().identity);

  Training other_training = std::move(training);
  EXPECT_THROW((void)training.steps(), ContractError);
  EXPECT_THROW((void)training.done(), ContractError);
  EXPECT_THROW((void)training.run(), ContractError);
  EXPECT_THROW((void)training.step(), ContractError);
  EXPECT_THROW(training.save_model(folder / "model.enc"), ContractError);
  EXPECT_EQ(other_training.run(), TrainingEnd::kAllSteps);
}
// NOLINTEND(bugprone-use-after-move)

static_assert(std::is_move_constructible_v<Training> && std::is_move_assignable_v<Training>);
static_assert(!std::is_copy_constructible_v<Training> && !std::is_copy_assignable_v<Training>);
static_assert(!std::is_constructible_v<Training, std::nullptr_t> &&
              !std::is_constructible_v<Server, std::nullptr_t> &&
              !std::is_constructible_v<Owner, std::nullptr_t> &&
              !std::is_constructible_v<ParameterSet, std::nullptr_t>);

}  // namespace
}  // namespace blindtuner::testing_support
