// A whole study of three owners over one folder, from its draft to its model: every party is thrown away after each of its
// phases and made anew, as if it had been killed.
#include "party/owner/study/study_training.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/json.h"
#include "io/file_stream.h"
#include "io/io_fixture.h"
#include "io/memory_stream.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "learn/result_shape.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/row_matching.h"
#include "party/server/study/study_training.h"
#include "party/server/training_session.h"
#include "party/study/joint_statistics.h"
#include "party/study/study_run.h"
#include "records/study/study_fixture.h"
#include "records/study/sums.h"
#include "secret/private_file.h"
#include "secret/scheme_fixture.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::study_training_test {
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

class StudyTrainingTest : public testing_support::IoTest {
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
    if (without_.contains(name)) o.without = without_[name];
    out.owner = std::make_unique<StudyOwner>(std::move(o));
    std::function<StudyData()> data;
    if (with_data && name != draft_.recipient)
      data = [this, k = place(name), owner = out.owner.get()] {
        if (draft_.identifiers) {
          StudyData own = known_columns_of(k);
          own.train = in_study_order(std::move(own.train), *owner);
          return own;
        }
        if (draft_.layout == StudyDraft::Layout::kColumns) return columns_of(k);
        StudyData own{rows_of(k, kRowsOf[k], 1), rows_of(k, 200, 2), {}};
        if (other_rows_) own.train.features(0, 0) += 1;
        return own;
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
  /// Of the same rows in another order, known by numbers: a has not those that 5 divides, b not those that 7 does; a has one
  /// without a number, b one that is its own.
  static StudyData known_columns_of(std::size_t owner) {
    StudyData own = columns_of(owner);
    Dataset& train = own.train;
    std::vector<std::uint32_t> kept;
    for (std::uint32_t i = 0; i < kRowsOf[0]; ++i) {
      train.ids.push_back("patient " + std::to_string(i));
      if (i % (owner == 0 ? 5 : 7) != 0) kept.push_back(i);
    }
    train.ids[1] = owner == 0 ? "" : "nobody else's";
    std::mt19937 chance(owner == 0 ? 3 : 4);
    std::ranges::shuffle(kept, chance);
    train = party::rows_of(std::move(train), kept);
    return own;
  }
  Advance step(const std::string& name) {
    if (heard_.empty() && name != "server") {
      const Party looks = party(name);
      if (const auto all_joined = looks.owner->fingerprint()) heard_ = *all_joined;
    }
    return party(name).step();
  }
  void run(const std::function<bool()>& enough = {}) { run(draft_.parties(), enough); }
  void run(const std::vector<std::string>& all, const std::function<bool()>& enough = {}) {
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
  void create(StudyDraft::Whitening whitening, bool columns = false, bool identifiers = false,
              std::size_t threshold = 0, const std::string& recipient = "") {
    draft_ = small_draft(columns ? std::vector<std::string>{"a", "b"}
                                 : std::vector<std::string>{"a", "b", "c"});
    if (columns) {
      draft_.layout = StudyDraft::Layout::kColumns;
      draft_.columns = {2, 3};
      draft_.labels = "b";
      draft_.identifiers = identifiers;
    }
    draft_.threshold = threshold;
    draft_.recipient = recipient;
    draft_.recipient_alone = !recipient.empty();
    draft_.whitening = whitening;
    draft_.config.steps = 4;
    draft_.config.averaging_start = -1;
    if (whole_batch_) draft_.config.batch_size = 512;
    // Columns as they are reach 200.
    draft_.config.learning_rate = whitening == StudyDraft::Whitening::kNone ? 1e-4 : 2;
    party("a").owner->create(draft_);
  }

  HeldTranscript held() {
    const Party looks = party("a");
    return held_transcript(*looks.owner, study_run(*looks.owner));
  }
  SigningKey key_of(const std::string& name) {
    const SecretBytes both = read_private(path(name) / "identity", "a study's identity", 64, {});
    SecretBytes signing(32);
    std::copy_n(both.span().begin(), 32, signing.span().begin());
    return SigningKey(std::move(signing));
  }
  static void store_text(const fs::path& file, const std::string& text) {
    store(file, testing_support::Bytes(text.begin(), text.end()));
  }

  StudyDraft draft_;
  std::string heard_;
  bool other_rows_ = false, whole_batch_ = false;
  std::map<std::string, std::vector<std::string>> without_;  // of whom operators say so
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

TEST_F(StudyTrainingTest, OwnersAddUpTheStatisticsThemselves) {
  create(StudyDraft::Whitening::kPooled);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("stats-s1-" + name));
    });
  });
  // What the server's way-in keys make of the records.
  const auto as_the_server_would = [&](StudyServer& server, const JointRun& study) {
    FileSource keys(server.way_in_keys());
    const std::vector<KeySwitchKey> way_in = read_way_in_keys(keys, study.joint, 3);
    EncryptedSums sum{study.statistics(), {}};
    for (std::size_t i = 0; i < 3; ++i) {
      FileSource source(exchange("stats-s1-" + draft_.owners[i]));
      Sha256Digest contents{};
      add_sums(sum, *study.parameters,
               read_owner_sums(source, study.own[i], study.data, i, study.statistics(), contents),
               way_in[i]);
    }
    return sum;
  };
  {
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server-looks"), true, false});
    const JointRun at_server = study_run(server);
    const EncryptedSums expected = as_the_server_would(server, at_server);
    const Party c = party("c");
    const JointRun at_c = study_run(*c.owner);
    const EncryptedSums own = joint_statistics(*c.owner, at_c).sums;
    ASSERT_EQ(own.packs.size(), expected.packs.size());
    EXPECT_TRUE(same_residues(own.packs[0].c0, expected.packs[0].c0));
    EXPECT_TRUE(same_residues(own.packs[0].c1, expected.packs[0].c1));
  }
  // One owner's statistics twice, two owners' in each other's places, an owner's share of the way in altered, another
  // owner's, or none: nobody answers, and who is to be asked is named.
  const auto stats_of = [&](const std::string& name) { return exchange("stats-s1-" + name); };
  const testing_support::Bytes of_a = load(stats_of("a")), of_b = load(stats_of("b")),
                               ways = load(exchange("ways-s1-b"));
  const auto refused = [&](const std::string& who, const std::string& why) {
    const std::string said = complaint("c");
    EXPECT_NE(said.find("what '" + who + "' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(path("c") / "s1" / "stats-share"));
  };
  store(stats_of("b"), of_a);
  refused("b", "stats-s1-b");
  store(stats_of("a"), of_b);
  refused("a", "stats-s1-a");
  store(stats_of("a"), of_a);
  store(stats_of("b"), of_b);
  testing_support::Bytes altered = ways;
  altered[altered.size() / 2] ^= 1;
  store(exchange("ways-s1-b"), altered);
  refused("b", "ways-s1-b");
  store(exchange("ways-s1-b"), load(exchange("ways-s1-a")));
  refused("b", "the shares of owner 1, expected those of owner 2");
  fs::remove(exchange("ways-s1-b"));
  const Advance waits = step("c");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.at(0).what, "ways-s1-b");
  EXPECT_EQ(waits.awaited.at(0).state, "");
  store(exchange("ways-s1-b"), ways);
  EXPECT_EQ(complaint("c"), "");
  EXPECT_TRUE(fs::exists(exchange("stats-share-s1-c")));
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

TEST(StudyRows, ThatCannotBeTrainedOnAreRefusedFirst) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.config.steps = 4;
  draft.config.averaging_start = -1;
  draft.config.learning_rate = 1e-4;
  const ParametersPtr parameters = Parameters::create(find_parameters(draft.parameters));
  StudyData data{rows_of(1, 90, 1), {}, {}};
  const auto refused = [&]() -> std::string {
    try {
      require_trainable(draft, *parameters, data);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused(), "");
  draft.config.learning_rate = 2;  // of whitened columns
  std::string said = refused();
  EXPECT_NE(said.find("beyond the"), std::string::npos) << said;
  EXPECT_NE(said.find("make the study with '--whitening pooled'"), std::string::npos) << said;
  data.train.features(3, 2) = 1e5F;
  said = refused();
  EXPECT_NE(said.find("column 3 reaches 100000"), std::string::npos) << said;
  draft.whitening = StudyDraft::Whitening::kPooled;
  EXPECT_EQ(refused(), "");
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

TEST_F(StudyTrainingTest, MatchesRowsByTheirIdentifiers) {
  create(StudyDraft::Whitening::kPooled, true, true);
  run([&] { return fs::exists(exchange("match-s1-a")) && fs::exists(exchange("match-s1-b")); });
  // Both have the same rows in the same order: those that both know by a number.
  std::vector<std::string> common;
  for (std::size_t i = 0; i < kRowsOf[0]; ++i)
    if (i % 5 != 0 && i % 7 != 0 && i != 1) common.push_back("patient " + std::to_string(i));
  std::ranges::sort(common);
  std::vector<std::string> order;
  const Dataset all = rows_of(0, kRowsOf[0], 1);
  for (const std::string& name : draft_.owners) {
    const Party one = party(name);
    Dataset own = known_columns_of(place(name)).train;
    const RowMatch match = match_rows(*one.owner, own.ids);
    EXPECT_EQ(match.without, name == "a" ? 1u : 0u);
    EXPECT_EQ(match.given, own.ids.size());
    EXPECT_EQ(match.given, match.rows.size() + match.without + match.unmatched);
    own = party::rows_of(std::move(own), match.rows);
    if (order.empty()) order = own.ids;
    EXPECT_EQ(own.ids, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto row = static_cast<Eigen::Index>(std::stoul(order[i].substr(8)));
      const auto at = static_cast<Eigen::Index>(i);
      if (name == "a") {
        EXPECT_TRUE(own.features.row(at) == all.features.row(row).leftCols(2));
      } else {
        EXPECT_TRUE(own.features.row(at) == all.features.row(row).rightCols(3));
        EXPECT_EQ(own.labels[i], all.labels[static_cast<std::size_t>(row)]);
      }
    }
  }
  // By the hashes, so not as either file has them, nor sorted.
  std::vector<std::string> sorted = order;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, common);
  EXPECT_NE(sorted, order);
  // No identifier, and no hash of one that could be tried without the key, is in the exchange.
  for (const fs::directory_entry& entry : fs::directory_iterator(exchange())) {
    const testing_support::Bytes bytes = load(entry.path());
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()).find("patient"), std::string::npos);
  }
  // A list in another owner's name, or altered.
  const testing_support::Bytes list = load(exchange("match-s1-b"));
  const auto refused = [&](const testing_support::Bytes& bytes) {
    store(exchange("match-s1-b"), bytes);
    EXPECT_NE(complaint("a").find("what 'b' has sent is refused"), std::string::npos);
    EXPECT_FALSE(fs::exists(exchange("rows-s1-a")));
  };
  refused(load(exchange("match-s1-a")));
  testing_support::Bytes altered = list;
  altered[altered.size() / 2] ^= 1;
  refused(altered);
  store(exchange("match-s1-b"), list);

  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    const nlohmann::json report = read_json(path(name) / "report.json");
    EXPECT_EQ(report["rows"], common.size());
    EXPECT_EQ(report["matching"]["used"], common.size());
    EXPECT_EQ(report["matching"]["without_identifier"], name == "a" ? 1 : 0);
    EXPECT_EQ(
        report["matching"]["not_at_all_owners"],
        report["matching"]["given"].get<std::size_t>() - common.size() - (name == "a" ? 1u : 0u));
  }
}

TEST(StudyRows, AreHeldToTheirIdentifiers) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.layout = StudyDraft::Layout::kColumns;
  draft.columns = {2, 3};
  draft.labels = "b";
  draft.identifiers = true;
  Dataset rows;
  rows.features = FeatureMatrix::Zero(4, 2);
  const auto refused = [&](std::vector<std::string> ids) -> std::string {
    rows.ids = std::move(ids);
    try {
      require_study_rows(draft, "a", rows);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused({"x", "", "y", ""}), "");
  EXPECT_NE(refused({}).find("and these have none"), std::string::npos);
  EXPECT_EQ(refused({"", "", "", ""}), "no row has an identifier");
  const std::string said = refused({"x", "y", "y", "x"});
  EXPECT_NE(said.find("2 rows have an identifier that an earlier row has, the first of them row 3"),
            std::string::npos)
      << said;
  rows.features = FeatureMatrix::Zero(4, 3);
  EXPECT_NE(refused({"x", "y", "z", "w"}).find("the data have 3 columns, the study says 2"),
            std::string::npos);
}

TEST_F(StudyTrainingTest, WhatIsNotWhatItWasSaidToBeEndsTheStudy) {
  create(StudyDraft::Whitening::kNone);
  run([&] { return fs::exists(exchange("rows-s1-c")); });
  // Rows that are not those that it has told of.
  run([&] { return fs::exists(exchange("rows-s1-a")) && fs::exists(exchange("rows-s1-b")); });
  other_rows_ = true;
  EXPECT_EQ(
      complaint("c"),
      "these are other rows than 'c' has told the others of: give the same data at every step");
  other_rows_ = false;
  // Without data an owner waits for its operator.
  heard_ = party("b").owner->fingerprint().value();
  while (party("b", false).step().kind == Advance::Kind::kActed) {
  }
  run([&] { return fs::exists(exchange("data-s1-a")) && fs::exists(exchange("data-s1-b")); });
  // Another owner's data under a's name: signed by nobody.
  const fs::path file = exchange("data-s1-a");
  const testing_support::Bytes before = load(file);
  const testing_support::Bytes other = load(exchange("data-s1-b"));
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
  const testing_support::Bytes honest_model = load(exchange("model-file-s1-server"));
  testing_support::Bytes model = honest_model;
  model[model.size() / 2] ^= 1;
  store(exchange("model-file-s1-server"), model);
  said = complaint("b");
  EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(exchange("share-s1-b")));
  store(exchange("model-file-s1-server"), honest_model);

  // What the server has signed as its model and is of another kind, configuration or run: c, who has seen no other,
  // answers none.
  const SigningKey key = read_signing_key(path("server") / "identity");
  const testing_support::Bytes honest_word = load(exchange("model-s1-server"));
  const JointRun study = study_run(*party("c").owner);
  const auto offered = [&](const testing_support::Bytes& record, const std::string& why) {
    const fs::path offer = exchange("model-file-s1-server");
    store(offer, record);
    store_text(exchange("model-s1-server"),
               signed_text({kModel,
                            "server",
                            party("c").owner->manifest().digest,
                            1,
                            {{"contents", to_hex(contents_of_file(offer))}}},
                           key));
    fs::remove(path("c") / "seen" / "model-s1-server");
    said = complaint("c");
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(path("c") / "s1" / "share")) << why;
  };
  const auto changed = [&](auto change) {
    MemorySource source(honest_model, "'model'");
    ModelFile offer = read_model(source, study.joint);
    change(offer);
    MemorySink sink;
    write_model(sink, study.joint, offer);
    return sink.bytes();
  };
  offered(before, "is an owner's contribution to a joint data set, expected an encrypted model");
  offered(changed([](ModelFile& m) { m.training.config.learning_rate *= 2; }), "trained otherwise");
  offered(changed([](ModelFile& m) { m.training.steps -= 1; }),
          "a model after 3 steps, expected 4");
  offered(changed([](ModelFile& m) { m.data[0] ^= 1; }), "a model of other data");
  store(exchange("model-file-s1-server"), honest_model);
  store(exchange("model-s1-server"), honest_word);
  fs::remove(path("c") / "seen" / "model-s1-server");

  // A transcript that the server has signed, but not of what the study says.
  const Transcript transcript = held().transcript;
  const testing_support::Bytes honest = load(exchange("transcript-s1-server"));
  const auto refused = [&](auto change, const std::string& why, const SigningKey& by) {
    Transcript wrong = transcript;
    change(wrong);
    store_text(exchange("transcript-s1-server"), transcript_text(wrong, by));
    said = complaint("b");
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find("a transcript of " + why + " than the study's"), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(exchange("share-s1-b"))) << why;
  };
  refused([](Transcript& t) { t.training.config.learning_rate *= 2; }, "another configuration",
          key);
  refused([](Transcript& t) { t.steps.resize(static_cast<std::size_t>(--t.training.steps)); },
          "another number of steps", key);
  refused([](Transcript& t) { t.data[0] ^= 1; }, "other data", key);
  refused([](Transcript& t) { t.keys[0] ^= 1; }, "other keys", key);
  refused([](Transcript& t) { t.model[0] ^= 1; }, "another model", key);
  refused([](Transcript&) {}, "another server", SigningKey::generate());
  store(exchange("transcript-s1-server"), honest);

  // An owner that sends another's share as its own, and says so: c answers before it sees b's answer or a's.
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(complaint("c"), "");
  EXPECT_EQ(load(path("b") / "s1" / "transcript"), honest);
  const testing_support::Bytes share = load(exchange("share-s1-c")),
                               answer = load(exchange("answer-s1-c")),
                               of_b = load(exchange("share-s1-b"));
  {
    const Party c = party("c");
    const nlohmann::json as_b = c.owner->heard(kModelAnswer, "b").body;
    store(exchange("share-s1-c"), of_b);
    store_text(exchange("answer-s1-c"),
               signed_text({kModelAnswer, "c", c.owner->manifest().digest, 1, as_b},
                           c.owner->signing_key()));
  }
  const auto refuses_share = [&](const std::string& name, const std::string& why) {
    said = complaint(name);
    EXPECT_NE(said.find("what 'c' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(path(name) / "report.json"));
  };
  while (!fs::exists(exchange("share-s1-a")))
    ASSERT_EQ(party("a", true).step().kind, Advance::Kind::kActed);
  refuses_share("b", "sealed to others, or of another result");
  // Said otherwise afterwards, whoever has seen the first refuses it.
  store(exchange("share-s1-c"), share);
  store(exchange("answer-s1-c"), answer);
  EXPECT_NE(complaint("b").find("another message than 'c' has sent before"), std::string::npos);
  // A share that was altered, is another owner's, or ends early: who has sent it is named, or waited for.
  testing_support::Bytes altered = share;
  altered[altered.size() / 2] ^= 1;
  store(exchange("share-s1-c"), altered);
  refuses_share("a", "share-s1-c");
  store(exchange("share-s1-c"), of_b);
  refuses_share("a", "sealed to others, or of another result");
  store(exchange("share-s1-c"), testing_support::Bytes(share.begin(), share.end() - 40));
  const Advance waits = step("a");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  ASSERT_EQ(waits.awaited.size(), std::size_t{1});
  EXPECT_EQ(waits.awaited[0].from, "c");
  EXPECT_EQ(waits.awaited[0].what, "share-s1-c");
  EXPECT_NE(waits.awaited[0].state, "");
  store(exchange("share-s1-c"), share);
  EXPECT_EQ(complaint("a"), "");
  EXPECT_EQ(step("a").kind, Advance::Kind::kFinished);
}

TEST_F(StudyTrainingTest, AnyTwoOfThreeOpenTheModelForAll) {
  create(StudyDraft::Whitening::kPooled, false, false, 2);
  run([&] { return fs::exists(exchange("data-s1-b")); });
  // From here on b is away.
  const std::vector<std::string> present{"a", "c", "server"};
  run(present, [&] { return fs::exists(exchange("here-s1-a")); });
  const SigningKey key = read_signing_key(path("server") / "identity");
  const auto names = [&](const std::vector<std::string>& owners, const std::string& model) {
    const Party a = party("a");
    store_text(exchange("decryptors-s1-server"),
               signed_text({kDecryptors,
                            "server",
                            a.owner->manifest().digest,
                            1,
                            {{"contents", model.empty() ? to_hex(model_contents(*a.owner)) : model},
                             {"owners", owners}}},
                           key));
  };
  const auto refused = [&](const std::vector<std::string>& owners, const std::string& why,
                           const std::string& model = "") {
    names(owners, model);
    const std::string said = complaint("a");
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(path("a") / "s1" / "share")) << why;
    fs::remove(path("a") / "seen" / "decryptors-s1-server");
  };
  refused({"a", "b"}, "names 'b', who has not said that it is there");
  refused({"a"}, "names no 2 owners");
  refused({"c", "a"}, "names no 2 owners");
  refused({"a", "a"}, "names no 2 owners");
  refused({"a", "d"}, "names no 2 owners");
  refused({"a", "c"}, "who opens another model", std::string(64, '0'));
  fs::remove(exchange("decryptors-s1-server"));
  run(present);
  for (const char* name : {"a", "c"}) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
  }
  const auto weights = [&](const std::string& name) {
    return load_classifier(path(name) / "s1" / "model.npz").classifier.weights;
  };
  const nlohmann::json report = read_json(path("a") / "report.json");
  EXPECT_EQ(report["opened_by"], (nlohmann::json{"a", "c"}));
  EXPECT_GT(report["accuracy"], 0.85);
  EXPECT_LT(report["bits"], 1);
  EXPECT_EQ(weights("a"), weights("c"));
  // Back again it has the model, and has given no share of it.
  EXPECT_FALSE(fs::exists(path("b") / "report.json"));
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(step("b").kind, Advance::Kind::kFinished);
  EXPECT_EQ(weights("b"), weights("a"));
  EXPECT_FALSE(fs::exists(path("b") / "s1" / "share"));
  EXPECT_FALSE(fs::exists(exchange("share-s1-b")));

  // A server that names b, too, who says that it was there: a has seen others before; and where its folder was put back
  // from a copy that had not, its ledger has.
  {
    const Party b = party("b");
    store_text(exchange("here-s1-b"),
               signed_text({kHere,
                            "b",
                            b.owner->manifest().digest,
                            1,
                            {{"contents", to_hex(model_contents(*b.owner))}}},
                           b.owner->signing_key()));
  }
  names({"a", "b"}, "");
  for (const char* file : {"report.json", "s1/model.npz", "said/answer-s1-a", "s1/share"})
    EXPECT_TRUE(fs::remove(path("a") / file)) << file;
  EXPECT_TRUE(fs::remove(exchange("answer-s1-a")));
  EXPECT_TRUE(fs::remove(exchange("share-s1-a")));
  EXPECT_NE(complaint("a").find("another message than 'server' has sent before"),
            std::string::npos);
  EXPECT_TRUE(fs::remove(path("a") / "seen" / "decryptors-s1-server"));
  EXPECT_NE(complaint("a").find("a share of it was given to others"), std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("share-s1-a")));
}

TEST_F(StudyTrainingTest, TheOthersGoOnWithoutAnOwnerWhoIsAway) {
  // c has said nothing yet, or its rows, or everything but its data. In one batch the order of rows does not count.
  whole_batch_ = true;
  const struct {
    const char *until, *from;
  } cases[] = {{"opening.part", "rows"}, {"rows-s1-c", "statistics"}, {"stats-share-s1-c", "data"}};
  const std::vector<std::string> present{"a", "b", "server"};
  for (const auto& [until, from] : cases) {
    SCOPED_TRACE(from);
    for (const char* folder : {"a", "b", "c", "server", "exchange"}) fs::remove_all(path(folder));
    fs::create_directory(exchange());
    heard_.clear();
    without_.clear();
    create(StudyDraft::Whitening::kPooled, false, false, 2);
    run([&] { return fs::exists(exchange(until)) || fs::exists(path("c") / "s1" / until); });
    run(present);
    EXPECT_FALSE(fs::exists(exchange("model-s1-server")));
    EXPECT_FALSE(fs::exists(exchange("data-s1-c")));
    // Who is missing is told, and that the others may go on.
    const Advance waits = step("a");
    ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
    EXPECT_EQ(waits.awaited.at(0).from, "c");
    EXPECT_TRUE(may_go_on_without(*party("a").owner, waits.awaited));

    without_["a"] = {"c"};
    EXPECT_EQ(step("a").kind, Advance::Kind::kActed);
    const Advance alone = step("a");
    ASSERT_EQ(alone.kind, Advance::Kind::kWaits);
    EXPECT_EQ(alone.awaited.at(0).what, "without-s1-b");
    EXPECT_FALSE(left_out(*party("a").owner));
    without_["b"] = {"c"};
    run(present);
    without_.clear();  // said once
    for (const char* name : {"a", "b"}) {
      EXPECT_EQ(complaint(name), "");
      EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    }
    EXPECT_EQ(to_json(left_out(*party("b").owner).value()),
              (nlohmann::json{{"owners", {"c"}}, {"from", from}}));

    Dataset all = rows_of(0, kRowsOf[0], 1), counted = all;
    const auto join = [](Dataset& to, const Dataset& more) {
      to.features.conservativeResize(to.features.rows() + more.features.rows(), Eigen::NoChange);
      to.features.bottomRows(more.features.rows()) = more.features;
      to.labels.insert(to.labels.end(), more.labels.begin(), more.labels.end());
    };
    for (Dataset* to : {&all, &counted}) join(*to, rows_of(1, kRowsOf[1], 1));
    if (std::string(from) == "data") join(counted, rows_of(2, kRowsOf[2], 1));
    const Whitening map = Whitening::fit(counted.features);
    all.features = map.apply(all.features);
    const LinearClassifier clear = map.unfold(train_plain(all, nullptr, draft_.config).model);
    const nlohmann::json report = read_json(path("a") / "report.json");
    EXPECT_EQ(report["rows"], 131);
    EXPECT_EQ(report["without"], nlohmann::json{"c"});
    EXPECT_EQ(report["opened_by"], (nlohmann::json{"a", "b"}));
    EXPECT_LT(report["bits"], 1);
    const LinearClassifier model = load_classifier(path("a") / "s1" / "model.npz").classifier;
    const Eigen::MatrixXd test = rows_of(0, 200, 2).features.cast<double>();
    const Eigen::MatrixXd opened = scores(model, test.cast<float>()),
                          expected = scores(clear, test.cast<float>());
    const double apart = (opened - expected).cwiseAbs().maxCoeff();
    std::printf("without c from %s on: logits at most %.4f from those in the clear, %.3f large\n",
                from, apart, expected.cwiseAbs().maxCoeff());
    EXPECT_LT(apart, 0.05 * expected.cwiseAbs().maxCoeff());

    // Back again it sends nothing more of its own, and has the model.
    EXPECT_EQ(complaint("c"), "");
    EXPECT_EQ(step("c").kind, Advance::Kind::kFinished);
    EXPECT_FALSE(fs::exists(exchange("data-s1-c")));
    EXPECT_EQ(load_classifier(path("c") / "s1" / "model.npz").classifier.weights, model.weights);
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server-looks"), true, false});
    EXPECT_EQ(study_audit(server).transcript.data, study_data_contents(server));
  }
}

TEST_F(StudyTrainingTest, NobodyIsLeftOutWhoseStatisticsAreOpenedOrAgainstTheOthers) {
  create(StudyDraft::Whitening::kPooled, false, false, 2);
  const auto told = [&](const std::string& name, const std::vector<std::string>& out) {
    without_[name] = out;
    const std::string said = complaint(name);
    EXPECT_EQ(said.find('\n'), std::string::npos);
    return said;
  };
  run([&] { return fs::exists(path("c") / "s1" / "opening.part"); });
  EXPECT_NE(told("a", {"d"}).find("has no owner 'd'"), std::string::npos);
  EXPECT_NE(told("a", {"b", "c"}).find("takes 2 owners, and 1 would remain"), std::string::npos);
  EXPECT_NE(told("a", {"a"}).find("'a' is the owner that this folder is of"), std::string::npos);
  without_.clear();
  // a and b have given their shares of the statistics of all, c has not.
  run([&] { return fs::exists(exchange("stats-s1-c")); });
  run({"a", "b"});
  EXPECT_TRUE(fs::exists(exchange("stats-share-s1-a")));
  EXPECT_NE(told("a", {"c"}).find("other statistics are not opened"), std::string::npos);
  without_.clear();
  EXPECT_FALSE(fs::exists(exchange("without-s1-a")));
  // As c goes on, so does the study.
  run([&] { return fs::exists(exchange("stats-share-s1-c")); });
  run({"a", "b"});
  // Two who go on without each other's.
  EXPECT_EQ(told("a", {"c"}), "");
  without_["b"] = {"a"};
  EXPECT_NE(told("b", {"a"}).find("'a' has sent its data"), std::string::npos);
  {
    const Party b = party("b");
    store_text(exchange("without-s1-b"), signed_text({kWithout, "b", b.owner->manifest().digest, 1,
                                                      to_json(LeftOut{{"c"}, Stage::kStatistics})},
                                                     b.owner->signing_key()));
  }
  EXPECT_NE(complaint("a").find("of whom it counts something else"), std::string::npos);
  // What is none: signed by another, or of owners who cannot be.
  fs::remove(path("a") / "seen" / "without-s1-b");
  const auto forged = [&](const LeftOut& out, const std::string& signer) {
    const Party b = party(signer);
    store_text(exchange("without-s1-b"),
               signed_text({kWithout, "b", b.owner->manifest().digest, 1, to_json(out)},
                           b.owner->signing_key()));
    const std::string said = complaint("a");
    EXPECT_NE(said.find("without-s1-b"), std::string::npos) << said;
    fs::remove(path("a") / "seen" / "without-s1-b");
  };
  forged({{"c"}, Stage::kData}, "c");
  forged({{"b"}, Stage::kData}, "b");
  forged({{"c", "a"}, Stage::kData}, "b");
  forged({{}, Stage::kData}, "b");
  forged({{"a", "c"}, Stage::kData}, "b");
  fs::remove(exchange("without-s1-b"));
  without_["b"] = {"c"};
  run({"a", "b", "server"});
  EXPECT_EQ(read_json(path("b") / "report.json")["without"], nlohmann::json{"c"});
}

TEST_F(StudyTrainingTest, ARecipientAloneGetsTheModel) {
  create(StudyDraft::Whitening::kPooled, false, false, 2, "lab");
  run([&] { return party("a").owner->missing_joins().empty(); });
  heard_ = party("a").owner->fingerprint().value();
  // Another's keys in the recipient's place are another fingerprint than what was read out.
  const testing_support::Bytes honest = load(exchange("join-lab"));
  {
    const Party a = party("a");
    const SigningKey other = SigningKey::generate();
    const StudyParty rogue{"lab", other.public_key(), {9}};
    store_text(
        exchange("join-lab"),
        signed_text(join_message(draft_digest(*a.owner->exchange().find("draft")), rogue), other));
  }
  EXPECT_NE(complaint("a").find("is not that of the study in this exchange"), std::string::npos);
  store(exchange("join-lab"), honest);
  run();
  EXPECT_EQ(complaint("lab"), "");
  EXPECT_EQ(step("lab").kind, Advance::Kind::kFinished);
  const nlohmann::json report = read_json(path("lab") / "report.json");
  EXPECT_EQ(report["recipient"], "lab");
  EXPECT_FALSE(report.contains("bits"));
  const LinearClassifier model = load_classifier(path("lab") / "s1" / "model.npz").classifier;
  for (std::size_t k = 0; k < 3; ++k) {
    const Dataset test = rows_of(k, 200, 2);
    EXPECT_GT(accuracy(predict(scores(model, test.features)), test.labels), 0.85);
  }
  const std::vector<std::string> by = report["opened_by"];
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished);
    EXPECT_FALSE(fs::exists(path(name) / "report.json"));
    EXPECT_FALSE(fs::exists(path(name) / "s1" / "model.npz"));
    for (const char* kept : {"stats", "stats-share", "data"})
      EXPECT_FALSE(fs::exists(path(name) / "s1" / kept)) << kept;
    // Of what the exchange loses from here on the shares are missed alone.
    fs::remove(exchange("data-s1-" + name));
    fs::remove(exchange("share-s1-" + name));
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(fs::exists(exchange("share-s1-" + name)), std::ranges::find(by, name) != by.end());
  }
  // An owner that looks all the same finds nothing sealed to it, and nor does whoever has the recipient's name alone.
  const Party a = party("a");
  const JointRun study = study_run(*a.owner);
  const Sha256Digest contents = model_contents(*a.owner);
  const CiphertextShape shape =
      model_shape(*study.parameters, study.arrangement.layout, *study.circuit);
  const std::unique_ptr<ByteSource> source =
      a.owner->exchange().channel().find("share-s1-" + by.front());
  try {
    Sha256Digest read{};
    (void)receive_share(
        *source, study,
        {"model", draft_.index(by.front()), contents, decryptors_text(*a.owner, by)}, shape,
        report["noise"], a.owner->box_key(), read);
    ADD_FAILURE() << "no complaint";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("sealed to others"), std::string::npos);
  }
  // Its join, changed afterwards: whoever agreed has seen the first.
  fs::remove(path("c") / "said" / "answer-s1-c");
  store_text(exchange("join-lab"),
             signed_text(join_message(a.owner->manifest().draft_digest,
                                      {"lab", key_of("lab").public_key(), {9}}),
                         key_of("lab")));
  EXPECT_NE(complaint("c").find("another message than 'lab' has sent before"), std::string::npos);
}

TEST_F(StudyTrainingTest, AStepThatIsNotWhatTheInputsGiveIsFound) {
  create(StudyDraft::Whitening::kNone);
  run([&] { return fs::exists(exchange("transcript-s1-server")); });
  StudyServer server(
      {path("server"), std::make_shared<FolderChannel>(exchange(), "server-looks"), true, false});
  const auto audit_of = [&](auto change, std::vector<int> steps) {
    AuditTask task = study_audit(server);
    task.steps = std::move(steps);
    change(task);
    return audit(std::move(task));
  };
  const auto chain = [](Transcript& t, const std::vector<std::vector<Ciphertext>>& gradients) {
    Sha256Digest link = chain_begin(t);
    t.steps.clear();
    for (const auto& gradient : gradients) t.steps.push_back(link = chain_step(link, gradient));
    t.training.steps = static_cast<int>(gradients.size());
  };
  AuditOutcome outcome = audit_of([](AuditTask&) {}, {2, 4});
  EXPECT_EQ(outcome.same, (std::vector<int>{2, 4}));
  EXPECT_FALSE(outcome.differs);
  EXPECT_EQ(outcome.model, true);
  // One bit of one number of the third step's gradient.
  const auto flip = [&](AuditTask& task) {
    Poly& half = task.kept->gradients[2].front().c1;
    std::vector<std::vector<u64>> limbs;
    {
      const Residues residues(half);
      for (std::size_t i = 0; i < half.q_count(); ++i)
        limbs.emplace_back(residues[i].begin(), residues[i].end());
    }
    limbs[0][7] ^= 1;
    set_residues(half, [&](WritableResidues residues) {
      for (std::size_t i = 0; i < limbs.size(); ++i)
        std::ranges::copy(limbs[i], residues[i].begin());
    });
    chain(task.transcript, task.kept->gradients);
  };
  outcome = audit_of(flip, {2, 3});
  EXPECT_EQ(outcome.same, std::vector<int>{2});
  EXPECT_EQ(outcome.differs, 3);
  // The checkpoint of another run than the transcript's says so before anything is computed.
  try {
    audit_of(
        [&](AuditTask& task) { std::swap(task.transcript.steps[1], task.transcript.steps[2]); },
        {1});
    ADD_FAILURE() << "no complaint";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("step 2 is not the transcript's"), std::string::npos);
  }
  // A server that has trained with two owners' data in each other's places: its transcript says the data that they have
  // committed to, and the first step is not theirs.
  const Transcript rogue = [&] {
    AuditTask task = study_audit(server);
    std::vector<SeededCiphertext>& features =
        const_cast<DatasetFile&>(*task.data).data.features;  // nobody else has it
    std::swap(features.front(), features.back());
    TrainingSession session({task.keys,
                             task.data,
                             task.transcript.training.config,
                             &circuit_named(task.transcript.training.circuit),
                             nullptr,
                             false,
                             {}});
    session.run({}, 1);
    return session.transcript(task.transcript.model);
  }();
  outcome = audit_of(
      [&](AuditTask& task) {
        task.kept.reset();
        task.transcript = rogue;
      },
      {});
  EXPECT_TRUE(outcome.same.empty());
  EXPECT_EQ(outcome.differs, 1);
}

}  // namespace
}  // namespace blindtuner::study_training_test
