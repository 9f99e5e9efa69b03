// blindtuner study create: what a study is to be.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/common/config_file.h"
#include "app/common/head_options.h"
#include "app/common/options.h"
#include "app/owner/owner.h"
#include "app/owner/study.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/samples/class_names.h"
#include "features/tables/table_number.h"
#include "party/owner/study/study_data.h"
#include "party/study/draft.h"
#include "party/study/study_run.h"

namespace blindtuner::app {
namespace {

struct CreateOptions {
  StudyPlace place;
  StudySecrets secrets;
  std::string name, config, set, whitening, encoder, labels;
  bool identifiers = false;
  double epsilon = kDefaultStudyEpsilon;
  std::size_t threshold = 0;
  std::string recipient;
  bool recipient_alone = false;
  int validate_every = 0, patience = 3;
  std::vector<std::string> owners, classes, columns, column_names;
  HeadOptions head;
};

std::size_t count_of(const std::string& text) {
  std::string number = text;
  const std::string problem = whole_numbers(1, kMaxColumns - 1).problem(number);
  if (!problem.empty()) throw DataError("--columns " + text + ": " + problem);
  return static_cast<std::size_t>(std::stoull(number));
}

/// As tables' are read.
std::vector<std::string> names_of(std::vector<std::string> given) {
  for (std::string& name : given) name = std::string(features::without_blanks(name));
  return given;
}

StudyDraft draft_of(const CreateOptions& o) {
  StudyDraft d;
  d.name = o.name;
  d.owners = o.owners;
  d.coordinator = o.place.name;
  if (o.classes.size() < 2)
    throw DataError("--classes: a study has two classes at least, their names separated by commas");
  if (std::ranges::find(o.owners, o.place.name) == o.owners.end())
    throw DataError("--owner '" + printable(o.place.name) +
                    "': is none of --owners; the owner who writes a study down, its coordinator, "
                    "is one of them");
  for (const std::string& name : o.classes) d.classes.push_back(features::class_name(name));
  if (!o.labels.empty()) d.layout = StudyDraft::Layout::kColumns;
  d.labels = o.labels;
  d.identifiers = o.identifiers;
  for (const std::string& count : o.columns) d.columns.push_back(count_of(count));
  d.column_names = names_of(o.column_names);
  d.parameters = o.set.empty() ? StudyDraft::parameters_for(o.owners.size()) : o.set;
  const auto classes = static_cast<int>(std::min<std::size_t>(o.classes.size(), kMaxClasses));
  d.config = read_training_config(o.config, classes, o.head.head);
  d.circuit = find_circuit(o.head.choice(d.config.head), d.config.classes).name;
  set_whitening(d, o.whitening, o.epsilon);
  require_fit(d, o.whitening);
  d.threshold = o.threshold == d.owners.size() ? 0 : o.threshold;
  d.recipient = o.recipient;
  d.recipient_alone = o.recipient_alone;
  d.validate_every = o.validate_every;
  d.patience = o.patience;
  if (!o.encoder.empty()) d.encoder = file_digest(o.encoder);
  d.validate();
  require_useful(d);
  return d;
}

void create(const CommonOptions& common, const CreateOptions& o) {
  const StudyDraft draft = draft_of(o);
  (void)study_parameters(draft, common.allow_insecure);
  write_study_place(o.place);
  make_folder(o.place.exchange);
  StudyOwner owner(study_options(common, o.place, o.secrets));
  owner.create(draft);
  if (o.whitening.empty() && pools_statistics(draft))
    std::fprintf(stderr,
                 "NOTE: whitening is pooled, as for three owners or more: they open sums over all "
                 "rows, and all but one together know that one's; '--whitening none' opens none\n");
  for (const std::string& note : notes_on(draft)) std::fprintf(stderr, "NOTE: %s\n", note.c_str());
  const Advance where = take_steps(common, {true, 0}, o.place.name, [&] { return owner.step(); });
  report_study(common, owner, where, owner.fingerprint().value_or(""));
}

}  // namespace

void add_study_create(Program& program) {
  program.add_command(
      "study create", "write down a study, and join it as the first of its owners",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<CreateOptions>();
        add_study_place(command, o->place);
        command.add_option("--name", o->name, "what the study is called").required();
        command.add_option("--owners", o->owners, "names of all owners, this one's among them")
            .required()
            .separated_by(',');
        command.add_option("--classes", o->classes, "names of the classes")
            .required()
            .separated_by(',');
        command
            .add_option("--columns", o->columns,
                        "how many columns every owner has; with --labels a number for each owner")
            .required()
            .separated_by(',');
        command
            .add_option("--column-names", o->column_names,
                        "names of the columns of all owners' tables, in the order that they are "
                        "trained in: a table that has others is refused, one in another order is "
                        "put in this one")
            .separated_by(',');
        command.add_option("--labels", o->labels,
                           "owners have columns of the same samples, and this one the labels "
                           "(else: samples with the same columns)");
        command.add_flag("--identifiers", o->identifiers,
                         "with --labels: owners' rows are matched by identifiers, which nobody but "
                         "the owners learns anything of (else: they are in the same order)");
        command.add_option("--config", o->config, "training configuration (JSON)");
        add_head_options(command, o->head);
        command.add_option(
            "--whitening", o->whitening,
            "none, pooled, or a file with a map that all have (pooled for three owners "
            "or more; of two each would learn the other's statistics, so none)");
        add_number(
            command, "--epsilon", o->epsilon,
            "with --whitening pooled: how much is added to the columns' variances; more makes "
            "features smoother (docs/TRAINING.md)",
            kLeastEpsilon, kMostEpsilon)
            .show_default();
        add_number(command, "--threshold", o->threshold,
                   "how many owners open the model (else all): any so many of them and the server "
                   "together can then read everything",
                   kLeastThreshold, kMostOwners);
        command.add_option("--recipient", o->recipient,
                           "name of somebody who is no owner, joins, too, and gets the model");
        command.add_flag("--recipient-alone", o->recipient_alone,
                         "the model is for the recipient, and owners do not open it");
        const Option every = add_number(
            command, "--validate-every", o->validate_every,
            "each owner holds out a tenth of its rows, about 100 at most, and after so many steps "
            "each time says whether the model is better on them, seeing its own scores alone: what "
            "most find best is the model, and the training stops by it (else: none)",
            1, kMaxSteps);
        add_number(command, "--patience", o->patience,
                   "with --validate-every: rounds without a better one until it stops", 1,
                   kMostStudyPatience)
            .needs(every)
            .show_default();
        command.add_option("--encoder", o->encoder, "the file of the encoder that all use");
        command.add_option("--parameters", o->set,
                           "name of a parameter set for as many owners (else by their number)");
        add_study_secrets(command, o->secrets);
        return [&program, o] { create(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
