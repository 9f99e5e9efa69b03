// blindtuner study scores and study combine: the model of a study of columns, used by its owners.
#include <memory>
#include <sstream>

#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/owner.h"
#include "app/owner/study.h"
#include "app/owner/study_data.h"
#include "app/owner/tables.h"
#include "base/error.h"
#include "base/path.h"
#include "learn/reference/metrics.h"
#include "party/owner/decrypted.h"
#include "party/owner/quality.h"
#include "party/owner/study/partial_scores.h"

namespace blindtuner::app {
using namespace party;
namespace {

namespace fs = std::filesystem;

struct ScoresOptions {
  fs::path folder, exchange;
  StudySecrets secrets;
  StudyDataOptions data;
  std::vector<std::string> parts;
  std::string out;
  bool unlabelled = true;  ///< labels, if there are any, are not asked for
};

void add_common(Command& command, ScoresOptions& o) {
  command.add_option("--folder", o.folder, "folder of this owner").required();
  command.add_option("--exchange", o.exchange,
                     "where the exchange is now, if not where the study was joined");
  add_study_rows(command, o.data);
  add_passphrase_options(command, o.secrets.passphrase);
  command.useless({"--labels", "--labels-member", "--class-numbers"}, [&o]() -> std::string {
    return o.unlabelled ? "where no labels are asked for" : "";
  });
}

/// An owner of a study that has its model, and the rows that it scores.
struct Scoring {
  Scoring(const CommonOptions& common, const ScoresOptions& o)
      : place(joined_place(o.folder, o.exchange)),
        owner(study_options(common, place, o.secrets)),
        training(owner, {}),
        rows([&] {
          if (owner.is_recipient())
            throw DataError("'" + place.name +
                            "' is the study's recipient: owners of different columns score rows "
                            "so, each with its own; whoever has all columns takes 'evaluate'");
          require_used(o.data.train);
          DataSource source = o.data.train;
          TakenForTraining taken;
          if (path_exists(owner.model_path())) taken = load_classifier(owner.model_path()).taken();
          taken.feature_names = training.column_names();
          if (o.unlabelled) taken.label = {};
          read_as_in_training(source, taken);
          Reading reading;
          return load_study_rows(common, o.data, source, owner.manifest().draft, place.name,
                                 !o.unlabelled, reading);
        }()) {}

  StudyPlace place;
  StudyOwner owner;
  StudyTraining training;
  Dataset rows;
};

void scores(const CommonOptions& common, const ScoresOptions& o) {
  require_ending(o.out, {".npz"});
  Scoring s(common, o);
  const PartialScores own = partial_scores(s.owner, s.training, s.rows);
  save_partial_scores(o.out, own);
  const auto count = own.scores.rows();
  print_report(common, {{"rows", count}, {"owner", own.owner}, {"made", own.made}, {"out", o.out}},
               "this owner's part of the scores of " + std::to_string(count) + " rows, made " +
                   own.made + ", in " + quoted_path(o.out) +
                   "; whoever has it learns as many linear functions of each " +
                   "row's columns as there are classes\n");
}

void combine(const CommonOptions& common, const ScoresOptions& o) {
  if (!o.out.empty()) require_ending(o.out, {".npz", ".npy"});
  Scoring s(common, o);
  const StudyDraft& draft = s.owner.manifest().draft;
  const std::vector<fs::path> others(o.parts.begin(), o.parts.end());
  const JoinedScores joined = combined_scores(s.owner, s.training, s.rows, others);
  const std::vector<std::size_t>& rows = joined.rows;
  DecryptedScores out;
  out.scores = joined.scores;
  out.limit = load_classifier(s.owner.model_path()).limit;
  out.class_names = draft.classes;
  if (draft.identifiers) {
    NamedColumn column{"id", "'id'", {}};
    for (const std::size_t row : rows) column.fields.push_back(s.rows.ids[row]);
    out.identifiers.push_back(std::move(column));
  }
  std::ostringstream text;
  nlohmann::json report = {{"rows", rows.size()}, {"given", s.rows.features.rows()}};
  text << rows.size() << " of " << s.rows.features.rows() << " rows have scores\n";
  // Whoever carries a part can put an earlier one in its place: people know when theirs was made.
  for (const auto& [from, made] : joined.made) {
    report["parts"][from] = made;
    text << "the part of '" << from << "' was made "
         << (made.empty() ? "by an earlier version, which does not say when" : made) << "\n";
  }
  if (!s.rows.labels.empty()) {
    Labels labels;
    for (const std::size_t row : rows) labels.push_back(s.rows.labels[row]);
    report.update(quality_report(out.scores, labels, draft.classes));
    judge_logits(report, out.limit, reference::largest_logit(out.scores), "on these rows");
    text.precision(4);
    text << "accuracy " << 100 * report["accuracy"].get<double>() << " %, balanced "
         << 100 * report["balanced_accuracy"].get<double>() << " %, macro F1 "
         << report["macro_f1"].get<double>() << "\n"
         << quality_notes(report);
    report["trained_on"] = joined.trained_on;
    if (joined.trained_on > 0)
      text << "NOTE: the study was trained on " << joined.trained_on << " of these " << rows.size()
           << " rows: figures on them say nothing about new ones\n";
  }
  if (!o.out.empty()) save_scores(o.out, out);
  print_report(common, report, text.str());
}

}  // namespace

void add_study_scores(Program& program) {
  program.add_command(
      "study scores", "make this owner's part of the scores of rows, in a study of columns",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<ScoresOptions>();
        add_common(command, *o);
        add_output_file(command, "--out", o->out, "the part, for owners who may have it: .npz")
            .required();
        return [&program, o] { scores(program.options(), *o); };
      });
  program.add_command(
      "study combine", "add up all owners' parts of the scores of rows, in a study of columns",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<ScoresOptions>();
        add_common(command, *o);
        command
            .add_option("--parts", o->parts, "what the other owners have made with 'study scores'")
            .required()
            .separated_by(',');
        o->unlabelled = false;
        command.add_flag(
            "--unlabelled", o->unlabelled,
            "these rows have no labels (the owner of labels judges the scores by them)");
        add_output_file(command, "--out", o->out, "scores of all: .npz, or .npy");
        return [&program, o] { combine(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
