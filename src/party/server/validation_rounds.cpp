#include "party/server/validation_rounds.h"

#include <algorithm>

#include "base/quantity.h"
#include "base/stopwatch.h"
#include "learn/encrypted_trainer.h"
#include "records/answer.h"
#include "records/round.h"
#include "records/sections.h"

namespace blindtuner::party {
using namespace learn;

ValidationRounds::ValidationRounds(ServerKeysPtr keys, Validation validation, std::vector<int> due,
                                   const RunId& run, bool resumed)
    : keys_(std::move(keys)), validation_(std::move(validation)), due_(std::move(due)), run_(run) {
  require(validation_.channel && validation_.data, "validation needs a channel and data");
  require(validation_.timeout >= 0 && validation_.timeout <= kMaxTimeout,
          "a timeout of 0 to 10^7 seconds");
  if (!same_shape(validation_.data->data.layout, keys_->keys.layout))
    throw DataError(
        "the validation set was encrypted for other numbers of features or classes than the keys");
  if (due_.size() > static_cast<std::size_t>(kMaxRounds))
    throw DataError("more than " + std::to_string(kMaxRounds) +
                    " rounds of validation; set validation_every to a larger number of steps");
  for (const std::string& name : {round_name(1), answer_name(1)})
    if (!resumed && validation_.channel->begun(name))
      throw DataError(validation_.channel->place(name) +
                      ": is of another run of the training; a new one begins where nothing is");
}

bool ValidationRounds::due_after(int steps) const {
  return std::ranges::binary_search(due_, steps);
}

std::optional<AskedRound> ValidationRounds::ask(ModelFile model, const TrainingEvents& events) {
  const int steps = model.training.steps;
  require(due_after(steps), "a round is due");
  const DatasetFile& data = *validation_.data;
  RoundFile file;
  file.run = run_;
  file.round = static_cast<int>(std::ranges::lower_bound(due_, steps) - due_.begin()) + 1;
  file.last = steps == due_.back();
  AskedRound out;
  out.round = file.round;
  out.steps = steps;
  const Stopwatch scoring;
  file.scores = {predict(keys_->set.parameters, model.model, data.data, keys_->keys), data.info.id,
                 model.training.circuit, std::nullopt};
  file.model = std::move(model);
  validation_.channel->send(round_name(file.round),
                            [&](ByteSink& sink) { write_round(sink, keys_->set, file); });
  out.scoring_seconds = scoring.seconds();
  if (file.last) return out;

  const Stopwatch waiting;
  const std::optional<bool> stop = wait_for_answer(file.round, events);
  if (!stop) return {};
  out.waiting_seconds = waiting.seconds();
  out.stop = *stop;
  return out;
}

std::optional<bool> ValidationRounds::wait_for_answer(int round, const TrainingEvents& events) {
  const std::string name = answer_name(round);
  const double most = validation_.timeout;
  Channel& channel = *validation_.channel;
  bool called_off = false;
  const Stopwatch watch;
  const auto answer = channel.receive(name, Channel::after(most), [&] {
    if (events.waiting)
      events.waiting(round, std::min(1.0, watch.seconds() / std::max(most, 1e-3)));
    return called_off = events.stop && events.stop();
  });
  if (called_off) return {};
  if (!answer)
    throw NoAnswer("no answer to round " + std::to_string(round) + " within " +
                   duration_text(most) + ": expected " + channel.place(name) +
                   partly_there(channel, name));
  return read_answer(*answer, keys_->set, run_, round);
}

}  // namespace blindtuner::party
