// Owners and servers of a study who send something else than they ought to, or put together what they have.
#include "io/memory_stream.h"
#include "learn/result_shape.h"
#include "party/owner/study_training_fixture.h"
#include "party/server/training_session.h"

namespace blindtuner::study_training_test {
namespace {

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
