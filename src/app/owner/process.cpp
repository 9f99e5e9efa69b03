#include "app/owner/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "app/owner/passphrase.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/utf8.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

/// The reading end of the process's stderr.
class Lines {
 public:
  Lines(int descriptor, const fs::path& program, std::string party)
      : descriptor_(descriptor),
        program_(program.filename().string() + ": "),
        party_(std::move(party)) {
    ::fcntl(descriptor_, F_SETFL, O_NONBLOCK);
  }
  ~Lines() { ::close(descriptor_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  /// Passes on what has come, whole lines only: so much of it, that a program which writes without
  /// pause does not keep this one from its work.
  void drain() {
    char buffer[4096];
    ssize_t got = 0;
    for (std::size_t taken = 0;
         taken < kMostAtOnce &&
         ((got = ::read(descriptor_, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR));)
      if (got > 0) {
        text_.append(buffer, static_cast<std::size_t>(got));
        taken += static_cast<std::size_t>(got);
      }
    std::size_t begin = 0;
    for (std::size_t end; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1)
      pass_on(text_.substr(begin, end - begin));
    text_.erase(0, begin);
    if (text_.size() > kLongestLine) pass_on(std::exchange(text_, {}));
  }
  /// The program's complaint, if it made one.
  const std::string& complaint() const { return complaint_; }

 private:
  void pass_on(const std::string& line) {
    if (line.starts_with(program_)) {
      complaint_ = line.substr(program_.size());
      return;
    }
    if (passed_on_ > kMostInAll) return;
    passed_on_ += line.size();
    std::fprintf(stderr, "[%s] %s\n", party_.c_str(),
                 passed_on_ > kMostInAll ? "has said more than anybody reads; the rest is not shown"
                                         : printable(line).c_str());
  }

  static constexpr std::size_t kLongestLine = 1 << 16, kMostAtOnce = 1 << 18;
  static constexpr std::size_t kMostInAll = 1 << 24;

  int descriptor_;
  std::string program_, party_, text_, complaint_;
  std::size_t passed_on_ = 0;
};

DataError cannot_start(const std::string& program, int error) {
  return DataError("cannot start " + quoted_path(program) + ": " +
                   std::generic_category().message(error));
}

/// Two ends of a pipe that no other program inherits.
struct Pipe {
  int reading = -1, writing = -1;
  explicit Pipe(const std::string& program) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw cannot_start(program, errno);
    reading = ends[0];
    writing = ends[1];
  }
  ~Pipe() {
    close_writing();
    if (reading >= 0) ::close(reading);
  }
  void close_writing() {
    if (writing >= 0) ::close(std::exchange(writing, -1));
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

/// A process that does not outlive this object.
class Child {
 public:
  /// `command`: the program, then its arguments. `quiet`: what it reports goes nowhere.
  Child(const fs::path& program, const std::string& party, std::vector<std::string>& command,
        bool quiet)
      : name_("the " + party + "'s program"), program_(program) {
    std::vector<char*> pointers;
    for (std::string& argument : command) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    // Whatever the server's program may open, where the owner's passphrase is it is not told.
    std::vector<char*> environment;
    for (char** entry = ::environ; *entry != nullptr; ++entry)
      if (!std::string_view(*entry).starts_with(kPassphraseVariable + "="s))
        environment.push_back(*entry);
    environment.push_back(nullptr);
    Pipe output(command[0]), refusal(command[0]);
    lines_.emplace(std::exchange(output.reading, -1), program, party);
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
      // Not to outlive this program, which may have gone already.
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(127);
      // Streams 0 to 2 are open (Program), so these are others.
      ::dup2(output.writing, STDERR_FILENO);
      const int nowhere = quiet ? ::open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
      ::dup2(nowhere >= 0 ? nowhere : output.writing, STDOUT_FILENO);
      ::execve(pointers[0], pointers.data(), environment.data());
      const int error = errno;
      (void)!::write(refusal.writing, &error, sizeof error);
      ::_exit(127);
    }
    if (process_ < 0) throw cannot_start(command[0], errno);
    output.close_writing();
    refusal.close_writing();
    int error = 0;
    ssize_t got = 0;
    while ((got = ::read(refusal.reading, &error, sizeof error)) < 0 && errno == EINTR) {
    }
    if (got == sizeof error) {
      end();
      throw cannot_start(command[0], error);
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Whether it has ended; passes on what it has said.
  bool ended() {
    lines_->drain();
    if (process_ <= 0) return true;
    if (::waitpid(process_, &status_, WNOHANG) == 0) return false;
    process_ = -1;
    lines_->drain();
    return true;
  }

  void require_success() const {
    if (WIFSIGNALED(status_))
      throw DataError(name_ + " was ended by signal " + std::to_string(WTERMSIG(status_)) +
                      (WTERMSIG(status_) == SIGKILL ? " (out of memory?)" : ""));
    const int code = WEXITSTATUS(status_);
    const std::string& said = lines_->complaint();
    // What this program says of its user's files does not depend on where it runs.
    if (code == kExitData && !said.empty() && program_ == own_program()) throw DataError(said);
    if (code != 0)
      throw DataError(name_ + " " + quoted_path(program_) + " failed (exit code " +
                      std::to_string(code) + ")" + (said.empty() ? "" : ": " + said));
  }

 private:
  // Asks it to end, wakes it if it is stopped, and does not wait for longer than kGrace.
  void end() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGTERM);
    ::kill(process_, SIGCONT);
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    while (::waitpid(process_, &status_, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        ::kill(process_, SIGKILL);
        while (::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
        }
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    process_ = -1;
  }

  static constexpr std::chrono::milliseconds kGrace{500};  // less than our own (Program)
  std::string name_;
  fs::path program_;
  std::optional<Lines> lines_;
  pid_t process_ = -1;
  int status_ = 0;
};

}  // namespace

fs::path own_program() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) throw DataError("cannot find this program's file: " + error.message());
  return self;
}

fs::path server_program(const std::string& named) {
  if (!named.empty()) return named;
  fs::path beside = own_program().parent_path() / "blindtuner-server";
  if (!path_exists(beside))
    throw DataError("no 'blindtuner-server' beside this program; name it with --server");
  return beside;
}

void run_program(const CommonOptions& common, const fs::path& program, const std::string& party,
                 const std::vector<std::string>& arguments,
                 const std::function<void()>& meanwhile) {
  std::vector<std::string> all = {program.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  if (common.quiet) all.emplace_back("--quiet");
  if (common.threads > 0) all.insert(all.end(), {"--threads", std::to_string(common.threads)});
  Child child(program, party, all, common.quiet);
  while (!child.ended()) {
    throw_if_interrupted();
    if (meanwhile) meanwhile();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw_if_interrupted();
  child.require_success();
}

void run_extract(const CommonOptions& common, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "extract");
  run_program(common, own_program(), "owner", arguments);
}

}  // namespace blindtuner::app
