// Pooled, 64-byte aligned memory for polynomials, and memory that wipes itself for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace blindtuner {

/// `count` words of pooled memory, 64-byte aligned, NOT initialised. What is freed is kept for reuse
/// (fresh pages cost more than most additions) until release_pooled_memory(). Move-only; a wiped buffer is overwritten with zeros
/// before its memory goes back to the pool.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count, bool wiped = false);
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)),
        bytes_(std::exchange(other.bytes_, 0)),
        wiped_(other.wiped_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      count_ = std::exchange(other.count_, 0);
      bytes_ = std::exchange(other.bytes_, 0);
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
  std::size_t bytes_ = 0;  // of the block: count_ words, rounded up
  bool wiped_ = false;
};

/// Gives what is free to the operating system.
void release_pooled_memory();

/// Overwrites memory so that the compiler cannot drop it.
void wipe(void* data, std::size_t bytes);

}  // namespace blindtuner
