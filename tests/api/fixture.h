// What tests of the public interface share. It includes no header of src/, which declare the errors as well.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/parameters.h>
#include <blindtuner/training.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace blindtuner::testing_support {

namespace fs = std::filesystem;

inline constexpr std::size_t kWidth = 3, kClasses = 2, kSamples = 128;
inline const DataShape kShape{kWidth, kClasses, kSamples};

inline Context lenient() { return Context({.threads = 2, .allow_insecure = true}); }
inline ParameterSet small() { return ParameterSet::named("InsecureTest10"); }

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "blindtuner-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// Two classes, told apart by the first of three features.
struct Samples {
  std::vector<float> features;
  std::vector<int> labels;
  explicit Samples(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      labels.push_back(static_cast<int>(i % 2));
      features.insert(features.end(),
                      {i % 2 == 0 ? -1.0f : 1.0f, 0.25f * static_cast<float>(i % 5) - 0.5f, 0.1f});
    }
  }
  DataSet set() const { return {features, kWidth, labels}; }
  DataSet unlabelled() const { return {features, kWidth, {}}; }
};

inline TrainingOptions steps(int count, const std::string& more = "") {
  return {.configuration = R"({"batch_size": 128, "learning_rate": 1, "steps": )" +
                           std::to_string(count) + more + "}"};
}

}  // namespace blindtuner::testing_support
