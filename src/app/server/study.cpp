// blindtuner-server study: the server of several owners (party/server/study).
#include <cstdio>
#include <memory>
#include <optional>

#include "app/common/progress.h"
#include "app/common/study_report.h"
#include "app/server/audit.h"
#include "app/server/server.h"
#include "app/server/server_files.h"
#include "base/error.h"
#include "base/path.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "party/server/study/study_training.h"
#include "party/study/study_run.h"

namespace blindtuner::app {
namespace {

struct StudyOptions {
  std::filesystem::path folder, exchange;
  StudyWait wait;
  bool status = false;
  std::string audit;
  std::vector<std::string> audited;
};

Sha256Digest digest_given(const std::string& text) {
  Sha256Digest out{};
  if (!from_hex(text, out))
    throw DataError("--audited: '" + printable(text.substr(0, 80)) +
                    "' is not a digest of 64 hexadecimal digits");
  return out;
}

void audit_study(const CommonOptions& common, const StudyOptions& o) {
  require_folder(o.exchange);
  StudyServer server({o.folder, study_server_channel(o.folder, o.exchange, /*changes=*/false),
                      common.allow_insecure, false});
  const std::vector<int> steps = parse_steps("--audit", o.audit);
  std::vector<Sha256Digest> digests;
  for (const std::string& text : o.audited) digests.push_back(digest_given(text));
  if (!common.quiet) std::fprintf(stderr, "adding up the owners' shares again\n");
  AuditTask task = study_audit(server);
  task.steps = steps;
  const std::string fingerprint = server.fingerprint().value_or("");
  print_audit(common, std::move(task),
              server.exchange().channel().place(server.record(kTranscript, server.name())), digests,
              {{"fingerprint", fingerprint}, {"keys", true}},
              "study " + fingerprint +
                  "\nthe keys are the sum of what the owners have sent and committed to\n");
}

void study(const CommonOptions& common, const StudyOptions& o) {
  if (!o.audit.empty()) return audit_study(common, o);
  const bool changes = !o.status;
  // A mistyped name would make a folder, or show a study that is where it began.
  if (o.status) {
    require_folder(o.folder);
    require_folder(o.exchange);
  }
  std::optional<ProgressBar> bar;
  StudyServer server({o.folder, study_server_channel(o.folder, o.exchange, changes),
                      common.allow_insecure, changes,
                      [&](const std::string& task, double fraction) {
                        if (fraction == 0) bar.emplace(task, common.quiet);
                        if (!bar) return;
                        bar->update(fraction);
                        if (fraction == 1) bar.reset();
                      }});
  if (changes) warn_if_readable_by_others(o.folder / "identity");
  int at = -1;
  TrainingEvents events;
  events.training = [&](int step, double fraction) {
    if (step != at) bar.emplace("training, step " + std::to_string(step + 1), common.quiet);
    at = step;
    bar->update(fraction);
  };
  const StudyServerTraining training(server, events);
  const Advance where =
      changes ? take_steps(common, o.wait, server.name(), [&] { return server.step(); })
              : server.next();
  report_study(common, server, where, server.fingerprint().value_or(""));
}

}  // namespace

void add_study(Program& program) {
  program.add_command(
      "study", "be the server of several owners' study: add up their keys, train",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<StudyOptions>();
        command.add_option("--folder", o->folder, "folder of the server alone").required();
        command.add_option("--exchange", o->exchange, "folder that owners and server reach")
            .required();
        add_study_wait(command, o->wait);
        const Option status =
            command.add_flag("--status", o->status, "only say what is done, and who is waited for");
        const Option audit = command.add_option(
            "--audit", o->audit,
            "add up the keys and compute steps of the training again, from 1, and compare with "
            "what the server has signed: all, 3,7 or 3,10-12. The exchange is enough; --folder "
            "may "
            "be a new one");
        audit.excludes(status);
        command
            .add_option(
                "--audited", o->audited,
                "with --audit: fail where what has these digests is not among what was "
                "computed again: contents of scores or of the model, as the server has said them")
            .separated_by(',')
            .needs(audit);
        command.useless({"--once", "--wait"}, [o]() -> std::string {
          return o->status           ? "with --status, which waits for nobody"
                 : !o->audit.empty() ? "with --audit, which waits for nobody"
                                     : "";
        });
        return [&program, o] { study(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
