// blindtuner validate: answers a training server's rounds of validation.
#include <cstdio>
#include <memory>
#include <sstream>

#include "app/common/options.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "app/owner/told.h"
#include "base/error.h"
#include "base/path.h"
#include "base/quantity.h"
#include "party/owner/exchange.h"
#include "party/owner/validator.h"
#include "records/training_state.h"

namespace blindtuner::app {
namespace {

struct ValidateOptions {
  KeyOptions keys;
  std::string data, exchange, out;
  ToldOptions told;
  bool unrecorded_data = false;
  int patience = 3;
  double logit_limit = 0, balance = 0, timeout = 3600;
};

void validate_command(const CommonOptions& common, const ValidateOptions& options) {
  const OwnerFolder keys = open_keys(options.keys, common);
  std::function<void(const std::string&)> announce;
  if (!common.quiet)
    announce = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  const ExpectedRun expected = expected_run(options.told, keys, options.unrecorded_data, true);
  const std::shared_ptr<Channel> channel = open_exchange(options.exchange, keys, options.out);
  Validator validator(keys, {channel, options.data, options.out, options.patience,
                             options.logit_limit, announce, expected, options.balance});
  const auto poll = [&] {
    try {
      return validator.poll();
    } catch (const UntrustedResult& error) {
      throw UntrustedResult(error.what() + validator.kept_words());
    }
  };
  for (bool told = false; !poll(); told = true) {
    const std::size_t next = validator.rounds().size() + 1;
    if (!told && announce)
      announce("waiting for round " + std::to_string(next) + " in " +
               quoted_path(options.exchange) + ", " + duration_text(options.timeout) + " at most");
    await_round(*channel, static_cast<int>(next), options.timeout);
  }
  const ValidationRound& best = validator.best();
  nlohmann::json report = validator.report();
  report.update(validator.judgement());
  std::ostringstream text;
  text.precision(4);
  tell_data(keys, validator.trained_on(), options.told.trained_on, "training", "--trained-on",
            report, text);
  text << (validator.stopped() ? "stopped" : "went through") << " after "
       << validator.rounds().size() << " rounds; the best is round " << best.round << ", after "
       << best.steps << " steps: " << (options.balance > 0 ? "balanced " : "") << "validation loss "
       << best.score.loss << ", accuracy " << 100 * best.score.accuracy
       << " %; its encrypted model is in " << quoted_path(options.out) << "\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_validate(Program& program) {
  program.add_command(
      "validate",
      "early stopping: decrypt a training server's rounds of validation, answer each "
      "with go on or stop, and keep the best model",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<ValidateOptions>();
        add_key_options(command, o->keys);
        command
            .add_option("--data", o->data,
                        "the encrypted validation set, which 'encrypt' made with these keys")
            .required();
        command.add_option("--exchange", o->exchange, "folder that the server writes rounds to")
            .required();
        add_output_file(command, "--out", o->out, "where the best model goes, encrypted")
            .required();
        add_told_options(command, o->told);
        command.add_flag("--unrecorded-data", o->unrecorded_data,
                         "take data sets that the record beside the keys does not know: what an "
                         "earlier version encrypted, and nobody else had since");
        add_number(command, "--patience", o->patience,
                   "rounds without a smaller loss before it answers stop", 1, kMaxPatience)
            .show_default();
        add_number(command, "--max-logit", o->logit_limit,
                   "stop beyond this |logit| (0: what the circuit allows)", 0, 1e6);
        add_number(command, "--balanced", o->balance,
                   "judge rounds as 'decrypt --balanced' will make the model: classes of different "
                   "sizes count alike, from 0, not at all, to 1, as if all had as many samples",
                   0.0, 1.0);
        add_number(command, "--timeout", o->timeout, "seconds to wait for a round", 0, kMaxTimeout)
            .show_default();
        return [&program, o] { validate_command(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
