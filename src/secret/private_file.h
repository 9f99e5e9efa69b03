// Secret bytes in a file for their owner alone, mode 0600, under a passphrase where there is one. Text, in lines:
//
//   blindtuner private 1
//   what they are
//   plain, or sealed <scrypt's log2 N> <r> <p> <salt> <nonce>      in hexadecimal (secret/passphrase_seal.h)
//   the bytes in hexadecimal, sealed with the first two lines authenticated
#pragma once

#include <filesystem>
#include <string_view>

#include "secret/passphrase_seal.h"
#include "secret/secret_key_file.h"

namespace blindtuner::secret {

/// Of all that such a file holds: a polynomial of the small ring at most.
inline constexpr std::size_t kMaxPrivateBytes = std::size_t{1} << 19;

/// passphrase: empty for none. what: printable, without a line feed. Throws DataError.
void write_private(const std::filesystem::path& path, std::string_view what,
                   const SecretBytes& bytes, const SecretBytes& passphrase,
                   const ScryptCost& cost = {});
/// `count` bytes of this kind. The passphrase is asked for only where the file takes one. Throws DataError.
SecretBytes read_private(const std::filesystem::path& path, std::string_view what,
                         std::size_t count, const PassphraseSource& passphrase);
/// Whether it takes a passphrase. Throws DataError.
bool private_sealed(const std::filesystem::path& path);
/// Overwrites and removes it, as far as the file system overwrites what it is told to; none is no error. Throws DataError.
void destroy_private(const std::filesystem::path& path);

}  // namespace blindtuner::secret
