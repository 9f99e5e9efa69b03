// What the examples share: data to learn from, and a folder that goes away.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/parameters.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace example {

/// Clouds around one corner for each class, sample after sample of them in turn.
struct Clouds {
  static constexpr std::size_t kWidth = 6;
  static constexpr int kClasses = 3;
  std::vector<float> features;
  std::vector<int> labels;

  explicit Clouds(int samples, unsigned seed = 1) {
    for (int i = 0; i < samples; ++i) {
      labels.push_back(i % kClasses);
      for (std::size_t j = 0; j < kWidth; ++j) {
        seed = seed * 1664525u + 1013904223u;
        const float noise = static_cast<float>(seed >> 8) / 0x1p24f - 0.5f;
        features.push_back((j % kClasses == std::size_t(i % kClasses) ? 1.5f : -0.5f) + noise);
      }
    }
  }
  blindtuner::DataSet set() const { return {features, kWidth, labels}; }
  blindtuner::DataSet unlabelled() const { return {features, kWidth}; }
};

/// Keys for such data. Real use takes ParameterSet::standard(): these are too small to be secure, and so take a
/// fraction of a second.
inline blindtuner::ParameterSet parameters() {
  return blindtuner::ParameterSet::named("InsecureTest10");
}
inline constexpr blindtuner::DataShape kShape{Clouds::kWidth, Clouds::kClasses, 256};
inline blindtuner::Context context() { return blindtuner::Context({.allow_insecure = true}); }

inline double accuracy(const std::vector<int>& found, const std::vector<int>& right) {
  std::size_t good = 0;
  for (std::size_t i = 0; i < right.size(); ++i) good += found[i] == right[i];
  return static_cast<double>(good) / static_cast<double>(right.size());
}

/// Ends the example with a message where what it shows is not so.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("expected: " + what);
}

class Folder {
 public:
  Folder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "blindtuner-example-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace example
