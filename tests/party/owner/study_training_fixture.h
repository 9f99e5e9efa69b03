// A whole study of three owners over one folder, from its draft to its model: every party is thrown away after each of its
// phases and made anew, as if it had been killed.
#pragma once

#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/json.h"
#include "io/io_fixture.h"
#include "party/owner/study/study_training.h"
#include "party/server/study/study_training.h"
#include "party/study/study_run.h"
#include "records/study/study_fixture.h"
#include "secret/private_file.h"
#include "secret/scheme_fixture.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::study_training_test {
using namespace party;
using namespace testing_support;
namespace fs = std::filesystem;

inline constexpr Eigen::Index kColumns = 5;

// Two clouds, of which the owners have different shares.
inline Dataset rows_of(std::size_t owner, std::size_t samples, std::uint8_t seed) {
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
    if (audits_.contains(name))
      o.audit = [this, name](const fs::path& folder, std::span<const Sha256Digest> digests) {
        audit_as(name, folder, digests);
      };
    o.holds_answer = holds_.contains(name);
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
        if (encoder_of_.contains(draft_.owners[k]))
          own.train.encoder = encoder_of_[draft_.owners[k]];
        if (other_rows_) own.train.features(0, 0) += 1;
        if (group_ > 0) {
          own.train.groups = {"patient_id", {}, true};
          for (std::size_t i = 0; i < own.train.size(); ++i)
            own.train.groups.values.push_back("P" + std::to_string(i / group_));
        }
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
  /// Somebody who has the exchange alone computes every step again.
  void audit_from_the_exchange() {
    StudyServer nobody(
        {path("nobody"), std::make_shared<FolderChannel>(exchange(), "looks"), true, false});
    const AuditOutcome outcome = audit(study_audit(nobody));
    EXPECT_FALSE(outcome.differs);
    EXPECT_FALSE(outcome.same.empty());
    EXPECT_EQ(outcome.model, true);
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
    if (change_) change_(draft_);
    party("a").owner->create(draft_);
  }

  /// What 'study run --audit' has done.
  void audit_as(const std::string& name, const fs::path& folder,
                std::span<const Sha256Digest> digests) {
    if (before_audit_) before_audit_();
    StudyServer looks(
        {folder, std::make_shared<FolderChannel>(exchange(), "audits-" + name), true, false});
    AuditOutcome found = party::audit(study_audit(looks));
    if (after_audit_) after_audit_();
    require_audited(found, "the transcript", digests);
    audited_.push_back(std::move(found));
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
  std::function<void(StudyDraft&)> change_;  // before it is created
  std::string heard_;
  bool other_rows_ = false, whole_batch_ = false;
  std::size_t group_ = 0;  // so many rows are of one patient; 0: nobody says whose they are
  std::map<std::string, std::vector<std::string>> without_;  // of whom operators say so
  std::map<std::string, std::string> encoder_of_;            // that made its features
  std::set<std::string> audits_, holds_;  // who audits before it answers, who gives no share yet
  std::function<void()> before_audit_, after_audit_;
  std::vector<AuditOutcome> audited_;
  std::mt19937 chance_{5};
};

}  // namespace blindtuner::study_training_test
