// What an entry of an owner's ledger is about.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

enum class LedgerKind {
  kEncrypted,  ///< a data set, for a server
  kOpened,     ///< at full precision; stays with the owner
  kPublished,  ///< with noise
  kShared,     ///< an owner's share of what several open: with noise, too
  kAsked,      ///< a round of validation, before it is decrypted
  kAnswered,   ///< one bit, to a training server
  kRefused,    ///< decrypted and not plausible: that it was refused is all that leaves
  kBegun,      ///< this ledger, anew: what the keys gave away before is not in it
};

/// "encrypted", "opened", .., as the ledger's file has it.
std::string kind_name(LedgerKind kind);

}  // namespace blindtuner
#pragma GCC visibility pop
