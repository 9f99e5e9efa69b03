// An owner's part in a study of several (docs/STUDY.md), as the command `blindtuner study` does it, on the same folders
// and records: parties may be of one kind and of the other, and change from one to the other at any moment.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/model.h>
#include <blindtuner/owner.h>
#include <blindtuner/study_status.h>
#include <blindtuner/training.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What a study is to be. All of it is seen by everybody who reaches the exchange, and is what the fingerprint stands for.
struct StudyPlan {
  std::string name{};                 ///< what it is called: 1 to 100 bytes
  std::vector<std::string> owners{};  ///< 2 to 16 names: 1 to 16 of a to z, 0 to 9 and '-', the first a letter
  std::vector<std::string> classes{};  ///< their names, in the order of their numbers
  /// How many every owner has: one number; where `labels` names an owner, one for each.
  std::vector<std::size_t> columns{};
  std::vector<std::string> column_names{};  ///< in the order of all owners' rows; or none
  /// Empty: owners have rows of their own of the same columns. An owner: they have columns of the same rows, and this one the
  /// labels.
  std::string labels{};
  bool identifiers = false;  ///< with `labels`: rows are matched by identifiers, and need not be the same ones in one order
  /// How many owners open the model, 2 to all; 0: all. Any so many of them and the server together can then read
  /// everything.
  std::size_t threshold = 0;
  std::string recipient{};  ///< name of somebody who is no owner, joins as they do, and gets the model; empty: nobody
  bool recipient_alone = false;  ///< the model is for the recipient, and no owner opens it
  TrainingOptions options{};
  /// "none", "pooled" by the statistics of all rows, or a file with a map that all owners have. Empty: "pooled" for three
  /// owners or more; two would each know the other's statistics, and have none.
  std::string whitening{};
  double epsilon = 0.01;            ///< of "pooled": what is added to columns' variances, 10^-6 to 1000
  std::filesystem::path encoder{};  ///< whose digest the study names; empty: none
  std::string parameters{};         ///< name of a set for as many owners; empty: by their number
  /// Every so many steps each owner says, by its scores of a tenth of its rows, about 100 at most, that it holds out, whether the model is better than
  /// the one kept so far: a bit, which all see. What most say decides on the model, and after `patience` rounds without a better one
  /// the training stops. 0: it takes all its steps. Not with a threshold, `labels` or `recipient_alone`.
  int validate_every = 0;
  int patience = 3;
};

/// What an owner gives beside its rows.
struct StudyContribution {
  DataSet test{};  ///< rows of its own that nobody trains on, by which the model is judged; or none
  std::vector<std::string> identifiers{};  ///< one a row, where the plan matches rows by them; empty ones: of no other's row
  std::filesystem::path whitening{};       ///< the map's file, where the plan names one
  /// What the columns of `rows` are called, in their order, or none. Owners who are of different ones are told, and the model and
  /// column_names() have them.
  std::vector<std::string> column_names{};
};

/// What all owners' parts of the scores of rows add up to.
struct StudyScores {
  Scores scores{};
  std::vector<std::size_t> rows{};  ///< whose they are: places among the rows that were given, from 0
  /// When the other owners' parts were made, by their clocks and signed ("2026-01-31T12:00:00Z"); empty: an earlier version's part does not say.
  /// Whoever carries a part can put an earlier one of the same owner in its place.
  std::map<std::string, std::string> made{};
};

/// One of the owners, or the recipient, who joins, agrees and opens, and has no data: its folder, which is for it alone, and the exchange, a folder that all reach. It may be destroyed at any
/// moment, and its process killed: resume() goes on. While one has stepped and lives, no other, here or in another process,
/// works on the folder. Moves, does not copy. One thread at a time. All
/// functions throw DataError for what others sent and cannot be, and ContractError for one that was moved from.
class Study {
 public:
  /// As the coordinator: writes the study down, and joins it. passphrase: what the owner's secrets are sealed with; empty:
  /// nothing. Throws DataError for a plan that is none and an exchange with another study, SecurityError for parameters
  /// below 128 bits unless the context allows them.
  static Study create(const Context& context, const std::filesystem::path& folder,
                      const std::filesystem::path& exchange, const std::string& owner,
                      const StudyPlan& plan, std::string_view passphrase = {},
                      const OwnerNotices& notices = {});
  /// As another owner, which joins at once, or by step() once the study is there. Throws DataError where the folder is
  /// another owner's, of another exchange, or within it, and where the study has no such owner.
  static Study join(const Context& context, const std::filesystem::path& folder,
                    const std::filesystem::path& exchange, const std::string& owner,
                    std::string_view passphrase = {}, const OwnerNotices& notices = {});
  /// An owner that has created or joined. exchange: where it is now; empty: where it was. Throws DataError for
  /// a passphrase where the secrets have none; a wrong one is refused by the first call that changes anything.
  static Study resume(const Context& context, const std::filesystem::path& folder,
                      std::string_view passphrase = {}, const std::filesystem::path& exchange = {});

  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;
  ~Study();

  /// The owner's name.
  const std::string& owner() const;
  /// JSON of what is agreed on, as docs/FORMAT.md has a draft; empty before it is there.
  std::string agreed() const;

  /// What step() would do, or for whom it waits. Changes nothing, and may be asked while another process steps.
  StudyStatus status() const;
  /// Tells the fingerprint that the other owners have read out, once: 64 hexadecimal digits, with or without blanks or '-' between. Throws
  /// DataError for another one than the study's, for a part of it, and before all have joined.
  void agree(const std::string& fingerprint);
  /// Numbers of labels by the names of the study's classes, on the same terms as those in a file ("2.0" is "2").
  /// Throws DataError for what is no class, and before the study is there.
  std::vector<int> class_numbers(const std::vector<std::string>& labels) const;
  /// In which order this owner's rows have their columns, by the names that the plan or `contribute` gave; empty: nobody has said.
  std::vector<std::string> column_names() const;
  /// This owner's rows, which it encrypts when that is due, with labels where it is to have them. Copied, kept in memory
  /// alone, and needed again by a Study that is resumed. Throws DataError for rows that the study does not take, before
  /// it is there, and, as long as the others were told of no rows and unless whitening is pooled, for those on which a training in
  /// the clear, which is tried here, leaves the range of the circuit. Rows have no groups here; what a command has held out by
  /// groups (StudyPlan::validate_every) stays held out. `notices` are told what is amiss with a training set, or a test set of the same rows,
  /// and yet taken (docs/DATA.md).
  void contribute(const DataSet& rows, const StudyContribution& more = {},
                  const OwnerNotices& notices = {});
  /// Does the next phase, if it waits for nothing, and returns. What a function of `notices` throws ends the phase, which is
  /// done again by the next call.
  StudyStatus step(const OwnerNotices& notices = {});
  /// Once the keys are there: trains and opens without these owners, who are away for good, as soon as all others have said the same;
  /// step() tells them. Of rows, with a threshold that the others reach. Throws DataError elsewhere, for owners of whom one has
  /// sent its data where nobody else has said it yet, and for owners who all have.
  void go_on_without(const std::vector<std::string>& owners);
  /// Gives up the keys that are being made, for an owner that has vanished, and begins another session. Throws
  /// DataError before there is one, and once the keys are there.
  void begin_session();

  // What leaves, once finished: DataError before, and where the model is for the recipient alone. All of it is in the folder, too.

  /// On features as they came; of owners with different columns on all of them, whitened, side by side.
  LinearModel open_model() const;
  /// JSON: what the model of all is like on this owner's rows, and what it gets from these alone.
  std::string open_report() const;
  /// model.npz, as the command `study open` writes it.
  std::filesystem::path model_file() const;
  /// What left under the secret of this session, and what it can have told. The recipient has none: DataError.
  Ledger ledger() const;

  // Of owners with different columns, whom the model serves together: each makes its part of the scores of rows that all have, and
  // whoever has all parts adds them up. `identifiers`: as StudyContribution has them.

  /// Writes this owner's part, an .npz, in the place of nothing that a study or keys have. Whoever has it learns as many linear functions of each row's columns as there are
  /// classes.
  void save_partial_scores(const std::filesystem::path& file, const DataSet& rows,
                           const std::vector<std::string>& identifiers = {});
  /// Of this owner's rows and the files of all other owners; rows that not all have are left out. Labels are not asked for.
  StudyScores combine_scores(const DataSet& rows, const std::vector<std::filesystem::path>& parts,
                             const std::vector<std::string>& identifiers = {});

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit Study(std::unique_ptr<State> state);
  State& state() const;
  std::unique_ptr<State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
