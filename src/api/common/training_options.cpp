#include "api/common/training_options.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace blindtuner {

learn::TrainingConfig config_of(const TrainingOptions& options, std::size_t classes) {
  require(options.range == 0 || (options.range >= 1 && options.range <= kMaxRange),
          "a range of 1 to 10^4, or 0");
  nlohmann::json json = nlohmann::json::object();
  if (options.configuration.empty())
    json = learn::to_json(learn::default_training_config());
  else
    json = parse_json(options.configuration, "the training configuration");
  if (options.configuration.empty() || (json.is_object() && !json.contains("classes")))
    json["classes"] = classes;
  learn::TrainingConfig config = learn::training_config_from_json(json);
  learn::require_classes(config, classes);
  return config;
}

const learn::HeadCircuit& circuit_of(const TrainingOptions& options,
                                     const learn::TrainingConfig& config) {
  return learn::find_circuit({config.head, options.softmax, options.range}, config.classes);
}

std::string default_configuration(int steps) {
  learn::TrainingConfig config = learn::default_training_config();
  if (steps != 0) learn::set_steps(config, steps);
  learn::validate(config);
  nlohmann::json json = learn::to_json(config);
  json.erase("classes");  // the keys'
  return json_text(json);
}

double score_range(const TrainingOptions& options, std::size_t classes) {
  return circuit_of(options, config_of(options, classes)).range;
}

}  // namespace blindtuner
