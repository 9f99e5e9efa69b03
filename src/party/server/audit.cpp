#include "party/server/audit.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "io/memory_stream.h"
#include "learn/encrypted_trainer.h"
#include "party/server/scoring.h"
#include "records/model.h"

namespace blindtuner::party {
using namespace learn;
namespace {

using Gradients = std::vector<std::vector<Ciphertext>>;

void require_same_inputs(const Transcript& said, const Transcript& have, const std::string& keys) {
  if (said.parameters != have.parameters || said.key_set != have.key_set || said.keys != have.keys)
    throw DataError(keys + ": not the keys that the transcript says");
  if (said.data_id != have.data_id || said.data != have.data)
    throw DataError("the data set is not the one that the transcript says");
}

Gradients first(const Gradients& all, int count) {
  Gradients out;
  for (int s = 0; s < count; ++s) {
    std::vector<Ciphertext>& gradient = out.emplace_back();
    for (const Ciphertext& c : all[static_cast<std::size_t>(s)]) gradient.push_back(c.copy());
  }
  return out;
}

void require_kept(const Transcript& said, const CheckpointFile& kept, const ProductLayout& layout) {
  if (kept.data != said.data_id || !(kept.layout == layout) ||
      !(kept.training.config == said.training.config) ||
      kept.training.circuit != said.training.circuit)
    throw DataError("the checkpoint is of another run than the transcript");
  Sha256Digest link = chain_begin(said);
  const std::size_t both = std::min(kept.gradients.size(), said.steps.size());
  for (std::size_t s = 0; s < both; ++s) {
    link = chain_step(link, kept.gradients[s]);
    if (link != said.steps[s])
      throw DataError("the checkpoint's step " + std::to_string(s + 1) +
                      " is not the transcript's");
  }
}

Sha256Digest contents_of(const KeySet& set, const ModelFile& model) {
  MemorySink sink;
  return write_model(sink, set, model);
}

}  // namespace

Transcript transcript_begin(const ServerKeys& keys, const DatasetFile& data,
                            const TrainingState& training) {
  Transcript out;
  require(from_hex(keys.set.parameters->digest(), out.parameters), "a digest of parameters");
  out.key_set = keys.set.header.key_id;
  out.keys = keys.contents;
  out.data = data.contents;
  out.data_id = data.info.id;
  out.training = training;
  return out;
}

AuditOutcome audit(AuditTask task, const TrainingEvents& events) {
  require(task.keys && task.data, "an audit needs keys and data");
  require(std::ranges::adjacent_find(task.steps, std::greater_equal<>()) == task.steps.end(),
          "steps to audit rise");
  const Transcript& said = task.transcript;
  const ProductLayout& layout = task.data->data.layout;
  const int total = said.training.steps;
  require_same_inputs(said, transcript_begin(*task.keys, *task.data, said.training),
                      task.keys->set.name);
  const bool all = task.steps.empty();
  if (!all && total == 0)
    throw DataError("there is no transcript yet of whose steps some could be computed again");
  if (!all && (task.steps.front() < 1 || task.steps.back() > total))
    throw DataError("the transcript has the steps 1 to " + std::to_string(total));
  if (task.kept) require_kept(said, *task.kept, layout);
  if (all) {
    task.steps.resize(static_cast<std::size_t>(total));
    std::iota(task.steps.begin(), task.steps.end(), 1);
  }

  const ParametersPtr& parameters = task.keys->set.parameters;
  const HeadCircuit& circuit = circuit_named(said.training.circuit);
  const Bootstrapper bootstrapper(
      parameters, EncryptedTrainer::bootstrap_shape(*parameters, layout, said.training.config));
  require_fit(*task.keys, bootstrapper);
  EncryptedTrainer trainer(parameters, bootstrapper, task.data->data, task.keys->keys,
                           said.training.config, circuit);
  if (trainer.steps() < total)
    throw DataError("the transcript has more steps than its configuration");
  require(task.scores.empty() || task.scores.back().steps <= trainer.steps(),
          "rounds of the training");

  AuditOutcome out;
  const auto next_step = [&] {
    trainer.step([&, step = trainer.done()](double fraction) {
      if (events.training) events.training(step, fraction);
    });
  };
  // Computes step `t` (from 1) again and says whether it is the transcript's.
  const auto same = [&](int t) {
    next_step();
    const auto place = static_cast<std::size_t>(t - 1);
    const Sha256Digest before = t == 1 ? chain_begin(said) : said.steps[place - 1];
    if (chain_step(before, trainer.gradients().back()) == said.steps[place]) {
      out.same.push_back(t);
      return true;
    }
    out.differs = t;
    return false;
  };
  // Those by the model at hand, which are the next.
  auto scores = task.scores.cbegin();
  const auto same_scores = [&] {
    if (scores == task.scores.cend() || scores->steps != trainer.done()) return true;
    const ModelFile model{
        trainer.model(), said.data_id, {trainer.done(), said.training.config, circuit.name}};
    for (; scores != task.scores.cend() && scores->steps == trainer.done(); ++scores) {
      MemorySink sink;
      if (write_scores(sink, task.keys->set, score(*task.keys, model, *scores->rows)) !=
          scores->contents) {
        out.other_scores = scores->name;
        return false;
      }
      out.audited.push_back(scores->contents);
    }
    ++out.same_rounds;
    return true;
  };
  const int kept = task.kept ? static_cast<int>(task.kept->gradients.size()) : 0;
  for (const int t : task.steps) {
    if (trainer.done() != t - 1 && kept > trainer.done())
      trainer.restore(first(task.kept->gradients, std::min(kept, t - 1)));
    while (trainer.done() < t)
      if (!same(trainer.done() + 1) || (all && !same_scores())) return out;
  }
  if (kept >= total && trainer.done() < total) trainer.restore(first(task.kept->gradients, total));
  if (total > 0 && trainer.done() == total)
    out.model =
        contents_of(task.keys->set, {trainer.model(), said.data_id, said.training}) == said.model;
  if (out.model == true && out.same.size() == static_cast<std::size_t>(total))
    out.audited.insert(out.audited.end(), {transcript_digest(said), said.model});
  // The training may have gone on after what became its model.
  while (all && scores != task.scores.cend()) {
    next_step();
    if (!same_scores()) return out;
  }
  return out;
}

void require_audited(const AuditOutcome& outcome, const std::string& transcript,
                     std::span<const Sha256Digest> digests) {
  if (outcome.differs)
    throw DataError(
        transcript + ": step " + std::to_string(*outcome.differs) +
        " is not what the server's inputs give; the steps before it that were looked at are");
  if (outcome.other_scores)
    throw DataError(*outcome.other_scores +
                    ": not the scores that the model of this round has on these rows");
  if (outcome.model == false)
    throw DataError(transcript + ": the model is not what its own steps give, which are right");
  for (const Sha256Digest& digest : digests)
    if (std::ranges::find(outcome.audited, digest) == outcome.audited.end())
      throw DataError("what has the digest " + to_hex(digest) +
                      " was not audited: it is not among what was there to be computed again");
}

}  // namespace blindtuner::party
