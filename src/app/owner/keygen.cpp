// blindtuner keygen: a folder with a secret key and the evaluation keys for a server.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "base/disk.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/stopwatch.h"
#include "learn/heads/softmax.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::app {
using namespace learn;
namespace {

struct KeygenOptions : KeygenRequest {
  std::string out, set = "Standard";
  bool force = false, sealed = false;
  PassphraseOptions passphrase;
};

/// Beyond them only circuits that look at each class by itself are left.
std::size_t most_softmax_classes() {
  int most = 0;
  for (const HeadCircuit* circuit : softmax_head().circuits())
    most = std::max(most, circuit->classes);
  return static_cast<std::size_t>(most);
}

void keygen(const CommonOptions& common, KeygenOptions options) {
  const Stopwatch watch;
  if (!common.quiet && options.classes > most_softmax_classes())
    std::fprintf(stderr,
                 "more than %zu classes: 'train' takes them with --head sigmoid or squared only\n",
                 most_softmax_classes());
  options.allow_insecure = common.allow_insecure;
  options.parameters = Parameters::create(named_parameters(options.set));
  const auto passphrase = [&] {
    if (passphrase_given(options.passphrase))
      return read_passphrase(options.passphrase, secret_key_path(options.out));
    return options.sealed ? read_new_passphrase(options.passphrase, secret_key_path(options.out))
                          : SecretBytes();
  };
  const MadeKeys made =
      make_keys(options.out, options, options.force, passphrase, key_listener(common));
  const auto secret = secret_key_path(options.out), evaluation = evaluation_keys_path(options.out);
  nlohmann::json report = {
      {"secret_key", secret.string()},
      {"evaluation_keys", evaluation.string()},
      {"features", options.features},
      {"classes", options.classes},
      {"bytes", {{"secret_key", file_bytes(secret)}, {"evaluation_keys", file_bytes(evaluation)}}},
      {"seconds", watch.seconds()},
      {"parameters", parameters_report(*options.parameters)},
  };
  std::ostringstream text;
  if (made.old_pair) {
    report["old_pair"] = made.old_pair->string();
    text << "the keys that were there are in " << quoted_path(*made.old_pair) << "\n";
  }
  text << secret.string() << "  stays with you\n"
       << evaluation.string() << "  goes to the server ("
       << bytes_text(static_cast<double>(file_bytes(evaluation))) << ")\n"
       << parameters_text(*options.parameters);
  print_report(common, report, text.str());
}

}  // namespace

void add_keygen(Program& program) {
  program.add_command(
      "keygen", "make a secret key and the evaluation keys for a server",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<KeygenOptions>();
        command.add_option("--out", o->out, "folder for secret.key and evaluation.keys").required();
        add_number(command, "--classes", o->classes, "number of classes", 2, kMaxClasses)
            .required();
        add_number(command, "--features", o->features, "features a sample, after whitening", 1,
                   kMaxColumns - 1)
            .show_default();
        add_number(command, "--batch", o->batch, "batch size that the layout is chosen for", 1,
                   kMaxBatch)
            .show_default();
        command
            .add_option("--parameters", o->set,
                        "name of a parameter set, or a file of JSON that holds one")
            .show_default();
        command.add_flag("--force", o->force,
                         "make new keys though there are some, which are kept in a folder old-..");
        command.add_flag("--passphrase", o->sealed, "protect secret.key by a passphrase");
        add_passphrase_options(command, o->passphrase);
        return [&program, o] { keygen(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
