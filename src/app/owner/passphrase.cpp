// blindtuner passphrase: adds, changes or removes the passphrase of a secret key.
#include "app/owner/passphrase.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/common/report.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/interrupt.h"
#include "base/path.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

SecretBytes first_of(const SecretBytes& bytes, std::size_t size) {
  SecretBytes out(size);
  std::copy_n(bytes.span().begin(), size, out.span().begin());
  return out;
}

// Up to the end of the first line, which may be CR LF.
SecretBytes read_line(int descriptor, const std::string& name) {
  SecretBytes line(kMaxPassphrase + 2);  // CR, and one that is too many
  std::size_t size = 0;
  while (true) {
    struct pollfd ready = {descriptor, POLLIN, 0};
    const int events = ::poll(&ready, 1, 100);
    throw_if_interrupted();
    if (events == 0 || (events < 0 && errno == EINTR)) continue;
    const ssize_t got = ::read(descriptor, line.span().data() + size, line.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw DataError("cannot read a passphrase from " + name + ": " +
                      std::generic_category().message(errno));
    const auto begin = line.span().begin() + static_cast<std::ptrdiff_t>(size);
    const auto newline = std::find(begin, begin + got, std::uint8_t{'\n'});
    const bool ended = got == 0 || newline != begin + got;
    size = static_cast<std::size_t>(newline - line.span().begin());
    if (ended || size == line.size()) break;
  }
  if (size > 0 && line.span()[size - 1] == '\r') --size;
  if (size > kMaxPassphrase)
    throw DataError("a passphrase has at most " + std::to_string(kMaxPassphrase) +
                    " bytes; the first line of " + name + " has more");
  if (size == 0) throw DataError("the passphrase from " + name + " is empty");
  return first_of(line, size);
}

/// Keys may have been sealed with it, so that it is not left out.
void warn_of_mark(const SecretBytes& passphrase, const fs::path& path) {
  constexpr std::array<std::uint8_t, 3> kMark = {0xef, 0xbb, 0xbf};
  const auto bytes = passphrase.span();
  if (bytes.size() >= kMark.size() && std::equal(kMark.begin(), kMark.end(), bytes.begin()))
    print_warning(
        quoted_path(path) +
        ": begins with a byte order mark, which is taken for three bytes of the passphrase; "
        "an editor that saves UTF-8 without it leaves it out");
}

SecretBytes from_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0)
    throw DataError("cannot read a passphrase from " + quoted_path(path) + ": " +
                    std::generic_category().message(errno));
  SecretBytes out = read_line(file.get(), quoted_path(path));
  warn_of_mark(out, path);
  return out;
}

/// The file that is to hold the passphrase of a key that exists; empty: none was named.
fs::path named_file(const PassphraseOptions& options) {
  if (!options.file.empty()) return options.file;
  const char* named = std::getenv(kPassphraseVariable);
  return named != nullptr ? named : "";
}

/// The terminal without its echo, as long as this lives.
class Terminal {
 public:
  explicit Terminal(const fs::path& what) : file_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (file_.get() < 0 || ::tcgetattr(file_.get(), &before_) != 0)
      throw DataError(quoted_path(what) +
                      " takes a passphrase: name a file whose first line it is with "
                      "--passphrase-file or in BLINDTUNER_PASSPHRASE_FILE, or run at a terminal");
    struct termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON;
    ::tcsetattr(file_.get(), TCSAFLUSH, &silent);
  }
  ~Terminal() { ::tcsetattr(file_.get(), TCSAFLUSH, &before_); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  SecretBytes ask(const std::string& question) {
    say(question + ": ");
    SecretBytes answer = read_line(file_.get(), "the terminal");
    say("\n");
    return answer;
  }

 private:
  void say(const std::string& text) {
    const ssize_t ignored = ::write(file_.get(), text.data(), text.size());
    (void)ignored;
  }
  Descriptor file_;
  struct termios before_ {};
};

struct ChangeOptions {
  KeyOptions keys;
  PassphraseOptions fresh;
  bool remove = false;
};

void change_passphrase(const CommonOptions& common, const ChangeOptions& options) {
  const fs::path secret = secret_key_path(options.keys.folder);
  const bool before = secret_key_sealed(secret);
  if (options.remove && !before) throw DataError(quoted_path(secret) + ": has no passphrase");
  const FileLock lock = lock_keys(options.keys.folder);
  KeyOptions where = options.keys;
  where.passphrase.may_be_unsealed = !before;
  const OwnerFolder keys = open_keys(where, common, LostLedger::kAllowed);
  remove_second_names(options.keys.folder, key_listener(common));
  SecretBytes passphrase;
  if (!options.remove) passphrase = read_new_passphrase(options.fresh, secret);
  write_secret_key(secret, keys.keys, passphrase);
  const char* done = options.remove ? "removed" : before ? "changed" : "added";
  print_report(common, {{"secret_key", secret.string()}, {"passphrase", done}},
               "passphrase of " + quoted_path(secret) + " " + done + "\n");
}

}  // namespace

void add_passphrase_options(Command& command, PassphraseOptions& options) {
  command.add_option("--passphrase-file", options.file,
                     "file whose first line is the secret key's passphrase, if it has one (asked "
                     "for at the terminal; BLINDTUNER_PASSPHRASE_FILE may name the file too)");
}

SecretBytes read_passphrase(const PassphraseOptions& options, const fs::path& what) {
  const fs::path file = named_file(options);
  if (!file.empty()) return from_file(file);
  return Terminal(what).ask("passphrase of " + quoted_path(what));
}

SecretBytes copy_of(const SecretBytes& passphrase) {
  return first_of(passphrase, passphrase.size());
}

bool passphrase_given(const PassphraseOptions& options) { return !named_file(options).empty(); }

void refuse_unused_passphrase(const PassphraseOptions& options, const fs::path& what) {
  if (!passphrase_given(options) || options.may_be_unsealed) return;
  throw DataError(
      quoted_path(what) + ": is not protected by a passphrase, though that in " +
      quoted_path(named_file(options)) +
      " was given: if it is your key, 'blindtuner passphrase' protects it; or give none");
}

SecretBytes read_new_passphrase(const PassphraseOptions& options, const fs::path& what) {
  if (!options.file.empty()) return from_file(options.file);
  Terminal terminal(what);
  SecretBytes first = terminal.ask("new passphrase for " + quoted_path(what));
  const SecretBytes second = terminal.ask("once more");
  if (!std::equal(first.span().begin(), first.span().end(), second.span().begin(),
                  second.span().end()))
    throw DataError("the two passphrases differ");
  return first;
}

void add_passphrase(Program& program) {
  program.add_command(
      "passphrase", "add, change or remove the passphrase that protects a secret key",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<ChangeOptions>();
        add_key_options(command, o->keys);
        const Option fresh = command.add_option("--new-passphrase-file", o->fresh.file,
                                                "file whose first line is the new one");
        command.add_flag("--remove", o->remove, "leave the secret key without one").excludes(fresh);
        return [&program, o] { change_passphrase(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
