// Descriptors of files that are written.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace blindtuner {

/// The same open file by a number above those of the standard streams; negative where there is none. A process whose
/// streams are closed gives their numbers to the next files it opens, and whatever is printed goes into those.
inline int above_streams(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int above = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::close(descriptor);
  return above;
}

}  // namespace blindtuner
