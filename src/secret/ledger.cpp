#include "secret/ledger.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/hmac.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utc_time.h"
#include "io/file_stream.h"
#include "secret/secret_key_file.h"

namespace blindtuner {

std::string kind_name(LedgerKind kind) {
  switch (kind) {
    case LedgerKind::kEncrypted:
      return "encrypted";
    case LedgerKind::kOpened:
      return "opened";
    case LedgerKind::kPublished:
      return "published";
    case LedgerKind::kShared:
      return "shared";
    case LedgerKind::kAsked:
      return "asked";
    case LedgerKind::kAnswered:
      return "answered";
    case LedgerKind::kRefused:
      return "refused";
    case LedgerKind::kBegun:
      return "begun";
  }
  return "";
}

}  // namespace blindtuner

namespace blindtuner::secret {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A quarter of a million entries.
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 26;

LedgerEntry::Kind kind_named(const std::string& text) {
  for (const auto kind :
       {LedgerEntry::Kind::kEncrypted, LedgerEntry::Kind::kOpened, LedgerEntry::Kind::kPublished,
        LedgerEntry::Kind::kShared, LedgerEntry::Kind::kAsked, LedgerEntry::Kind::kAnswered,
        LedgerEntry::Kind::kRefused, LedgerEntry::Kind::kBegun})
    if (text == kind_name(kind)) return kind;
  throw DataError("a ledger's entry of an unknown kind, " + text.substr(0, 40));
}

LedgerEntry entry_from(const JsonIn& in) {
  LedgerEntry e;
  e.kind = kind_named(in.at("kind").as<std::string>());
  e.time = in.at("time").as<std::string>();
  e.what = in.at("what").as<std::string>();
  in.take("ciphertext", e.ciphertext);
  e.numbers = in.at("numbers").as<std::uint64_t>();
  e.bits = in.at("bits").as<double>();
  in.take("data", e.data);
  in.take("run", e.run);
  in.take("round", e.round);
  in.take("noise", e.noise);
  in.take("error", e.error);
  in.take("chosen", e.chosen);
  in.take("stop", e.stop);
  in.take("reason", e.reason);
  in.take("question", e.question);
  in.take("rounds", e.rounds);
  in.take("rule", e.rule);
  // Earlier versions booked nothing for what could have been refused, and answers by what had come
  // before: one bit each is enough, whatever came of them.
  e.told = e.kind == LedgerEntry::Kind::kPublished ? 1 : 0;
  in.take("told", e.told);
  if (e.kind == LedgerEntry::Kind::kOpened && e.question.empty()) e.bits = 1;
  if (e.kind == LedgerEntry::Kind::kAnswered && e.bits > 0) e.bits = 1;
  if (e.kind == LedgerEntry::Kind::kEncrypted) {
    const JsonIn sizes = in.at("sizes");
    e.sizes = {sizes.at(0).as<double>(), sizes.at(1).as<double>(), sizes.at(2).as<double>()};
  }
  return e;
}

}  // namespace

json to_json(const LedgerEntry& e) {
  json out = {{"kind", kind_name(e.kind)},
              {"time", e.time},
              {"what", e.what},
              {"numbers", e.numbers},
              {"bits", e.bits}};
  if (!e.ciphertext.empty()) out["ciphertext"] = e.ciphertext;
  if (!e.data.empty()) out["data"] = e.data;
  if (!e.run.empty()) out["run"] = e.run;
  if (e.round != 0) out["round"] = e.round;
  if (e.kind == LedgerEntry::Kind::kPublished) {
    out["noise"] = e.noise;
    out["error"] = e.error;
    if (e.chosen > 0) out["chosen"] = e.chosen;
    out["told"] = e.told;
  }
  if (e.kind == LedgerEntry::Kind::kShared) {
    out["noise"] = e.noise;
    out["error"] = e.error;
    out["rule"] = e.rule;
  }
  if (!e.question.empty()) out["question"] = e.question;
  if (e.kind == LedgerEntry::Kind::kAsked) {
    out["rounds"] = e.rounds;
    out["rule"] = e.rule;
  }
  if (e.kind == LedgerEntry::Kind::kAnswered) out["stop"] = e.stop;
  if (e.kind == LedgerEntry::Kind::kRefused) out["reason"] = e.reason;
  if (e.kind == LedgerEntry::Kind::kEncrypted)
    out["sizes"] = {e.sizes.largest, e.sizes.local, e.sizes.norm};
  return out;
}

LedgerTotals totals(const std::vector<LedgerEntry>& entries) {
  LedgerTotals out;
  std::set<std::string> runs;
  for (const LedgerEntry& e : entries) switch (e.kind) {
      case LedgerEntry::Kind::kEncrypted:
        ++out.encrypted;
        break;
      case LedgerEntry::Kind::kOpened:
        ++out.opened;
        out.refused_bits += e.bits;
        break;
      case LedgerEntry::Kind::kPublished:
        ++out.published;
        out.published_bits += e.bits;
        out.answered_bits += e.chosen;
        out.refused_bits += e.told;
        break;
      case LedgerEntry::Kind::kShared:
        ++out.shared;
        out.published_bits += e.bits;
        break;
      case LedgerEntry::Kind::kAsked:
        ++out.asked;
        out.answered_bits += e.bits;
        runs.insert(e.run);
        break;
      case LedgerEntry::Kind::kAnswered:
        ++out.answered;
        out.answered_bits += e.bits;
        runs.insert(e.run);
        break;
      case LedgerEntry::Kind::kRefused:
        ++out.refused;
        out.refused_bits += e.bits;
        break;
      case LedgerEntry::Kind::kBegun:
        out.begun = e.time;
        break;
    }
  out.runs = runs.size();
  return out;
}

fs::path Ledger::path_in(const fs::path& folder, const KeyId& id) {
  return folder / ("ledger-" + to_string(id).substr(0, 16) + ".jsonl");
}

Ledger::Ledger(const fs::path& folder, const KeyId& id, std::string parameters, const Seed& mac_key,
               bool must_exist)
    : folder_(folder),
      path_(path_in(folder, id)),
      id_(id),
      parameters_(std::move(parameters)),
      mac_key_(mac_key),
      must_exist_(must_exist) {}

Ledger::~Ledger() { wipe(mac_key_.data(), mac_key_.size()); }

std::string Ledger::header() const {
  return json_text(json::object(
             {{"ledger", 1}, {"key_id", to_string(id_)}, {"parameters", parameters_}})) +
         "\n";
}

std::string Ledger::mac(const std::string& text) const {
  return json_text(json::object({{"mac", to_hex(hmac_sha256(mac_key_, text))}})) + "\n";
}

std::optional<std::vector<LedgerEntry>> Ledger::read() const {
  const std::string name = quoted_path(path_);
  if (!path_exists(path_)) return {};
  const std::vector<std::uint8_t> bytes = InputFile(path_).read_all(kMaxBytes);
  const std::string text(bytes.begin(), bytes.end());
  const std::size_t last = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
  const std::string body = last == std::string::npos ? "" : text.substr(0, last + 1);
  // Everything before the MAC is as this program wrote it, once the MAC is right.
  if (body.empty() || text.substr(last + 1) != mac(body) || !body.starts_with(header()))
    throw DataError(name +
                    ": the ledger was changed or cut short since it was written, so that nobody "
                    "knows what these keys have given away; put it back from a copy, or make fresh "
                    "keys");
  std::vector<LedgerEntry> entries;
  for (std::size_t at = header().size(); at < body.size();) {
    const std::size_t end = body.find('\n', at);
    const std::string where = name + ": entry " + std::to_string(entries.size() + 1);
    try {
      const json entry = parse_json(body.substr(at, end - at), where);
      entries.push_back(entry_from({entry, where}));
    } catch (const DataError& error) {
      throw DataError(error.what() + std::string(": was it written by a newer version?"));
    }
    at = end + 1;
  }
  return entries;
}

void Ledger::begin() const {
  const std::string text = header();
  write_file_atomically(path_, text + mac(text), 0600);
}

bool Ledger::is_begun(const fs::path& folder, const KeyId& id) {
  constexpr std::uint64_t kMaxHeader = 4096;
  const fs::path path = path_in(folder, id);
  try {
    if (!path_exists(path) || InputFile(path).size() > kMaxHeader) return false;
    const std::vector<std::uint8_t> bytes = InputFile(path).read_all(kMaxHeader);
    const std::string text(bytes.begin(), bytes.end());
    // The header and its MAC.
    if (std::count(text.begin(), text.end(), '\n') != 2) return false;
    const json header = parse_json(text.substr(0, text.find('\n')), quoted_path(path));
    return JsonIn(header, quoted_path(path)).at("key_id").as<std::string>() == to_string(id);
  } catch (const NotTold&) {
    throw;
  } catch (const DataError&) {
    return false;  // none of ours
  }
}

void Ledger::remove_begun(const fs::path& folder, const KeyId& id) {
  std::error_code ignored;
  if (is_begun(folder, id)) fs::remove(path_in(folder, id), ignored);
}

void Ledger::require_there() const {
  if (!must_exist_ || path_exists(path_)) return;
  throw DataError(
      quoted_path(path_) +
      ": is not there, although these keys were made with it: it tells what they have "
      "given away; put it beside secret.key, from where that was or from a copy; if it "
      "is lost, 'blindtuner ledger --keys .. --begin-anew' begins another, which says so");
}

bool Ledger::append(const Decide& decide) { return write_entry(decide, false); }

void Ledger::begin_anew() {
  (void)write_entry(
      [](const auto&) {
        LedgerEntry entry;
        entry.kind = LedgerEntry::Kind::kBegun;
        entry.what = "ledger";
        return entry;
      },
      true);
}

bool Ledger::write_entry(const Decide& decide, bool anew) {
  const auto cannot_record = [this](const DataError& error) {
    throw DataError(std::string(error.what()) +
                    "; what is decrypted is recorded beside the keys before it is handed out: make "
                    "the folder " +
                    quoted_path(folder_) +
                    " writable, or copy the keys and their ledger to one that is");
  };
  const FileLock lock(folder_, "ledger", FileLock::Kind::kExclusive, std::chrono::seconds(60));
  if (!lock.held()) cannot_record(DataError("cannot lock the ledger " + quoted_path(path_)));
  require_keys_in_place(folder_, id_);
  if (!anew) require_there();
  const std::optional<std::vector<LedgerEntry>> before = read();
  if (anew && before) throw DataError(quoted_path(path_) + ": is there: no other is begun");
  std::vector<LedgerEntry> entries = before.value_or(std::vector<LedgerEntry>{});
  std::optional<LedgerEntry> decided = decide(entries);
  if (!decided) return false;
  decided->time = utc_time(std::time(nullptr));
  entries.push_back(std::move(*decided));
  std::string text = header();
  for (const LedgerEntry& entry : entries) text += json_text(to_json(entry)) + "\n";
  text += mac(text);
  if (text.size() > kMaxBytes) cannot_record(DataError(quoted_path(path_) + ": is full"));
  try {
    AtomicFile file(path_, 0600);
    file.write(text);
    file.commit();
  } catch (const DataError& error) {
    cannot_record(error);
  }
  return !before;
}

}  // namespace blindtuner::secret
