#include "transport/folder/folder_channel.h"

#include <thread>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "io/file_stream.h"

namespace blindtuner::transport {

FolderChannel::FolderChannel(std::filesystem::path folder, const std::string& role, bool make)
    : folder_(std::move(folder)),
      lock_(make ? make_locked_folder(folder_, role) : FileLock(folder_, role)) {}

FolderChannel::FolderChannel(std::filesystem::path folder) : folder_(std::move(folder)) {}

std::filesystem::path FolderChannel::path(const std::string& name) const {
  require(is_record_name(name), "a name of a record");
  return folder_ / name;
}

std::string FolderChannel::place(const std::string& name) const { return quoted_path(path(name)); }

bool FolderChannel::begun(const std::string& name) const { return path_exists(path(name)); }

void FolderChannel::send(const std::string& name, const Writer& write) {
  FileSink sink(path(name), kForAnybody, Links::kReplace);
  write(sink);
}

std::unique_ptr<ByteSource> FolderChannel::receive(const std::string& name,
                                                   Clock::time_point deadline, const Stop& stop) {
  using namespace std::chrono_literals;
  const std::filesystem::path file = path(name);
  const Clock::time_point begin = Clock::now();
  while (!path_exists(file) || !is_whole(file)) {
    throw_if_interrupted();
    if (Clock::now() >= deadline || (stop && stop())) return nullptr;
    // Another party beside us answers at once, one elsewhere within hours.
    std::this_thread::sleep_for(Clock::now() - begin < 1s ? 5ms : 50ms);
  }
  return std::make_unique<FileSource>(file);
}

}  // namespace blindtuner::transport
