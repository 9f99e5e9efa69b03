// Coverage-guided fuzzing of everything that reads data from outside.
//
// One program holds all targets; FUZZ_TARGET in the environment names the one that runs. A target
// is given bytes and reads them as a file of its kind. DataError is the one answer to bad bytes:
// any other exception, an error that a sanitizer sees, memory or time beyond libFuzzer's limits is
// a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace blindtuner::fuzz {

using Bytes = std::span<const std::uint8_t>;

struct Target {
  const char* name;
  void (*run)(Bytes);
  /// Changes bytes that know their format (LLVMFuzzerCustomMutator); none: libFuzzer's own way.
  std::size_t (*mutate)(std::uint8_t* data, std::size_t size, std::size_t most,
                        unsigned seed) = nullptr;
  /// Writes what the corpus begins with, where that takes this project's own writers.
  void (*seeds)(const std::filesystem::path& folder) = nullptr;
};

std::span<const Target> container_targets();
std::span<const Target> record_targets();
std::span<const Target> table_targets();
std::span<const Target> picture_targets();
std::span<const Target> encoder_targets();

/// A folder in memory for this process; removed when it ends.
const std::filesystem::path& scratch();
/// A file in it that holds these bytes.
std::filesystem::path scratch_file(const std::string& name, Bytes bytes);
void write_whole(const std::filesystem::path& path, Bytes bytes);
std::vector<std::uint8_t> read_whole(const std::filesystem::path& path);

/// The first `count` parts of bytes that a zero byte divides; the last is the rest. Parts that are
/// not there are empty.
std::vector<Bytes> split(Bytes bytes, std::size_t count);

/// Runs what reads the same bytes in several ways: one that refuses does not keep others from it.
template <typename... Readers>
void each(Readers&&... readers) {
  const auto one = [](auto& read) {
    try {
      read();
    } catch (const DataError&) {
    }
  };
  (one(readers), ...);
}

}  // namespace blindtuner::fuzz
