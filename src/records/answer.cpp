#include "records/answer.h"

#include "io/file_stream.h"
#include "records/sections.h"

namespace blindtuner::records {

void write_answer(ByteSink& sink, const KeySet& keys, const RunId& run, int round, bool stop) {
  ContainerWriter out(sink, header_for(FileKind::kAnswer, keys));
  write_run(out, {run, round});
  out.begin_section(kStopSection);
  out.number(static_cast<std::uint8_t>(stop));
  out.commit();
}

void write_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                  int round, bool stop) {
  FileSink sink(path, kForAnybody, Links::kReplace);
  write_answer(sink, keys, run, round, stop);
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

bool read_answer(const std::filesystem::path& path, const KeySet& keys, const RunId& run,
                 int round) {
  FileSource source(path);
  return read_answer(source, keys, run, round);
}

}  // namespace blindtuner::records
