#include "base/buffer.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace blindtuner {
namespace {

constexpr std::size_t kAlignment = 64;
// Idle memory beyond this goes straight back to the system.
constexpr std::size_t kMaxIdleBytes = std::size_t{3} << 29;  // 1.5 GiB
// Blocks from this size on are asked for in huge pages.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct Pool {
  std::mutex mutex;
  std::unordered_map<std::size_t, std::vector<std::uint64_t*>> idle;  // by byte size
  std::size_t idle_bytes = 0;
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
  const std::size_t bytes = rounded_bytes(count);
  {
    Pool& p = pool();
    std::lock_guard lock(p.mutex);
    auto it = p.idle.find(bytes);
    if (it != p.idle.end() && !it->second.empty()) {
      data_ = it->second.back();
      it->second.pop_back();
      p.idle_bytes -= bytes;
      return;
    }
  }
  data_ = allocate(bytes);
  if (data_ == nullptr) throw std::bad_alloc();
}

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  const std::size_t bytes = rounded_bytes(count_);
  if (wiped_) wipe(data_, bytes);
  Pool& p = pool();
  {
    std::lock_guard lock(p.mutex);
    if (p.idle_bytes + bytes <= kMaxIdleBytes) {
      try {
        p.idle[bytes].push_back(data_);
        p.idle_bytes += bytes;
        data_ = nullptr;
      } catch (...) {
      }
    }
  }
  std::free(data_);
  data_ = nullptr;
  count_ = 0;
}

void release_pooled_memory() {
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  for (auto& [bytes, blocks] : p.idle)
    for (auto* block : blocks) std::free(block);
  p.idle.clear();
  p.idle_bytes = 0;
}

void wipe(void* data, std::size_t bytes) { OPENSSL_cleanse(data, bytes); }

}  // namespace blindtuner
