// The owner's answer to a round of validation: the record from the owner to the server, kind 8. One bit:
// everything else in it is known to the server beforehand, so that there are exactly two records an owner
// can answer a round with.
//
//   "RUN."   run (16), round (4)
//   "STOP"   0 to go on, 1 to stop (1)
#pragma once

#include <string>

#include "records/key_set.h"

namespace blindtuner::records {

/// What it is called in a channel: "answer-0001.bit". 1 <= round <= kMaxRounds (records/sections.h).
std::string answer_name(int round);

void write_answer(ByteSink& sink, const KeySet& keys, const RunId& run, int round, bool stop);
/// Whether to stop. Throws DataError for an answer to another run or round.
bool read_answer(ByteSource& source, const KeySet& keys, const RunId& run, int round);

}  // namespace blindtuner::records
