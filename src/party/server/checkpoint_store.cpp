#include "party/server/checkpoint_store.h"

#include "base/path.h"
#include "io/file_stream.h"

namespace blindtuner::party {

std::unique_ptr<ByteSource> CheckpointInFile::last() {
  if (!path_exists(path_)) return nullptr;
  return std::make_unique<FileSource>(path_);
}

void CheckpointInFile::keep(const std::function<void(ByteSink&)>& write) {
  FileSink sink(path_);
  write(sink);
}

}  // namespace blindtuner::party
