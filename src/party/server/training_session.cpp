#include "party/server/training_session.h"

#include "base/error.h"
#include "party/server/audit.h"

namespace blindtuner::party {
namespace {

/// Thrown from the midst of a step, and caught around it.
struct CalledOff {};

TrainingTask checked(TrainingTask task) {
  require(task.keys && task.data && task.circuit, "a training needs keys, data and a circuit");
  EncryptedTrainer::check(*task.keys->set.parameters, task.data->data.layout, task.config,
                          *task.circuit);
  return task;
}

}  // namespace

TrainingSession::TrainingSession(TrainingTask task)
    : task_(checked(std::move(task))),
      bootstrapper_(task_.keys->set.parameters,
                    EncryptedTrainer::bootstrap_shape(*task_.keys->set.parameters,
                                                      task_.data->data.layout, task_.config)),
      trainer_(task_.keys->set.parameters, bootstrapper_, task_.data->data, task_.keys->keys,
               task_.config, *task_.circuit),
      run_(fresh_key_id()) {
  require_fit(*task_.keys, bootstrapper_);
  if (task_.resume && task_.checkpoints)
    if (const auto last = task_.checkpoints->last()) restore(read_last(*last), last->name());
  if (task_.validation)
    rounds_.emplace(task_.keys, *task_.validation,
                    validation_steps(task_.config, task_.data->data.layout.samples), run_,
                    done() > 0);
}

CheckpointFile TrainingSession::read_last(ByteSource& source) const {
  try {
    return read_checkpoint(source, task_.keys->set);
  } catch (const SecurityError&) {
    throw;
  } catch (const DataError& error) {
    if (!task_.replaces_others) throw;
    throw DataError(error.what() + std::string("; without that file the training begins anew, and "
                                               "ends with the same model"));
  }
}

void TrainingSession::restore(CheckpointFile kept, const std::string& name) {
  const bool same_data = kept.data == task_.data->info.id && kept.layout == task_.data->data.layout;
  const bool same_training =
      kept.training.config == task_.config && kept.training.circuit == task_.circuit->name;
  if (task_.replaces_others && !(same_data && same_training)) return;
  if (!same_data) throw DataError(name + ": belongs to another data set");
  if (!same_training) throw DataError(name + ": was made with another training configuration");
  run_ = kept.run;
  trainer_.restore(std::move(kept.gradients));
}

TrainingOutcome TrainingSession::run(const TrainingEvents& events, int most) {
  TrainingOutcome out;
  out.resumed_at = done();
  if (stopped_) out.end = TrainingEnd::kStoppedByOwner;
  bool go_on = !stopped_ && (settled_ == done() || ask(events, out));
  for (; go_on && done() < steps() && most > 0; --most)
    go_on = step(events, out) && ask(events, out);
  if (go_on && done() < steps()) out.end = TrainingEnd::kCalledOff;
  return out;
}

bool TrainingSession::step(const TrainingEvents& events, TrainingOutcome& out) {
  const auto tell = [&, step = done()](double fraction) {
    if (events.training) events.training(step, fraction);
    if (events.stop && events.stop()) throw CalledOff();
  };
  try {
    tell(0);
    out.steps.push_back(trainer_.step(tell));
  } catch (const CalledOff&) {
    out.end = TrainingEnd::kCalledOff;
    return false;
  }
  keep_checkpoint();
  return true;
}

void TrainingSession::keep_checkpoint() {
  if (task_.checkpoints)
    task_.checkpoints->keep([&](ByteSink& sink) {
      write_checkpoint(sink, task_.keys->set, task_.data->data.layout, task_.data->info.id, run_,
                       state(), trainer_.gradients());
    });
}

void TrainingSession::rewind(int steps) {
  require(steps >= 1, "a model after a step");
  if (steps == done()) return;
  trainer_.rewind(steps);
  settled_ = steps;
  keep_checkpoint();
}

bool TrainingSession::ask(const TrainingEvents& events, TrainingOutcome& out) {
  if (!rounds_ || !rounds_->due_after(done())) {
    settled_ = done();
    return true;
  }
  const std::optional<AskedRound> asked = rounds_->ask(model(), events);
  if (!asked) {
    out.end = TrainingEnd::kCalledOff;
    return false;
  }
  out.rounds.push_back(*asked);
  settled_ = done();
  stopped_ = asked->stop;
  if (stopped_) out.end = TrainingEnd::kStoppedByOwner;
  return !stopped_;
}

ModelFile TrainingSession::model() const {
  return {trainer_.model(), task_.data->info.id, state()};
}

Transcript TrainingSession::transcript(const Sha256Digest& model) const {
  require(done() > 0, "a training that has begun");
  Transcript out = transcript_begin(*task_.keys, *task_.data, state());
  out.model = model;
  Sha256Digest link = chain_begin(out);
  for (const std::vector<Ciphertext>& gradient : trainer_.gradients())
    out.steps.push_back(link = chain_step(link, gradient));
  return out;
}

}  // namespace blindtuner::party
