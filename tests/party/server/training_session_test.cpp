// A server's run of training, in memory: what it computes, keeps, sends and waits for.
#include "party/server/training_session.h"

#include <unistd.h>

#include <numeric>
#include <random>

#include "base/parallel.h"
#include "io/io_fixture.h"
#include "party/server/memory_store.h"
#include "party/server/owner_fixture.h"
#include "party/server/scoring.h"
#include "records/answer.h"
#include "records/round.h"
#include "records/sections.h"
#include "transport/memory_channel.h"

namespace blindtuner::testing_support {
using namespace secret;
namespace {

class Session : public IoTest {
 protected:
  Session() { set_max_threads(0); }

  static const Owner& owner() { return Owner::instance(); }
  static TrainingTask task() { return training_task(); }
  /// With a store, and a channel whose other end says after which round to stop.
  TrainingTask task(int stop_after) {
    TrainingTask out = task();
    out.checkpoints = store_;
    out.validation = Validation{channel_, owner().validation, 600};
    channel_->sent = [this, stop_after](const std::string& name) {
      for (int round = 1; round <= kSteps; ++round)
        if (name == round_name(round)) answer(round, round == stop_after);
    };
    return out;
  }
  void answer(int round, bool stop) {
    MemorySink sink;
    write_answer(sink, owner().keys->set, sent(round).run, round, stop);
    channel_->records()[answer_name(round)] = sink.bytes();
  }
  RoundFile sent(int round) {
    const auto source = channel_->find(round_name(round));
    return read_round(*source, owner().keys->set);
  }
  static Bytes bytes_of(const ModelFile& model) {
    MemorySink sink;
    write_model(sink, owner().keys->set, model);
    return sink.bytes();
  }
  /// The model after so many steps, by the trainer alone.
  static Bytes expected(int steps) {
    const TrainingTask t = task();
    const Bootstrapper bootstrapper(
        owner().parameters,
        EncryptedTrainer::bootstrap_shape(*owner().parameters, owner().layout, t.config));
    EncryptedTrainer trainer(owner().parameters, bootstrapper, t.data->data, t.keys->keys, t.config,
                             *t.circuit);
    while (trainer.done() < steps) trainer.step();
    return bytes_of({trainer.model(), t.data->info.id, {steps, t.config, t.circuit->name}});
  }

  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryChannel> channel_ = std::make_shared<MemoryChannel>();
};

TEST_F(Session, DoesWhatTheTrainerDoes) {
  TrainingSession session(task());
  EXPECT_THROW(session.model(), ContractError);
  std::vector<int> began;
  double last = 0;
  TrainingEvents events;
  events.training = [&](int step, double fraction) {
    if (fraction == 0)
      began.push_back(step);
    else
      EXPECT_GT(fraction, last);
    EXPECT_EQ(step, began.back());
    last = fraction;
  };
  const TrainingOutcome outcome = session.run(events);
  EXPECT_EQ(outcome.end, TrainingEnd::kAllSteps);
  EXPECT_EQ(outcome.resumed_at, 0);
  EXPECT_EQ(outcome.steps.size(), std::size_t{kSteps});
  EXPECT_TRUE(outcome.rounds.empty());
  EXPECT_EQ(began, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(last, 1);
  EXPECT_EQ(bytes_of(session.model()), expected(kSteps));
  EXPECT_TRUE(session.run().steps.empty()) << "nothing is left";
}

TEST_F(Session, KeepsAliveWhatItIsMadeOf) {
  std::weak_ptr<const DatasetFile> data;
  {
    std::unique_ptr<TrainingSession> session;
    {
      TrainingTask t = task(0);
      t.data = owner().dataset(owner().layout, 5);
      data = t.data;
      session = std::make_unique<TrainingSession>(std::move(t));
    }
    store_.reset();
    EXPECT_EQ(session->run().steps.size(), std::size_t{kSteps});
  }
  EXPECT_TRUE(data.expired());
}

TEST_F(Session, GoesOnFromACheckpoint) {
  TrainingTask t = task();
  t.checkpoints = store_;
  t.resume = true;  // there is none yet
  {
    TrainingSession session(t);
    TrainingEvents events;
    events.stop = [&] { return session.done() == 2; };
    const TrainingOutcome outcome = session.run(events);
    EXPECT_EQ(outcome.end, TrainingEnd::kCalledOff);
    EXPECT_EQ(outcome.steps.size(), 2u);
    EXPECT_EQ(session.done(), 2);
    EXPECT_EQ(bytes_of(session.model()), expected(2));
  }
  EXPECT_EQ(store_->kept, 2);
  TrainingSession session(t);
  EXPECT_EQ(session.done(), 2);
  const TrainingOutcome outcome = session.run();
  EXPECT_EQ(outcome.end, TrainingEnd::kAllSteps);
  EXPECT_EQ(outcome.resumed_at, 2);
  EXPECT_EQ(outcome.steps.size(), 2u);
  EXPECT_EQ(store_->kept, 4);
  EXPECT_EQ(bytes_of(session.model()), expected(kSteps));
  t.resume = false;
  EXPECT_EQ(TrainingSession(t).done(), 0);
}

TEST_F(Session, GoesOnInPlaceAfterItWasCalledOffAmidAStep) {
  TrainingSession session(task());
  int asked = 0;
  TrainingEvents events;
  events.stop = [&] { return ++asked == 4; };  // after the beginning of step 1
  EXPECT_EQ(session.run(events).end, TrainingEnd::kCalledOff);
  EXPECT_EQ(session.done(), 1);
  EXPECT_EQ(session.run().end, TrainingEnd::kAllSteps);
  EXPECT_EQ(bytes_of(session.model()), expected(kSteps));
}

TEST_F(Session, PassesOnWhatEventsThrow) {
  TrainingSession session(task());
  TrainingEvents events;
  events.training = [](int step, double) {
    if (step == 1) throw std::runtime_error("enough");
  };
  EXPECT_THROW(session.run(events), std::runtime_error);
  EXPECT_EQ(session.done(), 1);
}

TEST_F(Session, RefusesTheCheckpointOfAnother) {
  TrainingTask t = task();
  t.checkpoints = store_;
  t.resume = true;
  TrainingSession(t).run();
  TrainingTask other = t;
  other.data = owner().dataset(owner().layout, 5);
  EXPECT_NE(message_of([&] { TrainingSession{other}; }).find("'checkpoint': belongs to another"),
            std::string::npos);
  other = t;
  other.config.learning_rate = 2;
  EXPECT_NE(message_of([&] { TrainingSession{other}; }).find("another training configuration"),
            std::string::npos);
  // Or it is replaced, where whoever trains knows that it may be another's.
  other.replaces_others = true;
  EXPECT_EQ(TrainingSession(other).done(), 0);
  t.replaces_others = true;
  EXPECT_EQ(TrainingSession(t).done(), kSteps);
  store_->bytes->back() ^= 1;
  // Who has lost the one of a study is told that nothing is lost with it.
  const std::string remedy = "without that file the training begins anew";
  EXPECT_NE(message_of([&] { TrainingSession{t}; }).find(remedy), std::string::npos);
  t.replaces_others = false;
  const std::string plain = message_of([&] { TrainingSession{t}; });
  EXPECT_NE(plain, "");
  EXPECT_EQ(plain.find(remedy), std::string::npos);
}

TEST_F(Session, AsManyRoundsAsMayBe) {
  const TrainingTask t = task(1);
  const auto begun = [&](int rounds) {
    std::vector<int> due(static_cast<std::size_t>(rounds));
    std::iota(due.begin(), due.end(), 1);
    return message_of([&] { ValidationRounds(t.keys, *t.validation, due, RunId{1}, false); });
  };
  EXPECT_EQ(begun(kMaxRounds), "");
  EXPECT_NE(begun(kMaxRounds + 1).find("more than 9999 rounds of validation"), std::string::npos);
}

TEST_F(Session, RoundsGoOutAndAnswersComeBack) {
  TrainingSession session(task(3));
  std::vector<std::pair<int, double>> waited;
  TrainingEvents events;
  events.waiting = [&](int round, double fraction) { waited.emplace_back(round, fraction); };
  const TrainingOutcome outcome = session.run(events);
  EXPECT_EQ(outcome.end, TrainingEnd::kStoppedByOwner);
  EXPECT_EQ(session.done(), 3);
  ASSERT_EQ(outcome.rounds.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const AskedRound& round = outcome.rounds[static_cast<std::size_t>(i)];
    EXPECT_EQ(round.round, i + 1);
    EXPECT_EQ(round.steps, i + 1);
    EXPECT_EQ(round.stop, i == 2);
    const RoundFile file = sent(i + 1);
    EXPECT_EQ(file.round, i + 1);
    EXPECT_FALSE(file.last);
    EXPECT_EQ(bytes_of(file.model), expected(i + 1));
    const ScoresFile scores = score(*owner().keys, file.model, *owner().validation);
    EXPECT_EQ(scores.trained_on, owner().data->info.id);
    ASSERT_EQ(file.scores.scores.scores.size(), scores.scores.scores.size());
    EXPECT_EQ(file.scores.data, owner().validation->info.id);
    for (std::size_t c = 0; c < scores.scores.scores.size(); ++c)
      EXPECT_TRUE(equal(file.scores.scores.scores[c].c1, scores.scores.scores[c].c1));
  }
  EXPECT_TRUE(waited.empty()) << "every answer was there";
}

TEST_F(Session, AStepAtATimeAsksEveryRoundOnce) {
  TrainingSession session(task(3));
  for (int i = 1; i <= 3; ++i) {
    const TrainingOutcome outcome = session.run({}, 1);
    EXPECT_EQ(session.done(), i);
    EXPECT_EQ(outcome.end, i == 3 ? TrainingEnd::kStoppedByOwner : TrainingEnd::kCalledOff);
    ASSERT_EQ(outcome.rounds.size(), 1u);
    EXPECT_EQ(outcome.rounds[0].round, i);
  }
  // What was stopped stays so.
  const TrainingOutcome after = session.run();
  EXPECT_EQ(after.end, TrainingEnd::kStoppedByOwner);
  EXPECT_TRUE(after.rounds.empty());
  EXPECT_TRUE(after.steps.empty());
  EXPECT_EQ(session.done(), 3);
}

TEST_F(Session, TheLastRoundIsNotWaitedFor) {
  TrainingTask t = task(0);
  channel_->sent = [&, answers = channel_->sent](const std::string& name) {
    if (name != round_name(kSteps)) answers(name);
  };
  TrainingSession session(t);
  const TrainingOutcome outcome = session.run();
  EXPECT_EQ(outcome.end, TrainingEnd::kAllSteps);
  EXPECT_EQ(outcome.rounds.size(), std::size_t{kSteps});
  EXPECT_TRUE(sent(kSteps).last);
}

TEST_F(Session, AsksAgainWhatWasNotAnswered) {
  TrainingTask t = task(0);
  const auto answers = std::exchange(channel_->sent, {});
  t.validation->timeout = 0;
  const std::string said = message_of([&] { TrainingSession(t).run(); });
  EXPECT_NE(said.find("no answer to round 1 within"), std::string::npos) << said;
  EXPECT_NE(said.find(channel_->place(answer_name(1))), std::string::npos) << said;
  const Bytes asked = channel_->records().at(round_name(1));

  t.resume = true;
  EXPECT_THROW(TrainingSession(t).run(), NoAnswer);
  EXPECT_EQ(channel_->records().at(round_name(1)), asked) << "the same bits";
  t.validation->timeout = 600;
  TrainingSession session(t);
  TrainingEvents events;
  int waited = 0;
  events.waiting = [&](int round, double fraction) {
    EXPECT_EQ(round, 1);
    EXPECT_GE(fraction, 0);
    EXPECT_LT(fraction, 1);
    ++waited;
  };
  events.stop = [&] { return waited > 2; };
  EXPECT_EQ(session.run(events).end, TrainingEnd::kCalledOff);
  EXPECT_EQ(waited, 3);
  channel_->sent = answers;
  const TrainingOutcome outcome = session.run();
  EXPECT_EQ(outcome.end, TrainingEnd::kAllSteps);
  EXPECT_EQ(outcome.resumed_at, 1);
  EXPECT_EQ(outcome.rounds.size(), std::size_t{kSteps});
  EXPECT_EQ(bytes_of(session.model()), expected(kSteps));
  for (int round = 1; round <= kSteps; ++round) EXPECT_EQ(sent(round).run, sent(1).run);
}

TEST_F(Session, AnswersThatAreNone) {
  TrainingTask t = task(0);
  const auto refused = [&](const std::function<void(Bytes&)>& change, const char* why) {
    channel_->records().clear();
    channel_->sent = [&](const std::string& name) {
      if (name != round_name(1)) return;
      answer(1, false);
      change(channel_->records()[answer_name(1)]);
    };
    const std::string said = message_of([&] { TrainingSession(t).run(); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  refused([](Bytes& bytes) { bytes.back() ^= 1; }, "damaged");
  refused([&](Bytes& bytes) { bytes = channel_->records()[round_name(1)]; }, "expected an answer");
  refused(
      [&](Bytes& bytes) {
        MemorySink sink;
        write_answer(sink, owner().keys->set, RunId{1}, 1, true);
        bytes = sink.bytes();
      },
      "another run");
}

TEST_F(Session, ANewRunBeginsWhereNothingIs) {
  TrainingSession(task(1)).run();
  for (const std::string& name : {round_name(1), answer_name(1)}) {
    const std::string said = message_of([&] { TrainingSession{task(1)}; });
    EXPECT_NE(said.find(channel_->place(name)), std::string::npos) << said;
    EXPECT_NE(said.find("another run"), std::string::npos) << said;
    channel_->records().erase(name);
  }
  EXPECT_NO_THROW(TrainingSession{task(1)});
}

TEST_F(Session, RefusesWhatDoesNotFit) {
  TrainingTask t = task(0);
  const ProductLayout wide =
      ProductLayout::create(*owner().parameters, kSamples, kFeatures + 4, kClasses, 4);
  t.validation->data = owner().dataset(wide, 1);
  EXPECT_NE(message_of([&] { TrainingSession{t}; }).find("the validation set was encrypted for"),
            std::string::npos);
  t = task();
  t.data = owner().dataset(wide, 1);
  EXPECT_THROW(TrainingSession{t}, DataError);
  t = task();
  t.config.classes = kClasses + 1;
  EXPECT_THROW(TrainingSession{t}, DataError);
  t = task();
  t.keys.reset();
  EXPECT_THROW(TrainingSession{t}, ContractError);
  t = task();
  t.data.reset();
  EXPECT_THROW(TrainingSession{t}, ContractError);
  t = task(0);
  t.validation->channel.reset();
  EXPECT_THROW(TrainingSession{t}, ContractError);
}

TEST_F(Session, RefusesKeysThatLackOne) {
  MemorySink sink;
  write_training_keys(sink, *owner().parameters, owner().keys->set.header.key_id,
                      owner().keys->keys);
  const auto loaded = [&] {
    MemorySource source(sink.bytes(), "'keys'");
    return load_keys(source, owner().keys->set);
  };
  TrainingTask t = task();
  t.keys = loaded();
  EXPECT_NO_THROW(TrainingSession{t});
  const auto lacking = std::make_shared<ServerKeys>();
  MemorySource source(sink.bytes(), "'keys'");
  *lacking = {owner().keys->set, read_training_keys(source, owner().keys->set)};
  lacking->keys.bootstrap.evaluation.galois.erase(
      lacking->keys.bootstrap.evaluation.galois.begin());
  t.keys = lacking;
  const std::string said = message_of([&] { TrainingSession{t}; });
  EXPECT_NE(said.find("'keys': the key for the automorphism X -> X^"), std::string::npos) << said;
}

TEST_F(Session, ACheckpointInAFileIsWholeAtAnyInstant) {
  CheckpointInFile file(path("checkpoint.enc"));
  EXPECT_FALSE(file.last());
  const auto amid = [](ByteSink& sink) {
    sink.write(Bytes(10));
    throw DataError("amid");
  };
  EXPECT_THROW(file.keep(amid), DataError);
  EXPECT_FALSE(file.last());
  const auto whole = [](ByteSink& sink) {
    sink.write(Bytes(10, 7));
    sink.commit();
  };
  file.keep(whole);
  EXPECT_THROW(file.keep(amid), DataError);
  EXPECT_EQ(load(path("checkpoint.enc")), Bytes(10, 7));
  EXPECT_EQ(file.last()->size(), 10u);
  EXPECT_EQ(file.last()->name(), "'" + path("checkpoint.enc").string() + "'");
}

TEST_F(Session, ACheckpointInAFileIsOneRuns) {
  {
    const CheckpointInFile file(path("checkpoint.enc"));
    const std::string said = message_of([&] { CheckpointInFile(path("checkpoint.enc")); });
    EXPECT_NE(said.find("is in use by"), std::string::npos) << said;
    EXPECT_NE(said.find("process " + std::to_string(::getpid())), std::string::npos) << said;
    EXPECT_NO_THROW(CheckpointInFile(path("other.enc")));
  }
  EXPECT_NO_THROW(CheckpointInFile(path("checkpoint.enc")));
}

}  // namespace
}  // namespace blindtuner::testing_support
