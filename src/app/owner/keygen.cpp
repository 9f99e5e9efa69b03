// blindtuner keygen: a folder with a secret key and the evaluation keys for a server.
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/owner.h"
#include "app/owner/steps.h"

namespace blindtuner {
namespace {

struct KeygenOptions : KeygenRequest {
  std::string out;
  bool force = false;
};

void keygen(const CommonOptions& common, KeygenOptions options) {
  const Stopwatch watch;
  options.allow_insecure = common.allow_insecure;
  options.quiet = common.quiet;
  make_keys(options.out, options, options.force);
  const auto secret = secret_key_path(options.out), evaluation = evaluation_keys_path(options.out);
  const ParametersPtr parameters = Parameters::create(find_parameters(options.parameters));
  const nlohmann::json report = {
      {"secret_key", secret.string()},
      {"evaluation_keys", evaluation.string()},
      {"features", options.features},
      {"classes", options.classes},
      {"bytes", {{"secret_key", file_bytes(secret)}, {"evaluation_keys", file_bytes(evaluation)}}},
      {"seconds", watch.seconds()},
      {"parameters", parameters_report(*parameters)},
  };
  std::ostringstream text;
  text << secret.string() << "  stays with you\n"
       << evaluation.string() << "  goes to the server ("
       << bytes_text(static_cast<double>(file_bytes(evaluation))) << ")\n"
       << parameters_text(*parameters);
  print_report(common, report, text.str());
}

}  // namespace

void add_keygen(Program& program) {
  program.add_command(
      "keygen", "make a secret key and the evaluation keys for a server",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<KeygenOptions>();
        command.add_option("--out", o->out, "folder for secret.key and evaluation.keys")
            ->required();
        command.add_option("--classes", o->classes, "number of classes, 2 to 128")->required();
        command.add_option("--features", o->features, "features a sample, after whitening")
            ->capture_default_str();
        command.add_option("--batch", o->batch, "batch size that the layout is chosen for")
            ->check(CLI::Range(1, 1 << 30))
            ->capture_default_str();
        command.add_option("--parameters", o->parameters, "name of a parameter set")
            ->capture_default_str();
        command.add_flag("--force", o->force, "replace keys that are there");
        return [&program, o] { keygen(program.options(), *o); };
      });
}

}  // namespace blindtuner
