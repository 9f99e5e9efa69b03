// A round of validation: the record from the server to the owner while it trains, kind 7.
//
//   "LAYT", "TRAI", "WGHT"   as a model
//   "RUN."   run (16), round (4), 1 if it is the last, else 0 (1)
//   "LAYV"   layout of the validation set, its data id
//   "SCOR"   as scores, of the circuit that "TRAI" names
#pragma once

#include <string>

#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::records {

struct RoundFile {
  RunId run{};
  int round = 0;      ///< 1 to kMaxRounds
  bool last = false;  ///< nothing follows, and no answer is awaited
  ModelFile model;
  ScoresFile scores;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};

/// What it is called in a channel: "round-0001.enc". 1 <= round <= kMaxRounds (records/sections.h).
std::string round_name(int round);

void write_round(ByteSink& sink, const KeySet& keys, const RoundFile& file);
/// `accept_model` comes before the weights, `accept` before the scores.
RoundFile read_round(ByteSource& source, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept_model = {},
                     const AcceptFile<RoundFile>& accept = {});

}  // namespace blindtuner::records
