// A server's transcript, and who computes its steps again.
#include "party/server/audit.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "features/data/test_files.h"
#include "io/io_fixture.h"
#include "party/server/memory_store.h"
#include "party/server/owner_fixture.h"

namespace blindtuner::testing_support {
namespace {

class Audit : public IoTest {
 protected:
  // A run with its checkpoint, once.
  struct Run {
    Transcript transcript;
    std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
    CheckpointFile kept() const {
      const auto source = store->last();
      return read_checkpoint(*source, Owner::instance().keys->set);
    }
  };
  static const Run& honest() {
    static const Run run = [] {
      Run out;
      TrainingTask task = training_task();
      task.checkpoints = out.store;
      TrainingSession session(std::move(task));
      session.run();
      MemorySink sink;
      out.transcript =
          session.transcript(write_model(sink, Owner::instance().keys->set, session.model()));
      return out;
    }();
    return run;
  }
  static AuditTask task(std::vector<int> steps, bool kept, Transcript transcript) {
    AuditTask out{.keys = Owner::instance().keys,
                  .data = Owner::instance().data,
                  .transcript = std::move(transcript),
                  .scores = {},
                  .kept = {},
                  .steps = std::move(steps)};
    if (kept) out.kept = honest().kept();
    return out;
  }
  using Steps = std::vector<int>;

  // The transcript of a server that said of step `wrong` (from 1) that this is its gradient, and went on.
  static Transcript lie(int wrong) {
    Transcript out = honest().transcript;
    std::vector<std::vector<Ciphertext>> gradients = honest().kept().gradients;
    std::vector<Ciphertext>& lied = gradients[static_cast<std::size_t>(wrong - 1)];
    Poly& half = lied.back().c1;
    const Residues residues(half);
    const std::vector<u64> last(residues[1].begin(), residues[1].end());
    const std::vector<u64> before(residues[0].begin(), residues[0].end());
    set_residues(half, [&](WritableResidues out_residues) {
      std::ranges::copy(before, out_residues[0].begin());
      std::ranges::copy(last, out_residues[1].begin());
      out_residues[1].back() ^= 1;  // one bit of the last residue
    });
    Sha256Digest link = chain_begin(out);
    for (std::size_t s = 0; s < out.steps.size(); ++s)
      out.steps[s] = link = chain_step(link, gradients[s]);
    return out;
  }
};

TEST_F(Audit, AnHonestRunIsItsTranscript) {
  EXPECT_EQ(honest().transcript.steps.size(), std::size_t{kSteps});
  for (const bool kept : {false, true}) {
    const AuditOutcome all = audit(task({}, kept, honest().transcript));
    EXPECT_EQ(all.same, (Steps{1, 2, 3, 4}));
    EXPECT_FALSE(all.differs);
    EXPECT_EQ(all.model, true);
  }
}

TEST_F(Audit, WithACheckpointAStepIsComputedByItself) {
  const AuditOutcome some = audit(task({1, 3}, true, honest().transcript));
  EXPECT_EQ(some.same, (Steps{1, 3}));
  EXPECT_EQ(some.model, true);
  const AuditOutcome without = audit(task({2}, false, honest().transcript));
  EXPECT_EQ(without.same, (Steps{1, 2})) << "those before it have to be known";
  EXPECT_FALSE(without.model.has_value());
}

TEST_F(Audit, OneBitInAnyStepIsFound) {
  for (int wrong = 1; wrong <= kSteps; ++wrong) {
    const AuditOutcome found = audit(task({}, false, lie(wrong)));
    EXPECT_EQ(found.differs, wrong);
    EXPECT_EQ(found.same.size(), static_cast<std::size_t>(wrong - 1));
    EXPECT_FALSE(found.model.has_value());
  }
  // The checkpoint is the honest one: it cannot be the lying run's.
  EXPECT_NE(message_of([] {
              (void)audit(task({}, true, lie(3)));
            }).find("the checkpoint's step 3 is not the transcript's"),
            std::string::npos);
}

TEST_F(Audit, WhatItHasLookedAtIsKnown) {
  const Transcript& said = honest().transcript;
  const std::vector<Sha256Digest> given{transcript_digest(said), said.model};
  const AuditOutcome all = audit(task({}, true, said));
  EXPECT_EQ(all.audited, given);
  require_audited(all, "it", given);
  Transcript other = said;
  other.steps.back().front() ^= 1;
  for (const Sha256Digest& digest : {transcript_digest(other), other.steps.front()})
    EXPECT_NE(message_of([&] {
                require_audited(all, "it", std::array{said.model, digest});
              }).find(to_hex(digest) + " was not audited"),
              std::string::npos);
  // A model of which some steps are another's word is not.
  const AuditOutcome some = audit(task({2, 4}, true, said));
  EXPECT_EQ(some.model, true);
  EXPECT_TRUE(some.audited.empty());
}

TEST_F(Audit, AModelThatIsNotOfItsStepsIsFound) {
  Transcript lying = honest().transcript;
  lying.model.front() ^= 1;
  const AuditOutcome found = audit(task({2}, true, std::move(lying)));
  EXPECT_FALSE(found.differs);
  EXPECT_EQ(found.model, false);
}

TEST_F(Audit, OtherInputsAreRefused) {
  const auto message = [](auto change, Steps steps = {1}) {
    Transcript other = honest().transcript;
    change(other);
    return message_of([&] { (void)audit(task(steps, true, other)); });
  };
  const auto has = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(message([](Transcript& t) { t.keys.front() ^= 1; }), "'keys': not the keys");
  has(message([](Transcript& t) { t.key_set.front() ^= 1; }), "'keys': not the keys");
  has(message([](Transcript& t) { t.data.front() ^= 1; }), "the data set is not");
  has(message([](Transcript& t) { t.data_id.front() ^= 1; }), "the data set is not");
  has(message([](Transcript& t) { t.training.config.learning_rate = 2; }), "of another run");
  has(message([](Transcript&) {}, {0}), "has the steps 1 to 4");
  has(message([](Transcript&) {}, {2, 5}), "has the steps 1 to 4");
  EXPECT_THROW((void)audit(task({2, 2}, false, honest().transcript)), ContractError);
}

TEST_F(Audit, ATranscriptIsReadAsItWasSigned) {
  const SigningKey key = SigningKey::generate();
  const std::string text = transcript_text(honest().transcript, key);
  const Transcript read = parse_transcript(text, "'t'");
  EXPECT_EQ(read.server, key.public_key());
  EXPECT_EQ(read.steps, honest().transcript.steps);
  EXPECT_EQ(read.model, honest().transcript.model);
  EXPECT_EQ(read.training, honest().transcript.training);
  EXPECT_EQ(chain_begin(read), chain_begin(honest().transcript));
  EXPECT_TRUE(audit(task({4}, true, read)).model.value());
  // Whatever of it is changed, it is no longer what was signed.
  const std::size_t from = text.find("steps");
  for (std::size_t at = from; at < from + 200; at += 7) {
    std::string other = text;
    other[at] = other[at] == 'a' ? 'b' : 'a';
    if (other == text) continue;
    EXPECT_THROW((void)parse_transcript(other, "'t'"), DataError) << at;
  }
}

TEST_F(Audit, TheLargestTranscriptFits) {
  const SigningKey key = SigningKey::generate();
  Transcript largest = honest().transcript;
  largest.steps.resize(kMaxSteps, largest.steps.front());
  largest.training.steps = kMaxSteps;
  std::string text = transcript_text(largest, key);
  EXPECT_LT(text.size(), kMaxTranscriptBytes);
  text.resize(kMaxTranscriptBytes, '\n');
  const TemporaryFolder folder;
  put_file(folder / "t", std::string_view(text));
  EXPECT_EQ(within_memory(std::size_t{192} << 20,
                          [&] {
                            const std::size_t steps = read_transcript(folder / "t").steps.size();
                            if (steps != kMaxSteps) throw DataError(std::to_string(steps));
                          }),
            "good");
  // A file with nothing more in it but its size.
  std::filesystem::resize_file(folder / "t", kMaxTranscriptBytes + 1);
  EXPECT_NE(within_memory(1 << 20, [&] { (void)read_transcript(folder / "t"); })
                .find("expected at most 16777216"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner::testing_support
