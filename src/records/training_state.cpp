#include "records/training_state.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "learn/head.h"
#include "learn/result_shape.h"
#include "records/sections.h"

namespace blindtuner::records {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;

}  // namespace

void write_training(ContainerWriter& out, const TrainingState& training) {
  out.begin_section(kTrainingSection);
  out.number(static_cast<std::uint32_t>(training.steps));
  out.text(json_text(to_json(training.config)));
  out.text(training.circuit);
}

TrainingState read_training_state(ContainerReader& in) {
  TrainingState training;
  in.enter_section(kTrainingSection);
  training.steps = static_cast<int>(
      in.number_in(in.number<std::uint32_t>(), 1, 100000, "the number of steps done"));
  const std::string config = in.text(kMaxText, "the training configuration");
  try {
    training.config = parse_training_config(config);
  } catch (const DataError& error) {
    in.fail(error.what());
  }
  training.circuit = in.text(256, "the circuit's name");
  (void)name_head(training);
  return training;
}

bool name_head(TrainingState& training) {
  const bool earlier = training.circuit == "sigmoid_r32" && training.config.head == "softmax";
  if (earlier) training.config.head = "sigmoid";
  return earlier;
}

TrainingState read_training_of(ContainerReader& in, const ProductLayout& layout) {
  TrainingState training = read_training_state(in);
  try {
    check_training(layout, training.config, circuit_named(training.circuit));
    const int total = training.config.total_steps(layout.samples);
    if (training.steps > total)
      throw DataError("says it is after " + std::to_string(training.steps) +
                      " steps, its configuration has " + std::to_string(total));
  } catch (const DataError& error) {
    in.fail(error.what());
  }
  return training;
}

std::uint64_t training_bytes(const TrainingState& training) {
  return 4 + 4 + json_text(to_json(training.config)).size() + 4 + training.circuit.size();
}

}  // namespace blindtuner::records
