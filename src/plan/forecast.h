// What a run will take, before it is started: sizes from layout and parameters, exactly; times from
// counted operations and what each costs on a machine.
#pragma once

#include <optional>

#include "learn/encrypted_trainer.h"
#include "plan/unit_costs.h"

namespace blindtuner::plan {

struct ForecastRequest {
  ParametersPtr parameters;
  ProductLayout layout;  ///< of the data set, the bias among its features
  TrainingConfig config;
  const HeadCircuit* circuit = nullptr;
};

struct Forecast {
  ForecastRequest request;
  UnitCosts costs;

  int steps = 0;
  bool folded = false;               ///< BootstrapShape::fold_bit
  std::size_t refreshes = 0;         ///< half bootstraps of the whole run
  std::size_t refreshes_a_step = 0;  ///< in the longest step after the first
  int bootstraps_within_head = 0;    ///< full ones, each
  int head_levels = 0;

  struct {
    double key_generation = 0;  ///< with writing
    double encryption = 0;      ///< with writing; without whatever makes the features
    double reading = 0, preparing = 0;
    double first_step = 0, training = 0;
    StepTimes step;  ///< the longest after the first; all 0 where there is one only
  } seconds;

  struct {
    std::uint64_t evaluation_keys = 0, upload = 0, model = 0;
    std::uint64_t server_memory = 0;  ///< peak of the server's program
    std::uint64_t owner_memory = 0;   ///< peak of the owner's, in key generation
  } bytes;

  std::size_t ciphertexts = 0;  ///< uploaded
};

/// Throws the DataErrors of EncryptedTrainer::check. A fifth of a second.
Forecast make_forecast(const ForecastRequest& request, const UnitCosts& costs);

/// Of a ring's tables, in memory.
double ring_bytes(const Ring& ring);

nlohmann::json to_json(const Forecast& forecast);
/// A table of lines.
std::string to_text(const Forecast& forecast);
/// One line for the start of a run.
std::string to_line(const Forecast& forecast);

}  // namespace blindtuner::plan
