#include "app/common/program.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/parallel.h"

namespace blindtuner {
namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void note_interruption(int) {
  // The second time nobody seems to listen.
  if (interrupted != 0) std::_Exit(kExitInterrupted);
  interrupted = 1;
}

struct Interrupted {};

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = note_interruption;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A file size limit is to be an error of write(), like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
}

// One line, whatever the message holds.
void complain(const std::string& program, std::string message) {
  for (char& c : message)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
}

}  // namespace

void throw_if_interrupted() {
  if (interrupted != 0) throw Interrupted{};
}

Program::Program(std::string name, std::string description)
    : name_(std::move(name)), app_(std::move(description), name_) {
  app_.require_subcommand(1);
  app_.get_formatter()->column_width(34);
  app_.set_version_flag("--version", std::string("blindtuner ") + BLINDTUNER_VERSION);
}

CLI::App* Program::add_command(const std::string& name, const std::string& description,
                               const std::function<std::function<void()>(CLI::App&)>& setup) {
  CLI::App* command = app_.add_subcommand(name, description);
  const std::function<void()> action = setup(*command);
  command->callback([this, action] { chosen_ = action; });
  command->add_flag("--json", options_.json, "report as JSON on stdout")->group("Common");
  command->add_flag("--quiet", options_.quiet, "no progress on stderr")->group("Common");
  command->add_option("--threads", options_.threads, "threads to use (0: all)")
      ->check(CLI::Range(0, 1024))
      ->group("Common");
  command
      ->add_flag("--allow-insecure-parameters", options_.allow_insecure,
                 "work with parameter sets below 128 bits: for tests only")
      ->group("Common");
  return command;
}

int Program::run(int argc, char** argv) {
  handle_signals();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kExitGood : kExitUsage;
  }
  try {
    if (options_.threads > 0) set_max_threads(options_.threads);
    chosen_();
    if (std::fflush(stdout) != 0) throw DataError("cannot write to standard output");
    return kExitGood;
  } catch (const Interrupted&) {
    complain(name_, "interrupted");
    return kExitInterrupted;
  } catch (const DataError& error) {
    complain(name_, error.what());
    return kExitData;
  } catch (const std::bad_alloc&) {
    complain(name_, "not enough memory");
    return kExitInternal;
  } catch (const std::exception& error) {
    complain(name_, std::string("internal error: ") + error.what());
    return kExitInternal;
  }
}

void print_report(const CommonOptions& options, const nlohmann::json& report,
                  const std::string& text) {
  const std::string out =
      options.json ? report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) : text;
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (!out.empty() && out.back() != '\n') std::fputc('\n', stdout);
}

}  // namespace blindtuner
