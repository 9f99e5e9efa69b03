#include "base/buffer.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <set>

namespace blindtuner {
namespace {

constexpr std::size_t kAlignment = 64, kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
// What is asked of the system at once, at least. Untouched, it costs nothing.
constexpr std::size_t kGrowth = std::size_t{256} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

std::size_t block_bytes(std::size_t count) {
  const std::size_t bytes = count * sizeof(std::uint64_t);
  return round_up(bytes, bytes < kPage ? kAlignment : kPage);
}

// Memory in huge pages that is never unmapped. A first touch of a page costs more than most
// operations on it (several GB/s on bare metal, well below one on some virtual machines), so what
// is free is cut from the smallest range that fits, and neighbours that are free become one again.
class Arena {
 public:
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
      if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    }
  }

 private:
  void grow(std::size_t bytes) {
    const std::size_t size = round_up(std::max(bytes, kGrowth), kHugePage);
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
    join(begin, size);
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

  std::mutex mutex_;
  // What is free: where it begins and how much it is.
  std::map<std::uintptr_t, std::size_t> by_address_;
  std::set<std::pair<std::size_t, std::uintptr_t>> by_size_;
};

Arena& arena() {
  static Arena* instance = new Arena;  // outlives every static buffer
  return *instance;
}

}  // namespace

Buffer::Buffer(std::size_t count, bool wiped) : count_(count), wiped_(wiped) {
  if (count == 0) return;
  if (count > SIZE_MAX / 16) throw std::bad_alloc();
  bytes_ = block_bytes(count);
  data_ = arena().take(bytes_);
}

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  if (wiped_) wipe(data_, count_ * sizeof(std::uint64_t));
  try {
    arena().put(data_, bytes_);
  } catch (...) {
    // No memory for the books: the block is lost to the arena.
  }
  data_ = nullptr;
  count_ = 0;
}

void release_pooled_memory() {
  arena().release();
  malloc_trim(0);  // free() alone keeps most of it in the process
}

void wipe(void* data, std::size_t bytes) { OPENSSL_cleanse(data, bytes); }

}  // namespace blindtuner
