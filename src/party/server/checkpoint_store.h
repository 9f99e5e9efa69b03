// Where a run of training keeps its state.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/file_lock.h"
#include "io/byte_stream.h"

namespace blindtuner::party {
using namespace io;

/// Holds one record, the last that was kept.
class CheckpointStore {
 public:
  CheckpointStore() = default;
  virtual ~CheckpointStore() = default;
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// That record; null where none was kept yet. Throws DataError.
  virtual std::unique_ptr<ByteSource> last() = 0;
  /// Calls `write` once. What it commits takes the last one's place; where it does not, or throws, that
  /// one stays. Throws DataError.
  virtual void keep(const std::function<void(ByteSink&)>& write) = 0;
};

/// A file, which is whole at any instant, held (base/file_lock.h) by one run at a time.
class CheckpointInFile final : public CheckpointStore {
 public:
  /// Throws DataError that says who holds it.
  explicit CheckpointInFile(std::filesystem::path path)
      : path_(std::move(path)), lock_(lock_file(path_)) {}
  std::unique_ptr<ByteSource> last() override;
  void keep(const std::function<void(ByteSink&)>& write) override;

 private:
  std::filesystem::path path_;
  FileLock lock_;
};

}  // namespace blindtuner::party
