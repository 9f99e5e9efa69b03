#include "records/round.h"

#include "base/error.h"
#include "records/sections.h"

namespace blindtuner::records {

std::string round_name(int round) { return numbered_name("round-", round, ".enc"); }

void write_round(ByteSink& sink, const KeySet& keys, const RoundFile& file) {
  ContainerWriter out(sink, header_for(FileKind::kRound, keys));
  write_model_sections(out, *keys.parameters, file.model);
  write_run(out, {file.run, file.round});
  out.number(static_cast<std::uint8_t>(file.last));
  require(file.scores.circuit == file.model.training.circuit, "a round's scores are its model's");
  write_layout(out, file.scores.scores.layout, file.scores.data, kValidationLayoutSection);
  write_scores_section(out, *keys.parameters, file.scores);
  out.commit();
}

RoundFile read_round(ByteSource& source, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept_model,
                     const AcceptFile<RoundFile>& accept) {
  ContainerReader in(source, FileKind::kRound);
  require_key_set(in, keys);
  RoundFile file;
  file.model = read_model_sections(in, *keys.parameters, accept_model);
  const RunRound run = read_run(in);
  file.run = run.run;
  file.round = run.round;
  file.last = in.number_in(in.number<std::uint8_t>(), 0, 1, "the flag for the last round") != 0;
  file.scores.scores.layout =
      read_layout_and_id(in, *keys.parameters, file.scores.data, kValidationLayoutSection);
  file.scores.circuit = file.model.training.circuit;
  if (accept) accept(file);
  read_scores_section(in, *keys.parameters, file.scores);
  in.finish();
  file.contents = in.contents();
  return file;
}

}  // namespace blindtuner::records
