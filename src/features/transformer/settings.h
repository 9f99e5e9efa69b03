// The JSON files that lie beside a model's weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "features/transformer/layers.h"

namespace blindtuner::features {

/// Bytes of a settings file beside a model (config.json and the like).
inline constexpr std::uint64_t kMaxSettingsBytes = std::uint64_t{4} << 20;

/// The object (or list) in a small JSON file; an empty one when there is no such file. Throws
/// DataError when it is damaged.
nlohmann::json read_settings(const std::filesystem::path& path, bool list = false);
/// Members of such an object: `otherwise` when absent or null. Throw DataError that starts with
/// `where` when they are of another type or out of range.
double setting(const nlohmann::json& settings, const char* key, double otherwise, double least,
               double most, const std::string& where);
std::size_t whole_setting(const nlohmann::json& settings, const char* key, std::size_t otherwise,
                          std::size_t least, std::size_t most, const std::string& where);
std::string word_setting(const nlohmann::json& settings, const char* key,
                         const std::string& otherwise, const std::string& where);
bool flag_setting(const nlohmann::json& settings, const char* key, bool otherwise,
                  const std::string& where);
/// A member that is an object; an empty one when there is none.
const nlohmann::json& object_setting(const nlohmann::json& settings, const char* key);
/// "gelu" and its approximations by name. Throws DataError.
layers::Activation activation_named(const std::string& name, const std::string& where);

}  // namespace blindtuner::features
