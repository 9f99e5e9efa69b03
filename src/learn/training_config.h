// What both trainers, encrypted and plain, are told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blindtuner::learn {

/// Every step's gradient is kept, so memory, and the time of a step, grow with the steps done.
inline constexpr int kMaxSteps = 100000;
/// Rates and their factors, and l2: beyond it no training is one (docs/LIMITS.md).
inline constexpr double kMaxRate = 1e6;
inline constexpr double kMinRate = 1e-12;
inline constexpr double kMaxMomentum = 0.9999;
/// Bytes of a configuration's text.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

enum class Method {
  kPlain,     ///< W <- W - r g(W)
  kMomentum,  ///< heavy ball: M <- mu M + g(W), W <- W - r M
  kNesterov,  ///< g taken at a look-ahead point; lambda's sequence (momentum = 0) or a constant mu
};

enum class Schedule {
  kConstant,     ///< r_t = r
  kCosine,       ///< r_t = r (f + (1 - f) (1 + cos(pi t / T)) / 2), f = rate_floor
  kStep,         ///< r_t = r * rate_factor^floor(t / rate_period)
  kInverseTime,  ///< r_t = r / (1 + rate_decay * t)
  kList,         ///< r_t = r * rate_list[t], the last entry holding on
};

/// Hyper-parameters: public, the server learns them. Check with validate() before use.
struct TrainingConfig {
  std::string head = "softmax";  ///< what is trained for: Head::name() (learn/head.h)
  int classes = 10;
  std::size_t batch_size = 4096;
  /// With W = 0 the first step's probabilities are 1/classes, known without any softmax; so the
  /// first step may take all the samples for the price of the gradient's product.
  bool first_batch_full = true;
  int steps = 8;   ///< 0: `epochs` passes over the data
  int epochs = 0;  ///< used when steps = 0
  /// Leave out the last batch of a pass when it is short (and not the only one).
  bool drop_short_batch = false;

  double learning_rate = 4.0;
  Schedule schedule = Schedule::kConstant;
  double rate_floor = 0.0;
  double rate_factor = 0.5;
  int rate_period = 1;
  double rate_decay = 0.0;
  std::vector<double> rate_list;

  Method method = Method::kPlain;
  double momentum = 0.0;
  double l2 = 0.0;  ///< g includes l2 * W, bias included
  /// The model is the mean of the iterates W_{a+1} .. W_T; -1: the last iterate.
  int averaging_start = -1;

  /// Steps from one round of validation to the next, where there is a validation set; 0: a pass
  /// over the data. There is one after the last step in any case.
  int validation_every = 0;

  /// The number of steps on a set of `samples`.
  int total_steps(std::size_t samples) const;
  /// r_t of step t (from 0) out of `total`.
  double rate(int step, int total) const;

  bool operator==(const TrainingConfig&) const = default;
};

/// The default: for features that are whitened with Whitening::kDefaultEpsilon; the tables that it
/// was chosen from are in docs/TRAINING.md. Throws DataError when there is no such head.
TrainingConfig default_training_config(std::string_view head = "softmax");

/// Another number of steps, the mean over the same share of iterates; or of epochs, and no mean.
void set_steps(TrainingConfig& config, int steps);
void set_epochs(TrainingConfig& config, int epochs);

/// Throws DataError that names the first field out of range: these come from the command line and
/// files.
void validate(const TrainingConfig& config);

/// Throws DataError unless it is for as many classes as the keys.
void require_classes(const TrainingConfig& config, std::size_t of_keys);

/// Samples [begin, begin + count) of the owner's order: the encrypted layout has fixed blocks, so
/// batches are contiguous and the shuffling happens once, before encryption.
struct BatchRange {
  std::size_t begin = 0, count = 0;
  bool operator==(const BatchRange&) const = default;
};

/// A configuration for blocks of `rows` places each, of which so many hold a sample and the others zero: batches of whole
/// blocks, a rate and an l2 by which a step is that of a mean over samples. One rate is for all batches: where some are fuller
/// than others, none is stepped at more than kMostOfRate of the rate by its own samples, if it is `by_batch`.
inline constexpr double kMostOfRate = 1.125;
TrainingConfig for_places(TrainingConfig config, std::size_t rows,
                          std::span<const std::size_t> filled, bool by_batch = true);

/// The batch of every step: with first_batch_full all samples at step 0, otherwise (and afterwards)
/// batches 0, 1, 2, .. in turn, beginning again when they run out. Throws DataError (validate, or
/// no samples).
std::vector<BatchRange> batch_ranges(const TrainingConfig& config, std::size_t samples);

/// The steps after which there is a round of validation, rising; the last is the number of steps.
std::vector<int> validation_steps(const TrainingConfig& config, std::size_t samples);

/// Every field, the head where it is another than softmax; enumerations as words. from_json takes defaults for absent fields, refuses unknown
/// ones and wrong types, and validates: DataError.
nlohmann::json to_json(const TrainingConfig& config);
TrainingConfig training_config_from_json(const nlohmann::json& json);
/// From text and from a file of at most 1 MiB. Throws DataError.
TrainingConfig parse_training_config(const std::string& text);

const char* name(Method method);
const char* name(Schedule schedule);

}  // namespace blindtuner::learn
