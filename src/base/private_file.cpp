#include "base/private_file.h"

#include <sys/stat.h>

#include "base/path.h"

namespace blindtuner {

std::string told_if_readable_by_others(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & 077) == 0) return {};
  return quoted_path(path) +
         " is not for its owner alone: other users of this machine may have read it; 'chmod 600' "
         "ends that";
}

}  // namespace blindtuner
