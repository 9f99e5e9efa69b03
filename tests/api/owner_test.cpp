// The owner's public interface, and both together: what comes out, and what is refused as which error.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <future>
#include <limits>
#include <locale>
#include <map>
#include <string>
#include <thread>

#include "api/fixture.h"

namespace blindtuner::testing_support {
namespace {

namespace fs = std::filesystem;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(),
                 kInfinity = std::numeric_limits<double>::infinity();

/// One owner, a training of two steps, of which the first is kept, too, and scores.
struct Done {
  TemporaryFolder folder;
  Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  Samples samples{kSamples}, fresh{10};
  fs::path data = folder / "data.enc", unseen = folder / "new.enc", first = folder / "first.enc",
           model = folder / "model.enc", scores = folder / "scores.enc";
  ExpectedTraining told{steps(2), data};

  Done() {
    owner.encrypt(samples.set(), DataUse::kTraining, data);
    owner.encrypt(fresh.unlabelled(), DataUse::kPrediction, unseen);
    const Server server = Server::load(lenient(), owner.evaluation_keys());
    Training training = server.train(data, steps(2));
    (void)training.step();
    training.save_model(first);
    (void)training.run();
    training.save_model(model);
    server.score(unseen, model, scores);
  }
};

Done& done() {
  static Done all;
  return all;
}

/// What the library says is of no command line.
void expect_no_options(const std::string& said) {
  EXPECT_EQ(said.find("--"), std::string::npos) << said;
}

template <typename Error, typename Call>
std::string refused(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(OwnerKeys, OpenWithTheirPassphraseAlone) {
  const TemporaryFolder folder;
  const fs::path keys = folder / "keys";
  (void)Owner::make_keys(lenient(), keys, small(), kShape, "open sesame");
  const Owner again = Owner::open(lenient(), keys, "open sesame");
  EXPECT_EQ(again.parameters().digest(), small().digest());
  EXPECT_EQ(again.shape().features, kWidth);
  EXPECT_EQ(again.shape().classes, kClasses);
  EXPECT_TRUE(fs::exists(again.evaluation_keys()));
  for (const char* wrong : {"open", ""})
    EXPECT_NE(refused<DataError>([&] { Owner::open(lenient(), keys, wrong); }).find("passphrase"),
              std::string::npos);
  EXPECT_THROW(Owner::open(Context(), keys, "open sesame"), SecurityError);
  EXPECT_THROW(Owner::open(lenient(), folder / "nothing"), DataError);
}

TEST(OwnerKeys, SayWhatTheyAreAndHowLarge) {
  const Owner& owner = done().owner;
  const KeysInfo mine = owner.keys(), file = read_keys_info(lenient(), owner.evaluation_keys()),
                 served = Server::load(lenient(), owner.evaluation_keys()).keys();
  for (const KeysInfo* info : {&mine, &file, &served}) {
    EXPECT_EQ(info->identity, mine.identity);
    EXPECT_EQ(info->parameters.digest(), small().digest());
    EXPECT_EQ(info->shape.features, kWidth);
    EXPECT_EQ(info->shape.classes, kClasses);
    EXPECT_EQ(info->bytes, fs::file_size(owner.evaluation_keys()));
  }
  EXPECT_EQ(mine.identity.size(), 32u);
  EXPECT_EQ(Owner::size_of_keys(lenient(), small(), kShape), mine.bytes);
  EXPECT_GT(Owner::size_of_keys(lenient(), ParameterSet::standard(), kShape), 1u << 30);
  EXPECT_THROW((void)Owner::size_of_keys(Context(), small(), kShape), SecurityError);
  EXPECT_THROW((void)read_keys_info(Context(), owner.evaluation_keys()), SecurityError);
  EXPECT_THROW((void)read_keys_info(lenient(), done().data), DataError);
  const TemporaryFolder folder;
  const Owner other = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  EXPECT_NE(other.keys().identity, mine.identity);
  fs::remove(other.evaluation_keys());
  EXPECT_EQ(other.keys().bytes, 0u);
}

/// Whether it holds in a process that is forked off.
template <typename Call>
bool holds_in_a_child(const Call& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(call() ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

TEST(ParameterSets, AreTheSameInEveryLocale) {
  struct Grouped : std::numpunct<char> {
    char do_thousands_sep() const override { return ','; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouped));
  const ParameterSet here = ParameterSet::named("InsecureTest10");
  std::locale::global(before);
  EXPECT_EQ(here.digest(), small().digest());
  EXPECT_EQ(here.json(), small().json());
}

// Wiped memory is zero there, and a secret of zero encrypts for everybody.
TEST(OwnerKeys, AreNotThoseOfAForkedProcess) {
  const TemporaryFolder folder;
  const fs::path keys = folder / "keys", file = folder / "data.enc";
  const Owner owner = Owner::make_keys(lenient(), keys, small(), kShape);
  const Samples samples(kSamples);
  const auto encrypt = [&](const Owner& by) {
    by.encrypt(samples.set(), DataUse::kTraining, file, SampleOrder::kKept);
  };
  EXPECT_TRUE(holds_in_a_child([&] {
    try {
      encrypt(owner);
    } catch (const ContractError&) {
      return true;
    }
    return false;
  }));
  EXPECT_FALSE(fs::exists(file));
  // One thread: a sanitizer allows no more after a fork.
  EXPECT_TRUE(holds_in_a_child([&] {
    encrypt(Owner::open(Context({.threads = 1, .allow_insecure = true}), keys));
    return true;
  }));
  EXPECT_EQ(owner.open_labels(file), samples.labels);
}

/// Fractions of a call: they begin at 0, do not fall and end at 1.
void expect_whole(const std::vector<double>& fractions, const std::string& of) {
  ASSERT_GE(fractions.size(), 2u) << of;
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end())) << of;
  EXPECT_GE(fractions.front(), 0) << of;
  EXPECT_EQ(fractions.back(), 1) << of;
}

TEST(Progress, IsToldOnTheThreadThatCalled) {
  const TemporaryFolder folder;
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  const std::thread::id here = std::this_thread::get_id();
  std::size_t told = 0, elsewhere = 0;
  OwnerNotices notices;
  notices.progress = [&](const std::string& task, double) {
    told += task == "encrypting";
    elsewhere += std::this_thread::get_id() != here;
  };
  // Hundreds of ciphertexts, of which two threads make some each.
  owner.encrypt(Samples(20000).set(), DataUse::kTraining, folder / "data.enc", SampleOrder::kKept,
                notices);
  EXPECT_GE(told, 2u);
  EXPECT_EQ(elsewhere, 0u);
}

struct CalledOff {};

TEST(Progress, IsToldOfLongCallsAndCallsThemOff) {
  const TemporaryFolder folder;
  std::map<std::string, std::vector<double>> told;
  OwnerNotices notices;
  notices.progress = [&](const std::string& task, double done) { told[task].push_back(done); };
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape, {}, notices);
  owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc",
                SampleOrder::kKept, notices);
  EXPECT_EQ(told.size(), 3u);
  for (const char* task : {"making keys", "encrypting", "writing"}) expect_whole(told[task], task);

  std::vector<double> loading, scoring;
  const Server server = Server::load(lenient(), owner.evaluation_keys(),
                                     [&](double done) { loading.push_back(done); });
  expect_whole(loading, "loading");
  Training training = server.train(folder / "data.enc", steps(1));
  (void)training.run();
  training.save_model(folder / "model.enc");
  const auto score = [&](const std::string& name, const Progress& progress) {
    server.score(folder / "data.enc", folder / "model.enc", folder / name, progress);
  };
  score("scores.enc", [&](double done) { scoring.push_back(done); });
  EXPECT_EQ(scoring.back(), 1);

  notices.progress = [](const std::string&, double) { throw CalledOff(); };
  const Progress call_off = [](double) { throw CalledOff(); };
  EXPECT_THROW((void)Owner::make_keys(lenient(), folder / "none", small(), kShape, {}, notices),
               CalledOff);
  EXPECT_FALSE(fs::exists(folder / "none" / "secret.key"));
  EXPECT_THROW(owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "none.enc",
                             SampleOrder::kKept, notices),
               CalledOff);
  EXPECT_THROW((void)Server::load(lenient(), owner.evaluation_keys(), call_off), CalledOff);
  EXPECT_THROW(score("none.enc", call_off), CalledOff);
  EXPECT_FALSE(fs::exists(folder / "none.enc"));
  // And what was called off can be asked for again.
  (void)Owner::make_keys(lenient(), folder / "none", small(), kShape);
  score("none.enc", {});
  EXPECT_EQ(owner.open_scores(folder / "none.enc").values.size(), kSamples * kClasses);
}

TEST(OwnerLedger, HasWhatLeft) {
  const TemporaryFolder folder;
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  EXPECT_TRUE(owner.ledger().entries.empty());
  owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
  Training training =
      Server::load(lenient(), owner.evaluation_keys()).train(folder / "data.enc", steps(1));
  (void)training.run();
  training.save_model(folder / "model.enc");
  (void)owner.open_model(folder / "model.enc");
  const ExpectedTraining told{steps(1), folder / "data.enc"};
  const PublishedModel shared = owner.publish_model(folder / "model.enc", told);
  using Kind = LedgerEntry::Kind;
  const Ledger ledger = owner.ledger();
  std::vector<Kind> kinds;
  for (const LedgerEntry& entry : ledger.entries) kinds.push_back(entry.kind);
  ASSERT_GE(kinds.size(), 3u);
  EXPECT_EQ(std::vector<Kind>(kinds.begin(), kinds.begin() + 3),
            (std::vector<Kind>{Kind::kEncrypted, Kind::kOpened, Kind::kPublished}));
  const LedgerEntry &set = ledger.entries[0], &opened = ledger.entries[1],
                    &published = ledger.entries[2];
  EXPECT_EQ(set.what, "data set");
  EXPECT_EQ(set.numbers, kSamples);
  EXPECT_EQ(set.data.size(), 32u);
  EXPECT_EQ(opened.what, "model");
  EXPECT_EQ(opened.data, set.data);
  EXPECT_EQ(published.noise, shared.noise);
  EXPECT_EQ(published.bits, shared.bits);
  EXPECT_EQ(ledger.published_bits, shared.bits);
  EXPECT_GT(ledger.refused_bits, 0);
  EXPECT_EQ(published.time.size(), std::string("2026-11-26T17:16:08Z").size());
  EXPECT_EQ(ledger.file.parent_path(), folder / "keys");
  std::ofstream(ledger.file, std::ios::app) << "{}\n";
  EXPECT_THROW((void)owner.ledger(), DataError);
}

TEST(OwnerKeys, AreNeverReplaced) {
  const TemporaryFolder folder;
  EXPECT_THROW(Owner::make_keys(Context(), folder / "keys", small(), kShape), SecurityError);
  (void)Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  EXPECT_THROW(Owner::make_keys(lenient(), folder / "keys", small(), kShape), DataError);
  EXPECT_NE(refused<DataError>([&] {
              Owner::open(lenient(), folder / "keys", "too much");
            }).find("under no passphrase"),
            std::string::npos);
  EXPECT_THROW(Owner::make_keys(lenient(), folder / "other", small(), {kWidth, 1}), DataError);
  EXPECT_THROW(Owner::make_keys(lenient(), folder / "other", small(), {0, kClasses}), DataError);
  for (const std::size_t batch : {std::size_t{0}, std::size_t{1} << 32})
    EXPECT_THROW(Owner::make_keys(lenient(), folder / "other", small(), {kWidth, kClasses, batch}),
                 ContractError);
  EXPECT_FALSE(fs::exists(folder / "other"));
  const std::string said = refused<DataError>([&] {
    Owner::make_keys(lenient(), folder / "other", small(), {kWidth, 128, kSamples});
  });
  EXPECT_NE(said.find("no room for 128 classes"), std::string::npos) << said;
  expect_no_options(said);
}

TEST(OwnerKeys, ALostLedgerIsRefused) {
  const TemporaryFolder folder;
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  for (const auto& entry : fs::directory_iterator(folder / "keys"))
    if (entry.path().filename().string().starts_with("ledger-")) fs::remove(entry.path());
  EXPECT_NE(refused<DataError>([&] { Owner::open(lenient(), folder / "keys"); }).find("ledger"),
            std::string::npos);
  EXPECT_NE(refused<DataError>([&] { (void)owner.ledger(); }).find("ledger"), std::string::npos);
}

TEST(OwnerKeys, SaysWhatMayMakeThemWorthless) {
  const TemporaryFolder folder;
  (void)Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  std::ofstream(folder / "keys" / "ledger-0123456789abcdef.jsonl").close();
  std::string warning;
  (void)Owner::open(lenient(), folder / "keys", {},
                    {.warning = [&](const std::string& text) { warning += text; }});
  EXPECT_NE(warning.find("is of other keys"), std::string::npos);
}

TEST(OwnerKeys, AnOwnerThatWasMovedFromIsNone) {
  Owner one = done().owner;
  const Owner other = std::move(one);
  EXPECT_THROW((void)one.shape(), ContractError);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.shape().features, kWidth);
}

TEST(OwnerEncrypts, NothingThatIsNoData) {
  const Owner& owner = done().owner;
  const fs::path out = done().folder / "refused.enc";
  const auto encrypt = [&](const DataSet& set, DataUse use) { owner.encrypt(set, use, out); };
  Samples samples(10);
  const auto with = [&](float value) {
    Samples changed(10);
    changed.features[7] = value;
    encrypt(changed.set(), DataUse::kTraining);
  };
  EXPECT_THROW(with(std::numeric_limits<float>::quiet_NaN()), DataError);
  EXPECT_NE(refused<DataError>([&] { with(4097); }).find("row 2, column 1"), std::string::npos);
  for (const int label : {-1, 2}) {
    Samples changed(10);
    changed.labels[3] = label;
    EXPECT_THROW(encrypt(changed.set(), DataUse::kTraining), DataError);
    EXPECT_THROW(encrypt(changed.set(), DataUse::kValidation), DataError);
  }
  const std::vector<int> same(10, 1);
  EXPECT_THROW(encrypt({samples.features, kWidth, same}, DataUse::kTraining), DataError);
  EXPECT_THROW(encrypt({std::span(samples.features).first(10), 5, std::span(same).first(2)},
                       DataUse::kValidation),
               DataError);
  EXPECT_THROW(encrypt({{}, kWidth, {}}, DataUse::kPrediction), DataError);
  // Sizes that do not fit are the caller's mistake.
  EXPECT_THROW(encrypt(samples.unlabelled(), DataUse::kTraining), ContractError);
  EXPECT_THROW(encrypt(samples.set(), DataUse::kPrediction), ContractError);
  EXPECT_THROW(encrypt({std::span(samples.features).first(10), kWidth, std::span(same).first(3)},
                       DataUse::kTraining),
               ContractError);
  EXPECT_THROW(encrypt({samples.features, 0, samples.labels}, DataUse::kTraining), ContractError);
  EXPECT_FALSE(fs::exists(out));
  EXPECT_THROW(owner.encrypt(samples.set(), DataUse::kTraining, owner.evaluation_keys()),
               DataError);
}

TEST(OwnerOpens, WhatItHasEncrypted) {
  std::vector<int> labels = done().owner.open_labels(done().data), expected = done().samples.labels;
  EXPECT_NE(labels, expected);  // in an order of their own
  std::sort(labels.begin(), labels.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(labels, expected);
  const fs::path kept = done().folder / "kept.enc", validation = done().folder / "validation.enc";
  done().owner.encrypt(done().samples.set(), DataUse::kTraining, kept, SampleOrder::kKept);
  EXPECT_EQ(done().owner.open_labels(kept), done().samples.labels);
  done().owner.encrypt(done().samples.set(), DataUse::kValidation, validation);
  EXPECT_EQ(done().owner.open_labels(validation), done().samples.labels);
  EXPECT_THROW(done().owner.open_labels(done().unseen), DataError);
  const Owner stranger = Owner::make_keys(lenient(), done().folder / "stranger", small(), kShape);
  EXPECT_THROW(stranger.open_labels(done().data), DataError);
  EXPECT_THROW(stranger.open_model(done().model), DataError);
}

TEST(OwnerOpens, AModelOfTheTrainingThatItExpects) {
  const Owner& owner = done().owner;
  const LinearModel model = owner.open_model(done().model, done().told);
  EXPECT_EQ(model.classes, kClasses);
  EXPECT_EQ(model.features, kWidth);
  EXPECT_EQ(model.steps, 2);
  EXPECT_TRUE(model.complete);
  EXPECT_EQ(model.classify(done().samples.set()), done().samples.labels);
  EXPECT_FALSE(owner.open_model(done().first).complete);
  const std::string said =
      refused<DataError>([&] { (void)owner.open_model(done().model, {steps(3)}); });
  EXPECT_NE(said.find("steps"), std::string::npos);
  expect_no_options(said);
  TrainingOptions sigmoid = steps(2, R"(, "head": "sigmoid")");
  sigmoid.softmax = "wide";
  expect_no_options(refused<DataError>([&] { (void)owner.open_model(done().model, {sigmoid}); }));
  EXPECT_THROW(owner.open_model(done().model, {steps(2), done().unseen}), DataError);
  TrainingOptions wide = steps(2);
  wide.softmax = "wide";
  EXPECT_THROW(owner.open_model(done().model, {wide}), DataError);
  EXPECT_THROW(owner.open_model(done().scores), DataError);
}

TEST(OwnerOpens, ScoresAsTheModelInTheClearGivesThem) {
  const Scores scores = done().owner.open_scores(done().scores, done().told, done().unseen);
  EXPECT_EQ(scores.classes, kClasses);
  EXPECT_TRUE(scores.problems.empty());
  const std::vector<double> expected =
      done().owner.open_model(done().model).scores(done().fresh.set());
  ASSERT_EQ(scores.values.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(scores.values[i], expected[i], 1e-2) << i;
  EXPECT_THROW(done().owner.open_scores(done().scores, {}, done().data), DataError);
}

TEST(OwnerPublishes, AModelWithNoiseAndWithinTheBudget) {
  const Owner& owner = done().owner;
  EXPECT_THROW(owner.publish_model(done().model, {}), ContractError);
  EXPECT_THROW(owner.publish_model(done().first, done().told), DataError);
  EXPECT_NE(refused<DataError>([&] {
              (void)owner.publish_model(done().model, done().told, 1e-9);
            }).find("bits"),
            std::string::npos);
  const std::size_t before = owner.ledger().entries.size();
  for (const double budget : {kNaN, 0.0, -1.0, kInfinity}) {
    EXPECT_THROW((void)owner.publish_model(done().model, done().told, budget), ContractError);
    EXPECT_THROW((void)owner.publish_scores(done().scores, done().model, done().told, {}, budget),
                 ContractError);
  }
  EXPECT_EQ(owner.ledger().entries.size(), before);
  const PublishedModel once = owner.publish_model(done().model, done().told);
  EXPECT_GT(once.noise, 0);
  EXPECT_GT(once.bits, 0);
  for (const double weight : once.model.weights)
    EXPECT_EQ(std::remainder(weight, once.noise), 0) << weight;
  const PublishedModel again = owner.publish_model(done().model, done().told);
  EXPECT_EQ(again.model.weights, once.model.weights);
  EXPECT_EQ(again.bits, 0);
  EXPECT_NE(once.model.weights, owner.open_model(done().model).weights);
}

TEST(OwnerPublishes, OneOfSeveralSetsOnlyWhereItIsSaidWhich) {
  const Owner& owner = done().owner;
  owner.encrypt(done().samples.set(), DataUse::kTraining, done().folder / "another.enc");
  owner.encrypt(done().fresh.unlabelled(), DataUse::kPrediction, done().folder / "newer.enc");
  const ExpectedTraining nothing_of_data{steps(2)};
  const std::string said =
      refused<DataError>([&] { (void)owner.publish_model(done().model, nothing_of_data); });
  EXPECT_NE(said.find("one of several data sets"), std::string::npos);
  expect_no_options(said);
  EXPECT_GT(owner.publish_model(done().model, done().told).noise, 0);
  EXPECT_NE(refused<DataError>([&] {
              (void)owner.publish_scores(done().scores, done().model, done().told);
            }).find("one of several data sets"),
            std::string::npos);
}

TEST(OwnerPublishes, NoScoresWhoseErrorsNobodyKnows) {
  const Owner& owner = done().owner;
  Samples large(10);
  for (float& x : large.features) x *= 60;
  const fs::path data = done().folder / "large.enc", scores = done().folder / "large-scores.enc";
  owner.encrypt(large.unlabelled(), DataUse::kPrediction, data);
  Server::load(lenient(), owner.evaluation_keys()).score(data, done().model, scores);
  const Scores opened = owner.open_scores(scores, done().told, data);
  ASSERT_EQ(opened.problems.size(), 1u);
  EXPECT_NE(opened.problems[0].find("the limit is"), std::string::npos);
  EXPECT_THROW(owner.publish_scores(scores, done().model, done().told, data), DataError);
}

TEST(OwnerPublishes, ScoresByTheirModel) {
  const Owner& owner = done().owner;
  const PublishedScores shared =
      owner.publish_scores(done().scores, done().model, done().told, done().unseen);
  EXPECT_GT(shared.noise, 0);
  EXPECT_EQ(shared.scores.values.size(), 10 * kClasses);
  EXPECT_THROW(owner.publish_scores(done().scores, done().first, done().told, done().unseen),
               DataError);
}

TEST(ServerTrains, WithWhatIsInRange) {
  const Server server = Server::load(lenient(), done().owner.evaluation_keys());
  for (const double range : {kNaN, -1.0, 0.5, 10001.0, kInfinity}) {
    TrainingOptions options = steps(2);
    options.range = range;
    EXPECT_THROW((void)server.train(done().data, options), ContractError) << range;
    EXPECT_THROW((void)done().owner.open_model(done().model, {options}), ContractError) << range;
  }
  EXPECT_THROW((void)server.train(done().data, steps(2), {.data = done().data}), ContractError);
  EXPECT_THROW((void)server.train(done().data, steps(2), {.exchange = done().folder / "exchange"}),
               ContractError);
}

TEST(ServerTrains, OneRunWithACheckpoint) {
  const Server server = Server::load(lenient(), done().owner.evaluation_keys());
  const fs::path checkpoint = done().folder / "checkpoint.enc";
  const auto train = [&] { return server.train(done().data, steps(2), {}, checkpoint); };
  {
    Training first = train();
    (void)first.step();
    EXPECT_NE(refused<DataError>(train).find("is in use by"), std::string::npos);
  }
  EXPECT_EQ(train().done(), 1);
}

struct Validation : ::testing::Test {
  TemporaryFolder folder;
  Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), kShape);
  ValidationOptions options{.data = folder / "validation.enc",
                            .exchange = folder / "exchange",
                            .best_model = folder / "best.enc",
                            .timeout = 0};
  Validation() { owner.encrypt(Samples(20).set(), DataUse::kValidation, options.data); }
};

TEST_F(Validation, AnswersUntilTheRunEnds) {
  const TrainingOptions told = steps(2, R"(, "validation_every": 1)");
  owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
  auto end = std::async(std::launch::async, [&] {
    const Server server = Server::load(lenient(), owner.evaluation_keys());
    return server.train(folder / "data.enc", told, {options.data, options.exchange, 300}).run();
  });
  options.timeout = 300;
  int lines = 0;
  options.round = [&](const std::string&) { ++lines; };
  const ValidationResult result = owner.validate(options, {told, folder / "data.enc"});
  EXPECT_EQ(end.get(), TrainingEnd::kAllSteps);
  EXPECT_TRUE(result.finished);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.rounds, 2);
  EXPECT_EQ(result.best_round, 2);
  EXPECT_EQ(result.best_steps, 2);
  EXPECT_EQ(result.accuracy, 1);
  EXPECT_GT(result.loss, 0);
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(lines, 2);
  EXPECT_TRUE(owner.open_model(options.best_model, {told}).complete);
  // Asked again, there is nothing left to do.
  EXPECT_TRUE(owner.validate(options, {told}).finished);
}

TEST_F(Validation, WaitsNoLongerThanItIsToldTo) {
  EXPECT_NE(refused<DataError>([&] { (void)owner.validate(options); }).find("no round 1"),
            std::string::npos);
  options.timeout = 300;
  options.stop = [] { return true; };
  const ValidationResult result = owner.validate(options);
  EXPECT_FALSE(result.finished);
  EXPECT_EQ(result.rounds, 0);
}

TEST_F(Validation, TakesWhatIsWholeAndInRange) {
  EXPECT_THROW((void)owner.validate({}), ContractError);
  for (fs::path ValidationOptions::*path :
       {&ValidationOptions::data, &ValidationOptions::exchange, &ValidationOptions::best_model}) {
    ValidationOptions partly = options;
    (partly.*path).clear();
    EXPECT_THROW((void)owner.validate(partly), ContractError);
  }
  owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
  const Server server = Server::load(lenient(), owner.evaluation_keys());
  for (const double timeout : {kNaN, -1.0, 1e8, kInfinity}) {
    ValidationOptions changed = options;
    changed.timeout = timeout;
    EXPECT_THROW((void)owner.validate(changed), ContractError) << timeout;
    EXPECT_THROW((void)server.train(folder / "data.enc", steps(2, R"(, "validation_every": 1)"),
                                    {options.data, options.exchange, timeout}),
                 ContractError)
        << timeout;
  }
}

TEST_F(Validation, NothingOfTheOwnersLiesWhereTheServerSees) {
  options.best_model = options.exchange / "best.enc";
  EXPECT_NE(refused<DataError>([&] { (void)owner.validate(options); }).find("server sees"),
            std::string::npos);
  options.best_model = folder / "best.enc";
  options.exchange = folder / "";
  EXPECT_THROW((void)owner.validate(options), DataError);
  options.exchange = folder / "exchange";
  options.patience = 0;
  EXPECT_THROW((void)owner.validate(options), ContractError);
}

TEST(LinearModel, ScoresRowsOfItsWidth) {
  LinearModel model{.classes = 2, .features = 2};
  model.weights = {1, 2, 3, 4};
  model.bias = {0.5, -1};
  const std::vector<float> rows = {1, 1, -1, 0};
  EXPECT_EQ(model.scores({rows, 2}), (std::vector<double>{3.5, 6, -0.5, -4}));
  EXPECT_EQ(model.classify({rows, 2}), (std::vector<int>{1, 0}));
  for (const double none : {kNaN, kInfinity}) {
    const std::vector<float> strange = {1, 1, static_cast<float>(none), 0};
    EXPECT_NE(refused<DataError>([&] {
                (void)model.classify({strange, 2});
              }).find("sample 1"),
              std::string::npos);
  }
  EXPECT_THROW(model.scores({rows, 4}), ContractError);
  EXPECT_THROW(model.scores({std::span(rows).first(3), 2}), ContractError);
  model.bias.pop_back();
  EXPECT_THROW(model.scores({rows, 2}), ContractError);
}

}  // namespace
}  // namespace blindtuner::testing_support
