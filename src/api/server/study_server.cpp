#include <blindtuner/study_server.h>

#include <optional>
#include <utility>

#include "api/common/state.h"
#include "api/common/study_status.h"
#include "party/server/study/study_training.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

}  // namespace

struct StudyServer::State {
  /// The server with all of its phases.
  struct Party {
    Party(const Context& context, const fs::path& folder, const fs::path& exchange, bool changes,
          const std::function<void(const std::string&, double)>& progress)
        : server({folder, party::study_server_channel(folder, exchange, changes),
                  context.allows_insecure(), changes, progress}),
          training(server, events(progress)) {}

    StudyStatus status(const party::Advance& where) {
      return status_of(server, where, server.fingerprint());
    }

    static party::TrainingEvents events(
        const std::function<void(const std::string&, double)>& progress) {
      party::TrainingEvents out;
      out.training = [progress](int step, double fraction) {
        if (progress) progress("training, step " + std::to_string(step + 1), fraction);
      };
      return out;
    }

    party::StudyServer server;
    party::StudyServerTraining training;
  };

  Context context;
  fs::path folder, exchange;
  std::function<void(const std::string&, double)> progress{};  ///< of the call at work
  std::optional<Party> party{};                                ///< once it has stepped

  /// Tells whoever asks now.
  std::function<void(const std::string&, double)> teller() {
    return [this](const std::string& task, double fraction) {
      if (progress) progress(task, fraction);
    };
  }
};

StudyServer::StudyServer(const Context& context, const fs::path& folder, const fs::path& exchange)
    : state_(new State{context, absolute_path(folder), absolute_path(exchange)}) {}

StudyServer::StudyServer(StudyServer&&) noexcept = default;
StudyServer& StudyServer::operator=(StudyServer&&) noexcept = default;
StudyServer::~StudyServer() = default;

StudyServer::State& StudyServer::state() const {
  require(state_ != nullptr, "a study's server that was moved from");
  return *state_;
}

StudyStatus StudyServer::status() const {
  State& s = state();
  const UseContext use(s.context);
  if (s.party) return s.party->status(s.party->server.next());
  State::Party looks(s.context, s.folder, s.exchange, false, {});
  return looks.status(looks.server.next());
}

StudyStatus StudyServer::step(const std::function<void(const std::string&, double)>& progress) {
  State& s = state();
  const UseContext use(s.context);
  try {
    s.progress = progress;
    if (!s.party) s.party.emplace(s.context, s.folder, s.exchange, true, s.teller());
    StudyStatus out = s.party->status(s.party->server.step());
    s.progress = {};
    return out;
  } catch (...) {
    // As after a kill: what is at hand follows from folder and exchange.
    s.progress = {};
    s.party.reset();
    throw;
  }
}

}  // namespace blindtuner
