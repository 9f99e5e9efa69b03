#include "secret/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/disk.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/sha256.h"

namespace blindtuner::secret {
namespace {

constexpr std::string_view kBegin = "blindtuner private 1\n";
constexpr std::size_t kMaxFile = 4 * kMaxPrivateBytes;

/// Text that wipes itself.
struct SecretText {
  std::string text;
  SecretText() { text.reserve(kMaxFile); }  // never moved, so nothing of it is left elsewhere
  ~SecretText() { wipe(text.data(), text.size()); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  void add_hex(std::span<const std::uint8_t> bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    for (const std::uint8_t b : bytes) {
      text += kDigits[b >> 4];
      text += kDigits[b & 15];
    }
  }
};

std::span<const std::uint8_t> text_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What is left of a text is taken part by part.
struct Rest {
  std::string_view text;
  std::string_view until(char mark) {
    const std::size_t end = std::min(text.find(mark), text.size());
    const std::string_view out = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return out;
  }
  bool number(char mark, std::uint32_t least, std::uint32_t most, std::uint32_t& out) {
    const std::string_view part = until(mark);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), out);
    return error == std::errc() && end == part.data() + part.size() && out >= least && out <= most;
  }
};

struct Parsed {
  std::string what;
  bool is_sealed = false;
  SealedBytes sealed;
  SecretBytes plain;
};

Parsed parse(const std::filesystem::path& path) {
  SecretText file;
  {
    std::vector<std::uint8_t> bytes = read_file(path, kMaxFile);
    file.text.assign(bytes.begin(), bytes.end());
    wipe(bytes.data(), bytes.size());
  }
  const auto refuse = [&] { throw DataError(quoted_path(path) + ": is no private file of ours"); };
  if (!file.text.starts_with(kBegin) || file.text.back() != '\n') refuse();
  Rest rest{std::string_view(file.text).substr(kBegin.size())};
  Parsed out;
  out.what = rest.until('\n');
  Rest how{rest.until('\n')};
  const std::string_view hex = rest.until('\n');
  if (!rest.text.empty() || hex.size() % 2 != 0) refuse();
  if (how.text == "plain") {
    out.plain = SecretBytes(hex.size() / 2);
    if (!from_hex(hex, out.plain.span())) refuse();
    return out;
  }
  out.is_sealed = true;
  const ScryptCost least = kLeastScryptCost, most = kMostScryptCost;
  ScryptCost& cost = out.sealed.cost;
  out.sealed.bytes.resize(hex.size() / 2);
  if (how.until(' ') != "sealed" || !how.number(' ', least.log_n, most.log_n, cost.log_n) ||
      !how.number(' ', least.r, most.r, cost.r) || !how.number(' ', least.p, most.p, cost.p) ||
      !from_hex(how.until(' '), out.sealed.salt) || !from_hex(how.text, out.sealed.nonce) ||
      !from_hex(hex, out.sealed.bytes) || out.sealed.bytes.size() < kSealTagBytes)
    refuse();
  return out;
}

std::string associated(std::string_view what) {
  return std::string(kBegin) + std::string(what) + "\n";
}

}  // namespace

void write_private(const std::filesystem::path& path, std::string_view what,
                   const SecretBytes& bytes, const SecretBytes& passphrase,
                   const ScryptCost& cost) {
  require(what.find('\n') == std::string_view::npos && bytes.size() <= kMaxPrivateBytes,
          "a private file holds little");
  SecretText file;
  file.text = associated(what);
  if (passphrase.empty()) {
    file.text += "plain\n";
    file.add_hex(bytes.span());
  } else {
    const SealedBytes sealed = seal(bytes.span(), passphrase, text_bytes(associated(what)), cost);
    file.text += "sealed " + std::to_string(sealed.cost.log_n) + " " +
                 std::to_string(sealed.cost.r) + " " + std::to_string(sealed.cost.p) + " " +
                 to_hex(sealed.salt) + " " + to_hex(sealed.nonce) + "\n";
    file.add_hex(sealed.bytes);
  }
  file.text += '\n';
  write_file_atomically(path, std::string_view(file.text), kForTheOwner);
}

SecretBytes read_private(const std::filesystem::path& path, std::string_view what,
                         std::size_t count, const PassphraseSource& passphrase) {
  Parsed parsed = parse(path);
  const auto refuse = [&](const std::string& why) {
    throw DataError(quoted_path(path) + ": " + why);
  };
  if (parsed.what != what)
    refuse("holds another secret than the " + std::string(what) + " that was expected");
  if (parsed.is_sealed) {
    if (!passphrase) refuse("is protected by a passphrase, and none was given");
    std::optional<SecretBytes> opened =
        open_seal(parsed.sealed, passphrase(), text_bytes(associated(what)));
    if (!opened) refuse("the passphrase is wrong, or the file was changed");
    parsed.plain = std::move(*opened);
  }
  if (parsed.plain.size() != count) refuse("holds a secret of another length");
  return std::move(parsed.plain);
}

bool private_sealed(const std::filesystem::path& path) { return parse(path).is_sealed; }

void destroy_private(const std::filesystem::path& path) {
  if (!path_exists(path)) return;
  const auto refuse = [&] {
    throw DataError("cannot destroy " + quoted_path(path) + ": " +
                    std::generic_category().message(errno));
  };
  const std::vector<std::uint8_t> zeros(file_bytes(path));
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) refuse();
  std::size_t done = 0;
  ssize_t wrote = 1;
  while (done < zeros.size() && wrote > 0) {
    wrote = ::write(file, zeros.data() + done, zeros.size() - done);
    if (wrote > 0)
      done += static_cast<std::size_t>(wrote);
    else if (wrote < 0 && errno == EINTR)
      wrote = 1;
  }
  const bool overwritten = done == zeros.size() && ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  errno = error;
  if (!overwritten || ::unlink(path.c_str()) != 0) refuse();
  flush_folder(path.parent_path());
}

}  // namespace blindtuner::secret
