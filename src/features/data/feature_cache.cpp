#include "features/data/feature_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/sha256.h"

namespace blindtuner::features {
namespace {

static_assert(std::endian::native == std::endian::little, "records are written as memory is");

constexpr std::string_view kMagic = "BTFEATS1";
constexpr std::size_t kHeaderBytes = 64, kDigestBytes = 32, kCheckBytes = 8;

// Others hold it for as long as it takes to append a few samples.
class Lock {
 public:
  Lock(int descriptor, const std::filesystem::path& path) : descriptor_(descriptor) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 &&
           (errno == EWOULDBLOCK || errno == EINTR)) {
      throw_if_interrupted();
      if (std::chrono::steady_clock::now() > deadline)
        throw DataError("the cache " + quoted_path(path) +
                        " is held by another program that does not go on");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  ~Lock() { ::flock(descriptor_, LOCK_UN); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

bool read_at(int descriptor, std::span<std::uint8_t> out, std::uint64_t at) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

bool write_at(int descriptor, std::span<const std::uint8_t> bytes, std::uint64_t at) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(at + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    done += static_cast<std::size_t>(put);
  }
  return true;
}

[[noreturn]] void refuse_cache(const std::filesystem::path& path, const std::string& why) {
  throw DataError("the cache " + quoted_path(path) + ": " + why +
                  "; name another folder with --cache, or do without by --no-cache");
}

/// Makes it where it is not there. The folder itself is no link (those on the way to it may be), is
/// the user's, and nobody else may put files into it: what is planted there would be taken for
/// features.
Descriptor open_folder(const std::filesystem::path& folder) {
  std::error_code error;
  // A trailing slash would follow a link.
  const std::filesystem::path name = folder.has_filename() ? folder : folder.parent_path();
  const std::filesystem::path parent = name.parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error || (::mkdir(name.c_str(), 0700) != 0 && errno != EEXIST))
    throw DataError("cannot make the folder " + quoted_path(folder) + ": " +
                    (error ? error.message() : std::generic_category().message(errno)));
  Descriptor out(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (out.get() < 0 && (errno == ELOOP || errno == ENOTDIR))
    refuse_cache(folder, "a link or no folder, expected a folder");
  struct stat status {};
  if (out.get() < 0 || ::fstat(out.get(), &status) != 0)
    throw DataError("cannot open the folder " + quoted_path(folder) + ": " +
                    std::generic_category().message(errno));
  if (status.st_uid != ::geteuid()) refuse_cache(folder, "belongs to another user");
  if ((status.st_mode & 022) != 0) refuse_cache(folder, "others may write to it (chmod go-w)");
  return out;
}

std::uint64_t size_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

std::filesystem::path FeatureCache::default_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::filesystem::path(cache) / "blindtuner";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::filesystem::path(home) / ".cache" / "blindtuner";
  return {};
}

FeatureCache::FeatureCache(const std::filesystem::path& folder, const Sha256Digest& key,
                           std::size_t width)
    : path_(folder / (to_hex(std::span(key).first(16)) + ".features")), key_(key), width_(width) {
  const Descriptor inside = open_folder(folder);
  descriptor_ = ::openat(inside.get(), path_.filename().c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (descriptor_ < 0 && errno == ELOOP) refuse_cache(path_, "a link, expected a file");
  if (descriptor_ < 0) fail("open", errno);
  try {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("look at", errno);
    // Under another name somebody else could read or change what is written here.
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1)
      refuse_cache(path_, "expected a file of yours with no other name");
    if ((status.st_mode & 077) != 0 && ::fchmod(descriptor_, 0600) != 0) fail("protect", errno);
    open_records();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

FeatureCache::~FeatureCache() { ::close(descriptor_); }

std::size_t FeatureCache::record_bytes() const { return kDigestBytes + 4 * width_ + kCheckBytes; }

std::vector<std::uint8_t> FeatureCache::header() const {
  std::vector<std::uint8_t> out(kHeaderBytes);
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  const std::uint64_t width = width_;
  std::memcpy(out.data() + 8, &width, 8);
  std::copy(key_.begin(), key_.end(), out.begin() + 16);
  return out;
}

void FeatureCache::open_records() {
  const Lock lock(descriptor_, path_);
  const std::vector<std::uint8_t> wanted = header();
  std::vector<std::uint8_t> there(kHeaderBytes);
  if (!read_at(descriptor_, there, 0) || there != wanted) {
    // New, or damaged where it tells what it is: nothing in it can be used.
    if (::ftruncate(descriptor_, 0) != 0 || !write_at(descriptor_, wanted, 0)) fail("write", errno);
    return;
  }
  const std::uint64_t records = (size_of(descriptor_) - kHeaderBytes) / record_bytes();
  const std::size_t at_once = std::max<std::size_t>(1, (1 << 20) / record_bytes());
  std::vector<std::uint8_t> bytes;
  for (std::uint64_t i = 0; i < records; i += at_once) {
    const std::size_t count = std::min<std::uint64_t>(at_once, records - i);
    const std::uint64_t begin = kHeaderBytes + i * record_bytes();
    bytes.resize(count * record_bytes());
    if (!read_at(descriptor_, bytes, begin)) fail("read", errno);
    for (std::size_t j = 0; j < count; ++j) {
      Sha256Digest digest;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(j * record_bytes()), kDigestBytes,
                  digest.begin());
      // The latest counts: an older one may be the damaged one it replaces.
      records_[digest] = begin + j * record_bytes();
    }
  }
}

std::uint64_t FeatureCache::check(const Sha256Digest& sample,
                                  std::span<const std::uint8_t> features) const {
  const Sha256Digest digest = Sha256().add(key_).add(sample).add(features).finish();
  std::uint64_t out = 0;
  std::memcpy(&out, digest.data(), kCheckBytes);
  return out;
}

std::size_t FeatureCache::size() const {
  const std::lock_guard guard(mutex_);
  return records_.size();
}

bool FeatureCache::find(const Sha256Digest& sample, std::span<float> features) const {
  require(features.size() == width_, "FeatureCache: another width");
  std::uint64_t begin = 0;
  {
    const std::lock_guard guard(mutex_);
    const auto found = records_.find(sample);
    if (found == records_.end()) return false;
    begin = found->second;
  }
  std::vector<std::uint8_t> record(record_bytes());
  if (!read_at(descriptor_, record, begin)) return false;
  const auto values = std::span<const std::uint8_t>(record).subspan(kDigestBytes, 4 * width_);
  std::uint64_t said = 0;
  std::memcpy(&said, record.data() + kDigestBytes + 4 * width_, kCheckBytes);
  if (!std::equal(sample.begin(), sample.end(), record.begin()) || said != check(sample, values))
    return false;
  std::memcpy(features.data(), values.data(), values.size());
  return true;
}

void FeatureCache::add(std::span<const Entry> entries) {
  if (entries.empty()) return;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(entries.size() * record_bytes());
  for (const Entry& entry : entries) {
    require(entry.features.size() == width_, "FeatureCache: another width");
    const std::span values(reinterpret_cast<const std::uint8_t*>(entry.features.data()),
                           4 * width_);
    const std::uint64_t sum = check(entry.sample, values);
    const auto* sum_bytes = reinterpret_cast<const std::uint8_t*>(&sum);
    bytes.insert(bytes.end(), entry.sample.begin(), entry.sample.end());
    bytes.insert(bytes.end(), values.begin(), values.end());
    bytes.insert(bytes.end(), sum_bytes, sum_bytes + kCheckBytes);
  }
  const std::lock_guard guard(mutex_);
  const Lock lock(descriptor_, path_);
  // Others may have appended; what was cut off in the middle of a record is written over.
  const std::uint64_t size = size_of(descriptor_);
  if (size < kHeaderBytes) throw DataError(quoted_path(path_) + ": shrank while it was in use");
  const std::uint64_t end = size - (size - kHeaderBytes) % record_bytes();
  if (!write_at(descriptor_, bytes, end)) {
    const int error = errno;
    if (::ftruncate(descriptor_, static_cast<off_t>(end)) != 0) fail("truncate", errno);
    fail("write", error);
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    records_[entries[i].sample] = end + i * record_bytes();
}

void FeatureCache::fail(const char* action, int error) const {
  throw DataError("cannot " + std::string(action) + " the cache " + quoted_path(path_) + ": " +
                  std::generic_category().message(error));
}

}  // namespace blindtuner::features
