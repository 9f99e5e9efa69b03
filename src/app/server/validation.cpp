#include "app/server/validation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "app/common/exchange.h"
#include "app/common/program.h"
#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/server/server_files.h"
#include "base/error.h"
#include "base/path.h"
#include "base/quantity.h"
#include "records/answer.h"
#include "records/round.h"
#include "records/sections.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

void require_no_rounds(const fs::path& folder) {
  for (const fs::path& path : {round_path(folder, 1), answer_path(folder, 1)})
    if (path_exists(path))
      throw DataError(quoted_path(path) +
                      ": is of another run of the training; give an empty folder with --exchange");
}

}  // namespace

ValidationRounds::ValidationRounds(const ValidationOptions& options, const KeySet& set,
                                   const TrainingKeys& keys, const RunId& run, bool resumed,
                                   bool quiet)
    : options_(options), set_(set), keys_(keys), run_(run), quiet_(quiet) {
  lock_ = make_locked_folder(options.exchange, "server");
  if (!resumed) require_no_rounds(options.exchange);
  data_ = open_dataset(options.data, set, quiet);
  if (!same_shape(data_.data.layout, keys.layout))
    throw DataError(quoted_path(options.data) +
                    ": was encrypted for other numbers of features or classes than the keys");
}

bool ValidationRounds::go_on(const EncryptedTrainer& trainer, const DataId& data,
                             const TrainingState& training) {
  EncryptedModel model = trainer.model();
  const std::vector<int> due = validation_steps(training.config, model.layout.samples);
  const auto found = std::lower_bound(due.begin(), due.end(), training.steps);
  if (found == due.end() || *found != training.steps) return true;

  RoundFile file;
  file.run = run_;
  file.round = static_cast<int>(found - due.begin()) + 1;
  file.last = found + 1 == due.end();
  if (due.size() > static_cast<std::size_t>(kMaxRounds))
    throw DataError("more than " + std::to_string(kMaxRounds) +
                    " rounds of validation; set validation_every to a larger number of steps");
  const Stopwatch scoring;
  file.scores = {predict(set_.parameters, model, data_.data, keys_), data_.info.id,
                 training.circuit, std::nullopt};
  file.model = {std::move(model), data, training};
  write_round(round_path(options_.exchange, file.round), set_, file);
  const double scoring_seconds = scoring.seconds();

  const Stopwatch waiting;
  const bool stop = !file.last && wait_for_answer(file.round);
  report_.push_back({{"round", file.round},
                     {"steps", training.steps},
                     {"scoring", scoring_seconds},
                     {"waiting", waiting.seconds()},
                     {"stop", stop}});
  return !stop;
}

bool ValidationRounds::wait_for_answer(int round) {
  using namespace std::chrono_literals;
  const fs::path answer = answer_path(options_.exchange, round);
  ProgressBar bar("waiting for the owner", quiet_);
  bar.note("round " + std::to_string(round) + " in " + quoted_path(options_.exchange));
  const Stopwatch watch;
  while (!arrived(answer)) {
    if (watch.seconds() > options_.timeout)
      throw DataError("no answer to round " + std::to_string(round) + " within " +
                      duration_text(options_.timeout) + ": expected " + quoted_path(answer) +
                      " from 'blindtuner validate'" + partly_there(answer) +
                      "; with --checkpoint, --resume goes on from here");
    bar.update(std::min(1.0, watch.seconds() / std::max(options_.timeout, 1e-3)));
    // An owner beside us answers at once, one elsewhere within hours.
    std::this_thread::sleep_for(watch.seconds() < 1 ? 5ms : 50ms);
  }
  bar.finish();
  return read_answer(answer, set_, run_, round);
}

std::uint64_t ValidationRounds::upload_bytes() const { return file_bytes(options_.data); }

}  // namespace blindtuner::app
