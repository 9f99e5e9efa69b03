// What the kernel says of memory.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace blindtuner::testing_support {

/// The kernel's flags of the mapping that holds the address: dd left out of dumps, wf zero in forked
/// processes, lo locked. Empty where the kernel does not tell.
inline std::string mapping_flags(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-') here = begin <= at && at < end;
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

}  // namespace blindtuner::testing_support
