// A whole run through the public interface, both parties in one process.
#include <blindtuner/finetuning.h>
#include <blindtuner/server.h>
#include <gtest/gtest.h>

#include <cmath>

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
  const FinetuningOutcome out =
      finetune(lenient(), folder / "run", samples.set(), options(), serve);
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

}  // namespace
}  // namespace blindtuner::testing_support
