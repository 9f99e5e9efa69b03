// The owner's secrets on disk, in the format of io/format.h, kind kSecretKey, mode 0600.
//
//   section "LAYT": the layout that the evaluation keys of the set were made for (io/product_io.h);
//     absent in files of version 0.1
//   section "LEDG": 1 (1): the set was made with a ledger beside it (secret/ledger.h); absent in files
//     of earlier programs
//   then either, without a passphrase,
//   section "SKEY": for the big ring's secret, then the small ring's:
//     log_n (1), coefficients: 2 bits each, four a byte, lowest bits first: 0, 1, 2 for -1
//   or, with one,
//   section "SEAL": scrypt's log2 N (1), r (4), p (4), salt (16); nonce (12); length (4) and bytes:
//     what "SKEY" would hold under AES-256-GCM, tag (16) included; the file's header (192) and the
//     layout's features, classes and width (4 each) and LEDG are authenticated with it
//
// The sparse secret is not kept: it is needed only while evaluation keys are made, and a fresh one
// is as good as the old.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/atomic_file.h"
#include "io/format.h"
#include "linalg/layout.h"
#include "secret/secret_key.h"

namespace blindtuner::secret {
using namespace io;
using namespace linalg;

/// A key set with the identity that every file made under it carries.
struct OwnerKeys {
  SecretKeys secrets;
  KeyId id{};
  std::optional<ProductLayout> layout{};  ///< of the set's evaluation keys
  bool with_ledger = false;               ///< since it was made: one that is gone was taken away
};

/// Asked for the passphrase of a file that has one.
using PassphraseSource = std::function<SecretBytes()>;

/// passphrase: none, or what the file is sealed under. Throws DataError when it cannot be written; a
/// file that exists is replaced.
void write_secret_key(const std::filesystem::path& path, const OwnerKeys& keys,
                      const SecretBytes& passphrase = {}, Links links = Links::kFollow);

/// Throws DataError on anything but a whole secret key file and on a wrong passphrase, SecurityError
/// for parameters below 128 bits unless allowed. The sparse secret is a fresh one.
OwnerKeys read_secret_key(const std::filesystem::path& path, bool allow_insecure,
                          const PassphraseSource& passphrase = {});

/// Whether it takes a passphrase to read. Throws DataError.
bool secret_key_sealed(const std::filesystem::path& path);

/// Before a record of the keys `id` is written beside them: throws DataError where secret.key of this folder is
/// another set's, as it is when somebody has put others there since `id` was read. A folder without one passes.
void require_keys_in_place(const std::filesystem::path& folder, const KeyId& id);

}  // namespace blindtuner::secret
