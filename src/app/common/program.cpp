#include "app/common/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "app/common/options.h"
#include "base/cryptography.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/utf8.h"

namespace blindtuner::app {
namespace {

// Seconds in which destructors may tidy up after a signal. Whatever does not end by itself then is
// ended: no file of ours is ever half-written (base/atomic_file.h), so nothing is lost by that.
constexpr unsigned kGrace = 1;
constexpr int kMaxThreads = 1024;

std::array<char, 64> last_words{};

// Says so unless nobody takes it: a full pipe must not stop the end.
extern "C" void end_now(int) {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
    (void)!::write(STDERR_FILENO, last_words.data(), std::strlen(last_words.data()));
  std::_Exit(kExitInterrupted);
}

extern "C" void note_interruption(int) {
  // The second time nobody seems to listen.
  if (interrupt_requested()) std::_Exit(kExitInterrupted);
  request_interrupt();
  ::alarm(kGrace);
}

struct Untrusted {};

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

// Twice what any command has needed, and a sixteenth of what systems give.
constexpr rlim_t kLeastStack = rlim_t{512} << 10;

bool ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// No file of ours may get the number of a closed standard stream: what is said there would be
// written into it. Opened the wrong way round, so that using such a stream is an error still.
void secure_standard_streams() {
  for (const int descriptor : {0, 1, 2})
    if (::fcntl(descriptor, F_GETFD) < 0 &&
        ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor)
      std::_Exit(kExitData);
}

void flush_output() {
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  throw_if_interrupted();  // who read it has gone
  if (!flushed) throw DataError("cannot write to standard output");
}

/// What base/parallel.cpp reads is the number that --threads may be.
void check_environment() {
  rlimit stack{};
  if (::getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < kLeastStack)
    throw DataError("the stack may be " + std::to_string(stack.rlim_cur >> 10) +
                    " kB (ulimit -s), expected " + std::to_string(kLeastStack >> 10) + " or more");
  const char* threads = std::getenv("BLINDTUNER_THREADS");
  if (threads == nullptr || *threads == '\0') return;
  std::string text = threads;
  const std::string problem = whole_numbers(0, kMaxThreads).problem(text);
  if (!problem.empty()) throw DataError("BLINDTUNER_THREADS is " + problem);
}

// One line, whatever the message holds.
void complain(const std::string& program, std::string message) {
  for (char& c : message)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  std::fprintf(stderr, "%s: %s\n", program.c_str(), printable(message).c_str());
}

/// The command that was chosen, or the group that one was to be chosen of.
// NOLINTNEXTLINE(misc-no-recursion): commands are in a group, and groups in none
const CLI::App& chosen_command(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : chosen_command(*commands.front());
}

/// What is wrong with a command line, by its first word that is.
std::string not_understood(const CLI::App& app, const CLI::ParseError& error, int argc,
                           char** argv) {
  const auto commands = app.get_subcommands();
  if (commands.empty()) {
    if (argc < 2) return "expected a command";
    return "'" + std::string(argv[1]) + "': expected a command";
  }
  const std::vector<std::string> rest = chosen_command(app).remaining();
  if (rest.empty()) return error.what();
  const auto option =
      std::find_if(rest.begin(), rest.end(), [](const auto& word) { return word[0] == '-'; });
  return "'" + (option == rest.end() ? rest.front() : *option) + "': not expected";
}

}  // namespace

void handle_signals(const char* program) {
  std::snprintf(last_words.data(), last_words.size(), "%s: interrupted\n", program);
  handle(SIGALRM, end_now);
  handle(SIGINT, note_interruption);
  handle(SIGTERM, note_interruption);
  // `nohup` and its like are to be believed.
  for (const int signal : {SIGHUP, SIGPIPE})
    if (!ignored(signal)) handle(signal, note_interruption);
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGALRM, SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&ours, signal);
  sigprocmask(SIG_UNBLOCK, &ours, nullptr);
  // A file size limit is to be an error of write(), like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  // Inherited ignored, it would hide how our own children end.
  std::signal(SIGCHLD, SIG_DFL);
}

const char* program_version() { return BLINDTUNER_VERSION; }

Program::Program(std::string name, std::string description)
    : name_(std::move(name)), app_(std::make_unique<CLI::App>(std::move(description), name_)) {
  secure_standard_streams();
  app_->require_subcommand(1);
  app_->get_formatter()->column_width(34);
  app_->set_version_flag("--version", name_ + " " + program_version());
}

Program::~Program() = default;

void Program::add_group(const std::string& name, const std::string& description) {
  app_->add_subcommand(name, description)->require_subcommand(1);
}

void Program::add_command(const std::string& name, const std::string& description,
                          const std::function<std::function<void()>(Command&)>& setup) {
  const std::size_t blank = name.find(' ');
  CLI::App* const parsed = blank == std::string::npos
                               ? app_->add_subcommand(name, description)
                               : app_->get_subcommand(name.substr(0, blank))
                                     ->add_subcommand(name.substr(blank + 1), description);
  Command& command = commands_.emplace(name, Command(*parsed)).first->second;
  const std::function<void()> action = setup(command);
  parsed->callback([this, action, name] {
    set_process_title(name_ + " " + name);
    chosen_ = action;
    chosen_name_ = name;
  });
  command.add_flag("--json", options_.json, "report as JSON on stdout").heading("Common");
  command.add_flag("--quiet", options_.quiet, "no progress on stderr").heading("Common");
  add_number(command, "--threads", options_.threads, "threads to use (0: all)", 0, kMaxThreads)
      .heading("Common");
  command
      .add_flag("--allow-insecure-parameters", options_.allow_insecure,
                "work with parameter sets below 128 bits: for tests only")
      .heading("Common");
}

int Program::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      complain(name_, not_understood(*app_, error, argc, argv) + " (--help shows what there is)");
      return kExitUsage;
    }
    app_->exit(error);  // prints --help, --version
    flush_output();
    return kExitGood;
  }
  const Command& command = commands_.at(chosen_name_);
  if (const std::string problem = command.useless_given(); !problem.empty()) {
    complain(name_, problem + " (--help shows what there is)");
    return kExitUsage;
  }
  check_given(command);
  check_environment();
  if (options_.threads > 0) set_max_threads(options_.threads);
  chosen_();
  flush_output();
  return kExitGood;
}

int guarded(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const Interrupted&) {
    complain(program, "interrupted");
    return kExitInterrupted;
  } catch (const Untrusted&) {
    return kExitUntrusted;
  } catch (const UntrustedResult& error) {
    complain(program, error.what());
    return kExitUntrusted;
  } catch (const DataError& error) {
    complain(program, error.what());
    return kExitData;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: not enough memory\n", program);  // which complain() would need, too
    return kExitData;
  } catch (const CryptographyUnavailable& error) {
    complain(program, std::string("the system refuses: ") + error.what());
    return kExitData;
  } catch (const std::system_error& error) {
    // Threads, memory, files that no reader or writer of ours was asked for.
    complain(program, std::string("the system refuses: ") + error.what());
    return kExitData;
  } catch (const std::exception& error) {
    complain(program, std::string("internal error: ") + error.what());
    return kExitInternal;
  }
}

void print_report(const CommonOptions& options, const nlohmann::json& report,
                  const std::string& text) {
  const bool trusted = report.value("trusted", true);
  std::string out;
  if (options.json) {
    out = json_text(report, 2);
  } else {
    if (!trusted) {
      out = "DO NOT TRUST THIS RESULT:\n";
      for (const auto& reason : report["reasons"]) out += "  " + reason.get<std::string>() + ".\n";
      out += report["advice"].get<std::string>() + "\n\n";
    }
    out += text;
    // Names come from files; line by line, since the text is made of lines.
    std::string shown;
    for (std::size_t begin = 0; begin < out.size();) {
      const std::size_t end = std::min(out.find('\n', begin), out.size());
      shown += printable(std::string_view(out).substr(begin, end - begin)) + "\n";
      begin = end + 1;
    }
    out = std::move(shown);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (!out.empty() && out.back() != '\n') std::fputc('\n', stdout);
  if (trusted) return;
  flush_output();
  throw Untrusted{};
}

}  // namespace blindtuner::app
