#include "app/owner/server_check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "app/common/program.h"
#include "app/owner/process.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/stopwatch.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

// Seconds. It takes a hundredth of one, and a machine may be busy.
constexpr double kPatience = 300;

/// What `program --version` writes to its stdout, a few hundred bytes at most; empty when it takes
/// too long. Throws DataError when it cannot be started.
std::string version_said_by(const fs::path& program) {
  // Opened here, so that where there is none the program is not said to be missing.
  const Descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (nowhere.get() < 0)
    throw DataError("cannot open '/dev/null': " + std::generic_category().message(errno));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw DataError("cannot start a program: " + std::generic_category().message(errno));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, nowhere.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, nowhere.get(), STDERR_FILENO);
  std::string name = program.string(), option = "--version";
  char* arguments[] = {name.data(), option.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, name.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string said;
  if (error == 0) {
    char buffer[512];
    const Stopwatch watch;
    while (said.size() < sizeof buffer && watch.seconds() < kPatience && !interrupt_requested()) {
      struct pollfd ready = {ends[0], POLLIN, 0};
      if (::poll(&ready, 1, 100) <= 0) continue;
      const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      said.append(buffer, static_cast<std::size_t>(got));
    }
    ::kill(child, SIGKILL);  // whatever it does, all it was asked for has been said
    ::waitpid(child, nullptr, 0);
  }
  ::close(ends[0]);
  throw_if_interrupted();
  if (error != 0)
    throw DataError("cannot start the server's program " + quoted_path(program) + ": " +
                    std::generic_category().message(error));
  return said.substr(0, said.find('\n'));
}

}  // namespace

fs::path checked_server_program(const std::string& named) {
  fs::path program = server_program(named);
  const std::string expected = std::string("blindtuner-server ") + program_version();
  const std::string said = version_said_by(program);
  if (said != expected)
    throw DataError(quoted_path(program) + ": is not the server's program of this version: " +
                    "--version says '" + said.substr(0, 80) + "', expected '" + expected + "'");
  return program;
}

}  // namespace blindtuner::app
