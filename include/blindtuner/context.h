// What computations may use, and what they may be lenient about.
#pragma once

#include <memory>

#pragma GCC visibility push(default)
namespace blindtuner {

struct ContextOptions {
  /// 1 to 1024; 0: BLINDTUNER_THREADS from the environment, else every core. Fewer are used where the system
  /// refuses so many.
  int threads = 0;
  /// Take parameter sets below 128 bits of security, whose names contain "Insecure": for tests, where they cost
  /// a fraction of a second.
  bool allow_insecure = false;
};

/// Threads that work and memory that is worked in, neither shared with another context, and leave for test parameters.
/// Copies share it; so does everything that was made with one, which keeps it as long as it lives. The memory goes back to
/// the system with the last of them. Any number of threads at once. In a process that
/// is forked off, which has neither the threads nor the secrets, whatever was made before throws ContractError.
class Context {
 public:
  /// Throws ContractError for a number of threads out of range, as whatever is given a context that was moved from
  /// does.
  explicit Context(const ContextOptions& options = {});

  int threads() const;
  bool allows_insecure() const;

  struct [[gnu::visibility("hidden")]] State;
  const std::shared_ptr<State>& state() const;  ///< the library's own

 private:
  std::shared_ptr<State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
