#include "app/common/config_file.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

namespace blindtuner::app {

TrainingConfig read_training_config(const std::filesystem::path& path, int classes,
                                    const std::string& head) {
  if (path.empty()) {
    TrainingConfig config = default_training_config(head.empty() ? "softmax" : head);
    config.classes = classes;
    return config;
  }
  nlohmann::json json = read_json(path, kMaxConfigBytes);
  try {
    if (json.is_object() && !json.contains("classes")) json["classes"] = classes;
    if (json.is_object() && !head.empty()) json["head"] = head;
    return training_config_from_json(json);
  } catch (const DataError& error) {
    throw DataError(quoted_path(path) + ": " + error.what());
  }
}

}  // namespace blindtuner::app
