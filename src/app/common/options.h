// Numbers and outputs on the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "app/common/command_line.h"

namespace blindtuner::app {

/// An option that is a number: the only way in which either program takes one, so that no option
/// forgets its range. `least` is 0 or more.
template <typename T>
Option add_number(Command& command, const std::string& name, T& value,
                  const std::string& description, std::type_identity_t<T> least,
                  std::type_identity_t<T> most) {
  const Option option = command.add_option(name, value, description);
  if constexpr (std::is_floating_point_v<T>)
    option.kind("X").within(real_numbers(least, most));
  else
    option.kind("N").within(
        whole_numbers(static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most)));
  return option;
}

/// An option that names a file to be written: the only way in which either program takes one.
Option add_output_file(Command& command, const std::string& name, std::string& path,
                       const std::string& description);

/// Throws DataError for a name that ends in none of these, ".npz" say: what is written is of the kind that its name says.
void require_ending(const std::filesystem::path& output, const std::vector<std::string>& endings);

inline constexpr std::size_t kMaxBatch = std::size_t{1} << 30;  ///< samples a step

/// Holds a command that was parsed to this: no value that was given is empty; what it writes, by an option
/// (add_output_file(), --out) or besides (Command::also_writes), is no file that another of its
/// options names or that it writes for something else, nor keys, a record or a lock of an owner; what an
/// option writes replaces nothing in a folder that it reads, an encoder's or of pictures; files can be
/// written where they are to go, in folders that are there. Throws DataError that names option or file.
void check_given(const Command& command);

}  // namespace blindtuner::app
