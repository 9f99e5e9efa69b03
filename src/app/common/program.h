// What both programs share: options, exit codes, messages.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "app/common/command_line.h"

namespace blindtuner::app {

/// Exit codes of the programs.
enum ExitCode : int {
  kExitGood = 0,
  kExitData = 1,       ///< DataError: files, arguments' values, security
  kExitUsage = 2,      ///< the command line is not understood
  kExitInternal = 3,   ///< a fault of the program
  kExitUntrusted = 4,  ///< a result cannot be trusted
  kExitInterrupted = 130,
};

struct CommonOptions {
  bool json = false, quiet = false, allow_insecure = false;
  int threads = 0;
};

/// From here on the program ends with kExitInterrupted when it is asked to. The first that each program does, before its own
/// statics are made: what comes while the system still loads it ends it as it ends every program.
void handle_signals(const char* program);

/// "major.minor.patch"
const char* program_version();

/// One program: its command line and the command that was chosen.
class Program {
 public:
  Program(std::string name, std::string description);
  ~Program();

  /// A subcommand; of a group of them where the name is two words, "study join". `setup` adds its options; what it returns is called when the command was chosen.
  void add_command(const std::string& name, const std::string& description,
                   const std::function<std::function<void()>(Command&)>& setup);
  /// What the commands of a group have in common, for the help. Before its first one.
  void add_group(const std::string& name, const std::string& description);
  const CommonOptions& options() const { return options_; }

  /// Parses and runs: an exit code. Throws what the command throws.
  int run(int argc, char** argv);

 private:
  std::string name_;
  std::unique_ptr<CLI::App> app_;
  CommonOptions options_;
  std::function<void()> chosen_;
  std::string chosen_name_;
  std::map<std::string, Command> commands_;  ///< by name
};

/// What a program does, the making of its command line included: every exception becomes one line on stderr and an exit
/// code.
int guarded(const char* program, const std::function<int()>& body);

/// The report on stdout: with --json the object, otherwise the text. Call it last: where "trusted" is
/// false, the text begins with the "reasons" and the "advice", and this throws what ends the program
/// with kExitUntrusted.
void print_report(const CommonOptions& options, const nlohmann::json& report,
                  const std::string& text);

}  // namespace blindtuner::app
