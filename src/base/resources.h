// What computations may use: threads and memory. A program has some of its own, and none other unless it makes
// them; a library's user makes them and says where they are used.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "base/memory_pool.h"
#include "base/threads.h"

namespace blindtuner {

class Resources {
 public:
  /// wanted: as Threads takes it.
  explicit Resources(int wanted = 0) : wanted_(wanted), memory_(std::make_shared<MemoryPool>()) {}
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  /// Made when they are first asked for.
  Threads& threads() {
    std::call_once(made_, [this] { threads_.emplace(wanted_); });
    return *threads_;
  }
  /// Of what is made here, which may outlive this.
  const std::shared_ptr<MemoryPool>& memory() const { return memory_; }

  /// Those of the innermost UseResources on this thread, or of whoever started the loop that it works for; else
  /// the program's, which outlive everything.
  static Resources& current();

 private:
  const int wanted_;
  std::once_flag made_;
  std::optional<Threads> threads_;
  const std::shared_ptr<MemoryPool> memory_;
};

/// While one lives, its thread computes with these, which must outlive it.
class UseResources {
 public:
  explicit UseResources(Resources& resources);
  ~UseResources();
  UseResources(const UseResources&) = delete;
  UseResources& operator=(const UseResources&) = delete;

 private:
  Resources* before_;
};

}  // namespace blindtuner
