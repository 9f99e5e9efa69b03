#include <blindtuner/server.h>

#include <string>
#include <utility>
#include <vector>

#include "api/common/state.h"
#include "api/common/training_options.h"
#include "base/error.h"
#include "io/file_stream.h"
#include "io/kept_file.h"
#include "party/server/scoring.h"
#include "party/server/training_session.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const records::DatasetFile> read_data(const fs::path& file,
                                                      const party::ServerKeys& keys) {
  return std::make_shared<const records::DatasetFile>(records::read_dataset(file, keys.set));
}

TrainingEnd end_of(const party::TrainingOutcome& outcome) {
  switch (outcome.end) {
    case party::TrainingEnd::kAllSteps:
      return TrainingEnd::kAllSteps;
    case party::TrainingEnd::kStoppedByOwner:
      return TrainingEnd::kStoppedByOwner;
    case party::TrainingEnd::kCalledOff:
      break;
  }
  return TrainingEnd::kCalledOff;
}

}  // namespace

struct Server::State {
  Context context;
  party::ServerKeysPtr keys;
  KeysInfo info;
};

struct Training::State {
  Context context;
  std::vector<std::pair<fs::path, std::string>> files;  ///< of the run, and what they are
  party::TrainingSession session;
};

const Server::State& Server::state() const {
  require(state_ != nullptr, "a server that was moved from");
  return *state_;
}

Server Server::load(const Context& context, const fs::path& evaluation_keys,
                    const Progress& progress) {
  const UseContext use(context);
  const records::TrainingKeysInfo info =
      records::read_training_keys_info(evaluation_keys, context.allows_insecure());
  io::FileSource source(evaluation_keys);
  return Server(
      std::make_shared<const State>(State{context, party::load_keys(source, info.set, progress),
                                          keys_info(info.set, info.layout, evaluation_keys)}));
}

KeysInfo Server::keys() const { return state().info; }

ParameterSet Server::parameters() const { return state().info.parameters; }

Training Server::train(const fs::path& data, const TrainingOptions& options,
                       const EarlyStopping& early_stopping, const fs::path& checkpoint) const {
  const UseContext use(state().context);
  const party::ServerKeys& keys = *state().keys;
  party::TrainingTask task;
  task.keys = state().keys;
  require(early_stopping.data.empty() == early_stopping.exchange.empty(),
          "early stopping has data and an exchange, or neither");
  // The run lasts; where the process is may change.
  const fs::path kept = absolute_path(checkpoint);
  io::require_replaceable(kept, true);
  task.config = config_of(options, keys.keys.layout.classes);
  task.circuit = &circuit_of(options, task.config);
  task.resume = !kept.empty();
  if (!kept.empty()) task.checkpoints = std::make_shared<party::CheckpointInFile>(kept);
  task.data = read_data(data, keys);
  if (!early_stopping.data.empty())
    task.validation =
        party::Validation{std::make_shared<transport::FolderChannel>(
                              absolute_path(early_stopping.exchange), "server"),
                          read_data(early_stopping.data, keys), early_stopping.timeout};
  return Training(std::shared_ptr<Training::State>(
      new Training::State{state().context,
                          {{absolute_path(data), "the data"},
                           {absolute_path(early_stopping.data), "the validation set"},
                           {kept, "the checkpoint"}},
                          party::TrainingSession(std::move(task))}));
}

void Server::score(const fs::path& data, const fs::path& model, const fs::path& scores,
                   const Progress& progress) const {
  const UseContext use(state().context);
  const party::ServerKeys& keys = *state().keys;
  io::require_replaceable(scores);
  io::require_other_file(scores, data, "the data");
  io::require_other_file(scores, model, "the model");
  const records::ModelFile opened = records::read_model(model, keys.set);
  records::write_scores(scores, keys.set,
                        party::score(keys, opened, *read_data(data, keys), progress));
}

Training::State& Training::state() const {
  require(state_ != nullptr, "a training that was moved from");
  return *state_;
}

int Training::steps() const { return state().session.steps(); }
int Training::done() const { return state().session.done(); }

TrainingEnd Training::run(const TrainingCallbacks& callbacks) {
  const UseContext use(state().context);
  return end_of(state().session.run({callbacks.training, callbacks.waiting, callbacks.stop}));
}

TrainingEnd Training::step() {
  const UseContext use(state().context);
  return end_of(state().session.run({}, 1));
}

void Training::save_model(const fs::path& file) const {
  const UseContext use(state().context);
  io::require_replaceable(file);
  for (const auto& [own, what] : state().files) io::require_other_file(file, own, what);
  records::write_model(file, state().session.task().keys->set, state().session.model());
}

}  // namespace blindtuner
