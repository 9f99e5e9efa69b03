// Pooled, 64-byte aligned memory for polynomials, and memory that wipes itself for secrets; what protects the
// latter, base/memory_pool.h says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/memory_pool.h"

namespace blindtuner {

/// `count` words, 64-byte aligned, NOT initialised, of the pool of whoever computes here (Resources::current()), which
/// it keeps as long as it lives. What is freed is kept for reuse (fresh pages cost more than most additions) until
/// release_pooled_memory(). Move-only; a wiped buffer is overwritten with zeros before its memory goes back to the pool.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count, bool wiped = false);
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)),
        pool_(std::move(other.pool_)),
        wiped_(other.wiped_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      count_ = std::exchange(other.count_, 0);
      pool_ = std::move(other.pool_);
      wiped_ = other.wiped_;
    }
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::uint64_t* data() { return data_; }
  const std::uint64_t* data() const { return data_; }
  std::size_t size() const { return count_; }
  bool wiped() const { return wiped_; }
  void zero() {
    if (count_ != 0) std::memset(data_, 0, count_ * sizeof(std::uint64_t));
  }

 private:
  void release() noexcept;
  std::uint64_t* data_ = nullptr;
  std::size_t count_ = 0;
  std::shared_ptr<MemoryPool> pool_;
  bool wiped_ = false;
};

/// Gives what is free in the pool of whoever computes here to the operating system.
void release_pooled_memory();

/// Overwrites memory so that the compiler cannot drop it.
void wipe(void* data, std::size_t bytes);

/// Bytes that hold a secret: zeros at first, in a wiped buffer. Move-only.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t count) : words_((count + 7) / 8, true), count_(count) {
    words_.zero();
  }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  std::span<std::uint8_t> span() {
    return {reinterpret_cast<std::uint8_t*>(words_.data()), count_};
  }
  std::span<const std::uint8_t> span() const {
    return {reinterpret_cast<const std::uint8_t*>(words_.data()), count_};
  }

 private:
  Buffer words_;
  std::size_t count_ = 0;
};

}  // namespace blindtuner
