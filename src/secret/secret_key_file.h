// The owner's secrets on disk, in the format of io/format.h, kind kSecretKey, mode 0600.
//
//   section "SKEY": for the big ring's secret, then the small ring's:
//     log_n (1), coefficients: 2 bits each, four a byte, lowest bits first: 0, 1, 2 for -1
//
// The sparse secret is not kept: it is needed only while evaluation keys are made, and a fresh one
// is as good as the old.
#pragma once

#include <filesystem>

#include "io/format.h"
#include "secret/secret_key.h"

namespace blindtuner {

/// A key set with the identity that every file made under it carries.
struct OwnerKeys {
  SecretKeys secrets;
  KeyId id{};
};

/// Throws DataError when it cannot be written; a file that exists is replaced.
void write_secret_key(const std::filesystem::path& path, const OwnerKeys& keys);

/// Throws DataError on anything but a whole secret key file, SecurityError for parameters below 128
/// bits unless allowed. The sparse secret is a fresh one.
OwnerKeys read_secret_key(const std::filesystem::path& path, bool allow_insecure);

}  // namespace blindtuner
