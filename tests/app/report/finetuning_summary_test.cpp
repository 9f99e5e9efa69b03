// The last lines of finetune: whole, and true of a run that was stopped early.
#include "app/report/finetuning_summary.h"

#include <gtest/gtest.h>

#include "learn/training_config.h"

namespace blindtuner {
using namespace app;
using namespace learn;
namespace {

using nlohmann::json;

json report() {
  TrainingConfig config;
  config.classes = 3;
  set_steps(config, 24);
  return {{"config", to_json(config)},
          {"steps", 24},
          {"steps_done", 24},
          {"samples", 300},
          {"features", 8},
          {"classes", 3},
          {"seconds", {{"total", 61}, {"training_on_ciphertexts", 8}}},
          {"test_samples", 90},
          {"accuracy_encrypted", 0.5},
          {"accuracy_plain", 0.25},
          {"accuracy_plain_approx", 0.75},
          {"balanced_accuracy", 0.5},
          {"balanced_accuracy_plain", 0.5},
          {"balanced_accuracy_plain_approx", 0.5},
          {"macro_f1", 0.125},
          {"macro_f1_plain", 0.5},
          {"macro_f1_plain_approx", 0.5},
          {"max_logit", 3.5}};
}

TEST(FinetuningSummary, WhatTheRunDid) {
  const std::string text = finetuning_summary(report(), "out");
  EXPECT_NE(text.find("\n24 steps on 300 encrypted samples (8 features, 3 classes) in 8.0 s; "
                      "from features to evaluation 1 min 01 s\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  trained on ciphertexts          50.00 %   50.00 %   0.1250\n"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find("largest |logit| of training and test samples 3.50; model in 'out/model.npz'"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("published"), std::string::npos);
  EXPECT_EQ(text.find("balanced by"), std::string::npos);
  json balanced = report();
  balanced["balance"] = 0.5;
  EXPECT_NE(finetuning_summary(balanced, "out").find("'decrypt --balanced 0.5' does the same"),
            std::string::npos);
}

TEST(FinetuningSummary, EarlyStoppingHasThreeNumbersOfSteps) {
  json stopped = report();
  stopped["steps"] = 7;
  stopped["steps_done"] = 10;
  stopped["validation"] = {{"best_round", 7}};
  const std::string text = finetuning_summary(stopped, "out");
  EXPECT_NE(
      text.find("\n7 of 24 planned steps (the best round of validation; the server did 10) on"),
      std::string::npos)
      << text;
}

TEST(FinetuningSummary, PathsAreWhole) {
  std::string folder;
  for (int i = 0; i < 40; ++i) folder += "/a folder within a folder, deep";
  json published = report();
  published["published"] = {{"noise", 0.5}, {"bits", 0.25}};
  const std::string text = finetuning_summary(published, folder);
  for (const char* name : {"model.npz", "report.html", "published.npz"})
    EXPECT_NE(text.find("'" + folder + "/" + name + "'"), std::string::npos) << name;
  EXPECT_TRUE(text.ends_with("is for you alone\n"));
}

}  // namespace
}  // namespace blindtuner
