// blindtuner study: what one of several owners does (party/owner/study).
#include "app/owner/study.h"

#include <cstdio>
#include <memory>
#include <span>

#include "app/common/options.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "app/owner/process.h"
#include "app/owner/server_check.h"
#include "app/owner/study_data.h"
#include "app/report/html_report.h"
#include "app/report/study_summary.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/path.h"
#include "base/sha256.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/leaving_out.h"
#include "party/study/draft.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

struct Where {
  fs::path folder, exchange;
};
void add_where(Command& command, Where& where) {
  command.add_option("--folder", where.folder, "folder of this owner").required();
  command.add_option("--exchange", where.exchange,
                     "where the exchange is now, if not where the study was joined");
}
StudyPlace place_of(const Where& where) { return joined_place(where.folder, where.exchange); }

struct StudyRunOptions {
  Where where;
  std::string fingerprint;
  StudySecrets secrets;
  StudyWait wait;
  bool new_session = false, hold = false, audit = false;
  std::string server;
  std::vector<std::string> without;
  StudyDataOptions data;
};

/// How its rows were matched, once they are.
std::string matching_words(const JsonIn& matching) {
  const auto count = [&](const char* name) {
    return std::to_string(matching.at(name).whole(0, static_cast<std::int64_t>(kMaxSamples)));
  };
  return "rows: " + count("used") + " of " + count("given") +
         " are at all owners; left out: " + count("not_at_all_owners") + " that are not, " +
         count("without_identifier") + " without an identifier\n";
}

/// Uses the report of an owner who is done. Throws DataError for a file that the study cannot have written.
void with_report(StudyOwner& owner, const std::function<void(const nlohmann::json&)>& use) {
  const std::string advice =
      "; set it aside: the next 'study run --features' opens the model again and writes it";
  nlohmann::json report;
  try {
    report = read_json(owner.report_path());
  } catch (const DataError& error) {
    throw DataError(error.what() + advice);
  }
  try {
    use(report);
  } catch (const nlohmann::json::exception&) {
    throw DataError(quoted_path(owner.report_path()) + ": is not a study's report" + advice);
  }
}

/// Prints where an owner is and, once it has opened the model, what that is like. `copy`: where the model was written, too.
void report_owner(const CommonOptions& common, StudyOwner& owner, StudyTraining& training,
                  const Advance& where, const fs::path& copy = {}) {
  nlohmann::json outcome, more = nlohmann::json::object();
  std::string words;
  if (path_exists(training.matching_path())) {
    const nlohmann::json matching = read_json(training.matching_path());
    words = matching_words(JsonIn(matching, quoted_path(training.matching_path())));
    more = {{"matching", matching}};
  }
  if (where.kind == Advance::Kind::kFinished && path_exists(owner.report_path()))
    with_report(owner, [&](const nlohmann::json& report) {
      const fs::path page = page_path(owner.report_path());
      words += study_summary(report) + "model in " + quoted_path(owner.model_path()) +
               ", report in " + quoted_path(path_exists(page) ? page : owner.report_path()) + "\n";
      if (!copy.empty()) words += "the model is written to " + quoted_path(copy) + ", too\n";
      outcome = report;
    });
  if (const std::string refusal = last_refusal(owner.exchange().folder()); !refusal.empty()) {
    more["refused"] = refusal;
    words += "the last 'study run' was refused: " + refusal + "\n";
  }
  report_study(common, owner, where, owner.fingerprint().value_or(""), outcome, words, more);
}

/// Of an owner who only looks, whose data nobody asks for.
StudyData no_data() { throw ContractError("who only looks gives no data"); }

void join(const CommonOptions& common, const StudyPlace& place, const StudySecrets& secrets) {
  require_exchange_folder(place);
  StudyOwner(study_options(common, place, secrets, false)).require_part();
  write_study_place(place);
  StudyOwner owner(study_options(common, place, secrets));
  const Advance where = take_steps(common, {true, 0}, place.name, [&] { return owner.step(); });
  report_study(common, owner, where, owner.fingerprint().value_or(""));
}

/// A recipient has neither rows nor a share, and what an owner does with them is not done without a word.
void require_for_recipient(const StudyRunOptions& o, StudyOwner& owner) {
  if (!owner.is_recipient()) return;
  const std::pair<bool, const char*> of_owners[] = {{study_data_given(o.data), "--features"},
                                                    {o.hold, "--hold"},
                                                    {o.audit, "--audit"},
                                                    {!o.without.empty(), "--without"}};
  for (const auto& [given, name] : of_owners)
    if (given)
      throw DataError(std::string(name) + ": '" + owner.name() +
                      "' is the study's recipient, and that is for its owners");
}

/// Does what is due. The rows are read, if they are given and still needed, before anything else: what is amiss with them
/// is told while keys are not yet made.
Advance run_phases(const CommonOptions& common, const StudyRunOptions& o, StudyOwner& owner,
                   std::optional<StudyData>& rows, StudyTraining& training) {
  require_for_recipient(o, owner);
  if (const auto draft = owner.draft(); draft && study_data_given(o.data) && !owner.opened()) {
    rows = load_study_data(common, o.data, *draft, owner.name());
    if (!path_exists(training.told_path()))
      require_trainable(*draft, *study_parameters(*draft, common.allow_insecure), *rows);
  }
  // Who has agreed to another one has keys with somebody else: that is told whenever it is heard.
  if (!o.fingerprint.empty() && owner.fingerprint()) owner.require_fingerprint(o.fingerprint);
  if (o.new_session) owner.begin_session();
  if (!o.without.empty()) require_can_go_on_without(owner, o.without);
  return take_steps(common, o.wait, owner.name(), [&] { return owner.step(); });
}

void run(const CommonOptions& common, const StudyRunOptions& o) {
  const StudyPlace place = place_of(o.where);
  StudyOwnerOptions options = study_options(common, place, o.secrets);
  options.fingerprint = o.fingerprint;
  options.without = o.without;
  options.holds_answer = o.hold;
  if (o.audit)
    options.audit = [&, program = checked_server_program(o.server)](
                        const fs::path& folder, std::span<const Sha256Digest> digests) {
      std::string audited;
      for (const Sha256Digest& digest : digests)
        audited += (audited.empty() ? "" : ",") + to_hex(digest);
      std::vector<std::string> arguments = {"study",
                                            "--audit",
                                            "all",
                                            "--folder",
                                            folder.string(),
                                            "--exchange",
                                            place.exchange.string(),
                                            "--audited",
                                            audited};
      if (common.allow_insecure) arguments.emplace_back("--allow-insecure-parameters");
      try {
        run_program(common, program, "audit", arguments);
      } catch (const DataError& error) {
        throw DataError(
            std::string("the training is not what the study says, or could not be audited; "
                        "no share is given: ") +
            error.what());
      }
    };
  StudyOwner owner(options);
  std::optional<StudyData> rows;
  std::function<StudyData()> data;
  bool data_asked = false;
  if (study_data_given(o.data))
    data = [&] {
      data_asked = true;
      if (!rows) rows = load_study_data(common, o.data, owner.manifest().draft, owner.name());
      StudyData out = std::move(*rows);
      rows.reset();
      out.train = in_study_order(std::move(out.train), owner);
      return out;
    };
  StudyTraining training(owner, data);
  try {
    const Advance where = run_phases(common, o, owner, rows, training);
    write_refusal(options.folder, {});
    if (where.kind == Advance::Kind::kFinished && path_exists(owner.report_path()))
      with_report(owner, [&](const nlohmann::json& report) {
        // A recipient has no rows whose figures there are.
        if (report.contains("own_rows"))
          write_file_atomically(page_path(owner.report_path()), html_report(report), kForTheOwner);
      });
    report_owner(common, owner, training, where);
    if (study_data_given(o.data) && !data_asked && where.kind == Advance::Kind::kFinished &&
        path_exists(owner.report_path()))
      std::fprintf(
          stderr,
          "NOTE: the model was opened before, and judged on the rows that were given then; "
          "'evaluate --model' judges it on others\n");
    if (o.audit && where.kind == Advance::Kind::kFinished &&
        !path_exists(owner.session_folder() / "audited"))
      std::fprintf(stderr,
                   "NOTE: there was no share left to give, and nothing was audited: "
                   "'blindtuner-server study --audit all' still can\n");
    if (!o.fingerprint.empty() && !owner.fingerprint())
      std::fprintf(stderr,
                   "NOTE: not all have joined yet, so there is no fingerprint to compare: give "
                   "--fingerprint again once they have\n");
  } catch (const DataError& error) {
    write_refusal(options.folder, error.what());
    throw;
  }
}

void status(const CommonOptions& common, const Where& place) {
  StudyOwner owner(study_options(common, place_of(place), {}, false));
  StudyTraining training(owner, no_data);
  const Advance where = owner.next();
  report_owner(common, owner, training, where);
}

void open(const CommonOptions& common, const Where& place, const std::string& out) {
  require_ending(out, {".npz", ".json"});
  StudyOwner owner(study_options(common, place_of(place), {}, false));
  StudyTraining training(owner, no_data);
  const Advance where = owner.next();
  const std::string refusal = last_refusal(place.folder);
  if (where.kind != Advance::Kind::kFinished)
    throw DataError("the model is not opened yet: before it " + where.phase +
                    (refusal.empty() ? " ('study status' says who is waited for)"
                                     : "; the last 'study run' was refused: " + refusal));
  if (!path_exists(owner.report_path())) throw DataError(recipient_words(owner.manifest().draft));
  save_classifier(out, load_classifier(owner.model_path()));
  report_owner(common, owner, training, where, out);
}

}  // namespace

void add_study_place(Command& command, StudyPlace& place) {
  command.add_option("--folder", place.folder, "folder of this owner alone").required();
  command.add_option("--exchange", place.exchange, "folder that all owners and the server reach")
      .required();
  command.add_option("--owner", place.name, "this owner's name in the study, or its recipient's")
      .required();
}

void add_study_secrets(Command& command, StudySecrets& secrets) {
  command.add_flag("--passphrase", secrets.sealed, "protect this owner's secrets by a passphrase");
  add_passphrase_options(command, secrets.passphrase);
}

StudyPlace joined_place(const fs::path& folder, const fs::path& exchange) {
  StudyPlace out = read_study_place(folder);
  if (!exchange.empty()) out.exchange = exchange;
  // Who has opened the model needs it no more.
  if (!path_exists(out.folder / "report.json")) require_exchange_folder(out);
  return out;
}

StudyOwnerOptions study_options(const CommonOptions& common, const StudyPlace& place,
                                const StudySecrets& secrets, bool changes) {
  StudyOwnerOptions out;
  out.name = place.name;
  out.folder = place.folder;
  out.channel = study_channel(place, changes);
  out.allow_insecure = common.allow_insecure;
  out.changes = changes;
  out.passphrase = [=] { return read_passphrase(secrets.passphrase, place.folder / "identity"); };
  out.passphrase_at_hand = passphrase_given(secrets.passphrase);
  out.new_passphrase = [=] {
    if (passphrase_given(secrets.passphrase))
      return read_passphrase(secrets.passphrase, place.folder / "identity");
    return secrets.sealed ? read_new_passphrase(secrets.passphrase, place.folder / "identity")
                          : SecretBytes();
  };
  out.listener = key_listener(common);
  return out;
}

void add_study(Program& program) {
  program.add_group("study", "several owners train one classifier, and none sees another's data");
  add_study_create(program);
  add_study_scores(program);
  program.add_command("study join", "join the study that is in an exchange",
                      [&](Command& command) -> std::function<void()> {
                        auto place = std::make_shared<StudyPlace>();
                        auto secrets = std::make_shared<StudySecrets>();
                        add_study_place(command, *place);
                        add_study_secrets(command, *secrets);
                        return [&program, place, secrets] {
                          join(program.options(), *place, *secrets);
                        };
                      });
  program.add_command(
      "study run", "do whatever is due in the study, and wait for the others",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<StudyRunOptions>();
        add_where(command, o->where);
        command.add_option("--fingerprint", o->fingerprint,
                           "the study's fingerprint, as the other owners have read it out: once");
        add_passphrase_options(command, o->secrets.passphrase);
        add_study_data(command, o->data);
        add_study_wait(command, o->wait);
        const Option audit = command.add_flag(
            "--audit", o->audit,
            "before a share of the model, or of a round of validation, is given, compute the "
            "training so far again, as 'blindtuner-server study --audit all' does, and give none "
            "where it differs");
        command
            .add_option("--server", o->server,
                        "with --audit: the server's program, if it is not beside this one")
            .needs(audit);
        command.add_flag("--hold", o->hold,
                         "give no share of the model yet: not before somebody has audited "
                         "the training ('blindtuner-server study --audit all')");
        command.add_flag("--new-session", o->new_session,
                         "give up the keys that are being made, and make others");
        command
            .add_option("--without", o->without,
                        "owners who are away for good, whom all others go on without "
                        "(--threshold)")
            .separated_by(',');
        return [&program, o] { run(program.options(), *o); };
      });
  program.add_command("study open", "write the model that the study has trained to a file",
                      [&](Command& command) -> std::function<void()> {
                        auto where = std::make_shared<Where>();
                        auto out = std::make_shared<std::string>();
                        add_where(command, *where);
                        add_output_file(command, "--out", *out, "model: .npz or .json").required();
                        return [&program, where, out] { open(program.options(), *where, *out); };
                      });
  program.add_command("study status", "say what is done in the study, and who is waited for",
                      [&](Command& command) -> std::function<void()> {
                        auto where = std::make_shared<Where>();
                        add_where(command, *where);
                        return [&program, where] { status(program.options(), *where); };
                      });
}

}  // namespace blindtuner::app
