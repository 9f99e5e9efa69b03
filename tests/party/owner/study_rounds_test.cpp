// A study whose owners stop the training by their votes (party/study/rounds.h).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "learn/reference/early_stopping.h"
#include "learn/reference/plain_reference.h"
#include "learn/result_shape.h"
#include "party/owner/study_training_fixture.h"
#include "party/study/rounds.h"
#include "records/scores.h"

namespace blindtuner::study_training_test {
using namespace reference;
namespace {

using nlohmann::json;

class StudyRoundsTest : public StudyTrainingTest {
 protected:
  /// Two steps that help, the second beyond where l2 would have the weights; a third that takes them back to the other side of zero; a
  /// fourth that is not to come.
  void create_rounds() {
    change_ = [](StudyDraft& draft) {
      draft.validate_every = 1;
      draft.patience = 1;
      draft.recipient_alone = false;
      TrainingConfig& config = draft.config;
      config.batch_size = 1024;  // all places
      config.l2 = 1;
      config.schedule = Schedule::kList;
      config.learning_rate = 1;
      config.rate_list = {0.05, 1, 8};
    };
    create(StudyDraft::Whitening::kPooled, false, false, 0, "lab");
  }

  std::vector<std::uint32_t> held_out_at(const std::string& name) {
    return read_json(path(name) / "s1" / "held-out.json").get<std::vector<std::uint32_t>>();
  }

  struct Clear {
    Whitening map;
    std::vector<LinearClassifier> models;  // after each step, for whitened columns
    std::vector<Dataset> held_out;         // of each owner, whitened
  };
  /// The same in the clear.
  Clear in_the_clear() {
    Clear out;
    Dataset all;
    all.classes = 2;
    for (std::size_t k = 0; k < 3; ++k) {
      Dataset own = rows_of(k, kRowsOf[k], 1);
      out.held_out.push_back(take_out(own, held_out_at(draft_.owners[k])));
      const Eigen::Index before = all.features.rows();
      all.features.conservativeResize(before + own.features.rows(), kColumns);
      all.features.bottomRows(own.features.rows()) = own.features;
      all.labels.insert(all.labels.end(), own.labels.begin(), own.labels.end());
    }
    out.map = Whitening::fit(all.features);
    all.features = out.map.apply(all.features);
    for (Dataset& own : out.held_out)
      if (own.features.rows() > 0) own.features = out.map.apply(own.features);
    for (int steps = 1; steps <= 3; ++steps) {
      TrainingConfig config = draft_.config;
      config.steps = steps;
      out.models.push_back(train_plain(all, nullptr, config).model);
    }
    return out;
  }
  json rounds_at(const std::string& name) { return read_json(path(name) / "s1" / "rounds.json"); }
};

TEST_F(StudyRoundsTest, MostVotesChooseTheModelAndStopTheTraining) {
  create_rounds();
  // b has one row, holds out none, and has no vote.
  run([&] {
    return std::ranges::all_of(std::array{"1-s1-b", "1-s1-c", "3-s1-a"}, [&](const char* share) {
      return fs::exists(exchange("score-answer-3-" + std::string(share)));
    });
  });
  ASSERT_FALSE(fs::exists(exchange("vote-3-s1-a")));
  // What it has kept is held to what it can have written; what is lost is opened again, as it was.
  const fs::path kept = path("a") / "s1" / "rounds.json";
  const json before = read_json(kept);
  for (json altered : {json::object(), json{1, 2}, json{before[1], before[0]},
                       json{before[0], before[1], before[0], before[0], before[0]}}) {
    store_text(kept, altered.dump());
    EXPECT_NE(complaint("a").find("rounds.json"), std::string::npos) << altered;
  }
  fs::remove(kept);
  run();
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(rounds_at("a")[i], before[i]);
  // Shares of scores are nobody's any more.
  for (const char* name : {"a", "b", "c"})
    for (const fs::directory_entry& entry : fs::directory_iterator(path(name) / "s1"))
      EXPECT_FALSE(entry.path().filename().string().starts_with("score-share")) << entry.path();
  for (const std::string& name : draft_.parties()) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
  }
  EXPECT_FALSE(fs::exists(exchange("vote-1-s1-b")));
  EXPECT_FALSE(fs::exists(exchange("scores-4-1-s1-server")));
  const Clear clear = in_the_clear();
  EXPECT_EQ(clear.held_out[1].size(), 0u);
  EXPECT_EQ(held_out_at("a"),
            rows_to_hold_out(rows_of(0, kRowsOf[0], 1), party("a").owner->session().seed));
  const Head& head = circuit_named(draft_.circuit).head();
  const std::vector<bool> votes{true, true, false};
  for (const char* name : {"a", "c"}) {
    const Dataset& held = clear.held_out[place(name)];
    const json rounds = rounds_at(name);
    ASSERT_EQ(rounds.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      const ValidationScore expected =
          validation_score(head, scores(clear.models[i], held.features), held.labels);
      std::printf("%s, round %zu: loss %.4f, in the clear %.4f\n", name, i + 1,
                  rounds[i]["loss"].get<double>(), expected.loss);
      // A row's loss moves by less than its two logits together, each of which has two owners' noise: 7 deviations of the mean,
      // and what the circuit's predictions differ in.
      const double noise = rounds[i]["noise"];
      std::printf("noise %.4f\n", noise);
      EXPECT_NEAR(rounds[i]["loss"].get<double>(), expected.loss,
                  14 * noise / std::sqrt(static_cast<double>(held.size())) + 0.01);
      EXPECT_EQ(rounds[i]["better"], votes[i]);
    }
  }
  EXPECT_NE(read_json(path("b") / "report.json")["together"]["notes"].dump().find("had no vote"),
            std::string::npos);
  const LinearClassifier twin = clear.map.unfold(clear.models[1]);
  for (const char* name : {"a", "b", "c", "lab"}) {
    const json report = read_json(path(name) / "report.json");
    EXPECT_EQ(report["steps"], 2);
    const json& validation = report["validation"];
    EXPECT_EQ(validation["best_round"], 2);
    EXPECT_EQ(validation["stopped_early"], true);
    EXPECT_EQ(validation["votes"].size(), 3u);
    EXPECT_EQ(validation["votes"][2]["better"], 0);
    EXPECT_EQ(validation["votes"][2]["of"], 2);
    EXPECT_NE(validation["note"].get<std::string>().find("rest on each owner's word"),
              std::string::npos);
    const Eigen::MatrixXd opened =
        load_classifier(path(name) / "s1" / "model.npz").classifier.weights;
    std::printf("%s: off by %.4f of the weights, noise %.4f\n", name,
                (opened - twin.weights).norm() / twin.weights.norm(),
                report["noise"].get<double>());
    EXPECT_LT((opened - twin.weights).norm(), 0.03 * twin.weights.norm()) << name;
    if (name != std::string("lab")) {
      EXPECT_LT(report["bits"], kPublicationBudget);
      EXPECT_EQ(report["trusted"], true);
    }
  }
  // A vote a round and a refusal that there might have been; b has told nothing.
  const auto told = [&](const std::string& name) {
    const Party one = party(name);
    const OwnerKeys keys = one.owner->own_keys();
    return totals(Disclosure(keys, path(name) / "s1").ledger().read().value());
  };
  EXPECT_EQ(told("a").answered_bits, 4);
  EXPECT_EQ(told("b").answered_bits, 0);
  // Statistics, scores of two others' rows (one where it has rows of its own) in three rounds, the model.
  EXPECT_EQ(told("a").shared, 5u);
  EXPECT_EQ(told("b").shared, 8u);

  // What c has sent a as its share of the kept round's scores was none: a finds that in the model.
  Party a = party("a");
  const JointRun study = study_run(*a.owner);
  const testing_support::Bytes offered = load(exchange("scores-2-1-s1-server"));
  MemorySource scored(offered, "'scores'");
  const ScoresFile file = read_scores(scored, study.joint);
  const CiphertextShape shape = score_shape(*study.parameters, file.scores.layout, *study.circuit);
  const fs::path record = exchange("score-share-2-1-s1-c"),
                 word = exchange("score-answer-2-1-s1-c");
  const testing_support::Bytes honest = load(record);
  MemorySource sent(honest, "'share'");
  Sha256Digest contents{};
  const ShareName name{"scores", 2, file.contents};
  OpeningShare share = receive_share(sent, study, name, shape, rounds_at("a")[1]["noise"],
                                     a.owner->box_key(), contents);
  share.polynomials.front() = file.scores.scores.front().c0.copy();
  MemorySink sink;
  const secret::joint::PublicBoxKey reader = a.owner->manifest().owners[0].sealing;
  (void)send_share(sink, study, name, share, std::span(&reader, 1));
  store(record, sink.bytes());
  store_text(word, signed_text({score_share_commit(2, 0),
                                "c",
                                a.owner->manifest().digest,
                                1,
                                {{"contents", to_hex(contents_of_file(record))}}},
                               key_of("c")));
  fs::remove(path("a") / "seen" / word.filename());
  fs::remove(path("a") / "report.json");
  a = {};  // it locks the exchange
  EXPECT_EQ(complaint("a"), "");
  const json report = read_json(path("a") / "report.json");
  ASSERT_EQ(report["trusted"], false);
  EXPECT_NE(
      report["reasons"][0].get<std::string>().find("voted in round 2 are not those of the model"),
      std::string::npos)
      << report["reasons"];
}

TEST_F(StudyRoundsTest, WhatIsHeldOutStaysSo) {
  create_rounds();
  group_ = 5;
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("rows-s1-" + name));
    });
  });
  const fs::path kept = path("a") / "s1" / "held-out.json";
  const json first = read_json(kept);
  ASSERT_FALSE(first.empty());
  const auto refused = [&](const std::string& why) {
    const std::string said = complaint("a");
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(exchange("stats-s1-a")));
  };
  group_ = 7;
  refused("in other groups ('patient_id')");
  // Told of by a version that did not keep them: how many they were is known.
  fs::remove(kept);
  group_ = 50;
  refused("in other groups ('patient_id')");
  EXPECT_FALSE(fs::exists(kept));
  group_ = 5;
  for (const json& altered : {json{1000}, json{3, 3}, json{"a"}, json(nullptr)}) {
    store_text(kept, altered.dump());
    refused("held-out.json");
  }
  fs::remove(kept);
  EXPECT_EQ(complaint("a"), "");
  EXPECT_EQ(read_json(kept), first);
  // Without groups, as in Python, they are these still.
  group_ = 0;
  run([&] { return fs::exists(exchange("vote-1-s1-a")); });
  const Clear clear = in_the_clear();
  ASSERT_EQ(clear.held_out[0].size(), first.size());
  const json round = rounds_at("a")[0];
  const double expected = validation_score(circuit_named(draft_.circuit).head(),
                                           scores(clear.models[0], clear.held_out[0].features),
                                           clear.held_out[0].labels)
                              .loss;
  EXPECT_NEAR(
      round["loss"].get<double>(), expected,
      14 * round["noise"].get<double>() / std::sqrt(static_cast<double>(first.size())) + 0.01);
}

TEST_F(StudyRoundsTest, NothingElseIsAnsweredAndVotesHoldTheServer) {
  create_rounds();
  run([&] { return fs::exists(exchange("round-1-3-s1-server")); });
  const SigningKey server = read_signing_key(path("server") / "identity");
  const JointRun study = study_run(*party("b").owner);
  {
    // More rows for validation than could be laid out.
    const fs::path rows = exchange("rows-s1-c"), seen = path("b") / "seen" / "rows-s1-c";
    const testing_support::Bytes honest = load(rows);
    StudyMessage more = party("b").owner->heard(kRows, "c");
    more.body["held_out"] = most_arranged_rows(study.arrangement.layout) + 1;
    store_text(rows, signed_text(more, key_of("c")));
    fs::remove(seen);
    EXPECT_THROW((void)study_run(*party("b").owner), DataError);
    store(rows, honest);
    fs::remove(seen);
  }
  // Whatever the server says is c's scores in the first round, b, who has seen no other, answers what they must be alone.
  const fs::path record = exchange("scores-1-3-s1-server"), word = exchange("round-1-3-s1-server");
  const testing_support::Bytes scores = load(record), honest_word = load(word);
  const auto offer = [&](const testing_support::Bytes& bytes) {
    store(record, bytes);
    store_text(word, signed_text({scores_commit(1, 2),
                                  "server",
                                  party("b").owner->manifest().digest,
                                  1,
                                  {{"contents", to_hex(contents_of_file(record))}}},
                                 server));
    fs::remove(path("b") / "seen" / word.filename());
    return complaint("b");
  };
  const auto refused = [&](const testing_support::Bytes& bytes, const std::string& why) {
    const std::string said = offer(bytes);
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(path("b") / "s1" / score_share_record(1, 2))) << why;
  };
  const auto changed = [&](auto change) {
    MemorySource source(scores, "'scores'");
    ScoresFile file = read_scores(source, study.joint);
    change(file);
    MemorySink sink;
    write_scores(sink, study.joint, file);
    return sink.bytes();
  };
  refused(load(exchange("scores-1-1-s1-server")), "scores of other rows");
  refused(load(exchange("data-s1-a")), "expected encrypted scores");
  refused(changed([](ScoresFile& f) { f.training->steps = 2; }),
          "scores after 2 steps, expected 1");
  refused(changed([](ScoresFile& f) { f.training->config.l2 = 0.5; }), "trained otherwise");
  refused(changed([](ScoresFile& f) { (*f.trained_on)[0] ^= 1; }), "trained otherwise");
  store(record, scores);
  store(word, honest_word);
  fs::remove(path("b") / "seen" / word.filename());
  EXPECT_EQ(complaint("b"), "");
  EXPECT_TRUE(fs::exists(exchange("score-share-1-3-s1-b")));

  // Another ciphertext for a round that was answered, to an owner whose folder was put back from a copy of before.
  const auto forget = [&] {
    EXPECT_TRUE(fs::remove(path("b") / "said" / "score-answer-1-3-s1-b"));
    EXPECT_TRUE(fs::remove(exchange("score-answer-1-3-s1-b")));
    EXPECT_TRUE(fs::remove(path("b") / "s1" / score_share_record(1, 2)));
    EXPECT_TRUE(fs::remove(exchange("score-share-1-3-s1-b")));
  };
  forget();
  std::string said = offer(changed([](ScoresFile& f) {
    Ciphertext& c = f.scores.scores.front();
    c.c1 = c.c0.copy();
  }));
  EXPECT_NE(said.find("a share of another ciphertext was given for round 1"), std::string::npos)
      << said;
  EXPECT_FALSE(fs::exists(exchange("score-share-1-3-s1-b")));
  store(record, scores);
  store(word, honest_word);
  fs::remove(path("b") / "seen" / word.filename());
  EXPECT_EQ(complaint("b"), "");

  // A vote of an earlier round in the place of a later one's.
  run([&] { return fs::exists(exchange("vote-2-s1-a")) && fs::exists(exchange("vote-1-s1-c")); });
  if (!fs::exists(exchange("vote-2-s1-c"))) {
    store(exchange("vote-2-s1-c"), load(exchange("vote-1-s1-c")));
    said = complaint("b");
    EXPECT_NE(said.find("not what 'c' was to send"), std::string::npos) << said;
    fs::remove(exchange("vote-2-s1-c"));
  }

  // A model after other steps than the votes give.
  run([&] { return fs::exists(exchange("transcript-s1-server")); });
  const fs::path model = exchange("model-file-s1-server"), named = exchange("model-s1-server"),
                 told = exchange("transcript-s1-server");
  const testing_support::Bytes honest_model = load(model), honest_name = load(named),
                               honest_told = load(told);
  const auto refuses = [&](const std::string& why) {
    said = complaint("b");
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(path("b") / "s1" / "share")) << why;
  };
  {
    Transcript longer = held().transcript;
    longer.steps.push_back(longer.steps.back());
    longer.training.steps = 3;
    store_text(told, transcript_text(longer, server));
    refuses("a transcript of another number of steps");
    store(told, honest_told);
  }
  MemorySource source(honest_model, "'model'");
  ModelFile other = read_model(source, study.joint);
  other.training.steps = 3;
  MemorySink sink;
  write_model(sink, study.joint, other);
  store(model, sink.bytes());
  store_text(named, signed_text({kModel,
                                 "server",
                                 party("b").owner->manifest().digest,
                                 1,
                                 {{"contents", to_hex(contents_of_file(model))}}},
                                server));
  fs::remove(path("b") / "seen" / named.filename());
  refuses("a model after 3 steps, expected 2");
  store(model, honest_model);
  store(named, honest_name);
  fs::remove(path("b") / "seen" / named.filename());
  EXPECT_EQ(complaint("b"), "");
  EXPECT_TRUE(fs::exists(exchange("answer-s1-b")));
}

// In a second session.
TEST_F(StudyRoundsTest, ARoundIsComputedAgainBeforeItIsAnswered) {
  create_rounds();
  audits_ = {"b"};
  run([&] { return fs::exists(exchange("nonce-commit-s1-a")); });
  party("a").owner->begin_session();
  run([&] { return fs::exists(exchange("round-1-3-s2-server")); });
  // Scores of the right form that are not the model's.
  const fs::path record = exchange("scores-1-3-s2-server"), word = exchange("round-1-3-s2-server");
  const testing_support::Bytes scores = load(record), honest_word = load(word);
  const JointRun study = study_run(*party("b").owner);
  {
    FileSource source(record);
    ScoresFile file = read_scores(source, study.joint);
    file.scores.scores.front().c1 = file.scores.scores.front().c0.copy();
    MemorySink sink;
    write_scores(sink, study.joint, file);
    store(record, sink.bytes());
    store_text(word, signed_text({scores_commit(1, 2),
                                  "server",
                                  party("b").owner->manifest().digest,
                                  2,
                                  {{"contents", to_hex(contents_of_file(record))}}},
                                 read_signing_key(path("server") / "identity")));
  }
  std::string said = complaint("b");
  EXPECT_NE(said.find("round-1-3-s2-server': not the scores"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(exchange("score-share-1-1-s2-b")));
  EXPECT_TRUE(audited_.empty());
  // Nor does it help to show the honest ones to whoever audits.
  before_audit_ = [&] {
    store(record, scores);
    store(word, honest_word);
  };
  said = complaint("b");
  EXPECT_NE(said.find("another message than 'server' has sent before"), std::string::npos) << said;
  before_audit_ = {};
  fs::remove(path("b") / "seen" / word.filename());

  // Nor to show it nothing of a round, or of the model: what is left is as it must be.
  const auto hides = [&](const fs::path& file, const fs::path& share) {
    const fs::path away = path("away");
    before_audit_ = [=] { fs::rename(file, away); };
    after_audit_ = [=] { fs::rename(away, file); };
    const std::size_t before = audited_.size();
    said = complaint("b");
    EXPECT_NE(said.find("was not audited"), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(share));
    EXPECT_EQ(audited_.size(), before);
    before_audit_ = after_audit_ = {};
  };
  run([&] { return fs::exists(exchange("round-2-3-s2-server")); });
  hides(exchange("scores-2-1-s2-server"), exchange("score-share-2-1-s2-b"));
  run([&] { return fs::exists(exchange("vote-3-s2-a")) && fs::exists(exchange("vote-3-s2-c")); });
  run({"server"});
  // What another version has audited was what it found.
  store_text(path("b") / "s2" / "audited", to_hex(model_contents(*party("b").owner)) + "\n");
  hides(exchange("transcript-s2-server"), exchange("answer-s2-b"));

  run();
  EXPECT_EQ(read_json(path("b") / "report.json")["steps"], 2);
  // Each round once, and the model, whose training went on for a round.
  ASSERT_EQ(audited_.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(audited_[i].same_rounds, static_cast<int>(i) + 1);
    EXPECT_TRUE(audited_[i].same.empty());
    EXPECT_FALSE(audited_[i].model);
  }
  EXPECT_EQ(audited_[3].same, (std::vector<int>{1, 2}));
  EXPECT_EQ(audited_[3].model, true);
  EXPECT_EQ(audited_[3].same_rounds, 3);
  // Who has nothing but the exchange begins at the first session.
  StudyServer nobody(
      {path("nobody"), std::make_shared<FolderChannel>(exchange(), "looks"), true, false});
  EXPECT_EQ(study_audit(nobody).scores.size(), 6u);
}

}  // namespace
}  // namespace blindtuner::study_training_test
