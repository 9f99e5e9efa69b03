// The server's part in a study of several owners (docs/STUDY.md), as the command `blindtuner-server study` does it.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/errors.h>
#include <blindtuner/study_status.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

/// Adds up the owners' keys and trains; it can read nothing. As Study, it may be destroyed at any moment, and made
/// again goes on from the step of training that it was in. Moves, does not copy. One thread at a time. All functions throw DataError
/// for what others sent and cannot be, and ContractError for one that was moved from.
class StudyServer {
 public:
  /// folder: the server's own; exchange: the one that owners reach as well.
  StudyServer(const Context& context, const std::filesystem::path& folder,
              const std::filesystem::path& exchange);
  StudyServer(StudyServer&&) noexcept;
  StudyServer& operator=(StudyServer&&) noexcept;
  StudyServer(const StudyServer&) = delete;
  StudyServer& operator=(const StudyServer&) = delete;
  ~StudyServer();

  /// What step() would do, or for whom it waits. Changes nothing, and may be asked while another process steps.
  StudyStatus status() const;
  /// Does the next phase, if it waits for nothing, and returns. progress: told how much of a task ("training, step 3")
  /// is done; what it throws ends the phase, which the next call does again, a training from its step.
  StudyStatus step(
      const std::function<void(const std::string& task, double fraction)>& progress = {});

  struct [[gnu::visibility("hidden")]] State;

 private:
  State& state() const;
  std::unique_ptr<State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
