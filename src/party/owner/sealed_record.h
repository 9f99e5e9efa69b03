// Small records that an owner keeps for itself: JSON with a seal, mode 0600.
//
//   {"record": {..}, "seal": ".."}      seal: HMAC-SHA256 of the record's text, in hexadecimal, under
//                                       a key derived from the secret key and the record's purpose
//
// A record decides what is trusted or answered later, so one that is not, byte for byte, what these
// keys have written is refused, and so is a record of another purpose.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/atomic_file.h"
#include "secret/secret_key_file.h"

namespace blindtuner::party {
using namespace secret;

/// A record that will be written: its file is made, in the folder where it is to be, before there is
/// anything to say, so that what may be short there (the folder, permissions, descriptors) is short in time.
class SealedFile {
 public:
  /// Keys must outlive it. Throws DataError.
  SealedFile(std::filesystem::path path, const OwnerKeys& keys, std::string purpose);
  /// Puts it in its place. Call once. Throws DataError.
  void commit(const nlohmann::json& record);

 private:
  std::filesystem::path path_;
  const OwnerKeys& keys_;
  std::string purpose_;
  AtomicFile file_;
};

void write_sealed(const std::filesystem::path& path, const OwnerKeys& keys,
                  std::string_view purpose, const nlohmann::json& record);

/// Throws DataError when it is not there, cannot be read or is not sealed by these keys for this
/// purpose: that message ends with what to do.
nlohmann::json read_sealed(const std::filesystem::path& path, const OwnerKeys& keys,
                           std::string_view purpose, std::string_view advice = {});

}  // namespace blindtuner::party
