// Features that were computed before, by the digest of what they were computed from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace blindtuner::features {

/// One file a key in a folder. The key is the digest of everything that makes features out of
/// samples: the model, its settings, the samples' preparation.
///
/// The file: "BTFEATS1", the width (64 bits, little-endian), the key, 16 zero bytes; then records
/// of one length: a sample's digest, its features (32-bit floats, little-endian), the first 8 bytes
/// of SHA-256 over key, digest and features. Records are only ever appended, under a lock, so that
/// several programs can share the file; one that was cut off is overwritten, one that is damaged is
/// as good as absent. It holds features in the clear, and what is in it is believed: folder and file
/// belong to the user, no other may write to the folder or read the file, and neither is a link.
///
/// Any number of threads at once.
class FeatureCache {
 public:
  /// Opens or creates. Throws DataError: a folder or file that cannot be made or read, or that others
  /// could tamper with.
  FeatureCache(const std::filesystem::path& folder, const Sha256Digest& key, std::size_t width);
  ~FeatureCache();
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;

  /// Records that were there on opening, or were added.
  std::size_t size() const;
  /// Copies the features of a sample; false when they are not there.
  bool find(const Sha256Digest& sample, std::span<float> features) const;

  struct Entry {
    Sha256Digest sample;
    std::span<const float> features;
  };
  /// Appends in one write. Throws DataError (disk full); the file stays sound.
  void add(std::span<const Entry> entries);

  /// $XDG_CACHE_HOME/blindtuner or ~/.cache/blindtuner; empty when neither variable is set.
  static std::filesystem::path default_folder();

 private:
  std::size_t record_bytes() const;
  std::uint64_t check(const Sha256Digest& sample, std::span<const std::uint8_t> features) const;
  std::vector<std::uint8_t> header() const;
  void open_records();
  [[noreturn]] void fail(const char* action, int error) const;

  std::filesystem::path path_;
  Sha256Digest key_;
  std::size_t width_;
  int descriptor_ = -1;
  mutable std::mutex mutex_;
  std::map<Sha256Digest, std::uint64_t> records_;  // where each begins
};

}  // namespace blindtuner::features
