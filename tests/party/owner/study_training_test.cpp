// A whole study of three owners over one folder, from its draft to its model: every party is thrown away after each of its
// phases and made anew, as if it had been killed.
#include "party/owner/study/study_training.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/json.h"
#include "io/io_fixture.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "party/owner/study/gain.h"
#include "party/server/study/study_training.h"
#include "records/study/study_fixture.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner {
using namespace party;
using namespace reference;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr Eigen::Index kColumns = 5;

// Two clouds, of which the owners have different shares.
Dataset rows_of(std::size_t owner, std::size_t samples, std::uint8_t seed) {
  Prng prng(Seed{seed, static_cast<std::uint8_t>(owner)});
  Dataset out;
  out.classes = 2;
  out.class_names = {"no", "yes"};
  out.features.resize(static_cast<Eigen::Index>(samples), kColumns);
  for (std::size_t i = 0; i < samples; ++i) {
    const int label = i % (owner + 2) == 0 ? 1 : 0;
    out.labels.push_back(label);
    for (Eigen::Index j = 0; j < kColumns; ++j)
      out.features(static_cast<Eigen::Index>(i), j) =
          static_cast<float>(50 * (normal_pair(prng).first + (label == 1 ? 1.2 : -0.4)) + 10);
  }
  return out;
}

class StudyTrainingTest : public testing::IoTest {
 protected:
  static constexpr std::size_t kRowsOf[] = {130, 1, 90};

  fs::path exchange(const std::string& name = "") const { return path("exchange") / name; }
  std::size_t place(const std::string& owner) const { return draft_.index(owner); }

  struct Party {
    std::unique_ptr<StudyOwner> owner;
    std::unique_ptr<StudyTraining> training;
    std::unique_ptr<StudyServer> server;
    std::unique_ptr<StudyServerTraining> server_training;
    Advance step() { return owner ? owner->step() : server->step(); }
  };
  Party party(const std::string& name, bool with_data = true) {
    Party out;
    if (name == "server") {
      out.server = std::make_unique<StudyServer>(StudyServerOptions{
          path("server"), std::make_shared<FolderChannel>(exchange(), "server"), true});
      out.server_training = std::make_unique<StudyServerTraining>(*out.server);
      return out;
    }
    StudyOwnerOptions o;
    o.name = name;
    o.folder = path(name);
    o.channel = std::make_shared<FolderChannel>(exchange(), "owner-" + name);
    o.allow_insecure = true;
    o.fingerprint = heard_;
    out.owner = std::make_unique<StudyOwner>(std::move(o));
    std::function<StudyData()> data;
    if (with_data)
      data = [this, k = place(name)] {
        if (draft_.layout == StudyDraft::Layout::kColumns) return columns_of(k);
        return StudyData{rows_of(k, kRowsOf[k], 1), rows_of(k, 200, 2), {}};
      };
    out.training = std::make_unique<StudyTraining>(*out.owner, std::move(data));
    return out;
  }
  /// Of one set of rows, the first two columns or the others with the labels.
  static StudyData columns_of(std::size_t owner) {
    Dataset all = rows_of(0, kRowsOf[0], 1);
    const FeatureMatrix own = owner == 0 ? FeatureMatrix(all.features.leftCols(2))
                                         : FeatureMatrix(all.features.rightCols(3));
    all.features = own;
    if (owner == 0) all.labels.clear();
    return {std::move(all), {}, {}};
  }
  Advance step(const std::string& name) {
    if (heard_.empty() && name != "server") {
      const Party looks = party(name);
      if (const auto all_joined = looks.owner->fingerprint()) heard_ = *all_joined;
    }
    return party(name).step();
  }
  void run(const std::function<bool()>& enough = {}) {
    std::vector<std::string> all = draft_.owners;
    all.emplace_back("server");
    std::set<std::string> idle;
    while (idle.size() < all.size()) {
      if (enough && enough()) return;
      const std::string& name = all[chance_() % all.size()];
      if (step(name).kind == Advance::Kind::kActed)
        idle.clear();
      else
        idle.insert(name);
    }
  }
  std::string complaint(const std::string& name) {
    try {
      while (step(name).kind == Advance::Kind::kActed) {
      }
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  }
  void create(StudyDraft::Whitening whitening, bool columns = false) {
    draft_ = small_draft(columns ? std::vector<std::string>{"a", "b"}
                                 : std::vector<std::string>{"a", "b", "c"});
    if (columns) {
      draft_.layout = StudyDraft::Layout::kColumns;
      draft_.columns = {2, 3};
      draft_.labels = "b";
    }
    draft_.whitening = whitening;
    draft_.config.steps = 4;
    draft_.config.averaging_start = -1;
    draft_.config.learning_rate = 2;
    party("a").owner->create(draft_);
  }

  StudyDraft draft_;
  std::string heard_;
  std::mt19937 chance_{5};
};

TEST_F(StudyTrainingTest, GivesEveryOwnerTheModelOfAllRows) {
  create(StudyDraft::Whitening::kPooled);
  run();
  Dataset all;
  all.classes = 2;
  all.features.resize(221, kColumns);
  Eigen::Index row = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const Dataset own = rows_of(k, kRowsOf[k], 1);
    all.features.middleRows(row, own.features.rows()) = own.features;
    row += own.features.rows();
    all.labels.insert(all.labels.end(), own.labels.begin(), own.labels.end());
  }
  const Whitening map = Whitening::fit(all.features);
  all.features = map.apply(all.features);
  const LinearClassifier clear = map.unfold(train_plain(all, nullptr, draft_.config).model);
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    const nlohmann::json report = read_json(path(name) / "report.json");
    const DecryptedModel model = load_classifier(path(name) / "s1" / "model.npz");
    EXPECT_EQ(model.class_names, draft_.classes);
    const Dataset test = rows_of(place(name), 200, 2);
    const double opened = accuracy(predict(scores(model.classifier, test.features)), test.labels);
    const double expected = accuracy(predict(scores(clear, test.features)), test.labels);
    std::printf("%s: accuracy %.3f, union in the clear %.3f\n", name.c_str(), opened, expected);
    EXPECT_GT(opened, expected - 0.03);
    EXPECT_GT(opened, 0.85);
    EXPECT_EQ(report["accuracy"], opened);
    EXPECT_EQ(report["rows"], 221);
    EXPECT_LT(report["bits"], 1);
  }
  // What was only to be sent is not kept, and nothing of it is missed.
  EXPECT_FALSE(fs::exists(path("a") / "s1" / "data"));
  fs::remove(exchange("data-s1-a"));
  EXPECT_EQ(step("a").kind, Advance::Kind::kFinished);
  // One model at all of them: the shares are the same.
  const auto weights = [&](const std::string& name) {
    return load_classifier(path(name) / "s1" / "model.npz").classifier.weights;
  };
  EXPECT_EQ(weights("a"), weights("c"));
}

TEST(StudyGain, IsOfWhatTheOwnerHasAloneAndTogether) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.whitening = StudyDraft::Whitening::kPooled;
  draft.config.steps = 4;
  draft.config.averaging_start = -1;
  StudyData data{rows_of(1, 90, 1), rows_of(1, 200, 2), {}};
  const Labels labels = data.train.labels;
  std::ranges::fill(data.train.labels, 0);
  LinearClassifier together{Eigen::MatrixXd::Zero(2, kColumns), Eigen::VectorXd::Zero(2)};
  together.weights.row(1).setConstant(0.01);
  together.bias(1) = -1.0;
  nlohmann::json report = gain_report(draft, data, together, {"a circuit", 12});
  EXPECT_EQ(report["missing_classes"], nlohmann::json({"yes"}));
  EXPECT_EQ(report["own_classes"][0], (nlohmann::json{{"name", "no"}, {"own_rows", 90}}));
  EXPECT_EQ(report["alone"]["balanced_accuracy"], 0.5);
  EXPECT_GT(report["together"]["balanced_accuracy"], 0.85);
  EXPECT_EQ(report["together"]["accuracy"], report["accuracy"]);
  EXPECT_EQ(report["judged_rows"], 200);
  EXPECT_EQ(report["trusted"], true);
  data.train.labels = labels;
  EXPECT_GT(gain_report(draft, data, together, {})["alone"]["balanced_accuracy"], 0.85);
  // Beyond what the circuit stands, on rows that it was trained on alone.
  data.train.features(0, 0) = 1e4F;
  report = gain_report(draft, data, together, {"a circuit", 12});
  EXPECT_EQ(report["trusted"], false);
  EXPECT_NE(report["reasons"][0].get<std::string>().find("training rows reach"), std::string::npos);
  // Columns that are constant train nothing.
  data.train.features.setConstant(3);
  data.held_out.reset();
  report = gain_report(draft, data, together, {});
  EXPECT_TRUE(report["alone"].is_null());
  EXPECT_NE(report["alone_reason"], "");
  EXPECT_EQ(report["held_out"], false);
}

TEST_F(StudyTrainingTest, JoinsColumnsOfTheSameRows) {
  create(StudyDraft::Whitening::kPooled, true);
  run();
  // Each owner's columns through a map of its own, side by side.
  Dataset all = rows_of(0, kRowsOf[0], 1);
  const auto standard = [](const FeatureMatrix& x) { return Whitening::fit(x).apply(x); };
  FeatureMatrix x(all.features.rows(), kColumns);
  x.leftCols(2) = standard(all.features.leftCols(2));
  x.rightCols(3) = standard(all.features.rightCols(3));
  all.features = x;
  const LinearClassifier clear = train_plain(all, nullptr, draft_.config).model;
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    const DecryptedModel model = load_classifier(path(name) / "s1" / "model.npz");
    ASSERT_EQ(model.classifier.weights.cols(), kColumns);
    const double opened = accuracy(predict(scores(model.classifier, x)), all.labels);
    EXPECT_GT(opened, accuracy(predict(scores(clear, x)), all.labels) - 0.03);
    EXPECT_GT(opened, 0.85);
  }
}

TEST_F(StudyTrainingTest, WhatIsNotWhatItWasSaidToBeEndsTheStudy) {
  create(StudyDraft::Whitening::kNone);
  run([&] { return fs::exists(exchange("rows-s1-c")); });
  // Without data an owner waits for its operator.
  heard_ = party("b").owner->fingerprint().value();
  while (party("b", false).step().kind == Advance::Kind::kActed) {
  }
  run([&] { return fs::exists(exchange("data-s1-a")) && fs::exists(exchange("data-s1-b")); });
  // Another owner's data under a's name: signed by nobody.
  const fs::path file = exchange("data-s1-a");
  const testing::Bytes before = load(file);
  const testing::Bytes other = load(exchange("data-s1-b"));
  store(file, other);
  run([&] { return fs::exists(exchange("data-s1-c")) || fs::exists(exchange("model-s1-server")); });
  std::string said = complaint("server");
  for (int i = 0; said.empty() && i < 5; ++i) {
    complaint("c");
    said = complaint("server");
  }
  EXPECT_NE(said.find("what 'a' has sent is refused"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(exchange("model-s1-server")));
  store(file, before);
  EXPECT_EQ(complaint("server"), "");
  EXPECT_TRUE(fs::exists(exchange("model-file-s1-server")));
  // A model of the server's that is not the one it has signed.
  testing::Bytes model = load(exchange("model-file-s1-server"));
  model[model.size() / 2] ^= 1;
  store(exchange("model-file-s1-server"), model);
  said = complaint("b");
  EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(exchange("share-s1-b")));
}

}  // namespace
}  // namespace blindtuner
