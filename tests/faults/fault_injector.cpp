// A preloaded library that counts the calls of a process that change something on the disk and,
// at a chosen one, ends the process or makes the call fail. The environment tells what to do:
//
//   FAULT_PROGRAM  name of the program that is meant; other processes are left alone, those that it starts too
//   FAULT_LOG      file to which a line "number call path" is appended for every counted call, and
//                  "fired" when the fault happens
//   FAULT_AT       number of the call, from 1 (0: only count)
//   FAULT_MODE     kill: SIGKILL before the call
//                  half: SIGKILL after half of what is to be written (any other call: after it)
//                  fail: the call fails, once
//                  full: the call fails and every later one that needs space, as on a full disk
//                  a number: this signal is raised before the call, once
//   FAULT_MAIN     this signal is raised before main(), once the program's statics are made
//   FAULT_SHORT    1: every write takes only half of what it is given
//   FAULT_NAMED    1: as on a file system that knows no files without a name (O_TMPFILE)
//   FAULT_LOOK     the end of a path: nothing but looks at it (opening it to read, stat, reading) is counted,
//                  and the one that FAULT_AT says fails, as on a disk that fails
//
// Counted are calls on anything but pipes, terminals and descriptors 0 to 2.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Mode { kNone, kKill, kHalf, kFail, kFull, kSignal };
enum class Verdict { kGo, kFail, kHalf };

struct Plan {
  Mode mode = Mode::kNone;
  int at = 0, signal = 0;
  bool shorten = false, named = false, active = false;
  const char *log = nullptr, *look = nullptr;
  pid_t process = 0;
};

std::atomic<int> calls{0};

const Plan& plan() {
  static const Plan made = [] {
    Plan p;
    const char* program = std::getenv("FAULT_PROGRAM");
    p.active = program != nullptr && std::strcmp(program, program_invocation_short_name) == 0;
    if (p.active) ::unsetenv("FAULT_PROGRAM");
    p.process = ::getpid();
    p.log = std::getenv("FAULT_LOG");
    p.look = std::getenv("FAULT_LOOK");
    if (const char* at = std::getenv("FAULT_AT")) p.at = std::atoi(at);
    const auto set = [](const char* name) {
      const char* value = std::getenv(name);
      return value != nullptr && *value == '1';
    };
    p.shorten = set("FAULT_SHORT");
    p.named = set("FAULT_NAMED");
    if (const char* mode = std::getenv("FAULT_MODE")) {
      p.signal = std::atoi(mode);
      p.mode = std::strcmp(mode, "kill") == 0   ? Mode::kKill
               : std::strcmp(mode, "half") == 0 ? Mode::kHalf
               : std::strcmp(mode, "fail") == 0 ? Mode::kFail
               : std::strcmp(mode, "full") == 0 ? Mode::kFull
               : p.signal > 0                   ? Mode::kSignal
                                                : Mode::kNone;
    }
    return p;
  }();
  return made;
}

void note(const char* line, int length) {
  const int to = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, plan().log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (to < 0) return;
  (void)::syscall(SYS_write, to, line, static_cast<std::size_t>(length));
  (void)::syscall(SYS_close, to);
}

[[noreturn]] void die() {
  for (;;) ::kill(::getpid(), SIGKILL);
}

// What to do with the next call. `space`: it needs room on the disk.
Verdict next(const char* call, const char* path, bool space) {
  const int error = errno;
  const Plan& p = plan();
  if (!p.active || p.look != nullptr || p.process != ::getpid()) return Verdict::kGo;
  const int number = ++calls;
  char line[600];
  if (p.log != nullptr) {
    const int length = std::snprintf(line, sizeof line, "%d %s %.500s\n", number, call, path);
    note(line, length);
  }
  errno = error;
  const bool here = number == p.at, later = p.mode == Mode::kFull && number > p.at && p.at > 0;
  if (!here && !(later && space)) return Verdict::kGo;
  if (here && p.log != nullptr) note("fired\n", 6);
  errno = error;
  switch (p.mode) {
    case Mode::kKill:
      die();
    case Mode::kHalf:
      return Verdict::kHalf;
    case Mode::kFail:
    case Mode::kFull:
      return Verdict::kFail;
    case Mode::kSignal:
      ::kill(::getpid(), p.signal);
      errno = error;
      return Verdict::kGo;
    default:
      return Verdict::kGo;
  }
}

// Whether a look at the path is the one that fails.
bool fails_to_look(const char* path) {
  const Plan& p = plan();
  if (!p.active || p.look == nullptr || p.process != ::getpid()) return false;
  const std::size_t length = std::strlen(path), end = std::strlen(p.look);
  if (length < end || std::strcmp(path + length - end, p.look) != 0 || ++calls != p.at)
    return false;
  if (p.log != nullptr) note("fired\n", 6);
  errno = EIO;
  return true;
}

template <typename F>
F real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

using Main = int(int, char**, char**);
Main* program_main = nullptr;

int signalled_main(int argc, char** argv, char** environment) {
  const char* number = std::getenv("FAULT_MAIN");
  if (plan().active && number != nullptr) ::kill(::getpid(), std::atoi(number));
  return program_main(argc, argv, environment);
}

// A call that is not a write: `error` when it is to fail.
template <typename Call>
auto injected(const char* name, const char* path, int error, bool space, Call&& call)
    -> decltype(call()) {
  const Verdict verdict = next(name, path, space);
  if (verdict == Verdict::kFail) {
    errno = error;
    return -1;
  }
  const auto result = call();
  if (verdict == Verdict::kHalf) die();
  return result;
}

// Files and folders; not pipes, sockets, terminals.
bool on_disk(int descriptor) {
  struct stat status {};
  return descriptor > 2 && real<int (*)(int, struct stat*)>("fstat")(descriptor, &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

bool writable(int descriptor) {
  const int flags = static_cast<int>(::syscall(SYS_fcntl, descriptor, F_GETFL));
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

// The name of an open file, for the log.
struct Name {
  explicit Name(int descriptor) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t got = ::readlink(link, text, sizeof text - 1);
    text[got < 0 ? 0 : got] = '\0';
  }
  char text[512];
};

// `write` is called with the number of bytes that it may take.
template <typename Write>
ssize_t injected_write(const char* name, int descriptor, std::size_t bytes, Write&& write) {
  if (!on_disk(descriptor)) return write(bytes);
  const std::size_t half = bytes < 2 ? bytes : bytes / 2;
  const Verdict verdict = next(name, Name(descriptor).text, true);
  if (verdict == Verdict::kFail) {
    errno = ENOSPC;
    return -1;
  }
  if (verdict == Verdict::kHalf) {
    (void)write(half);
    die();
  }
  return write(plan().active && plan().shorten ? half : bytes);
}

// As much of the vector as `bytes` allow, in one plain write.
ssize_t write_vector(int descriptor, const iovec* parts, int count, std::size_t bytes) {
  for (int i = 0; i < count; ++i)
    if (parts[i].iov_len > 0)
      return real<ssize_t (*)(int, const void*, std::size_t)>("write")(
          descriptor, parts[i].iov_base, parts[i].iov_len < bytes ? parts[i].iov_len : bytes);
  return 0;
}

bool nameless(int flags) { return (flags & O_TMPFILE) == O_TMPFILE; }

bool makes(int flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
}

using Open = int (*)(const char*, int, ...);
using OpenAt = int (*)(int, const char*, int, ...);

bool refused(int flags) {
  if (!nameless(flags) || !plan().active || !plan().named) return false;
  errno = EOPNOTSUPP;
  return true;
}

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  if (refused(flags) || (!makes(flags) && fails_to_look(path))) return -1;
  const auto call = [&] { return real<Open>(name)(path, flags, mode); };
  return makes(flags) ? injected("open", path, ENOSPC, true, call) : call();
}

int open_at_as(const char* name, int folder, const char* path, int flags, mode_t mode) {
  if (refused(flags)) return -1;
  const auto call = [&] { return real<OpenAt>(name)(folder, path, flags, mode); };
  return makes(flags) ? injected("open", path, ENOSPC, true, call) : call();
}

bool takes_mode(int flags) { return (flags & O_CREAT) != 0 || nameless(flags); }

bool locks(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
         command == F_OFD_SETLKW;
}

}  // namespace

#define MODE_ARGUMENT(mode, last, flags) \
  mode_t mode = 0;                       \
  if (takes_mode(flags)) {               \
    va_list more;                        \
    va_start(more, last);                \
    mode = va_arg(more, mode_t);         \
    va_end(more);                        \
  }

extern "C" {

int open(const char* path, int flags, ...) {
  MODE_ARGUMENT(mode, flags, flags)
  return open_as("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MODE_ARGUMENT(mode, flags, flags)
  return open_as("open64", path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  MODE_ARGUMENT(mode, flags, flags)
  return open_at_as("openat", folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
  MODE_ARGUMENT(mode, flags, flags)
  return open_at_as("openat64", folder, path, flags, mode);
}
FILE* fopen(const char* path, const char* mode) {
  const auto call = real<FILE* (*)(const char*, const char*)>("fopen");
  if (std::strpbrk(mode, "wa+") == nullptr) return call(path, mode);
  FILE* file = nullptr;
  (void)injected("fopen", path, ENOSPC, true, [&] { return (file = call(path, mode)) ? 0 : -1; });
  return file;
}
FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

int stat(const char* path, struct stat* out) noexcept {
  return fails_to_look(path) ? -1 : real<int (*)(const char*, struct stat*)>("stat")(path, out);
}
int lstat(const char* path, struct stat* out) noexcept {
  return fails_to_look(path) ? -1 : real<int (*)(const char*, struct stat*)>("lstat")(path, out);
}
int fstat(int descriptor, struct stat* out) noexcept {
  return fails_to_look(Name(descriptor).text)
             ? -1
             : real<int (*)(int, struct stat*)>("fstat")(descriptor, out);
}
ssize_t pread(int descriptor, void* data, size_t bytes, off_t at) {
  return fails_to_look(Name(descriptor).text) ? -1
                                              : real<ssize_t (*)(int, void*, std::size_t, off_t)>(
                                                    "pread")(descriptor, data, bytes, at);
}

ssize_t write(int descriptor, const void* data, size_t bytes) {
  return injected_write("write", descriptor, bytes, [&](std::size_t some) {
    return real<ssize_t (*)(int, const void*, std::size_t)>("write")(descriptor, data, some);
  });
}
ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t at) {
  return injected_write("pwrite", descriptor, bytes, [&](std::size_t some) {
    return real<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite")(descriptor, data, some,
                                                                             at);
  });
}
ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off64_t at) {
  return pwrite(descriptor, data, bytes, at);
}
ssize_t writev(int descriptor, const iovec* parts, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  return injected_write("writev", descriptor, bytes, [&](std::size_t some) {
    return write_vector(descriptor, parts, count, some);
  });
}
ssize_t sendfile(int to, int from, off_t* at, size_t bytes) {
  return injected_write("sendfile", to, bytes, [&](std::size_t some) {
    return real<ssize_t (*)(int, int, off_t*, std::size_t)>("sendfile")(to, from, at, some);
  });
}
ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes,
                        unsigned flags) {
  return injected_write("copy_file_range", to, bytes, [&](std::size_t some) {
    return real<ssize_t (*)(int, off64_t*, int, off64_t*, std::size_t, unsigned)>(
        "copy_file_range")(from, from_at, to, to_at, some, flags);
  });
}

int close(int descriptor) {
  const auto call = [&] { return real<int (*)(int)>("close")(descriptor); };
  if (!on_disk(descriptor) || !writable(descriptor)) return call();
  // The descriptor is gone even when closing reports an error.
  const Verdict verdict = next("close", Name(descriptor).text, false);
  const int result = call();
  if (verdict == Verdict::kHalf) die();
  if (verdict != Verdict::kFail) return result;
  errno = EIO;
  return -1;
}
int fsync(int descriptor) {
  return injected("fsync", Name(descriptor).text, EIO, false,
                  [&] { return real<int (*)(int)>("fsync")(descriptor); });
}
int fdatasync(int descriptor) {
  return injected("fdatasync", Name(descriptor).text, EIO, false,
                  [&] { return real<int (*)(int)>("fdatasync")(descriptor); });
}
int ftruncate(int descriptor, off_t size) {
  return injected("ftruncate", Name(descriptor).text, EIO, false,
                  [&] { return real<int (*)(int, off_t)>("ftruncate")(descriptor, size); });
}
int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }
int posix_fallocate(int descriptor, off_t at, off_t size) {
  if (next("posix_fallocate", Name(descriptor).text, true) == Verdict::kFail) return ENOSPC;
  return real<int (*)(int, off_t, off_t)>("posix_fallocate")(descriptor, at, size);
}

int rename(const char* from, const char* to) {
  return injected("rename", to, EACCES, false,
                  [&] { return real<int (*)(const char*, const char*)>("rename")(from, to); });
}
int renameat(int a, const char* from, int b, const char* to) {
  return injected("renameat", to, EACCES, false, [&] {
    return real<int (*)(int, const char*, int, const char*)>("renameat")(a, from, b, to);
  });
}
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  // Some file systems know no flags.
  return injected("renameat2", to, flags != 0 ? EINVAL : EACCES, false, [&] {
    return real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2")(a, from, b, to,
                                                                                    flags);
  });
}
int link(const char* from, const char* to) {
  return injected("link", to, EPERM, false,
                  [&] { return real<int (*)(const char*, const char*)>("link")(from, to); });
}
int linkat(int a, const char* from, int b, const char* to, int flags) {
  return injected("linkat", to, EPERM, false, [&] {
    return real<int (*)(int, const char*, int, const char*, int)>("linkat")(a, from, b, to, flags);
  });
}
int symlink(const char* from, const char* to) {
  return injected("symlink", to, EPERM, true,
                  [&] { return real<int (*)(const char*, const char*)>("symlink")(from, to); });
}
int unlink(const char* path) {
  return injected("unlink", path, EACCES, false,
                  [&] { return real<int (*)(const char*)>("unlink")(path); });
}
int unlinkat(int folder, const char* path, int flags) {
  return injected("unlinkat", path, EACCES, false, [&] {
    return real<int (*)(int, const char*, int)>("unlinkat")(folder, path, flags);
  });
}
int remove(const char* path) {
  return injected("remove", path, EACCES, false,
                  [&] { return real<int (*)(const char*)>("remove")(path); });
}
int rmdir(const char* path) {
  return injected("rmdir", path, EACCES, false,
                  [&] { return real<int (*)(const char*)>("rmdir")(path); });
}
int mkdir(const char* path, mode_t mode) {
  return injected("mkdir", path, ENOSPC, true,
                  [&] { return real<int (*)(const char*, mode_t)>("mkdir")(path, mode); });
}
int mkdirat(int folder, const char* path, mode_t mode) {
  return injected("mkdirat", path, ENOSPC, true, [&] {
    return real<int (*)(int, const char*, mode_t)>("mkdirat")(folder, path, mode);
  });
}
int chmod(const char* path, mode_t mode) {
  return injected("chmod", path, EPERM, false,
                  [&] { return real<int (*)(const char*, mode_t)>("chmod")(path, mode); });
}
int fchmod(int descriptor, mode_t mode) {
  return injected("fchmod", Name(descriptor).text, EPERM, false,
                  [&] { return real<int (*)(int, mode_t)>("fchmod")(descriptor, mode); });
}
int fchmodat(int folder, const char* path, mode_t mode, int flags) {
  return injected("fchmodat", path, EPERM, false, [&] {
    return real<int (*)(int, const char*, mode_t, int)>("fchmodat")(folder, path, mode, flags);
  });
}
int flock(int descriptor, int operation) {
  return injected("flock", Name(descriptor).text, ENOLCK, false,
                  [&] { return real<int (*)(int, int)>("flock")(descriptor, operation); });
}

int fcntl(int descriptor, int command, ...) {
  va_list more;
  va_start(more, command);
  void* argument = va_arg(more, void*);
  va_end(more);
  const auto call = [&] {
    return real<int (*)(int, int, ...)>("fcntl")(descriptor, command, argument);
  };
  return locks(command) ? injected("lock", Name(descriptor).text, ENOLCK, false, call) : call();
}
int fcntl64(int descriptor, int command, ...) {
  va_list more;
  va_start(more, command);
  void* argument = va_arg(more, void*);
  va_end(more);
  const auto call = [&] {
    return real<int (*)(int, int, ...)>("fcntl64")(descriptor, command, argument);
  };
  return locks(command) ? injected("lock", Name(descriptor).text, ENOLCK, false, call) : call();
}

// What calls main().
int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*loader_fini)(), void* stack_end) {
  program_main = main;
  return real<int (*)(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*)>(
      "__libc_start_main")(signalled_main, argc, argv, init, fini, loader_fini, stack_end);
}

}  // extern "C"
