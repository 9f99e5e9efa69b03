// blindtuner demo: `finetune` on Fashion-MNIST, with features of a vision transformer or of a fixed
// random layer.
#include <memory>

#include "app/common/config_file.h"
#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/finetuning.h"
#include "app/owner/owner.h"
#include "app/owner/process.h"
#include "app/owner/server_check.h"
#include "app/report/finetuning_summary.h"
#include "base/error.h"
#include "base/path.h"
#include "features/data/idx.h"
#include "features/data/load.h"
#include "features/data/random_relu.h"
#include "features/transformer/pooling.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

struct DemoOptions {
  RunOptions run;
  std::string out = "build/demo";
  std::string data = "/usr/share/datasets/fashion-mnist";  // Debian's dataset-fashion-mnist
  std::string model, pooling = "model", parameters = "Standard", config;
  std::size_t samples = 0, features = 768;
  std::uint64_t seed = 1;
};

constexpr int kClasses = 10;

std::string features_file(const std::string& part) { return part + "-features.npz"; }

/// The files of features that are made.
std::vector<std::string> features_made(const DemoOptions& options) {
  if (options.model.empty()) return {};
  return {features_file("train"), features_file("t10k")};
}

// Features of `part`, "train" or "t10k": by `extract`, or by the random layer.
Dataset features_of(const CommonOptions& common, const DemoOptions& options,
                    const std::string& part, RunFolder& folder) {
  const std::string prefix = (fs::path(options.data) / part).string();
  const std::string images = prefix + "-images-idx3-ubyte.gz",
                    labels = prefix + "-labels-idx1-ubyte.gz";
  if (!path_exists(images))
    throw DataError("no " + quoted_path(images) +
                    ": install Debian's package dataset-fashion-mnist, or name another folder "
                    "with --data");
  Dataset set;
  if (options.model.empty()) {
    set = read_idx(images, labels);
    set.features = RandomReluFeatures(set.width(), options.features).apply(set.features);
  } else {
    const fs::path out = folder.staged(features_file(part));
    run_extract(common, {"--model", options.model, "--images", images, "--labels", labels, "--out",
                         out.string(), "--pooling", options.pooling});
    DataSource source;
    source.features = out;
    set = load_dataset(source);
  }
  if (set.classes > kClasses) throw DataError(quoted_path(images) + ": more than 10 classes");
  set.classes = kClasses;
  return set;
}

void demo(const CommonOptions& common, const DemoOptions& options) {
  if (options.pooling == kChoosePooling)
    throw DataError("--pooling auto is for 'finetune', expected one such as model or class+mean");
  (void)checked_server_program(options.run.server);
  RunFolder folder(options.out, features_made(options));
  FinetuningData data;
  data.name = "fashion-mnist";
  data.sets.train = features_of(common, options, "train", folder);
  data.sets.test = features_of(common, options, "t10k", folder);
  data.sets.train.class_names = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                 "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};
  FinetuningSettings settings;
  settings.parameters = named_parameters(options.parameters);
  settings.samples = options.samples;
  settings.seed = OrderSeed(options.seed);
  settings.config = read_training_config(options.config, kClasses);
  if (options.config.empty()) settings.config.validation_every = 3;
  settings.validation_fraction = 0.05;
  const nlohmann::json report =
      finetune_encrypted(common, options.run, std::move(settings), std::move(data), folder);
  print_report(common, report, finetuning_summary(report, options.out));
}

}  // namespace

void add_demo(Program& program) {
  program.add_command(
      "demo", "train on encrypted Fashion-MNIST, with the server as a program of its own",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<DemoOptions>();
        command.add_option("--out", o->out, "folder for keys, data, model and reports")
            .show_default();
        command.add_option("--data", o->data, "folder of the four IDX files").show_default();
        add_number(command, "--samples", o->samples, "training samples to use (0: all)", 0,
                   kMaxSamples);
        command.add_option(
            "--model", o->model,
            "a vision transformer's .safetensors; without one, features are those of "
            "a fixed random layer");
        command.add_option("--pooling", o->pooling, pooling_help()).show_default();
        add_number(command, "--features", o->features, "width of the random layer", 1, 4096)
            .show_default();
        command.add_option("--config", o->config, "training configuration (JSON)");
        add_run_key_options(command, o->run.keys);
        command
            .add_option("--parameters", o->parameters,
                        "name of a parameter set, or a file of JSON that holds one")
            .show_default();
        command.add_option("--server", o->run.server, "the server's program (beside this one)");
        add_number(command, "--seed", o->seed, "of the samples' order", 0, UINT64_MAX)
            .show_default();
        command.useless({"--pooling"}, [o]() -> std::string {
          return o->model.empty() ? "without --model: the random layer has one" : "";
        });
        command.useless({"--features"}, [o]() -> std::string {
          return o->model.empty() ? "" : "with --model, which makes the features";
        });
        command.also_writes([o] { return RunFolder::results(o->out, features_made(*o)); });
        return [&program, o] { demo(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
