// A folder of keys: secret.key, which stays with its owner, and evaluation.keys for a server.
//
// A pair is put in place by one rename, that of secret.key:
//
//   1. evaluation.keys.next is written whole, and the ledger that its secret.key will ask for; they are
//      nobody's yet.
//   2. A secret.key that is there gets a second name, old-ID/secret.key.
//   3. secret.key is written under another name and renamed. Before, the folder holds the old pair;
//      from here on the new one: evaluation.keys.next is of secret.key's identity.
//   4. What else belongs to the old pair goes to old-ID/, and evaluation.keys.next gets its name.
//
// Between 3 and 4 the old evaluation.keys serves what was encrypted before, which old-ID/secret.key opens:
// two files cannot change in one instant, none is missing in any, and files of two key sets together
// are refused. After a kill or a failure at any instant, whoever next makes keys or encrypts does step 4 when it
// was due (complete_pair), and otherwise what steps 1 and 2 made are leftovers that go away. A
// secret.key is never overwritten, and its last name never removed.
#pragma once

#include <filesystem>
#include <optional>

#include "base/file_lock.h"
#include "party/owner/listener.h"
#include "records/key_set.h"
#include "secret/secret_key_file.h"

namespace blindtuner::party {
using namespace records;
using namespace secret;

std::filesystem::path secret_key_path(const std::filesystem::path& folder);
std::filesystem::path evaluation_keys_path(const std::filesystem::path& folder);

/// Held by whoever changes what the folder holds. Waits a few seconds for another program; throws
/// DataError that names it.
FileLock lock_keys(const std::filesystem::path& folder);

/// An interrupted step 2 leaves secret.key's second name, which a passphrase of the first would not protect: it
/// goes away. Under lock_keys(). A copy that is not the same is left, and warned of.
void remove_second_names(const std::filesystem::path& folder, const Listener& listener = {});

struct KeygenRequest {
  ParametersPtr parameters;
  std::size_t features = 768, classes = 10;
  std::size_t batch = 4096;  ///< what the layout is chosen for
  bool allow_insecure = false;
};
/// The layout that the request's keys are for. Throws DataError for what cannot be asked for, and
/// SecurityError for parameters below 128 bits unless allowed.
ProductLayout plan_keys(const KeygenRequest& request);
/// How large evaluation.keys of them comes out, to the byte. Throws the same.
std::uint64_t evaluation_keys_bytes(const KeygenRequest& request);

struct MadeKeys {
  /// Where the pair that was there lies now.
  std::optional<std::filesystem::path> old_pair;
};
/// Puts a pair into the folder, which is made for its owner alone, or changes nothing. Throws
/// DataError when there are keys already, unless they may be set aside (`replace`); when the disk
/// has not the room; when another program makes keys there or works with those that are there. `passphrase`: asked once all of that is
/// settled; empty or an empty answer: none.
MadeKeys make_keys(const std::filesystem::path& folder, const KeygenRequest& request, bool replace,
                   const PassphraseSource& passphrase = {}, const Listener& listener = {});

/// What a secret.key opens.
struct OwnerFolder {
  OwnerKeys keys;
  KeySet set;

  /// What the evaluation keys were made for. A secret.key of version 0.1 does not say it; then
  /// evaluation.keys must be there and of the same set, else DataError.
  const ProductLayout& layout() const;
  /// The same where it is known.
  const std::optional<ProductLayout>& known_layout() const { return keys.layout; }

  std::filesystem::path folder;
  /// Nobody sets these keys aside (make_keys) while this is held.
  FileLock in_use = {};
};
/// kAllowed: for what gives nothing away.
enum class LostLedger { kRefused, kAllowed };
/// For decryption: needs secret.key and its ledger, where the keys were made with one. `passphrase` is
/// asked where secret.key takes one. Throws DataError, and SecurityError for parameters below 128 bits
/// unless allowed.
OwnerFolder open_keys(const std::filesystem::path& folder, bool allow_insecure,
                      const PassphraseSource& passphrase = {}, const Listener& listener = {},
                      LostLedger lost = LostLedger::kRefused);
/// For encryption: what a kill left undone is completed, and an evaluation.keys that is there must
/// be of the same set. Throws as open_keys().
OwnerFolder open_keys_to_encrypt(const std::filesystem::path& folder, bool allow_insecure,
                                 const PassphraseSource& passphrase = {},
                                 const Listener& listener = {});

}  // namespace blindtuner::party
