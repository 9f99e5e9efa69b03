// Where a model's settings came from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace blindtuner::features {

struct SettingOrigin {
  std::string setting, value;
  std::string from;      ///< a file, quoted; or what it was inferred from
  bool guessed = false;  ///< no file said so: another value may have been meant
};
using SettingOrigins = std::vector<SettingOrigin>;

/// A line about what was guessed of a model; empty where nothing was.
std::string guessed_settings(const std::filesystem::path& model, const SettingOrigins& origins);

}  // namespace blindtuner::features
