// What an owner keeps for itself. Seals are made anew, so that what stands behind them is reached.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/owner/passphrase.h"
#include "app/owner/run_folder.h"
#include "app/report/server_report.h"
#include "base/hmac.h"
#include "base/json.h"
#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "owner.h"
#include "party/owner/data_sets.h"
#include "party/owner/sealed_record.h"
#include "records/round.h"
#include "records/study/manifest.h"
#include "rlwe/written_parameters.h"
#include "secret/private_file.h"

namespace blindtuner::fuzz {
using namespace app;
using namespace party;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }
Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// What is read is written so that it is read as the same again.
void any_json(Bytes bytes) {
  const json read = parse_json(text_of(bytes), "text");
  if (parse_json(json_text(read), "its copy") != read) std::abort();
  if (parse_json(json_text(read, 2), "its copy") != read) std::abort();
}

// A set that a user wrote down, and that every file made under it carries.
void parameters(Bytes bytes) {
  const std::string text = rlwe::to_text(rlwe::read_parameters(scratch_file("set.json", bytes)));
  if (rlwe::to_text(rlwe::parse_parameters(text, "its copy")) != text) std::abort();
}
void seed_parameters(const fs::path& folder) {
  rlwe::ParametersLiteral literal = rlwe::find_parameters("InsecureTest12");
  write_whole(folder / "built_in", bytes_of(rlwe::to_text(literal)));
  literal.name = "InsecureMine";
  write_whole(folder / "written", bytes_of(rlwe::to_text(literal)));
}

// No passphrase is tried: scrypt would take all the time.
void secret_key(Bytes bytes) {
  const fs::path path = sealed_file(FileKind::kSecretKey, bytes);
  each([&] { (void)secret_key_sealed(path); }, [&] { (void)read_secret_key(path, true); });
}
void seed_secret_key(const fs::path& folder) {
  seed(folder, "key", [](const fs::path& path) { write_secret_key(path, owner().keys()); });
  SecretBytes passphrase(4);
  seed(folder, "sealed",
       [&](const fs::path& path) { write_secret_key(path, owner().keys(), passphrase); });
}

void passphrase(Bytes bytes) {
  const fs::path path = scratch_file("passphrase", bytes);
  const PassphraseOptions options = {path.string()};
  each([&] { (void)read_new_passphrase(options, path); });
  if (read_passphrase(options, path).size() == 0) std::abort();
}

// What a party of a study signs, and the envelope of it.
void study_message(Bytes bytes) {
  const std::string text = text_of(bytes);
  io::MemorySource source(bytes, "text");
  each([&] { (void)records::parse_message(records::read_text(source).value_or(text), "text"); });
  const records::SignedMessage read = records::parse_message(
      plain_json_text({{"message", text}, {"signature", std::string(128, '0')}}), "text");
  static const SigningKey key{SecretBytes(SigningKey::kBytes)};
  const records::StudyMessage& m = read.message;
  const records::StudyMessage again =
      records::open_message(records::parse_message(records::signed_text(m, key), "its copy"),
                            {m.kind, m.from, m.study, m.session}, key.public_key());
  if (again.body != m.body) std::abort();
}

// What a server signs that it computed: whoever signs it.
void transcript(Bytes bytes) {
  const std::string text = text_of(bytes);
  each([&] { (void)records::read_transcript(scratch_file("transcript", bytes)); });
  static const SigningKey key{SecretBytes(SigningKey::kBytes)};
  const records::Transcript read = records::parse_transcript(
      records::sign_text(text, "transcript", "blindtuner transcript 1", key), "text");
  const records::Transcript again =
      records::parse_transcript(records::transcript_text(read, key), "its copy");
  if (again.steps != read.steps || !(again.training == read.training)) std::abort();
}

// What it is read from is written so that it is read as the same again.
void study_draft(Bytes bytes) {
  const json read = parse_json(text_of(bytes), "text");
  const json again = records::to_json(records::draft_from_json(JsonIn(read, "text")));
  if (records::to_json(records::draft_from_json(JsonIn(again, "its copy"))) != again) std::abort();
}

// No passphrase is tried here either.
void private_file(Bytes bytes) {
  const fs::path path = scratch_file("private", bytes);
  each([&] { (void)private_sealed(path); });
  (void)read_private(path, "a seed", 4, {});
}
void seed_private_file(const fs::path& folder) {
  SecretBytes passphrase(4);
  write_private(folder / "plain", "a seed", SecretBytes(4), {});
  write_private(folder / "sealed", "a seed", SecretBytes(4), passphrase);
}

void signing_key(Bytes bytes) { (void)read_signing_key(scratch_file("signing.key", bytes)); }

// Of the server's program, to the owner's.
void server_report(Bytes bytes) { (void)read_server_report(scratch_file("server.json", bytes)); }

// In a folder for results; what it names would be removed or replaced.
void run_list(Bytes bytes) {
  const auto list = read_run_list(scratch_file("run.json", bytes));
  if (!list) throw DataError("no list");
  for (const RunFiles& files : {list->files, list->replaces})
    for (const auto& [name, size] : files)
      for (const fs::path& part : fs::path(name))
        if (part == ".." || part == "/") std::abort();
}

// As a program reads it that finds the folder in use.
void lock_file(Bytes bytes) {
  const std::string text = std::to_string(::getpid()) + " somebody\n" + text_of(bytes);
  const fs::path path = scratch_file(".fuzz.lock", bytes_of(text));
  const int held = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (held < 0 || ::flock(held, LOCK_EX) != 0) std::abort();
  std::string said;
  try {
    const FileLock lock(scratch(), "fuzz");
  } catch (const DataError& error) {
    said = error.what();
  }
  ::close(held);
  if (said.find("somebody") == said.npos) std::abort();
}

/// A record that the program has written, for the same purpose: this file knows which one.
json unsealed(const fs::path& path, const char* purpose) {
  json record = read_sealed(path, owner().keys(), purpose);
  fs::remove(path);
  return record;
}

/// The file as it is, and with the right seal.
template <typename Read>
void read_record(const fs::path& path, const char* purpose, const std::string& text, Read read) {
  each(
      [&] {
        write_whole(path, bytes_of(text));
        read();
      },
      [&] {
        fs::remove(path);
        write_sealed(path, owner().keys(), purpose, parse_json(text, "record"));
        read();
      });
}

constexpr char kDataSets[] = "data sets", kRounds[] = "rounds of validation";

json data_sets_record() {
  const OwnerFolder& keys = owner().folder();
  fs::remove(data_sets_path(keys));
  record_data_set(keys, {{1}, {}, "train.enc", "training", 20, true, "0", "", {}});
  record_data_set(keys, {{2}, {}, "x.enc", "prediction", 3, false, std::string(64, 'a'), {}});
  return unsealed(data_sets_path(keys), kDataSets);
}

void data_sets(Bytes bytes) {
  static const bool right_purpose = !data_sets_record().empty();
  if (!right_purpose) std::abort();
  const OwnerFolder& keys = owner().folder();
  read_record(data_sets_path(keys), kDataSets, text_of(bytes), [&] {
    const std::size_t before = recorded_data_sets(keys).size();
    record_data_set(keys, {{3}, {}, "y.enc", "training", 20, true, "0", ""});
    if (recorded_data_sets(keys).size() != before + 1) std::abort();
  });
  fs::remove(data_sets_path(keys));
}
void seed_data_sets(const fs::path& folder) {
  write_whole(folder / "two", bytes_of(json_text(data_sets_record())));
}

// The record of rounds that a validator leaves and takes up again. Words for the digests, which are
// others at every run of this program.
constexpr const char* kDigests[] = {"data", "last", "model"};

struct FirstRound {
  std::vector<std::uint8_t> round, best;
  json record;
};
const FirstRound& first_round() {
  static const FirstRound made = [] {
    const Validation& here = validation();
    here.clear();
    {
      FileSink sink(here.exchange / round_name(1));
      write_round(sink, owner().set(), {kRun, 1, false, owner().model(), owner().scores()});
    }
    {
      Validator validator(owner().folder(), here.options());
      (void)validator.poll();
    }
    FirstRound out;
    out.round = read_whole(here.exchange / round_name(1));
    out.best = read_whole(here.out);
    out.record = unsealed(Validator::record_path(here.out), kRounds);
    return out;
  }();
  return made;
}

void rounds_record(Bytes bytes) {
  const FirstRound& before = first_round();
  const Validation& here = validation();
  here.clear();
  write_whole(here.exchange / round_name(1), before.round);
  write_whole(here.out, before.best);
  std::string text = text_of(bytes);
  for (const char* name : kDigests) {
    const std::string word = "$" + std::string(name), digest = before.record.at(name);
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos; at += digest.size())
      text.replace(at, word.size(), digest);
  }
  read_record(Validator::record_path(here.out), kRounds, text, [&] {
    (void)Validator::kept(here.out, owner().keys());
    Validator validator(owner().folder(), here.options());
    (void)json_text(validator.report());
    (void)validator.poll();
  });
}
void seed_rounds_record(const fs::path& folder) {
  json record = first_round().record;
  for (const char* name : kDigests) record[name] = "$" + std::string(name);
  write_whole(folder / "one", bytes_of(json_text(record)));
  record["finished"] = true;
  write_whole(folder / "finished", bytes_of(json_text(record)));
}

// Lines of a ledger, between its first line and its MAC.
struct TestLedger {
  TestLedger() : ledger(scratch(), kKeyId, owner().parameters().literal().name, key, false) {
    fs::remove(ledger.path());
    for (const auto kind :
         {LedgerEntry::Kind::kEncrypted, LedgerEntry::Kind::kOpened, LedgerEntry::Kind::kPublished,
          LedgerEntry::Kind::kShared, LedgerEntry::Kind::kAsked, LedgerEntry::Kind::kAnswered,
          LedgerEntry::Kind::kRefused})
      ledger.append([&](const auto&) {
        LedgerEntry entry;
        entry.kind = kind;
        entry.what = "model";
        entry.reason = "values";
        entry.ciphertext = "ab";
        entry.run = "cd";
        entry.round = 1;
        entry.numbers = 6;
        entry.question = entry.rule = "ef";
        entry.rounds = 3;
        entry.noise = entry.error = entry.bits = 0.5;
        return entry;
      });
    const std::vector<std::uint8_t> bytes = read_whole(ledger.path());
    const std::string text = text_of(bytes);
    const std::size_t body = text.find('\n') + 1, end = text.rfind('\n', text.size() - 2) + 1;
    header = text.substr(0, body);
    lines = text.substr(body, end - body);
    if (sealed(lines) != text) std::abort();
  }
  std::string sealed(const std::string& entries) const {
    const std::string text = header + entries;
    return text + "{\"mac\":\"" + to_hex(hmac_sha256(key, bytes_of(text))) + "\"}\n";
  }
  static constexpr Seed key = {3};
  Ledger ledger;
  std::string header, lines;
};
const TestLedger& test_ledger() {
  static const TestLedger made;
  return made;
}

void ledger(Bytes bytes) {
  const TestLedger& test = test_ledger();
  const fs::path& path = test.ledger.path();
  const auto read = [&] {
    const std::vector<LedgerEntry> before = test.ledger.read().value();
    Ledger copy(scratch(), kKeyId, owner().parameters().literal().name, TestLedger::key, false);
    copy.append([&](const std::vector<LedgerEntry>& all) {
      return all.empty() ? LedgerEntry{.kind = LedgerEntry::Kind::kOpened} : all.back();
    });
    // What was understood is written so that it is understood again.
    const LedgerTotals sums = totals(before);
    if (sums.encrypted + sums.opened + sums.published + sums.asked + sums.answered + sums.refused !=
            before.size() ||
        copy.read().value().size() != before.size() + 1)
      std::abort();
  };
  write_whole(path, bytes);
  each(read);
  write_whole(path, bytes_of(test.sealed(text_of(bytes))));
  each(read);
}
void seed_ledger(const fs::path& folder) {
  write_whole(folder / "all_kinds", bytes_of(test_ledger().lines));
}

constexpr Target kRecordTargets[] = {
    {"json", any_json},
    {"parameters", parameters, nullptr, seed_parameters},
    {"secret_key", secret_key, mutate_sections, seed_secret_key},
    {"passphrase", passphrase},
    {"server_report", server_report},
    {"run_list", run_list},
    {"study_message", study_message},
    {"transcript", transcript},
    {"study_draft", study_draft},
    {"private_file", private_file, nullptr, seed_private_file},
    {"signing_key", signing_key},
    {"lock_file", lock_file},
    {"data_sets", data_sets, nullptr, seed_data_sets},
    {"rounds_record", rounds_record, nullptr, seed_rounds_record},
    {"ledger", ledger, nullptr, seed_ledger},
};

}  // namespace

std::span<const Target> record_targets() { return kRecordTargets; }

}  // namespace blindtuner::fuzz
