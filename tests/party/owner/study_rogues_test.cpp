// Owners and servers of a study who send something else than they ought to, or put together what they have.
#include <cmath>

#include "base/file_lock.h"
#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "learn/result_shape.h"
#include "party/owner/study/study_parts.h"
#include "party/owner/study_training_fixture.h"
#include "party/server/training_session.h"
#include "records/study/contribution.h"

namespace blindtuner::study_training_test {
namespace {

TEST_F(StudyTrainingTest, WhatIsNotWhatItWasSaidToBeEndsTheStudy) {
  create(StudyDraft::Whitening::kNone);
  run([&] { return fs::exists(exchange("rows-s1-c")); });
  // Rows that are not those that it has told of.
  run([&] { return fs::exists(exchange("rows-s1-a")) && fs::exists(exchange("rows-s1-b")); });
  // Or none that could be sent: refused before anything is trained with them.
  const fs::path rows_of_b = exchange("rows-s1-b"), seen = path("c") / "seen" / "rows-s1-b";
  const testing_support::Bytes honest_rows = load(rows_of_b);
  const auto said_of_b = [&](const char* what, const nlohmann::json& value) {
    StudyMessage said_by_b = party("a").owner->heard(kRows, "b");
    said_by_b.body[what] = value;
    store_text(rows_of_b, signed_text(said_by_b, key_of("b")));
    fs::remove(seen);
    std::string out;
    try {
      (void)study_run(*party("c").owner);
    } catch (const DataError& error) {
      out = error.what();
    }
    fs::remove(seen);
    store(rows_of_b, honest_rows);
    return out;
  };
  const auto size_of_b = [&](int norm) { return said_of_b("sizes", {48, 48, norm}); };
  EXPECT_EQ(size_of_b(53), "");  // 4096 in each of five columns
  const std::string refused_sizes = size_of_b(54);
  EXPECT_NE(refused_sizes.find("what 'b' has sent is refused"), std::string::npos) << refused_sizes;
  EXPECT_NE(refused_sizes.find("sizes of features beyond 4096"), std::string::npos);
  // What was heard is damaged here, as after a power cut: what mends it is told.
  (void)study_run(*party("c").owner);
  store_text(seen, std::string(100, '\0'));
  const std::string damaged = complaint("c");
  EXPECT_NE(damaged.find("without that file, what is in the exchange is heard again"),
            std::string::npos)
      << damaged;
  fs::remove(seen);
  // Nor more rows than a study can have, whose blocks would be listed.
  const JointRun honest_run = study_run(*party("c").owner);
  const std::uint64_t most = most_arranged_rows(honest_run.arrangement.layout);
  EXPECT_NE(said_of_b("rows", most + 1).find("what 'b' has sent is refused"), std::string::npos);
  EXPECT_NE(said_of_b("rows", most + 1).find("a study like this has at most"), std::string::npos);
  EXPECT_NE(said_of_b("rows", most).find("the owners' rows together are beyond"),
            std::string::npos);
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

  // Nobody shows a share before all have said what theirs is.
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(complaint("c"), "");
  EXPECT_EQ(load(path("b") / "s1" / "transcript"), honest);
  Advance waits = step("b");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.phase, "shows its share of the model");
  EXPECT_EQ(waits.awaited.at(0).what, "answer-s1-a");
  for (const char* owner : {"b", "c"})
    EXPECT_FALSE(fs::exists(exchange(std::string("share-s1-") + owner)));
  const testing_support::Bytes share = load(path("c") / "s1" / "share"),
                               answer = load(exchange("answer-s1-c")),
                               of_b = load(path("b") / "s1" / "share");
  // An owner that sends another's share as its own, and has said so.
  fs::remove(path("b") / "seen" / "answer-s1-c");
  {
    const Party c = party("c");
    const nlohmann::json as_b = c.owner->heard(kModelAnswer, "b").body;
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
  EXPECT_EQ(complaint("a"), "");
  EXPECT_TRUE(fs::exists(exchange("share-s1-a")));
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(load(exchange("share-s1-b")), of_b);
  store(exchange("share-s1-c"), of_b);
  refuses_share("b", "sealed to others, or of another result");
  // Said otherwise afterwards, whoever has seen the first refuses it.
  store(exchange("share-s1-c"), share);
  store(exchange("answer-s1-c"), answer);
  EXPECT_NE(complaint("b").find("another message than 'c' has sent before"), std::string::npos);
  fs::remove(path("a") / "seen" / "answer-s1-c");
  // A share that was altered, is another owner's, or ends early: who has sent it is named, or waited for.
  testing_support::Bytes altered = share;
  altered[altered.size() / 2] ^= 1;
  store(exchange("share-s1-c"), altered);
  refuses_share("a", "share-s1-c");
  store(exchange("share-s1-c"), of_b);
  refuses_share("a", "sealed to others, or of another result");
  store(exchange("share-s1-c"), testing_support::Bytes(share.begin(), share.end() - 40));
  waits = step("a");
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
  EXPECT_TRUE(fs::exists(exchange("stats-answer-s1-a")));
  EXPECT_NE(told("a", {"c"}).find("other statistics are not opened"), std::string::npos);
  without_.clear();
  EXPECT_FALSE(fs::exists(exchange("without-s1-a")));
  {
    const Party a = party("a");
    const Advance waits = a.owner->next();
    ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
    EXPECT_FALSE(may_go_on_without(*a.owner, waits.awaited)) << "it was refused";
  }
  // As c goes on, so does the study.
  run([&] { return fs::exists(exchange("data-map-s1-c")); });
  run({"a", "b"});
  // Two who go on without each other's.
  EXPECT_EQ(leaving_words(*party("b").owner), "");
  EXPECT_EQ(told("a", {"c"}), "");
  EXPECT_EQ(leaving_words(*party("b").owner),
            "'a' goes on without 'c' once all others have said so");
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
  // Somebody who has the exchange alone computes all of it again, the keys included.
  {
    StudyServer nobody(
        {path("nobody"), std::make_shared<FolderChannel>(exchange(), "looks"), true, false});
    AuditTask task = study_audit(nobody);
    EXPECT_FALSE(task.kept);
    outcome = audit(std::move(task));
    EXPECT_EQ(outcome.same, (std::vector<int>{1, 2, 3, 4}));
    // Two in one folder would take each other's keys away.
    const FileLock beside(path("nobody"), "auditor");
    EXPECT_THROW((void)study_audit(nobody), DataError);
    EXPECT_EQ(outcome.model, true);
    // A server that has trained under keys of its own making.
    const fs::path ready = exchange("ready-s1-server");
    const testing_support::Bytes honest = load(ready);
    nlohmann::json said = nobody.heard(kReady, "server").body;
    said["evaluation_keys"] = std::string(64, '0');
    store_text(ready, signed_text({kReady, "server", nobody.manifest().digest, 1, said},
                                  read_signing_key(path("server") / "identity")));
    StudyServer other(
        {path("other"), std::make_shared<FolderChannel>(exchange(), "others"), true, false});
    try {
      (void)study_audit(other);
      ADD_FAILURE() << "no complaint";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("are not the sum of what the owners have sent"),
                std::string::npos)
          << error.what();
    }
    store(ready, honest);
  }
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

  // Who has answered is told to audit, or to wait, before what it has answered with is shown.
  EXPECT_EQ(complaint("a"), "");
  EXPECT_EQ(complaint("b"), "");
  EXPECT_TRUE(fs::exists(exchange("answer-s1-b")));
  audits_ = {"b"};
  holds_ = {"c"};
  EXPECT_EQ(complaint("c"), "");
  EXPECT_FALSE(fs::exists(exchange("answer-s1-c")));
  holds_.clear();
  EXPECT_EQ(complaint("c"), "");
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(audited_.size(), 1u);
  EXPECT_TRUE(fs::exists(exchange("share-s1-b")));
  EXPECT_FALSE(fs::exists(path("b") / ".audit"));
  fs::remove(exchange("share-s1-c"));
  holds_ = {"c"};
  const Advance waits = step("c");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.front().what, "audit");
  EXPECT_EQ(waits.awaited.front().state, transcript_fingerprint(held().transcript));
  EXPECT_FALSE(fs::exists(exchange("share-s1-c")));
}

TEST_F(StudyTrainingTest, StatisticsThatAreSaidInTwoWaysOpenNothing) {
  create(StudyDraft::Whitening::kPooled);
  run([&] { return fs::exists(exchange("stats-s1-c")) && fs::exists(exchange("stats-s1-b")); });
  const auto sent_by_c = [&] {
    return std::pair(load(exchange("stats-s1-c")), load(exchange("stats-commit-s1-c")));
  };
  const auto show = [&](const auto& record_and_word) {
    store(exchange("stats-s1-c"), record_and_word.first);
    store(exchange("stats-commit-s1-c"), record_and_word.second);
  };
  const auto to_a = sent_by_c();
  run({"a"});
  EXPECT_TRUE(fs::exists(exchange("stats-answer-s1-a")));
  for (const char* file : {"s1/stats", "said/stats-commit-s1-c", "seen/stats-commit-s1-c"})
    fs::remove(path("c") / file);
  for (const char* file : {"stats-s1-c", "stats-commit-s1-c"}) fs::remove(exchange(file));
  while (!fs::exists(exchange("stats-s1-c"))) ASSERT_EQ(step("c").kind, Advance::Kind::kActed);
  const auto to_b = sent_by_c();
  ASSERT_NE(to_a.second, to_b.second);
  run({"b", "c"}, [&] {
    return fs::exists(exchange("stats-share-s1-b")) && fs::exists(exchange("stats-share-s1-c"));
  });
  // Whoever looks again sees who it was.
  const std::string said = complaint("a");
  EXPECT_NE(said.find("another message than 'c' has sent before"), std::string::npos) << said;
  EXPECT_NE(said.find("signed by it, too: it says two things"), std::string::npos) << said;
  // An exchange that goes on showing each its own: nobody opens what another has answered, or sends data, and is told where
  // the two are.
  const auto refuses = [&](const std::string& name, const std::string& other) {
    const std::string why = complaint(name);
    EXPECT_NE(why.find("what '" + other + "' has sent is refused"), std::string::npos) << why;
    EXPECT_NE(why.find("of another result"), std::string::npos) << why;
    EXPECT_NE(why.find("'seen/stats-commit-s1-OWNER'"), std::string::npos) << why;
    EXPECT_EQ(why.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(exchange("data-s1-" + name)));
  };
  refuses("b", "a");
  show(to_a);
  refuses("a", "b");
  EXPECT_NE(load(path("a") / "seen" / "stats-commit-s1-c"),
            load(path("b") / "seen" / "stats-commit-s1-c"));
}

/// What owners who put together all that they have, and all that is in the exchange and at the server, make of another's data, and of
/// the model before that one has answered.
class StudyCollusion : public StudyTrainingTest {
 protected:
  /// From everything but the victim's answer to the model. Every polynomial is of this run's rings.
  void meet(const std::vector<std::string>& colluders) {
    run([&] {
      return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
        return fs::exists(exchange("data-s1-" + name)) &&
               fs::exists(exchange("data-commit-s1-" + name));
      });
    });
    std::vector<std::string> present = colluders;
    present.emplace_back("server");
    run(present);
    ASSERT_TRUE(fs::exists(exchange("model-file-s1-server")));
    ASSERT_FALSE(fs::exists(exchange("answer-s1-" + kVictim)));
    const Party looks = party(colluders.front());
    study_ = study_run(*looks.owner);
    read_record_of(*looks.owner, kModelRecord, kModel, "server", [&](ByteSource& source) {
      model_ = read_model(source, study_.joint);
      return model_.contents;
    });
    const std::size_t at = place(kVictim);
    read_record_of(*looks.owner, kDataRecord, kDataCommit, kVictim, [&](ByteSource& source) {
      const auto take = [&](std::size_t, SeededCiphertext&& c) { data_.push_back(c.expand()); };
      return read_contribution(source, study_.own[at], {study_.arrangement, at, study_.data}, take,
                               take);
    });
    // The same under the secret of all: what the server trains on.
    FileSource keys(path("server") / "s1" / "way-in.keys");
    const std::vector<KeySwitchKey> way_in =
        read_way_in_keys(keys, study_.joint, draft_.owners.size());
    for (std::size_t i = 0; i < data_.size(); ++i)
      moved_.push_back(key_switch(data_[i], way_in[at]));
  }
  /// An owner's secret, from its folder.
  Poly secret_of(const std::string& name) {
    const OwnerKeys keys = party(name).owner->own_keys();
    return SecretKey::from_coefficients(study_.parameters->small_ring(),
                                        keys.secrets.small.hardness(),
                                        keys.secrets.small.coefficients())
        .ntt()
        .copy();
  }
  /// lambda S, with which an owner opens as one of these.
  Poly part_of(const std::string& name, const std::vector<std::string>& set) {
    return opening_part(*party(name).owner, *study_.parameters, set).secret.copy();
  }
  static Poly sum(const Poly& a, const Poly& b) {
    const std::size_t limbs = std::min(a.q_count(), b.q_count());
    Poly out = a.copy_limbs(limbs, 0);
    add_inplace(out, b.copy_limbs(limbs, 0));
    return out;
  }
  /// How far what ciphertexts decrypt to reaches, beside polynomials that are uniform: 1 for noise of full size. The
  /// standard deviation of n uniform coefficients is off by a tenth less often than once in 10^6 (n = 512: by 0.02, at 1 sigma).
  static double size_of(const std::vector<Ciphertext>& all, const Poly& secret) {
    double squares = 0, count = 0, q = 1;
    for (const Ciphertext& c : all) {
      Poly x = mul(c.c1, secret.copy_limbs(c.q_count(), 0));
      add_inplace(x, c.c0);
      q = 1;
      for (std::size_t i = 0; i < x.q_count(); ++i) q *= static_cast<double>(x.ring().q(i).q);
      for (const double v : to_centred_doubles(x, x.q_count())) {
        squares += v * v;
        ++count;
      }
    }
    return std::sqrt(12 * squares / count) / q;
  }
  void expect_noise(const Poly& known, const std::string& what) {
    EXPECT_NEAR(size_of(data_, known), 1, 0.1) << "data, " << what;
    EXPECT_NEAR(size_of(moved_, known), 1, 0.1) << "data at the server, " << what;
    EXPECT_NEAR(size_of(model_.model.weights, known), 1, 0.1) << "model, " << what;
  }

  const std::string kVictim = "a";
  JointRun study_;
  ModelFile model_;
  std::vector<Ciphertext> data_, moved_;
};

TEST_F(StudyCollusion, AllOthersAndTheServerSeeNoiseOfFullSize) {
  create(StudyDraft::Whitening::kNone);
  ASSERT_NO_FATAL_FAILURE(meet({"b", "c"}));
  const Poly a = secret_of("a"), b = secret_of("b"), c = secret_of("c");
  Poly nothing = b.copy();
  sub_inplace(nothing, b);
  expect_noise(nothing, "as they are");
  expect_noise(b, "b's secret");
  expect_noise(c, "c's secret");
  expect_noise(sum(b, c), "b's and c's secrets");
  Poly difference = b.copy();
  sub_inplace(difference, c);
  expect_noise(difference, "the difference of b's and c's secrets");
  // With the victim's secret all of it opens.
  EXPECT_LT(size_of(data_, a), 0x1p-20);
  EXPECT_LT(size_of(moved_, sum(a, sum(b, c))), 0x1p-20);
  EXPECT_LT(size_of(model_.model.weights, sum(a, sum(b, c))), 0x1p-4);
}

TEST_F(StudyCollusion, FewerThanTheThresholdAndTheServerSeeNoiseOfFullSize) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  // b is away, and c's answer waits for whom the server names.
  ASSERT_NO_FATAL_FAILURE(meet({"c"}));
  const Poly own = secret_of("c");
  for (const std::vector<std::string>& set :
       std::vector<std::vector<std::string>>{{"a", "c"}, {"b", "c"}}) {
    const Poly part = part_of("c", set);
    expect_noise(part, "c's part");
    expect_noise(sum(part, own), "c's part and secret");
    // Any two have all.
    const Poly all = sum(part, part_of(set.front(), set));
    EXPECT_LT(size_of(moved_, all), 0x1p-20);
    EXPECT_LT(size_of(model_.model.weights, all), 0x1p-4);
  }
  expect_noise(own, "c's secret");
}

}  // namespace
}  // namespace blindtuner::study_training_test
