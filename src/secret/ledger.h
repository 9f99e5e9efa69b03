// The ledger of a key set: what was encrypted and decrypted under it, and where it went.
//
// A file beside the keys, ledger-<first 16 digits of the key set's identity>.jsonl, mode 0600, one
// JSON object a line:
//
//   {"ledger":1,"key_id":"..","parameters":".."}
//   an entry each, oldest first (LedgerEntry's members)
//   {"mac":".."}      HMAC-SHA256, under a key derived from the secret key, of all bytes before it
//
// An entry is on the disk before anything it tells of leaves the program, and the file is replaced
// as a whole: a kill leaves it with the entry or without. A line that was changed or taken away does
// not pass the MAC, and keys that were made with a ledger refuse to work without one. What nothing sees
// is an older, whole ledger put in the place of a newer one.
#pragma once

#include <blindtuner/ledger_kind.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/format.h"
#include "linalg/products_noise.h"

namespace blindtuner::secret {
using namespace io;
using namespace linalg;

struct LedgerEntry {
  using Kind = LedgerKind;
  Kind kind{};
  std::string time;        ///< UTC, 2026-11-26T17:16:08Z; set by Ledger::append
  std::string what;        ///< "data set", "model", "scores", "labels"; "answer" that is refused
  std::string ciphertext;  ///< SHA-256 of what was decrypted, in hexadecimal; not of data sets
  std::string data, run;   ///< identities in hexadecimal, as far as there are any
  int round = 0;           ///< of validation; 0: none
  std::uint64_t numbers = 0;
  double noise = 0, error = 0;  ///< published, shared: standard deviations of noise and error
  bool stop = false;            ///< answered: the bit
  std::string reason;           ///< refused: which check failed
  /// Opened, and refused where it was to be: of the ciphertext and what it was held against. The same
  /// question has the same outcome.
  std::string question;
  int rounds = 0;      ///< asked: how many the run has, at most
  std::string rule;    ///< asked: what else its answers follow from; shared: who opens it
  FeatureSizes sizes;  ///< encrypted: what errors of its results will depend on
  /// What an observer may have learnt by it, at most. Published: about the errors of the decrypted
  /// numbers, and so about the key. All others about everything encrypted, and the key. Opened and
  /// refused: by which of the two it was. Asked: all that its run will tell, with the run's first
  /// question: when it ends, and whether by a refusal. Answered: 1 where nothing was booked so.
  double bits = 0;
  /// Published: the same by which of several results it is, chosen by decrypted scores; and by that it
  /// was not refused.
  double chosen = 0, told = 0;
};

struct LedgerTotals {
  std::size_t encrypted = 0, opened = 0, published = 0, shared = 0, asked = 0, answered = 0,
              refused = 0, runs = 0;
  std::string begun;  ///< when the ledger was begun anew, last; empty: never
  /// published_bits: with those of shares. answered_bits: of runs, with what published models were chosen from. refused_bits: of all that
  /// could have been refused.
  double published_bits = 0, answered_bits = 0, refused_bits = 0;
};

class Ledger {
 public:
  /// Nothing is read or written yet. mac_key: derived from the secret key. `must_exist`: the keys were
  /// made with a ledger.
  Ledger(const std::filesystem::path& folder, const KeyId& id, std::string parameters,
         const Seed& mac_key, bool must_exist);
  ~Ledger();

  const std::filesystem::path& path() const { return path_; }
  static std::filesystem::path path_in(const std::filesystem::path& folder, const KeyId& id);
  /// Of keys that are being made: without an entry.
  void begin() const;
  /// Whether the ledger of these keys in the folder is as begin() wrote it, as far as can be told without
  /// the keys: theirs by its first line, and without an entry.
  static bool is_begun(const std::filesystem::path& folder, const KeyId& id);
  /// Takes away what begin() wrote for keys that were not made in the end; one with an entry stays.
  static void remove_begun(const std::filesystem::path& folder, const KeyId& id);
  /// Throws DataError where there is none although there must be one.
  void require_there() const;
  /// Empty optional: there is none. Throws DataError when it was changed, or cannot be read.
  std::optional<std::vector<LedgerEntry>> read() const;

  /// Lets `decide` see the entries and writes the one that it returns, if it does; exceptions of
  /// `decide` pass through and nothing is written. One process at a time. Returns whether a new ledger
  /// was begun.
  /// Throws DataError when the ledger was changed, the folder cannot be written, or its secret.key is
  /// another by now: then this ledger is where these keys are; or when it is gone, see require_there().
  using Decide = std::function<std::optional<LedgerEntry>(const std::vector<LedgerEntry>&)>;
  bool append(const Decide& decide);
  /// In the place of one that is lost: its first entry says so. Throws DataError where there is one.
  void begin_anew();

 private:
  bool write_entry(const Decide& decide, bool anew);
  std::string header() const;
  std::string mac(const std::string& text) const;

  std::filesystem::path folder_, path_;
  KeyId id_;
  std::string parameters_;
  Seed mac_key_;
  bool must_exist_;
};

LedgerTotals totals(const std::vector<LedgerEntry>& entries);

/// The members that its kind has.
nlohmann::json to_json(const LedgerEntry& entry);

}  // namespace blindtuner::secret
