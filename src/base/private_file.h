// Files that are for their owner alone.
#pragma once

#include <filesystem>
#include <string>

namespace blindtuner {

/// What is to be said of a secret's file that other users of this machine may read or write; empty where they may not.
std::string told_if_readable_by_others(const std::filesystem::path& path);

}  // namespace blindtuner
