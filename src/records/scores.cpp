#include "records/scores.h"

#include "base/error.h"
#include "io/file_stream.h"
#include "learn/head.h"
#include "records/sections.h"

namespace blindtuner::records {

void write_scores_section(ContainerWriter& out, const Parameters& p, const ScoresFile& file) {
  require_shape(file.scores.scores, p,
                score_shape(p, file.scores.layout, circuit_named(file.circuit)));
  out.begin_section(kScoresSection);
  write_ciphertexts(out, p, file.scores.scores);
}

// Files of earlier programs do not say whose scores they hold: the circuit is the first that has their
// scale.
void read_scores_section(ContainerReader& in, const Parameters& p, ScoresFile& file) {
  const ProductLayout& l = file.scores.layout;
  const auto shape = [&](const HeadCircuit& circuit) { return score_shape(p, l, circuit); };
  const std::vector<const HeadCircuit*> circuits = head_circuits();
  in.enter_section(kScoresSection);
  file.scores.scores =
      read_ciphertexts(in, p, shape(*circuits.front()), "scores", [&](const CiphertextHead& head) {
        for (const HeadCircuit* circuit : circuits) {
          if (!file.circuit.empty()) break;
          if (circuit->serves(l.classes) &&
              mismatch(*head.ring, head.q_count, head.scale, p, shape(*circuit)).empty())
            file.circuit = circuit->name;
        }
        if (file.circuit.empty())
          in.fail("scores: a ciphertext of a level or scale that no circuit gives scores");
        require_fit(in, head, p, shape(circuit_named(file.circuit)), "scores");
      });
}

Sha256Digest write_scores(ByteSink& sink, const KeySet& keys, const ScoresFile& file) {
  require(file.training && file.training->circuit == file.circuit && file.trained_on,
          "scores are of some model");
  ContainerWriter out(sink, header_for(FileKind::kScores, keys));
  write_layout(out, file.scores.layout, file.data);
  write_training(out, *file.training);
  out.begin_section(kTrainedOnSection);
  out.bytes(*file.trained_on);
  write_scores_section(out, *keys.parameters, file);
  out.commit();
  return out.contents();
}

void write_scores(const std::filesystem::path& path, const KeySet& keys, const ScoresFile& file) {
  FileSink sink(path);
  (void)write_scores(sink, keys, file);
}

ScoresFile read_scores(ByteSource& source, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept) {
  ContainerReader in(source, FileKind::kScores);
  require_key_set(in, keys);
  ScoresFile file;
  file.scores.layout = read_layout_and_id(in, *keys.parameters, file.data);
  if (in.next_section() == kTrainingSection) {
    // Of the training set's samples the file knows nothing; the rest must fit.
    file.training = read_training_state(in);
    file.circuit = file.training->circuit;
    try {
      check_circuit(file.scores.layout, file.training->config, circuit_named(file.circuit));
    } catch (const DataError& error) {
      in.fail(error.what());
    }
  }
  if (in.next_section() == kTrainedOnSection) {
    in.enter_section(kTrainedOnSection);
    in.bytes(file.trained_on.emplace());
  }
  if (accept) accept(file);
  read_scores_section(in, *keys.parameters, file);
  in.finish();
  file.contents = in.contents();
  return file;
}

ScoresFile read_scores(const std::filesystem::path& path, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept) {
  FileSource source(path);
  return read_scores(source, keys, accept);
}

}  // namespace blindtuner::records
