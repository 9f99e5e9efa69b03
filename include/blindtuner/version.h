// Which library this is.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

/// Of the library that is linked: "major.minor.patch". Headers and library go together.
std::string version();

/// Of the files that it writes, which has a number of its own. It reads those of every earlier version.
int file_format_version();

}  // namespace blindtuner
#pragma GCC visibility pop
