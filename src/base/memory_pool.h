// The memory that buffers are cut from. Each pool is somebody's (base/resources.h): what one frees, it keeps for
// itself, and all of it goes back to the system when its owner and the last of its blocks are gone.
//
// Wiped memory lies apart: left out of core dumps, zero in a process that is forked off, and locked (never
// swapped out) as far as the system's limit on locked memory (ulimit -l, of all pools together) allows, blocks of up
// to 1 MiB such as keys' coefficients first. Where a system grants none of this, all works as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace blindtuner {

/// Any number of threads at once. Whoever holds a block keeps the pool (Buffer does).
class MemoryPool {
 public:
  MemoryPool();
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// `words` words, 64-byte aligned, not initialised. Throws std::bad_alloc.
  std::uint64_t* take(std::size_t words, bool wiped);
  /// What take() gave for as much.
  void put(std::uint64_t* block, std::size_t words, bool wiped) noexcept;
  /// Gives what is free to the system.
  void release();

 private:
  class Arena;
  struct Arenas;
  const std::unique_ptr<Arenas> arenas_;
};

}  // namespace blindtuner
