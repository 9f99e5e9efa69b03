// One owner's part in a study's training, once the keys of all are there: phases that follow those of set-up
// (study_owner.h), each of which may be killed at any moment.
//
// What it says and sends, in the exchange (sN: the session):
//
//   without        whom it goes on without, where it is told to (party/study/left_out.h)
//   match-key, match    where rows are matched by identifiers (party/owner/study/row_matching.h)
//   rows           its rows, in the clear (records/study/joint_run.h)
//   stats          its part of the statistics of all rows, where the whitening is pooled; "stats-commit" names its contents
//   stats-share    its share of their sum, sealed to all owners; named by "stats-answer". Shares are shown once all who open have
//                  named theirs: whoever sees the others' first would choose what comes out
//   data-map       which map of the pooled statistics it has (party/study/study_run.h): owners with different ones send no data
//   data           its data; "data-commit"
//   held-out       where there are rounds of validation (party/study/rounds.h) a tenth of its rows, which nobody trains on; and in
//                  each round shares and a vote
//   here           where fewer than all open it: that the model is the study's, and this owner there to answer
//   share          its share of the model, sealed to all owners; "answer". Where fewer than all open it, of those alone whom the
//                  server has named first: who they are is kept (party/study/exchange.h) before anything is answered
//
// In its folder's sN: these records as they went out (of statistics and data until it has the model, or has answered where that is
// not for it); rows.sha256, of the rows that it has told of; held-out.json, which of them it holds out; matching.json, which of them are
// matched; audited, a digest of what it has had computed again last, a model or the scores of a round; rounds.json, what its held-out rows gave in each round and what it
// voted; whitening.npz, model.npz and the server's transcript. In its folder: report.json, what the model is
// like (party/owner/study/gain.h), which is there last.
#pragma once

#include <set>

#include "party/owner/decrypted.h"
#include "party/owner/study/joint_opening.h"
#include "party/owner/study/study_data.h"
#include "party/owner/study/study_owner.h"
#include "party/study/rounds.h"
#include "party/study/study_run.h"
#include "secret/disclosure.h"
#include "secret/joint/sealed_box.h"

namespace blindtuner::party {

/// Which rows to hold out: a tenth of every class, or a hundred rows or so of all if that is less, the same ones at every call: where copies
/// and groups are, whole ones.
std::vector<std::uint32_t> rows_to_hold_out(const Dataset& train, const Seed& seed);
/// Takes these rows out, in this order. Throws ContractError for one that is not there, or twice.
Dataset take_out(Dataset& train, std::span<const std::uint32_t> rows);

class StudyTraining {
 public:
  /// Adds its phases to the owner's, which must live as long. `data` is asked for once, when it is needed; empty: the
  /// operator has not given it, and is waited for.
  StudyTraining(StudyOwner& owner, std::function<StudyData()> data);
  StudyTraining(const StudyTraining&) = delete;
  StudyTraining& operator=(const StudyTraining&) = delete;

  /// Of the map that its data went through, where there is one.
  std::filesystem::path map_path() { return owner_.session_folder() / "whitening.npz"; }
  /// Whether and of which rows it has told the others.
  std::filesystem::path told_path() { return owner_.session_folder() / "rows.sha256"; }
  /// What the columns of the rows that it has told of are called, where they are.
  std::filesystem::path columns_path() { return owner_.session_folder() / "columns.json"; }
  std::vector<std::string> column_names();
  /// Whether these rows, as they were read, are those that it has told of.
  bool are_told(const Dataset& rows);
  /// How its rows were matched (to_json(RowMatch)), once they are.
  std::filesystem::path matching_path() { return owner_.session_folder() / "matching.json"; }
  /// Which of these rows it holds out, chosen once, with the groups that they had: places from 0, in their order.
  std::filesystem::path held_out_path() { return owner_.session_folder() / "held-out.json"; }
  std::filesystem::path rounds_path() { return owner_.session_folder() / "rounds.json"; }

 private:
  std::vector<Phase> phases();
  /// Whether the model is for it, too.
  bool reads();
  /// Whether it has the model or, where that is not for it, has answered it, or is not asked to.
  bool through();
  /// Whether the others went on without its rows, as run() has it.
  bool is_left_out() const;
  /// What of its statistics, data and shares of scores is there still.
  std::vector<std::filesystem::path> kept_to_send();
  void remove_kept();
  /// Of these what is in the exchange and is not what was sent: its operator's to mend, as the server can go on with none of it.
  std::vector<Awaited> spoiled();
  /// Of all that a recipient opens the model with.
  std::vector<Awaited> missing_for_recipient();
  std::vector<Awaited> with_data(std::vector<Awaited> others) const;
  /// As the operator has given it, and in a study that matches rows those that all owners have.
  const StudyData& given();
  const StudyData& data();
  /// From here on these rows are this owner's, and no others.
  void hold_rows();
  /// As all know it, for who only looks, too; of a study with rounds of validation, which leaves out nobody.
  const JointRun& told_run();
  const JointRun& run();
  const OwnerKeys& keys();
  Disclosure door();
  Origin origin(const std::string& what);
  /// Writes a record into the folder, once, and says what its contents are (and `more`).
  void commit(const char* record_kind, const char* commit_kind,
              const std::function<Sha256Digest(ByteSink&)>& write,
              const nlohmann::json& more = nlohmann::json::object());
  /// Sends what it has committed to.
  void show(const char* record_kind);
  /// Both at once.
  void send(const char* record_kind, const char* commit_kind,
            const std::function<Sha256Digest(ByteSink&)>& write,
            const nlohmann::json& more = nlohmann::json::object());
  /// Of these owners. name: what they are shares of.
  std::vector<OpeningShare> shares_of(std::span<const std::string> owners, const char* record_kind,
                                      const char* commit_kind, ShareName name,
                                      const CiphertextShape& shape, double noise);
  ModelFile model(Sha256Digest& contents);
  /// The owners who open the model; none as long as the server has not named them.
  std::vector<std::string> decryptors();
  bool is_decryptor();
  /// Of a model of these decryptors.
  Opening opening(std::span<const std::string> decryptors);

  /// Whether its part in the stage does.
  bool counts(Stage stage);
  Opening statistics_opening();

  void send_match_key();
  void send_match();
  struct PooledMap {
    Whitening map;
    Sha256Digest
        digest;  ///< under a key of the shares that it was opened with, which nobody else reads
  };
  /// Of the opened statistics of all rows. Throws DataError that names who has said that it has another.
  PooledMap pooled_whitening();
  void require_one_map(const Sha256Digest& own);
  void say_map();
  void say_rows();
  void send_statistics();
  void answer_statistics();
  void send_data();
  /// A file that holds this digest alone, in hexadecimal, and is there.
  static bool holds_digest(const std::filesystem::path& file, const Sha256Digest& digest);
  static void write_digest(const std::filesystem::path& file, const Sha256Digest& digest);
  void send_held_out();
  /// The map that its rows went through; where there is none, they were trained on as they are.
  std::optional<Whitening> sent_map();
  // study_rounds.cpp
  /// Throws DataError where scores would leave no room for the noise of so many rounds.
  void require_room_in_rounds();
  /// Takes out of its rows those that it holds out. Throws DataError where rows of one group would be on both sides, which are other groups
  /// than they were chosen with.
  void hold_out();
  /// From here on these rows are held out, and no others.
  void keep_held_out();
  bool has_vote();
  /// As it has kept them. Throws DataError for a file that it cannot have written.
  nlohmann::json own_rounds();
  struct ScoredRows {
    Eigen::MatrixXd scores;  ///< of its held-out rows, with the others' noise
    double noise = 0;        ///< of each share
  };
  /// Throws DataError where something of it is not there, or not what it must be.
  ScoredRows scores_in_round(int round);
  /// What its held-out rows give by a round's model; kept_loss: by the one that is kept, not a number where none is.
  nlohmann::json judged_round(int round, double kept_loss);
  /// Of the round that is under way: what is not there of what this owner needs next, and what it does once that is.
  std::vector<Awaited> missing_in_round();
  void act_in_round();
  void answer_others(int round);
  void vote(const Rounds& now);
  bool sent_score_share(int round, std::size_t place);
  bool answered_others(int round);
  bool said_vote(int round);
  Origin origin_of_round(std::size_t place, int round);
  /// Of the rows of the owner at this place, held to be what the round must give.
  ScoresFile scores_of_round(std::size_t place, int round);
  void report_rounds(nlohmann::json& report);
  /// Notes that it had no vote, or distrusts the report where what the owner voted by in the round of the opened model is not what that gives.
  void judge_rounds(nlohmann::json& report, const LinearClassifier& classifier);
  // study_opening.cpp
  /// Where it is to: what the server has given, which has these digests, is computed again, once.
  void audit(std::span<const Sha256Digest> given);
  /// The same of the model with these contents, and of its transcript.
  void audit_model(const Sha256Digest& contents, const HeldTranscript& transcript);
  /// Its operator, where that would have the training audited before a share is given.
  std::vector<Awaited> held_back();
  void show_share();
  void say_here();
  void answer_model();
  void open();

  StudyOwner& owner_;
  std::function<StudyData()> load_;
  std::optional<StudyData> data_;
  std::optional<Dataset> held_out_;  // of data_, for rounds of validation
  std::vector<std::uint32_t> held_out_places_;
  bool matched_ = false;
  std::set<std::string> sound_;  // records that were found as they were sent
  Sha256Digest rows_{};          // of what was given
  std::optional<JointRun> told_run_, run_;
  std::optional<LeftOut> run_without_;  // of these
  std::optional<OwnerKeys> keys_;
};

}  // namespace blindtuner::party
