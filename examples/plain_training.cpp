// The demo's training in the clear, and the experiments that chose its hyper-parameters
// (docs/TRAINING.md). Fashion-MNIST -> 768 random-ReLU features -> whitening -> softmax classifier.
//
//   plain_training                        the demo's configuration, step by step
//   plain_training --sweep FILE           one line of results for every line of FILE: a JSON object
//   of
//                                         TrainingConfig fields that differ from the demo's
//   plain_training --raw                  the same without whitening
//   plain_training --json                 a JSON object a line instead of the table
//   plain_training --sweep FILE --cross-validated FEATURES
//                                         on features of one's own, every fifth held out once as `finetune`
//                                         does to choose (learn/reference/selection.h): a JSON object a line.
//                                         Lines may have "epsilon", of the whitening, and "softmax", too
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "features/data/idx.h"
#include "features/data/load.h"
#include "features/data/random_relu.h"
#include "features/data/whitening.h"
#include "features/samples/shuffle.h"
#include "learn/head.h"
#include "learn/optimiser.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "learn/reference/selection.h"
#include "learn/training_config.h"

namespace {

using namespace blindtuner;
using namespace blindtuner::reference;

struct Options {
  // Where Debian's package dataset-fashion-mnist puts it.
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string config;  // JSON text
  std::string sweep, cross_validated, pooling;
  std::size_t samples = 0;
  std::string softmax = "exact";
  double range = 0;
  double epsilon = Whitening::kDefaultEpsilon;
  std::size_t components = 0;
  double bias_feature = 1.0;
  int coefficient_bits = 0;
  int seeds = 3;
  int feature_bits = 0, noise_bits = 0;
  std::size_t features = 768;
  bool raw = false, json = false;
};

Dataset project(const RandomReluFeatures& layer, Dataset pictures) {
  pictures.features = layer.apply(pictures.features);
  return pictures;
}

PlainOptions plain_options(const Options& options, const TrainingConfig& config) {
  PlainOptions plain;
  plain.bias_feature = options.bias_feature;
  if (options.softmax != "exact") {
    const HeadCircuit& circuit =
        find_circuit({config.head, options.softmax, options.range}, config.classes);
    plain.predictions = [&circuit](std::span<const double> z, std::span<double> p) {
      circuit.evaluate(z, p);
    };
  }
  if (options.noise_bits > 0) {
    if (!plain.predictions)
      plain.predictions = [&head = head_named(config.head)](std::span<const double> z,
                                                            std::span<double> p) {
        head.evaluate(z, 0, p);
      };
    // As a bootstrapping of so many bits would: Gaussian, the same for the same logits.
    plain.predictions = [inner = plain.predictions, sigma = std::ldexp(1.0, -options.noise_bits)](
                            std::span<const double> z, std::span<double> p) {
      inner(z, p);
      std::uint64_t seed = 0;
      for (const double x : z) seed = seed * 6364136223846793005u + std::bit_cast<std::uint64_t>(x);
      std::mt19937_64 random(seed);
      std::normal_distribution<double> noise(0, sigma);
      for (double& x : p) x += noise(random);
    };
  }
  if (options.coefficient_bits > 0)
    plain.rounding = [bits = options.coefficient_bits](std::span<const double> c) {
      return round_to_bits(c, bits);
    };
  return plain;
}

void show_steps(const PlainResult& result) {
  std::printf("step  batch   rate    loss  |z| here  |z| model     head error   train    test\n");
  for (const PlainStep& s : result.steps)
    std::printf("%4d  %5zu  %5.2f  %6.4f  %8.2f  %9.2f  %13.4f  %6.4f  %6.4f\n", s.step, s.batch,
                s.rate, s.loss, s.max_logit, s.model_max_logit, s.max_head_error, s.train_accuracy,
                s.test_accuracy);
}

TrainingConfig config_of(const nlohmann::json& given) {
  nlohmann::json json = to_json(default_training_config(given.value("head", "softmax")));
  json.update(given);
  return training_config_from_json(json);
}

std::vector<nlohmann::json> lines_of(const Options& options) {
  std::vector<std::string> lines;
  if (options.sweep.empty()) {
    lines.push_back(options.config);
  } else {
    std::ifstream file(options.sweep);
    if (!file) throw DataError("cannot read '" + options.sweep + "'");
    for (std::string line; std::getline(file, line);)
      if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  std::vector<nlohmann::json> out;
  for (const std::string& line : lines) {
    out.push_back(nlohmann::json::parse(line, nullptr, false));
    if (!out.back().is_object()) throw DataError("not a JSON object: " + line);
  }
  return out;
}

/// What the best one has right and this one has not, of the samples that both were tried on.
double deficit(const Trial& best, const Trial& trial) {
  double sum = 0;
  for (std::size_t i = 0; i < trial.right.size(); ++i)
    sum += static_cast<double>(best.right[i]) - static_cast<double>(trial.right[i]);
  return sum / static_cast<double>(trial.right.size());
}

int cross_validate(const Options& options) {
  DataSource source;
  source.features = options.cross_validated;
  source.part = Part::kTrain;
  source.pooling = options.pooling;
  Dataset data = load_dataset(source);
  std::vector<std::uint32_t> some = shuffled_indices(data.size(), std::uint64_t{1});
  if (options.samples > 0) some.resize(std::min(some.size(), options.samples));
  data = select(data, some);
  const std::vector<nlohmann::json> lines = lines_of(options);
  std::vector<TrainingSetting> settings;
  for (nlohmann::json line : lines) {
    TrainingSetting setting;
    setting.epsilon = line.value("epsilon", options.epsilon);
    const std::string softmax = line.value("softmax", "default");
    line.erase("epsilon");
    line.erase("softmax");
    line["classes"] = data.classes;
    setting.config = config_of(line);
    setting.circuit = &find_circuit({setting.config.head, softmax, 0}, data.classes);
    settings.push_back(setting);
  }
  const std::vector<Trial> trials = try_settings(data, settings, {});
  const Trial* best = nullptr;
  for (const Trial& t : trials)
    if (t.in_range && (best == nullptr || std::pair(t.trials, t.quality.accuracy) >
                                              std::pair(best->trials, best->quality.accuracy)))
      best = &t;
  if (best == nullptr) throw DataError("no settings keep logits in range");
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Trial& t = trials[i];
    nlohmann::json out = {{"setting", lines[i]},      {"samples", data.size()},
                          {"features", data.width()}, {"in_range", t.in_range},
                          {"held_out", t.trials},     {"steps", t.steps}};
    if (t.in_range)
      out.update({{"accuracy", t.quality.accuracy},
                  {"macro_f1", t.quality.macro_f1},
                  {"loss", t.loss},
                  {"max_logit", t.max_logit},
                  {"deficit", deficit(*best, t)}});
    std::printf("%s\n", out.dump().c_str());
  }
  return 0;
}

int run(const Options& options) {
  if (!options.cross_validated.empty()) return cross_validate(options);
  const auto start = std::chrono::steady_clock::now();
  const std::string folder = options.data + "/";
  const RandomReluFeatures layer(784, options.features);
  Dataset train = project(layer, read_idx(folder + "train-images-idx3-ubyte.gz",
                                          folder + "train-labels-idx1-ubyte.gz"));
  Dataset test = project(
      layer, read_idx(folder + "t10k-images-idx3-ubyte.gz", folder + "t10k-labels-idx1-ubyte.gz"));
  if (!options.raw) {
    const Whitening whitening = Whitening::fit(train.features, options.epsilon, options.components);
    train.features = whitening.apply(train.features);
    test.features = whitening.apply(test.features);
  }
  if (options.feature_bits > 0)
    for (Dataset* set : {&train, &test})
      set->features = (set->features * std::ldexp(1.0F, options.feature_bits)).array().round() *
                      std::ldexp(1.0F, -options.feature_bits);
  std::fprintf(stderr, "%zu + %zu samples of %zu features in %.1f s\n", train.size(), test.size(),
               train.width(),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());

  const std::vector<nlohmann::json> lines = lines_of(options);
  std::vector<TrainingConfig> configs;
  for (const nlohmann::json& line : lines) configs.push_back(config_of(line));

  struct Line {
    double sum = 0, least = 1, most = 0, train = 0, f1 = 0, logit = 0, seen = 0;
  };
  std::vector<Line> table(configs.size());
  for (int seed = 1; seed <= options.seeds; ++seed) {
    const auto order = shuffled_indices(train.size(), static_cast<std::uint64_t>(seed));
    const Dataset shuffled = select(train, order);
    for (std::size_t i = 0; i < configs.size(); ++i) {
      PlainOptions plain = plain_options(options, configs[i]);
      plain.measure_models = options.sweep.empty() && !options.json;
      const PlainResult result = train_plain(shuffled, &test, configs[i], plain);
      if (options.sweep.empty() && !options.json) {
        std::printf("\nseed %d\n", seed);
        show_steps(result);
      }
      const PlainStep& last = result.steps.back();
      Line& line = table[i];
      line.sum += last.test_accuracy;
      line.least = std::min(line.least, last.test_accuracy);
      line.most = std::max(line.most, last.test_accuracy);
      line.train += last.train_accuracy;
      line.logit = std::max(line.logit, result.max_logit);
      for (const PlainStep& step : result.steps) line.seen = std::max(line.seen, step.max_logit);
      line.f1 += macro_f1(predict(scores(result.model, test.features)), test.labels, 10);
    }
  }
  if (options.json) {
    for (std::size_t i = 0; i < configs.size(); ++i) {
      const Line& line = table[i];
      const nlohmann::json out = {{"config", lines[i]},
                                  {"steps", configs[i].total_steps(train.size())},
                                  {"batch", configs[i].batch_size},
                                  {"seeds", options.seeds},
                                  {"accuracy", line.sum / options.seeds},
                                  {"least", line.least},
                                  {"most", line.most},
                                  {"train_accuracy", line.train / options.seeds},
                                  {"max_logit", line.seen}};
      std::printf("%s\n", out.dump().c_str());
    }
    return 0;
  }
  std::printf(
      "\n%d seeds: test accuracy mean (least - most), macro F1, train accuracy,"
      " largest |logit| in training / of any model\n",
      options.seeds);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const Line& line = table[i];
    std::printf("%.4f (%.4f - %.4f)  %.4f  %.4f  %5.2f / %5.2f  %s\n", line.sum / options.seeds,
                line.least, line.most, line.f1 / options.seeds, line.train / options.seeds,
                line.seen, line.logit, lines[i].dump().c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.config = "{}";
  CLI::App app("Trains the demo's classifier in the clear");
  app.add_option("--data", options.data, "folder of Fashion-MNIST's four IDX files");
  app.add_option("--config", options.config, "JSON fields that differ from the demo's");
  app.add_option("--sweep", options.sweep, "file of such objects, one a line");
  app.add_option("--cross-validated", options.cross_validated,
                 "features with labels instead, as `extract` makes them")
      ->needs("--sweep");
  app.add_option("--pooling", options.pooling, "of these features, where they are of several");
  app.add_option("--samples", options.samples, "of them, drawn at random (0: all)");
  app.add_option("--softmax", options.softmax, "exact, or a family of circuits (default, ..)");
  app.add_option("--range", options.range, "largest |logit| that the circuit is to be fit for");
  app.add_option("--eps", options.epsilon, "whitening: eps relative to the mean eigenvalue");
  app.add_option("--components", options.components, "whitening: leading components (0: all)");
  app.add_option("--bias-feature", options.bias_feature, "the constant appended to every sample");
  app.add_option("--coefficient-bits", options.coefficient_bits,
                 "round coefficients to multiples of 2^-bits (0: do not)");
  app.add_option("--seeds", options.seeds, "shuffling seeds 1 .. n")->check(CLI::Range(1, 1000));
  app.add_option("--feature-bits", options.feature_bits,
                 "round features to multiples of 2^-bits (0: do not)");
  app.add_option("--noise-bits", options.noise_bits,
                 "add noise of standard deviation 2^-bits to probabilities (0: do not)");
  app.add_option("--features", options.features, "width of the random layer");
  app.add_flag("--raw", options.raw, "no whitening");
  app.add_flag("--json", options.json, "results as JSON, one line a configuration");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const DataError& error) {
    std::fprintf(stderr, "plain_training: %s\n", error.what());
    return 1;
  }
}
