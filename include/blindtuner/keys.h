// What keys say of themselves.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/parameters.h>

#include <cstdint>
#include <filesystem>
#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

struct KeysInfo {
  /// Of the key set, in hexadecimal: random, and in every file that was made under it.
  std::string identity;
  ParameterSet parameters;
  /// What they are for; of the batch, which their layout no longer has, the default.
  DataShape shape{};
  std::uint64_t bytes = 0;  ///< of the file of evaluation keys; 0: it is not there
};

/// Of a file of evaluation keys, of which the beginning is read. Throws DataError for what is none, SecurityError for
/// parameters below 128 bits unless the context allows them.
KeysInfo read_keys_info(const Context& context, const std::filesystem::path& evaluation_keys);

}  // namespace blindtuner
#pragma GCC visibility pop
