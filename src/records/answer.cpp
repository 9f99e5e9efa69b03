#include "records/answer.h"

#include "records/sections.h"

namespace blindtuner::records {

std::string answer_name(int round) { return numbered_name("answer-", round, ".bit"); }

void write_answer(ByteSink& sink, const KeySet& keys, const RunId& run, int round, bool stop) {
  ContainerWriter out(sink, header_for(FileKind::kAnswer, keys));
  write_run(out, {run, round});
  out.begin_section(kStopSection);
  out.number(static_cast<std::uint8_t>(stop));
  out.commit();
}

bool read_answer(ByteSource& source, const KeySet& keys, const RunId& run, int round) {
  ContainerReader in(source, FileKind::kAnswer);
  require_key_set(in, keys);
  const RunRound answered = read_run(in);
  if (answered.run != run) in.fail("answers another run of the training");
  if (answered.round != round)
    in.fail("answers round " + std::to_string(answered.round) + ", expected round " +
            std::to_string(round));
  in.enter_section(kStopSection);
  const bool stop = in.number_in(in.number<std::uint8_t>(), 0, 1, "the answer") != 0;
  in.finish();
  return stop;
}

}  // namespace blindtuner::records
