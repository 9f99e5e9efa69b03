// A channel that is a folder of files.
#pragma once

#include <filesystem>

#include "base/file_lock.h"
#include "transport/channel.h"

namespace blindtuner::transport {

/// A folder that both parties see, or that something copies both ways meanwhile: a record is the file of its
/// name there, which appears whole (io/file_stream.h) and replaces a link. A file that is there in part is
/// waited for. It is looked for by its name, every 5 ms in the first second of a wait, then every 50 ms.
class FolderChannel final : public Channel {
 public:
  /// Makes the folder where there is none, and works in it alone in this role: "owner", "server"
  /// (base/file_lock.h). With `make` false nothing is in a folder that is not there, and nothing can be sent. Throws DataError
  /// when it cannot be made or another works there in that role.
  FolderChannel(std::filesystem::path folder, const std::string& role, bool make = true);
  /// For who only looks: makes nothing, holds nothing, and keeps nobody from working there.
  explicit FolderChannel(std::filesystem::path folder);

  std::string place(const std::string& name) const override;
  bool begun(const std::string& name) const override;
  void send(const std::string& name, const Writer& write) override;
  std::unique_ptr<ByteSource> receive(const std::string& name, Clock::time_point deadline,
                                      const Stop& stop) override;

 private:
  std::filesystem::path path(const std::string& name) const;

  std::filesystem::path folder_;
  FileLock lock_;
};

}  // namespace blindtuner::transport
