// Descriptors of open files.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace blindtuner {

/// The same open file by a number above those of the standard streams; negative where there is none. A process whose
/// streams are closed gives their numbers to the next files it opens, and whatever is printed goes into those.
inline int above_streams(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int above = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  ::close(descriptor);
  return above;
}

/// Closes what it holds, if it is one.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

}  // namespace blindtuner
