#include "party/study/exchange.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

std::string read_own(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxMessageBytes);
  return {bytes.begin(), bytes.end()};
}

SignedMessage parse_own(const std::string& text, const fs::path& path) {
  try {
    return parse_message(text, quoted_path(path));
  } catch (const DataError& error) {
    throw DataError(error.what() +
                    std::string(": this copy of what was heard is damaged; without that file, what "
                                "is in the exchange is heard again"));
  }
}

/// Whether two messages say the same under the same signature, however each is written down.
bool says_the_same(const std::string& a, const std::string& b) {
  if (a == b) return true;
  try {
    const SignedMessage one = parse_message(a, "a message"), other = parse_message(b, "a message");
    return one.bytes == other.bytes && one.signature == other.signature;
  } catch (const DataError&) {
    return false;
  }
}

bool is_its_own(const std::string& text, const PublicSigningKey& key) {
  try {
    return is_signed(parse_message(text, "a message"), key);
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

StudyExchange::StudyExchange(std::shared_ptr<Channel> channel, fs::path folder, bool changes)
    : channel_(std::move(channel)), folder_(std::move(folder)), changes_(changes) {
  if (!changes_) return;
  lock_ = make_locked_folder(folder_, "study");
  make_folder(folder_ / "said");
  make_folder(folder_ / "seen");
}

bool StudyExchange::there(const std::string& name) { return channel_->find(name) != nullptr; }

std::optional<std::string> StudyExchange::text_there(const std::string& name, std::uint64_t most) {
  if (left_) return std::nullopt;
  const std::unique_ptr<ByteSource> source = channel_->find(name);
  return source ? read_text(*source, most) : std::nullopt;
}

std::optional<SignedMessage> StudyExchange::find(const std::string& name,
                                                 const PublicSigningKey* key) {
  if (const auto read = read_.find(name); read != read_.end()) return read->second;
  const std::optional<std::string> text = text_there(name, max_message_bytes(name));
  if (!kept(name)) {
    if (!text) return std::nullopt;
    return parse_message(*text, channel_->place(name));
  }
  const fs::path own = folder_ / "seen" / name;
  const std::string before = read_own(own);
  SignedMessage out = parse_own(before, own);
  // What is signed is held to; how it is wrapped is the exchange's affair.
  if (text && !says_the_same(*text, before)) {
    const std::string& from = out.message.from;
    const std::string where = channel_->place(name), kept_in = ", which is in " + quoted_path(own);
    if (key != nullptr && !is_its_own(*text, *key))
      throw DataError(where + ": is damaged, or somebody else has changed it: '" + from +
                      "' has not signed what is there, but what it sent before" + kept_in +
                      "; a copy of that mends it");
    throw DataError(where + ": another message than '" + from + "' has sent before" + kept_in +
                    (key != nullptr ? ", and signed by it, too: it says two things" : ""));
  }
  if (before.size() <= kMaxShortMessageBytes) read_.emplace(name, out);
  return out;
}

void StudyExchange::keep(const std::string& name, const SignedMessage& message) {
  if (!changes_ || kept(name)) return;
  // The very bytes that are there: what was signed, and the envelope that it came in.
  const std::optional<std::string> text = text_there(name, max_message_bytes(name));
  if (!text || parse_message(*text, message.where).bytes != message.bytes)
    throw DataError(channel_->place(name) + ": was changed while it was read");
  write_file_atomically(folder_ / "seen" / name, std::string_view(*text));
}

bool StudyExchange::kept(const std::string& name) const {
  return path_exists(folder_ / "seen" / name);
}

std::optional<StudyMessage> StudyExchange::hear(const StudyManifest& manifest,
                                                const std::string& kind, std::uint64_t session,
                                                const std::string& from) {
  const std::string name = study_record_name(kind, session, from);
  const PublicSigningKey& key = manifest.party(from).signing;
  const std::optional<SignedMessage> found = find(name, &key);
  if (!found) return std::nullopt;
  StudyMessage out = open_message(*found, {kind, from, manifest.digest, session}, key);
  keep(name, *found);
  return out;
}

StudyMessage StudyExchange::heard(const StudyManifest& manifest, const std::string& kind,
                                  std::uint64_t session, const std::string& from) {
  std::optional<StudyMessage> out = hear(manifest, kind, session, from);
  if (!out)
    throw DataError(channel_->place(study_record_name(kind, session, from)) +
                    ": is not there any more; '" + from + "' has sent it before");
  return std::move(*out);
}

/// What this folder keeps of what was said from here. A damaged one is neither sent nor held against the exchange's.
std::string StudyExchange::own_words(const std::string& name) const {
  const fs::path own = folder_ / "said" / name;
  std::string text = read_own(own);
  try {
    (void)parse_json(text, quoted_path(own));
  } catch (const DataError& error) {
    throw DataError(error.what() +
                    std::string(": this copy of what was said from here is damaged; a copy of ") +
                    channel_->place(name) + " in its place mends it, if that is there and whole");
  }
  return text;
}

bool StudyExchange::has_said(const std::string& name) const {
  return path_exists(folder_ / "said" / name);
}

bool StudyExchange::said(const std::string& name) {
  if (!has_said(name) || !channel_->begun(name)) return false;
  const fs::path own = folder_ / "said" / name;
  if (const std::optional<std::string> text = text_there(name);
      text && !says_the_same(*text, own_words(name)))
    throw DataError(channel_->place(name) + ": is not what was said from here, which is in " +
                    quoted_path(own) +
                    ": somebody else has written in this party's name, or damaged it; a copy of "
                    "that mends it");
  return true;
}

void StudyExchange::say(const std::string& name, const std::function<std::string()>& make) {
  require(changes_, "who only looks says nothing");
  const fs::path own = folder_ / "said" / name;
  if (!has_said(name)) {
    const std::string text = make();
    // A folder that was put back from a copy would say it in another way, and take what all others have heard from them.
    if (const std::optional<std::string> there = text_there(name);
        there && !says_the_same(*there, text))
      throw DataError(
          channel_->place(name) +
          ": was said before, and this folder does not know it: it is older than what "
          "it has sent (go on with the newest copy of it; without one 'study run --new-session' "
          "helps "
          "as long as the server has no keys, and then a new study), or somebody else has written "
          "in this party's name");
    write_file_atomically(own, std::string_view(text));
  }
  const std::string text = own_words(name);
  channel_->send(name, [&](ByteSink& sink) {
    sink.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    sink.commit();
  });
}

bool StudyExchange::holds(const std::string& name, const fs::path& file) {
  const std::unique_ptr<ByteSource> source = channel_->find(name);
  if (!source) return false;
  const InputFile own(file);
  std::vector<std::uint8_t> there(std::size_t{1} << 20), here(there.size());
  std::uint64_t at = 0;
  while (const std::size_t got = source->read_some(there)) {
    const std::span<std::uint8_t> same(here.data(), got);
    if (own.read_some(same, at) != got || !std::ranges::equal(same, std::span(there).first(got)))
      return false;
    at += got;
  }
  return at == own.size();
}

void StudyExchange::send_file(const std::string& name, const fs::path& file) {
  require(changes_, "who only looks sends nothing");
  const InputFile in(file);
  channel_->send(name, [&](ByteSink& sink) {
    std::vector<std::uint8_t> part(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < in.size();) {
      const std::size_t got = in.read_some(part, at);
      if (got == 0) throw DataError(in.name() + ": ends before its size");
      sink.write({part.data(), got});
      at += got;
    }
    sink.commit();
  });
}

bool StudyExchange::of_another_study(const std::string& own_join) {
  const std::optional<std::string> text = text_there("draft");
  if (!text || !has_said(own_join)) return false;
  try {
    return draft_digest(parse_message(*text, channel_->place("draft"))) !=
           parse_message(own_words(own_join), own_join).message.study;
  } catch (const DataError&) {
    return false;  // damaged, which is told where it is used
  }
}

void StudyExchange::copy_heard(const fs::path& folder) const {
  make_folder(folder / "seen");
  const auto copy = [&](const fs::path& name) {
    write_file_atomically(folder / name, std::string_view(read_own(folder_ / name)));
  };
  std::error_code error;
  for (fs::directory_iterator at(folder_ / "seen", error), end; !error && at != end;
       at.increment(error))
    copy(fs::path("seen") / at->path().filename());
  if (error)
    throw DataError("cannot read " + quoted_path(folder_ / "seen") + ": " + error.message());
  if (path_exists(folder_ / "session")) copy("session");
}

std::uint64_t StudyExchange::session() const {
  if (session_) return *session_;
  const fs::path path = folder_ / "session";
  if (!path_exists(path)) return 1;
  const std::string text = read_own(path);
  std::uint64_t number = 0;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c < '0' || c > '9' || number > kMaxSession)
      number = kMaxSession + 1;
    else
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number < 1 || number > kMaxSession)
    throw DataError(quoted_path(path) + ": holds no number of a session");
  return number;
}

void StudyExchange::set_session(std::uint64_t number) {
  require(number > session() && number <= kMaxSession, "sessions are counted upwards");
  if (changes_)
    write_file_atomically(folder_ / "session", std::to_string(number) + "\n");
  else
    session_ = number;
}

}  // namespace blindtuner::party
