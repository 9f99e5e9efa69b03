// Seconds and bytes of training against samples, features, classes, threads, layouts and softmax
// circuits, measured and as forecast (app/plan). Keys of the big ring are made once.
//
//   bench_training [--parameters NAME] CASE..
//
// A CASE is key=value pairs joined by commas: samples, features, classes, batch (0: all samples in
// one step), steps, threads, width (0: planned), family, range, method (plain, nesterov), and
// group, a word that is handed through. One JSON object a case is written as a line to stdout.
#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"
#include "cpu_time.h"
#include "plan/forecast.h"
#include "secret/bootstrap_keygen.h"
#include "secret/dataset_encryption.h"
#include "secret/product_keygen.h"

namespace {

using namespace blindtuner;
using namespace blindtuner::app;
using namespace blindtuner::plan;
using namespace blindtuner::secret;

struct Case {
  std::size_t samples = 4096, features = 768, classes = 10, batch = 0, width = 0;
  int steps = 2, threads = 0;
  double range = 0;
  std::string head = "softmax", family = "default", method = "plain", group;
};

Case parse_case(const std::string& text) {
  Case c;
  std::stringstream pairs(text);
  for (std::string pair; std::getline(pairs, pair, ',');) {
    const std::size_t at = pair.find('=');
    const std::string key = pair.substr(0, at);
    const std::string value = at == std::string::npos ? "" : pair.substr(at + 1);
    const auto number = [&] {
      std::size_t end = 0;
      const unsigned long parsed = value.empty() ? 0 : std::stoul(value, &end);
      if (value.empty() || end != value.size())
        throw DataError("'" + pair + "': expected " + key + "=NUMBER");
      return static_cast<std::size_t>(parsed);
    };
    if (key == "samples")
      c.samples = number();
    else if (key == "features")
      c.features = number();
    else if (key == "classes")
      c.classes = number();
    else if (key == "batch")
      c.batch = number();
    else if (key == "width")
      c.width = number();
    else if (key == "steps")
      c.steps = static_cast<int>(number());
    else if (key == "threads")
      c.threads = static_cast<int>(number());
    else if (key == "range")
      c.range = static_cast<double>(number());
    else if (key == "head")
      c.head = value;
    else if (key == "family")
      c.family = value;
    else if (key == "method")
      c.method = value;
    else if (key == "group")
      c.group = value;
    else
      throw DataError("'" + pair + "': no such key");
  }
  return c;
}

double seconds_of(auto&& work) {
  const Stopwatch watch;
  work();
  return watch.seconds();
}

class Bench {
 public:
  explicit Bench(const std::string& parameters)
      : parameters_(Parameters::create(find_parameters(parameters))),
        secrets_(SecretKeys::generate(parameters_)) {
    const Bootstrapper bootstrapper(parameters_);
    // Rotations for a stride are among those for every greater one.
    keys_.bootstrap =
        make_bootstrap_keys(secrets_, bootstrapper, class_sum_rotations(*parameters_, 128),
                            parameters_->circuit_start());
  }

  nlohmann::json run(const Case& c) {
    const int threads_before = max_threads();
    if (c.threads != 0) set_max_threads(c.threads);
    nlohmann::json out = measure(c);
    set_max_threads(threads_before);
    release_pooled_memory();
    return out;
  }

 private:
  const UnitCosts& costs() {
    const int threads = max_threads();
    auto& slot = costs_[threads];
    if (slot.threads != threads || slot.machine.empty()) slot = measure_unit_costs(parameters_);
    return slot;
  }

  nlohmann::json measure(const Case& c) {
    const Parameters& p = *parameters_;
    const std::size_t batch = c.batch == 0 ? c.samples : c.batch;
    TrainingConfig config;
    config.head = c.head;
    config.classes = static_cast<int>(c.classes);
    config.batch_size = batch;
    config.first_batch_full = false;
    config.steps = c.steps;
    config.learning_rate = 0.1;
    if (c.method == "nesterov") config.method = Method::kNesterov;
    const std::size_t width =
        c.width != 0 ? c.width
                     : ProductLayout::plan(p, batch, c.features + 1, c.classes, batch).width;
    const ProductLayout layout =
        ProductLayout::create(p, c.samples, c.features + 1, c.classes, width);
    const HeadCircuit& circuit = find_circuit({c.head, c.family, c.range}, config.classes);
    const Forecast forecast = make_forecast({parameters_, layout, config, &circuit}, costs());

    keys_.layout = layout;
    const double product_keys =
        seconds_of([&] { keys_.products = make_product_keys(secrets_, layout); });
    EncryptedDataset data;
    std::vector<float> features(c.samples * c.features);
    for (std::size_t i = 0; i < features.size(); ++i)
      features[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
    std::vector<int> labels(c.samples);
    for (std::size_t i = 0; i < c.samples; ++i) labels[i] = static_cast<int>(i % c.classes);
    const double encryption =
        seconds_of([&] { data = encrypt_dataset(secrets_, layout, features, labels); });

    const Bootstrapper bootstrapper(parameters_,
                                    EncryptedTrainer::bootstrap_shape(p, layout, config));
    EncryptedTrainer trainer(parameters_, bootstrapper, data, keys_, config, circuit);
    nlohmann::json steps = nlohmann::json::array(), cpu = nlohmann::json::array();
    StepTimes best;
    double training = 0;
    for (int i = 0; i < c.steps; ++i) {
      const double before = bench::cpu_seconds();
      const StepTimes t = trainer.step();
      cpu.push_back(bench::cpu_seconds() - before);
      training += t.total();
      steps.push_back(t.total());
      if (i > 0 && (best.total() == 0 || t.total() < best.total())) best = t;
    }
    const nlohmann::json predicted = to_json(forecast);
    return {{"group", c.group},
            {"samples", c.samples},
            {"features", c.features},
            {"classes", c.classes},
            {"batch", batch},
            {"threads", max_threads()},
            {"width", width},
            {"folded", forecast.folded},
            {"softmax", circuit.name},
            {"half_bootstraps", forecast.refreshes_a_step},
            {"seconds",
             {{"step", best.total()},
              {"first_step", steps[0]},
              {"steps", steps},
              {"cpu_of_steps", cpu},
              {"training", training},
              {"encryption", encryption},
              {"product_keys", product_keys},
              {"parts_of_a_step", to_json(best)}}},
            {"bytes", predicted["bytes"]},
            {"peak_memory_so_far", peak_memory()},
            {"predicted", predicted["seconds"]}};
  }

  ParametersPtr parameters_;
  SecretKeys secrets_;
  TrainingKeys keys_;
  std::map<int, UnitCosts> costs_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Training's seconds and bytes, measured and forecast");
  std::string parameters = "Standard";
  std::vector<std::string> texts;
  app.add_option("--parameters", parameters, "name of a parameter set");
  app.add_option("cases", texts, "key=value,key=value,..")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    std::vector<Case> cases;
    for (const std::string& text : texts) cases.push_back(parse_case(text));
    Bench bench(parameters);
    for (const Case& c : cases) std::cout << bench.run(c).dump() << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "bench_training: " << error.what() << "\n";
    return 1;
  }
}
