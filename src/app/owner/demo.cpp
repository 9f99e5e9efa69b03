// blindtuner demo: Fashion-MNIST, from pictures to a classifier trained on ciphertexts, with the
// server as a program of its own.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/owner.h"
#include "app/owner/steps.h"
#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/error.h"
#include "data/file_bytes.h"
#include "data/idx.h"
#include "data/random_relu.h"
#include "data/shuffle.h"
#include "train/encrypted_trainer.h"
#include "train/metrics.h"
#include "train/plain_reference.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

struct DemoOptions {
  std::string out = "build/demo";
  std::string data = "/usr/share/datasets/fashion-mnist";  // Debian's dataset-fashion-mnist
  std::string parameters = "Standard", config, server;
  std::size_t samples = 0, features = 768;
  std::uint64_t seed = 1;
};

constexpr int kClasses = 10;
constexpr double kSoftmaxRange = 12;

Dataset read_pictures(const fs::path& folder, const char* part) {
  const std::string prefix = (folder / part).string();
  const fs::path images = prefix + "-images-idx3-ubyte.gz";
  if (!fs::exists(images))
    throw DataError("no " + quoted_path(images) +
                    ": install Debian's package dataset-fashion-mnist, or name another folder "
                    "with --data");
  Dataset set = read_idx(images, prefix + "-labels-idx1-ubyte.gz");
  if (set.classes > kClasses) throw DataError(quoted_path(images) + ": more than 10 classes");
  set.classes = kClasses;
  return set;
}

struct Prepared {
  Dataset train, test;
};

Prepared prepare(const DemoOptions& options) {
  Prepared out{read_pictures(options.data, "train"), read_pictures(options.data, "t10k")};
  std::vector<std::uint32_t> order = shuffled_indices(out.train.size(), options.seed);
  if (options.samples != 0 && options.samples < order.size()) order.resize(options.samples);
  out.train = select(out.train, order);
  const RandomReluFeatures layer(out.train.width(), options.features);
  for (Dataset* set : {&out.train, &out.test}) set->features = layer.apply(set->features);
  const Whitening whitening = Whitening::fit(out.train.features);
  whitening.save(fs::path(options.out) / "whitening.npz");
  for (Dataset* set : {&out.train, &out.test}) set->features = whitening.apply(set->features);
  return out;
}

fs::path server_program(const DemoOptions& options) {
  if (!options.server.empty()) return options.server;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = self.parent_path() / "blindtuner-server";
  if (error || !fs::exists(beside))
    throw DataError("no 'blindtuner-server' beside this program; name it with --server");
  return beside;
}

// Runs the program with its stdout closed off and returns when it has ended.
void run_server(const fs::path& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {program.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0)
    throw DataError(std::string("cannot start the server's program: ") + std::strerror(errno));
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // not to outlive this program
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  int status = 0;
  try {
    while (::waitpid(child, &status, WNOHANG) == 0) {
      throw_if_interrupted();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw_if_interrupted();
  } catch (...) {
    ::kill(child, SIGTERM);
    ::waitpid(child, &status, 0);
    throw;
  }
  if (WIFSIGNALED(status))
    throw DataError("the server's program was ended by signal " + std::to_string(WTERMSIG(status)) +
                    (WTERMSIG(status) == 9 ? " (out of memory?)" : ""));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw DataError("the server's program '" + program.string() + "' failed (exit code " +
                    std::to_string(WEXITSTATUS(status)) + ")");
}

nlohmann::json read_json(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path, 1 << 24);
  return nlohmann::json::parse(bytes.begin(), bytes.end());
}

TrainingConfig demo_config(const DemoOptions& options) {
  if (options.config.empty()) return demo_training_config();
  const std::vector<std::uint8_t> bytes = read_file(options.config, 1 << 20);
  return parse_training_config(std::string(bytes.begin(), bytes.end()));
}

double test_accuracy(const LinearClassifier& model, const Dataset& test) {
  return accuracy(predict(scores(model, test.features)), test.labels);
}

double percent(double share) { return std::round(share * 1e4) / 100; }

void demo(const CommonOptions& common, const DemoOptions& options) {
  const Stopwatch total;
  const fs::path folder = options.out, keys_folder = folder / "keys";
  const fs::path upload = folder / "train.enc", encrypted_model = folder / "model.enc";
  const fs::path config_path = folder / "config.json", server_report = folder / "server.json";
  const fs::path server = server_program(options);
  const TrainingConfig config = demo_config(options);
  if (config.classes != kClasses) throw DataError("the demo's data set has 10 classes");
  make_folder(folder);
  nlohmann::json seconds;
  auto phase = [&](const char* name, auto&& work) {
    const Stopwatch watch;
    if (!common.quiet) std::fprintf(stderr, "== %s\n", name);
    work();
    std::string key = name;
    std::replace(key.begin(), key.end(), ' ', '_');
    seconds[key] = watch.seconds();
  };

  Prepared data;
  phase("features", [&] { data = prepare(options); });
  const std::size_t width = data.train.width();

  phase("key generation", [&] {
    KeygenRequest request;
    request.parameters = options.parameters;
    request.features = width;
    request.classes = kClasses;
    request.batch = config.batch_size;
    request.allow_insecure = common.allow_insecure;
    request.quiet = common.quiet;
    make_keys(keys_folder, request, /*replace=*/true);
  });
  release_pooled_memory();

  const OwnerFolder keys = open_keys(keys_folder, common.allow_insecure);
  phase("encryption", [&] {
    check_features(data.train.features, keys, "the demo's features");
    encrypt_to(upload, keys, data.train.features, data.train.labels, "fashion-mnist", common.quiet);
  });
  release_pooled_memory();

  write_file_atomically(config_path, to_json(config).dump(2) + "\n");
  phase("training on ciphertexts", [&] {
    std::vector<std::string> arguments = {"train",
                                          "--keys",
                                          evaluation_keys_path(keys_folder).string(),
                                          "--data",
                                          upload.string(),
                                          "--out",
                                          encrypted_model.string(),
                                          "--config",
                                          config_path.string(),
                                          "--report",
                                          server_report.string(),
                                          "--range",
                                          std::to_string(kSoftmaxRange)};
    if (common.quiet) arguments.push_back("--quiet");
    if (common.allow_insecure) arguments.push_back("--allow-insecure-parameters");
    if (common.threads > 0) {
      arguments.push_back("--threads");
      arguments.push_back(std::to_string(common.threads));
    }
    run_server(server, arguments);
  });

  ModelFile model_file;
  LinearClassifier model;
  phase("decryption", [&] {
    model_file = read_model(encrypted_model, keys.set);
    model = decrypt_classifier(keys.keys, model_file);
    save_classifier(folder / "model.npz", model);
  });

  const SoftmaxCircuit& circuit = softmax_circuit_named(model_file.training.circuit);
  PlainResult plain, approximate;
  phase("plain training", [&] {
    PlainOptions exact;
    exact.measure_models = false;
    plain = train_plain(data.train, &data.test, config, exact);
    // The same algorithm with what encryption replaces: softmax by its circuit, coefficients by
    // integers.
    PlainOptions same = exact;
    same.softmax = [&](std::span<const double> z, std::span<double> p) {
      evaluate_softmax_circuit(circuit, z, p);
    };
    const double scale = EncryptedTrainer::coefficient_scale(*keys.set.parameters, circuit);
    same.rounding = [scale](std::span<const double> c) {
      return EncryptedTrainer::round_coefficients(c, scale);
    };
    approximate = train_plain(data.train, &data.test, config, same);
  });

  const double max_logit = std::max(largest_logit(scores(model, data.train.features)),
                                    largest_logit(scores(model, data.test.features)));
  const double encrypted = test_accuracy(model, data.test);
  const double exact_accuracy = test_accuracy(plain.model, data.test);
  const double approximate_accuracy = test_accuracy(approximate.model, data.test);
  const double difference = (model.weights - approximate.model.weights).cwiseAbs().maxCoeff();
  const nlohmann::json from_server = read_json(server_report);
  seconds["total"] = total.seconds();

  const nlohmann::json report = {
      {"data_set", "fashion-mnist"},
      {"samples", data.train.size()},
      {"test_samples", data.test.size()},
      {"features", width},
      {"classes", kClasses},
      {"batch", config.batch_size},
      {"steps", model_file.training.steps},
      {"config", to_json(config)},
      {"softmax", circuit.name},
      {"accuracy_encrypted", encrypted},
      {"accuracy_plain", exact_accuracy},
      {"accuracy_plain_approx", approximate_accuracy},
      {"largest_weight_difference", difference},
      {"max_logit", max_logit},
      {"seconds", seconds},
      {"seconds_server", from_server["seconds"]},
      {"seconds_per_step", from_server["seconds_per_step"]},
      {"peak_memory_bytes",
       {{"owner", peak_memory()}, {"server", from_server["peak_memory_bytes"]}}},
      {"bytes",
       {{"secret_key", file_bytes(secret_key_path(keys_folder))},
        {"evaluation_keys", file_bytes(evaluation_keys_path(keys_folder))},
        {"upload", file_bytes(upload)},
        {"model", file_bytes(encrypted_model)}}},
      {"parameters", parameters_report(*keys.set.parameters)},
  };
  write_file_atomically(folder / "report.json", report.dump(2) + "\n");

  char line[512];
  std::ostringstream text;
  std::snprintf(line, sizeof line,
                "\n%d steps on %zu encrypted samples (%zu features, %d classes) in %s\n"
                "accuracy on %zu test samples\n"
                "  trained on ciphertexts          %.2f %%\n"
                "  in the clear, same softmax      %.2f %%\n"
                "  in the clear, exact softmax     %.2f %%\n"
                "largest |logit| %.2f; report in %s\n",
                model_file.training.steps, data.train.size(), width, kClasses,
                duration_text(total.seconds()).c_str(), data.test.size(), percent(encrypted),
                percent(approximate_accuracy), percent(exact_accuracy), max_logit,
                (folder / "report.json").c_str());
  text << line;
  print_report(common, report, text.str());
}

}  // namespace

void add_demo(Program& program) {
  program.add_command(
      "demo", "train on encrypted Fashion-MNIST, with the server as a program of its own",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<DemoOptions>();
        command.add_option("--out", o->out, "folder for keys, data, model and report.json")
            ->capture_default_str();
        command.add_option("--data", o->data, "folder of the four IDX files")
            ->capture_default_str();
        command.add_option("--samples", o->samples, "training samples to use (0: all)");
        command.add_option("--features", o->features, "width of the random layer")
            ->check(CLI::Range(1, 4096))
            ->capture_default_str();
        command.add_option("--config", o->config, "training configuration (JSON)");
        command.add_option("--parameters", o->parameters, "name of a parameter set")
            ->capture_default_str();
        command.add_option("--server", o->server, "the server's program (beside this one)");
        command.add_option("--seed", o->seed, "of the samples' order")->capture_default_str();
        return [&program, o] { demo(program.options(), *o); };
      });
}

}  // namespace blindtuner
