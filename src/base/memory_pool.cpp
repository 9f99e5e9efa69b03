#include "base/memory_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <utility>
#include <vector>

namespace blindtuner {
namespace {

constexpr std::size_t kAlignment = 64, kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Wiped blocks up to this size, keys' coefficients above all, share a pool that is small enough to be
// locked under the usual limits.
constexpr std::size_t kSmallSecret = std::size_t{1} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

std::size_t block_bytes(std::size_t count) {
  const std::size_t bytes = count * sizeof(std::uint64_t);
  return round_up(bytes, bytes < kPage ? kAlignment : kPage);
}

}  // namespace

// Memory in huge pages, unmapped at the end alone. A first touch of a page costs more than most
// operations on it (several GB/s on bare metal, well below one on some virtual machines), so what
// is free is cut from the smallest range that fits, and neighbours that are free become one again.
class MemoryPool::Arena {
 public:
  /// growth: what is asked of the system at once, at least. Untouched, it costs nothing.
  Arena(std::size_t growth, bool secret) : growth_(growth), secret_(secret) {}
  ~Arena() {
    for (const auto& [begin, size] : mapped_) munmap(reinterpret_cast<void*>(begin), size);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::uint64_t* take(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    auto it = by_size_.lower_bound({bytes, 0});
    if (it == by_size_.end()) {
      grow(bytes);
      it = by_size_.lower_bound({bytes, 0});
    }
    // From the upper end: the system maps downwards, so what was in use before lies there.
    const auto [size, begin] = *it;
    remove(begin, size);
    if (size > bytes) insert(begin, size - bytes);
    return reinterpret_cast<std::uint64_t*>(begin + size - bytes);
  }

  void put(std::uint64_t* block, std::size_t size) {
    std::lock_guard lock(mutex_);
    join(reinterpret_cast<std::uintptr_t>(block), size);
  }

  // The whole pages of what is free.
  void release() {
    std::lock_guard lock(mutex_);
    for (const auto& [begin, size] : by_address_) {
      const std::uintptr_t first = round_up(begin, kPage), last = (begin + size) / kPage * kPage;
      if (first < last) give_back(reinterpret_cast<void*>(first), last - first);
    }
  }

 private:
  void grow(std::size_t bytes) {
    const std::size_t size = round_up(std::max(bytes, growth_), kHugePage);
    mapped_.reserve(mapped_.size() + 1);
    void* const mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    // Cut to whole huge pages.
    const std::uintptr_t from = reinterpret_cast<std::uintptr_t>(mapped),
                         begin = round_up(from, kHugePage);
    if (begin > from) munmap(mapped, begin - from);
    if (begin < from + kHugePage)
      munmap(reinterpret_cast<void*>(begin + size), from + kHugePage - begin);
    madvise(reinterpret_cast<void*>(begin), size, MADV_HUGEPAGE);  // a wish; else only slower
    if (secret_) protect(reinterpret_cast<void*>(begin), size);
    mapped_.emplace_back(begin, size);
    join(begin, size);
  }

  // Wishes too.
  static void protect(void* begin, std::size_t size) {
    madvise(begin, size, MADV_DONTDUMP);
    madvise(begin, size, MADV_WIPEONFORK);
    mlock2(begin, size, MLOCK_ONFAULT);
  }

  void give_back(void* begin, std::size_t size) const {
    // Locked pages are not given back before they are unlocked.
    if (madvise(begin, size, MADV_DONTNEED) == 0 || !secret_) return;
    munlock(begin, size);
    madvise(begin, size, MADV_DONTNEED);
    mlock2(begin, size, MLOCK_ONFAULT);
  }

  // Adds a range to what is free, one with its neighbours.
  void join(std::uintptr_t begin, std::size_t size) {
    auto next = by_address_.lower_bound(begin);
    if (next != by_address_.end() && next->first == begin + size) {
      const std::size_t more = next->second;
      remove(begin + size, more);
      size += more;
      next = by_address_.lower_bound(begin);
    }
    if (next != by_address_.begin()) {
      const auto [before, more] = *std::prev(next);
      if (before + more == begin) {
        remove(before, more);
        begin = before;
        size += more;
      }
    }
    insert(begin, size);
  }
  void insert(std::uintptr_t begin, std::size_t size) {
    by_address_.emplace(begin, size);
    by_size_.emplace(size, begin);
  }
  void remove(std::uintptr_t begin, std::size_t size) {
    by_address_.erase(begin);
    by_size_.erase({size, begin});
  }

  const std::size_t growth_;
  const bool secret_;
  std::mutex mutex_;
  std::vector<std::pair<std::uintptr_t, std::size_t>> mapped_;
  // What is free: where it begins and how much it is.
  std::map<std::uintptr_t, std::size_t> by_address_;
  std::set<std::pair<std::size_t, std::uintptr_t>> by_size_;
};

constexpr std::size_t kMiB = std::size_t{1} << 20;

struct MemoryPool::Arenas {
  Arena shown{256 * kMiB, false};
  // The limit on locked memory counts what is mapped: no more of it at once than two of the largest blocks.
  Arena small_secrets{2 * kSmallSecret, true};
  Arena large_secrets{64 * kMiB, true};

  Arena& of(std::size_t bytes, bool wiped) {
    if (!wiped) return shown;
    return bytes <= kSmallSecret ? small_secrets : large_secrets;
  }
};

MemoryPool::MemoryPool() : arenas_(std::make_unique<Arenas>()) {}
MemoryPool::~MemoryPool() = default;

std::uint64_t* MemoryPool::take(std::size_t words, bool wiped) {
  if (words > SIZE_MAX / 16) throw std::bad_alloc();
  const std::size_t bytes = block_bytes(words);
  return arenas_->of(bytes, wiped).take(bytes);
}

void MemoryPool::put(std::uint64_t* block, std::size_t words, bool wiped) noexcept {
  const std::size_t bytes = block_bytes(words);
  try {
    arenas_->of(bytes, wiped).put(block, bytes);
  } catch (...) {
    // No memory for the books: the block is lost to the pool.
  }
}

void MemoryPool::release() {
  for (Arena* const arena : {&arenas_->shown, &arenas_->small_secrets, &arenas_->large_secrets})
    arena->release();
}

}  // namespace blindtuner
