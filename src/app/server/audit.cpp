// blindtuner-server audit: computes steps of a training again and compares with the server's transcript.
#include "app/server/audit.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/options.h"
#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/server/server.h"
#include "app/server/server_files.h"
#include "base/error.h"
#include "base/path.h"

namespace blindtuner::app {
namespace {

struct AuditOptions {
  std::string keys, data, transcript, checkpoint, steps = "all", server;
};

}  // namespace

std::vector<int> parse_steps(const std::string& option, const std::string& text) {
  std::vector<int> out;
  if (text == "all") return out;
  const auto refuse = [&] {
    throw DataError(option + ": '" + text +
                    "' is neither 'all' nor rising numbers such as 3,7 or 3,10-12");
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&] {
    int value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 1 || value > kMaxSteps) refuse();
    at = next;
    return value;
  };
  while (true) {
    const int begin = number();
    int last = begin;
    if (at != end && *at == '-') {
      ++at;
      last = number();
    }
    if (last < begin || (!out.empty() && begin <= out.back())) refuse();
    for (int t = begin; t <= last; ++t) out.push_back(t);
    if (at == end) return out;
    if (*at++ != ',') refuse();
  }
}

void print_audit(const CommonOptions& common, AuditTask task, const std::string& name,
                 std::span<const Sha256Digest> digests, const nlohmann::json& more,
                 const std::string& words) {
  const std::string signer = key_fingerprint(task.transcript.server);
  // What those who go by this audit compare, once there is a transcript.
  const std::string training =
      task.transcript.steps.empty() ? "" : transcript_fingerprint(task.transcript);
  ProgressBar bar("computing again", common.quiet);
  TrainingEvents events;
  const int total = task.transcript.training.steps;
  const int rounds = task.scores.empty() ? 0 : task.scores.back().round;
  const int last = std::max(total, rounds == 0 ? 0 : task.scores.back().steps);
  events.training = [&](int step, double fraction) {
    bar.note("step " + std::to_string(step + 1) + " of " + std::to_string(last));
    bar.update((step + fraction) / last);
  };
  const AuditOutcome outcome = audit(std::move(task), events);
  bar.finish();
  require_audited(outcome, name, digests);

  nlohmann::json report = {
      {"same_steps", outcome.same},
      {"steps", total},
      {"model", outcome.model ? nlohmann::json(*outcome.model) : nlohmann::json()},
      {"server", signer},
      {"training", training},
  };
  if (rounds > 0) report.update({{"rounds", rounds}, {"same_rounds", outcome.same_rounds}});
  report.update(more);
  std::ostringstream text;
  text << words;
  if (!training.empty()) text << "training " << training << "\n";
  if (total > 0)
    text << outcome.same.size() << " of " << total
         << " steps computed again: each is the transcript's, signed by the server " << signer
         << "\n"
         << (outcome.model ? "the model is the one that the steps give\n"
                           : "the model was not computed again: not all steps were at hand\n");
  if (rounds > 0)
    text << outcome.same_rounds << " of " << rounds << " rounds of validation computed again"
         << (outcome.same_rounds > 0 ? ": their scores are those of the models of their steps\n"
                                     : ": not all steps were\n");
  print_report(common, report, text.str());
}

namespace {

void run_audit(const CommonOptions& common, const AuditOptions& options) {
  AuditTask task;
  task.steps = parse_steps("--steps", options.steps);
  task.transcript = read_transcript(options.transcript);
  const std::string signer = key_fingerprint(task.transcript.server);
  if (!options.server.empty() && fingerprint_digits(options.server) != fingerprint_digits(signer))
    throw DataError(quoted_path(options.transcript) + ": signed by the server " + signer +
                    ", expected " + options.server);
  const TrainingKeysInfo info = open_training_keys(options.keys, common.allow_insecure);
  task.data = open_dataset(options.data, info.set, common.quiet);
  if (!options.checkpoint.empty()) task.kept = read_checkpoint(options.checkpoint, info.set);
  task.keys = open_keys_of(options.keys, info.set, common.quiet);
  print_audit(common, std::move(task), quoted_path(options.transcript), {});
}

}  // namespace

void add_audit(Program& program) {
  program.add_command(
      "audit", "compute steps of a training again and compare with the server's transcript",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<AuditOptions>();
        command.add_option("--keys", o->keys, "the evaluation.keys that it was trained under")
            .required();
        command.add_option("--data", o->data, "the encrypted data set").required();
        command.add_option("--transcript", o->transcript, "what 'train --transcript' wrote")
            .required();
        command.add_option("--checkpoint", o->checkpoint,
                           "checkpoint.enc of the run: with it a step is computed by itself, "
                           "without it after all steps before it");
        command.add_option("--steps", o->steps, "which steps, from 1: all, 3,7 or 3,10-12")
            .show_default();
        command.add_option("--server", o->server,
                           "the fingerprint of the server that must have signed");
        return [&program, o] { run_audit(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
