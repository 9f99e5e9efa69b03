// How far a training has come, and what it is: in every record of its results.
//
//   "TRAI"   steps done (4), 1 to 100,000; configuration: text, JSON (docs/TRAINING.md), at most 1 MiB;
//            name of the circuit: text, at most 256 bytes
#pragma once

#include <string>

#include "io/container_reader.h"
#include "io/container_writer.h"
#include "learn/training_config.h"
#include "linalg/layout.h"

namespace blindtuner::records {
using namespace learn;
using namespace io;
using namespace linalg;

struct TrainingState {
  int steps = 0;  ///< done
  TrainingConfig config;
  std::string circuit;  ///< its name
  bool operator==(const TrainingState&) const = default;
};

void write_training(ContainerWriter& out, const TrainingState& training);
/// The configuration is one; whether it fits the record's layout is not looked at.
TrainingState read_training_state(ContainerReader& in);
/// A training that data of this layout can have had: configuration, circuit and steps fit it.
TrainingState read_training_of(ContainerReader& in, const ProductLayout& layout);
/// Version 0.1 named no head and had the sigmoid's circuit among those of softmax: where a training is so,
/// its head becomes the sigmoid, and the answer is true.
bool name_head(TrainingState& training);
/// Bytes of the section.
std::uint64_t training_bytes(const TrainingState& training);

}  // namespace blindtuner::records
