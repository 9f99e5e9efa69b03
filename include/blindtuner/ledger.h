// What left by an owner's door.
#pragma once

#include <blindtuner/ledger_kind.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What it leaves out, the file has: `blindtuner ledger` shows all of it.
struct LedgerEntry {
  using Kind = LedgerKind;
  Kind kind{};
  std::string time{};       ///< UTC, 2026-11-26T17:16:08Z
  std::string what{};       ///< "data set", "model", "scores", "labels"; "answer" that is refused
  std::string data{};       ///< identity of the data set, in hexadecimal, where there is one
  std::string run{};        ///< the same of a run of training
  int round = 0;            ///< of validation; 0: none
  std::uint64_t numbers = 0;  ///< samples of a data set; numbers of a result
  double noise = 0;         ///< published: standard deviation
  bool stop = false;        ///< answered: the bit
  std::string reason{};     ///< refused: why
  double bits = 0;          ///< what an observer may have learnt by it, at most
};

/// In the order in which it happened.
struct Ledger {
  std::filesystem::path file{};
  std::vector<LedgerEntry> entries{};
  /// What all of it together may have told, at most, in bits: publications about the key, answers and refusals about
  /// everything encrypted. Every result that is opened may be refused, and whoever sees whether it was learns by that: its
  /// bits count with openings as with refusals.
  double published_bits = 0, answered_bits = 0, refused_bits = 0;
};

}  // namespace blindtuner
#pragma GCC visibility pop
