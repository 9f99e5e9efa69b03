#include "app/common/exchange.h"

#include <cstdio>

#include "base/path.h"
#include "io/file_stream.h"

namespace blindtuner::app {
using namespace io;
namespace {

std::string numbered(const char* pattern, int round) {
  char name[32];
  std::snprintf(name, sizeof name, pattern, round);
  return name;
}

}  // namespace

std::filesystem::path round_path(const std::filesystem::path& folder, int round) {
  return folder / numbered("round-%04d.enc", round);
}

std::filesystem::path answer_path(const std::filesystem::path& folder, int round) {
  return folder / numbered("answer-%04d.bit", round);
}

bool arrived(const std::filesystem::path& path) { return path_exists(path) && is_whole(path); }

std::string partly_there(const std::filesystem::path& path) {
  return path_exists(path) ? ", of which only a part is there" : "";
}

}  // namespace blindtuner::app
