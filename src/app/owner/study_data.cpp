#include "app/owner/study_data.h"

#include "app/owner/console.h"
#include "app/owner/tables.h"
#include "base/error.h"
#include "base/path.h"
#include "party/owner/data_checks.h"

namespace blindtuner::app {

void add_study_rows(Command& command, StudyDataOptions& o) {
  command.add_option("--features", o.train.features,
                     "this owner's rows: .npy, .npz, a table or IDX");
  command.add_option("--features-member", o.train.members.features,
                     "name within an .npz archive (features, x, x_train, ..)");
  add_table_options(command, o.train.columns, true);
  command.add_option("--id-column", o.train.columns.id,
                     "of a table, where the study matches rows: the column of identifiers, a name "
                     "or a number from 1; of an .npz the member (ids)");
  command.add_option("--labels", o.train.labels, "labels, one a row: .npy, .npz, a table or IDX");
  command.add_option("--labels-member", o.train.members.labels,
                     "name within an .npz archive (labels, y, y_train, ..)");
  command.add_flag("--class-numbers", o.train.classes.numbered,
                   "labels that are numbers are places among the study's classes, from 0");
  command.need("--features", {"--features-member", "--label-column", "--skip-missing",
                              "--feature-columns", "--drop-columns", "--decimal", "--id-column",
                              "--labels", "--labels-member", "--class-numbers"});
}

void add_study_data(Command& command, StudyDataOptions& o) {
  add_study_rows(command, o);
  command.add_option("--test", o.test.features,
                     "features of this owner's test set, on which it judges the model");
  command.add_option("--test-labels", o.test.labels, "labels of the test set");
  command.add_option("--test-features-member", o.test.members.features,
                     "name within an .npz archive (features, x, x_test, ..)");
  command.add_option("--test-labels-member", o.test.members.labels,
                     "name within an .npz archive (labels, y, y_test, ..)");
  command.add_option("--whitening", o.whitening,
                     "the map that the study names, which all owners have");
  command.need("--features", {"--test", "--whitening"});
  command.need("--test", {"--test-labels", "--test-features-member", "--test-labels-member"});
}

bool study_data_given(const StudyDataOptions& options) { return !options.train.features.empty(); }

Dataset load_study_rows(const CommonOptions& common, const StudyDataOptions& o, DataSource source,
                        const StudyDraft& draft, const std::string& owner, bool labelled,
                        Reading& reading) {
  if (source.features.empty()) throw DataError("which rows? give them with --features");
  source.classes.names = draft.classes;
  source.classes.numbered = o.train.classes.numbered;
  source.identified = draft.identifiers;
  if (!draft.identifiers && !source.columns.id.empty())
    throw DataError(
        "--id-column: this study matches no rows, for it was made without '--identifiers': the "
        "column would say "
        "nothing, and owners' rows go by " +
        std::string(draft.layout == StudyDraft::Layout::kRows ? "no order" : "their places") +
        "; '--drop-columns' leaves it out");
  if (draft.layout == StudyDraft::Layout::kRows && source.feature_names.empty())
    source.feature_names = draft.column_names;
  if (labelled && !has_labels(draft, owner) &&
      (!source.labels.empty() || !source.members.labels.empty() || source.classes.numbered))
    throw DataError("--labels, --labels-member and --class-numbers: in this study '" +
                    draft.labels + "' has the labels, and those of '" + owner +
                    "' would not be read");
  Dataset set = has_labels(draft, owner) && labelled ? load_dataset(source, &reading)
                                                     : load_features(source, &reading);
  print_notes(common, reading);
  if (draft.layout != StudyDraft::Layout::kRows && !draft.identifiers)
    require_same_places(set.places.left_out, quoted_path(source.features), {},
                        "another owner's file",
                        "take the row out of all owners' files, or make the study with "
                        "'--identifiers'");
  return set;
}

StudyData load_study_data(const CommonOptions& common, const StudyDataOptions& o,
                          const StudyDraft& draft, const std::string& owner) {
  const bool rows = draft.layout == StudyDraft::Layout::kRows;
  StudyData out;
  require_used(o.train);
  require_used(o.test);
  out.map = named_map(draft, o.whitening);
  Reading of_training, of_test;
  const auto load = [&](DataSource source, Reading& reading) {
    if (out.map && source.encoder.empty()) source.encoder = out.map->encoder();
    if (out.map && source.pooling.empty()) source.pooling = out.map->pooling();
    return load_study_rows(common, o, source, draft, owner, true, reading);
  };
  out.train = load(o.train, of_training);
  if (!o.test.features.empty()) {
    if (!rows)
      throw DataError("--test: in a study of columns no owner can judge the model by itself");
    DataSource test = o.test;
    test.columns = o.train.columns;
    read_as_in_training(test, taken_for_training(out.train, of_training));
    test.part = Part::kTest;
    out.held_out = load(test, of_test);
  }
  require_study_rows(draft, owner, out.train);
  const Listener listener = console_listener(common);
  tell_of_training_set(out.train, quoted_path(o.train.features), part_of(draft),
                       of_training.details, listener);
  if (out.held_out) hold_test_rows(draft, owner, out, quoted_path(o.test.features), listener);
  return out;
}

}  // namespace blindtuner::app
