#include "base/buffer.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

namespace blindtuner {
namespace {

constexpr std::size_t kAlignment = 64;
// Beyond this much idle memory the oldest blocks go back to the system.
constexpr std::size_t kMaxIdleBytes = std::size_t{1} << 29;  // 512 MiB
// Blocks from this size on are asked for in huge pages.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Idle blocks by size, and by age for the day there are too many.
struct Pool {
  struct Idle {
    std::uint64_t* block;
    std::uint64_t age;
  };
  using BySize = std::multimap<std::size_t, Idle>;
  std::mutex mutex;
  BySize idle;
  std::map<std::uint64_t, BySize::iterator> by_age;
  std::uint64_t next_age = 0;
  std::size_t idle_bytes = 0;

  // A block of at least `bytes` and at most half as much again; sets `bytes` to its size.
  std::uint64_t* take(std::size_t& bytes) {
    const auto it = idle.lower_bound(bytes);
    if (it == idle.end() || it->first > bytes + bytes / 2) return nullptr;
    bytes = it->first;
    return remove(it);
  }
  void put(std::uint64_t* block, std::size_t bytes) {
    const auto it = idle.emplace(bytes, Idle{block, next_age});
    by_age.emplace(next_age++, it);
    idle_bytes += bytes;
    while (idle_bytes > kMaxIdleBytes) std::free(remove(by_age.begin()->second));
  }
  std::uint64_t* remove(BySize::iterator it) {
    std::uint64_t* block = it->second.block;
    idle_bytes -= it->first;
    by_age.erase(it->second.age);
    idle.erase(it);
    return block;
  }
};

Pool& pool() {
  static Pool* instance = new Pool;  // outlives every static buffer
  return *instance;
}

// Eight sizes to an octave, so that blocks of many levels find idle memory; at most 1/8 is wasted.
std::size_t rounded_bytes(std::size_t count) {
  const std::size_t bytes = count * sizeof(std::uint64_t);
  const std::size_t step = std::max(kAlignment, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

std::uint64_t* allocate(std::size_t bytes) {
  if (bytes < kHugePage)
    return static_cast<std::uint64_t*>(std::aligned_alloc(kAlignment, bytes));
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* block = std::aligned_alloc(kHugePage, whole);
  if (block != nullptr) madvise(block, whole, MADV_HUGEPAGE);  // a wish; without it only slower
  return static_cast<std::uint64_t*>(block);
}

}  // namespace

Buffer::Buffer(std::size_t count, bool wiped) : count_(count), wiped_(wiped) {
  if (count == 0) return;
  if (count > SIZE_MAX / 16) throw std::bad_alloc();
  bytes_ = rounded_bytes(count);
  {
    Pool& p = pool();
    std::lock_guard lock(p.mutex);
    data_ = p.take(bytes_);
  }
  if (data_ == nullptr) data_ = allocate(bytes_);
  if (data_ == nullptr) throw std::bad_alloc();
}

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  if (wiped_) wipe(data_, count_ * sizeof(std::uint64_t));
  try {
    Pool& p = pool();
    std::lock_guard lock(p.mutex);
    p.put(data_, bytes_);
  } catch (...) {
    std::free(data_);
  }
  data_ = nullptr;
  count_ = 0;
}

void release_pooled_memory() {
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  while (!p.idle.empty()) std::free(p.remove(p.idle.begin()));
  malloc_trim(0);  // free() alone keeps most of it in the process
}

void wipe(void* data, std::size_t bytes) { OPENSSL_cleanse(data, bytes); }

}  // namespace blindtuner
