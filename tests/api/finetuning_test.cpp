// A whole run through the public interface, both parties in one process.
#include <blindtuner/finetuning.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "fixture.h"

namespace blindtuner::testing_support {
namespace {

FinetuningOptions options() {
  FinetuningOptions out;
  out.preset = "fast";
  out.steps = 2;
  out.seed = "3";
  out.parameters = small();
  return out;
}

void serve(const ServerTask& task) {
  Training training = Server::load(lenient(), task.evaluation_keys)
                          .train(task.data, task.options, {task.validation, task.exchange});
  (void)training.run({.waiting = [&](int, double) { task.answer(); }});
  training.save_model(task.model);
}

TEST(Finetuning, TrainsWithRoundsAndSaysWhatItDid) {
  TemporaryFolder folder;
  const Samples samples(kSamples);
  std::string warnings;
  const FinetuningOutcome out =
      finetune(lenient(), folder / "run", samples.set(), options(), serve,
               {.warning = [&](const std::string& text) { warnings += text; }});
  EXPECT_NE(warnings.find("feature 1 alone gives the label in 100 % of 128 rows"),
            std::string::npos)
      << warnings;
  EXPECT_TRUE(out.trusted) << out.report;
  EXPECT_TRUE(out.problems.empty());
  EXPECT_EQ(out.model.steps, 2);
  EXPECT_EQ(out.model.classify(samples.set()), samples.labels);
  EXPECT_NE(out.report.find(R"("plain":)"), std::string::npos) << out.report;
  EXPECT_NE(out.report.find(R"("seed":"3")"), std::string::npos) << out.report;
  // Weights of classes are shifts of their scores.
  FinetuningOptions weighted = options();
  weighted.class_weights = {1, 1000};
  const FinetuningOutcome other =
      finetune(lenient(), folder / "weighted", samples.set(), weighted, serve);
  EXPECT_NEAR(other.model.bias[1] - other.model.bias[0] - (out.model.bias[1] - out.model.bias[0]),
              std::log(1000), 0.05);
}

// As of finetune(), whoever encrypts a training set is told.
TEST(Finetuning, OwnersWhoEncryptAreToldOfTheirTrainingSet) {
  TemporaryFolder folder;
  const Owner owner = Owner::make_keys(lenient(), folder / "keys", small(), {kWidth, 3, kSamples});
  Samples samples(kSamples);
  samples.labels.back() = 2;
  const auto warnings = [&](const DataSet& set, DataUse use) {
    std::string out;
    owner.encrypt(set, use, folder / "data.enc", SampleOrder::kKept,
                  {.warning = [&](const std::string& text) { out += text + "\n"; }});
    return out;
  };
  const std::string said = warnings(samples.set(), DataUse::kTraining);
  EXPECT_NE(said.find("a class has a single sample: number 2 (the training set, row 127)"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("samples have an equal of another class"), std::string::npos) << said;
  EXPECT_EQ(warnings(samples.set(), DataUse::kValidation), "");
  samples.labels.back() = 1;
  const std::string without = warnings(samples.set(), DataUse::kTraining);
  EXPECT_NE(without.find("feature 1 alone gives the label in 100 %"), std::string::npos) << without;
  EXPECT_NE(without.find("the training set: no sample of number 2"), std::string::npos) << without;
}

TEST(Finetuning, WhatIsWrongIsRefusedBeforeAnyWork) {
  TemporaryFolder folder;
  const Samples samples(kSamples);
  const auto run = [&](const FinetuningOptions& with) {
    return finetune(lenient(), folder / "run", samples.set(), with,
                    [](const ServerTask&) { FAIL() << "the server was asked"; });
  };
  const auto with = [](auto change) {
    FinetuningOptions out = options();
    change(out);
    return out;
  };
  EXPECT_THROW((void)run(with([](auto& o) { o.preset = "none"; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.epochs = 2; })), ContractError);
  // What is left out is none, and never a number.
  EXPECT_THROW((void)run(with([](auto& o) { o.learning_rate = 0; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.steps = 0; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) {
                 o.steps.reset();
                 o.epochs = 0;
               })),
               ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.batch = 0; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.range = 0; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.validation_every = -1; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.validation_fraction = -1; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.softmax = ""; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.head = ""; })), DataError);
  EXPECT_THROW((void)run(with([](auto& o) { o.class_weights = {1}; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.class_weights = {1, 0}; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.balance = 2; })), ContractError);
  EXPECT_THROW((void)run(with([](auto& o) { o.seed = "x"; })), DataError);
  EXPECT_THROW((void)run(with([](auto& o) { o.configuration = "{"; })), DataError);
  EXPECT_THROW((void)run(with([](auto& o) {
                 o.head = "squared";
                 o.class_weights = {1, 2};
               })),
               DataError);
  EXPECT_FALSE(fs::exists(folder / "run"));
  struct Enough {};
  EXPECT_THROW((void)finetune(lenient(), folder / "run", samples.set(), options(),
                              [](const ServerTask&) { throw Enough(); }),
               Enough);
  EXPECT_THROW(
      (void)finetune(Context({.threads = 1}), folder / "other", samples.set(), options(), serve),
      SecurityError);
}

/// What is in a folder, by name.
std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string& bytes = out[fs::relative(entry.path(), folder).string()];
    if (entry.is_regular_file()) bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  return out;
}

TEST(Finetuning, NothingInAFolderThatIsNotEmptyIsReplaced) {
  TemporaryFolder folder;
  const Samples samples(kSamples);
  const auto run = [&](const fs::path& into) {
    return finetune(lenient(), into, samples.set(), options(), serve);
  };
  for (const char* name : {"data.enc", "whitening.npz", "parameters.json", "notes.txt"}) {
    const fs::path mine = folder / ("with-" + std::string(name));
    fs::create_directories(mine);
    std::ofstream(mine / name) << "mine";
    EXPECT_THROW((void)run(mine), DataError) << name;
    EXPECT_TRUE((files_in(mine) == std::map<std::string, std::string>{{name, "mine"}})) << name;
  }
  // The folder of a run, one that ended early included, keeps its keys and the map that goes with them.
  struct Enough {};
  EXPECT_THROW((void)finetune(lenient(), folder / "run", samples.set(), options(),
                              [](const ServerTask&) { throw Enough(); }),
               Enough);
  const auto before = files_in(folder / "run");
  EXPECT_TRUE(before.contains("keys/secret.key") && before.contains("whitening.npz"));
  EXPECT_THROW((void)run(folder / "run"), DataError);
  EXPECT_TRUE(files_in(folder / "run") == before);
}

TEST(Finetuning, ARunThatEndsBeforeItHasKeysLeavesTheFolderEmpty) {
  TemporaryFolder folder;
  const Samples samples(kSamples);
  const fs::path empty = folder / "run";
  fs::create_directories(empty);
  FinetuningOptions far = options();
  far.whitened = true;
  far.learning_rate = 1e4;
  EXPECT_THROW((void)finetune(lenient(), empty, samples.set(), far, serve), DataError);
  EXPECT_TRUE(fs::is_empty(empty));
  struct Enough {};
  OwnerNotices notices;
  notices.progress = [](const std::string& task, double) {
    if (task == "making keys") throw Enough();
  };
  EXPECT_THROW((void)finetune(lenient(), empty, samples.set(), options(), serve, notices), Enough);
  EXPECT_TRUE(fs::is_empty(empty));
  EXPECT_TRUE(finetune(lenient(), empty, samples.set(), options(), serve).trusted);
}

}  // namespace
}  // namespace blindtuner::testing_support
