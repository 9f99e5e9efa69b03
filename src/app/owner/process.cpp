#include "app/owner/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "base/error.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

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

  /// Passes on what has come, whole lines only.
  void drain() {
    char buffer[4096];
    for (ssize_t got; (got = ::read(descriptor_, buffer, sizeof buffer)) > 0;)
      text_.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end; (end = text_.find('\n')) != std::string::npos;) {
      pass_on(text_.substr(0, end));
      text_.erase(0, end + 1);
    }
  }
  /// The program's complaint, if it made one.
  const std::string& complaint() const { return complaint_; }

 private:
  void pass_on(const std::string& line) {
    if (line.starts_with(program_))
      complaint_ = line.substr(program_.size());
    else
      std::fprintf(stderr, "[%s] %s\n", party_.c_str(), line.c_str());
  }

  int descriptor_;
  std::string program_, party_, text_, complaint_;
};

}  // namespace

fs::path own_program() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) throw DataError("cannot find this program's file: " + error.message());
  return self;
}

fs::path server_program(const std::string& named) {
  if (!named.empty()) return named;
  const fs::path beside = own_program().parent_path() / "blindtuner-server";
  if (!fs::exists(beside))
    throw DataError("no 'blindtuner-server' beside this program; name it with --server");
  return beside;
}

void run_program(const fs::path& program, const std::string& party,
                 const std::vector<std::string>& arguments,
                 const std::function<void()>& meanwhile) {
  std::vector<std::string> all = {program.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw DataError(std::string("cannot start a program: ") + std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // not to outlive this program
    ::dup2(ends[1], STDERR_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  Lines lines(ends[0], program, party);
  if (child < 0) throw DataError(std::string("cannot start a program: ") + std::strerror(errno));
  int status = 0;
  try {
    while (::waitpid(child, &status, WNOHANG) == 0) {
      throw_if_interrupted();
      lines.drain();
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    lines.drain();
    throw_if_interrupted();
  } catch (...) {
    ::kill(child, SIGTERM);
    ::waitpid(child, &status, 0);
    throw;
  }
  if (WIFSIGNALED(status))
    throw DataError("the " + party + "'s program was ended by signal " +
                    std::to_string(WTERMSIG(status)) +
                    (WTERMSIG(status) == 9 ? " (out of memory?)" : ""));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw DataError("the " + party + "'s program '" + program.string() + "' failed (exit code " +
                    std::to_string(WEXITSTATUS(status)) + ")" +
                    (lines.complaint().empty() ? "" : ": " + lines.complaint()));
}

void pass_on(const CommonOptions& common, std::vector<std::string>& arguments) {
  if (common.quiet) arguments.push_back("--quiet");
  if (common.threads > 0)
    arguments.insert(arguments.end(), {"--threads", std::to_string(common.threads)});
}

void run_extract(const CommonOptions& common, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "extract");
  pass_on(common, arguments);
  run_program(own_program(), "owner", arguments);
}

}  // namespace blindtuner
