// Numbers and outputs on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

namespace blindtuner::app {

/// Passes decimal numbers (no blank, no plus, no hexadecimal or octal ones; NaN and infinity are
/// none) from `least` to `most`; the first also in the form of 1e-3. What it is called in the help
/// is part of it.
CLI::Validator real_number(double least, double most);
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

/// An option that is a number: the only way in which either program takes one, so that no option
/// forgets its range. `least` is 0 or more.
template <typename T>
CLI::Option* add_number(CLI::App& command, const std::string& name, T& value,
                        const std::string& description, std::type_identity_t<T> least,
                        std::type_identity_t<T> most) {
  CLI::Option* option = command.add_option(name, value, description);
  if constexpr (std::is_floating_point_v<T>)
    option->type_name("X")->transform(real_number(least, most));
  else
    option->type_name("N")->transform(
        whole_number(static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most)));
  return option;
}

/// An option that names a file to be written: the only way in which either program takes one.
CLI::Option* add_output_file(CLI::App& command, const std::string& name, std::string& path,
                             const std::string& description);

inline constexpr std::size_t kMaxBatch = std::size_t{1} << 30;  ///< samples a step

/// Holds a command that was parsed to this: what it writes, by an option (--out, --report,
/// --validation-out) or besides (`derived`: names that follow from those), is no file that another of its
/// options names or that it writes for something else, nor keys, a record or a lock of an owner; what an
/// option writes replaces nothing in a folder that it reads, an encoder's or of pictures; files can be
/// written where they are to go, in folders that are there. Throws DataError that names the file.
void check_outputs(const CLI::App& command, const std::vector<std::filesystem::path>& derived = {});

}  // namespace blindtuner::app
