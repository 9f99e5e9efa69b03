// Pooled, 64-byte aligned memory for polynomials, and memory that wipes itself for secrets.
//
// Wiped memory is a pool of its own: left out of core dumps, zero in a process that is forked off,
// and locked (never swapped out) as far as the system's limit on locked memory (ulimit -l) allows,
// blocks of up to 1 MiB such as keys' coefficients first. Where a system grants none of this, all
// works as well.
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
