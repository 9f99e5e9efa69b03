// blindtuner whiten, encrypt: from features in the clear to an encrypted data set.
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/owner.h"
#include "app/owner/steps.h"
#include "base/error.h"
#include "data/file_bytes.h"
#include "data/load.h"
#include "data/shuffle.h"

namespace blindtuner {
namespace {

struct WhitenOptions {
  DataSource source;
  std::string out;
  double epsilon = Whitening::kDefaultEpsilon;
  std::size_t components = 0;
};

void whiten(const CommonOptions& common, const WhitenOptions& options) {
  const FeatureMatrix features = load_features(options.source);
  const std::string name = quoted_path(options.source.features);
  if (options.components > static_cast<std::size_t>(features.cols()))
    throw DataError(name + ": " + std::to_string(features.cols()) +
                    " features, fewer than the components asked for");
  const Whitening whitening = Whitening::fit(features, options.epsilon, options.components);
  whitening.save(options.out);
  const nlohmann::json report = {{"samples", features.rows()},
                                 {"features", whitening.input_width()},
                                 {"components", whitening.output_width()},
                                 {"epsilon", whitening.epsilon()}};
  std::ostringstream text;
  text << "whitening of " << whitening.input_width() << " to " << whitening.output_width()
       << " features, fitted to " << features.rows() << " samples, in '" << options.out
       << "': it stays with you\n";
  print_report(common, report, text.str());
}

struct EncryptOptions {
  DataSource source;
  std::string keys, out, whitening;
  bool unlabelled = false;
  std::uint64_t seed = 1;
};

void encrypt(const CommonOptions& common, const EncryptOptions& options) {
  const Stopwatch watch;
  const OwnerFolder keys = open_keys(options.keys, common.allow_insecure);
  const std::string name = quoted_path(options.source.features);
  Dataset set;
  if (options.unlabelled) {
    set.features = load_features(options.source);
    if (set.features.rows() == 0) throw DataError(name + ": no samples");
  } else {
    DataSource source = options.source;
    source.classes = static_cast<int>(keys.layout.classes);
    set = load_dataset(source);
    validate_training_set(set, name);
  }
  if (!options.whitening.empty()) {
    validate_finite(set.features, name);
    set.features = Whitening::load(options.whitening).apply(set.features);
  }
  check_features(set.features, keys, name);
  // Batches are contiguous: the order is mixed once, before encryption, and only for training.
  if (!options.unlabelled && options.seed != 0)
    set = select(set, shuffled_indices(set.size(), options.seed));
  encrypt_to(options.out, keys, set.features, set.labels,
             options.source.features.filename().string(), common.quiet);

  const nlohmann::json report = {
      {"samples", set.features.rows()},     {"features", set.features.cols()},
      {"classes", keys.layout.classes},     {"labelled", !options.unlabelled},
      {"bytes", file_bytes(options.out)},   {"seconds", watch.seconds()},
      {"peak_memory_bytes", peak_memory()},
  };
  std::ostringstream text;
  text << set.features.rows() << " samples of " << set.features.cols() << " features in '"
       << options.out << "' (" << bytes_text(static_cast<double>(file_bytes(options.out))) << ")\n";
  print_report(common, report, text.str());
}

void add_source(CLI::App& command, DataSource& source) {
  command.add_option("--features", source.features, "features: .npy, .npz, .csv or IDX")
      ->required();
  command.add_option("--features-member", source.features_member, "name within an .npz archive")
      ->capture_default_str();
}

}  // namespace

void add_whiten(Program& program) {
  program.add_command(
      "whiten", "fit a whitening map to features, so that few training steps are enough",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<WhitenOptions>();
        add_source(command, o->source);
        command.add_option("--out", o->out, "where the map goes (.npz)")->required();
        command.add_option("--epsilon", o->epsilon, "added, times the mean variance")
            ->check(CLI::Range(1e-12, 1e6))
            ->capture_default_str();
        command.add_option("--components", o->components, "leading directions to keep (0: all)");
        return [&program, o] { whiten(program.options(), *o); };
      });
}

void add_encrypt(Program& program) {
  program.add_command(
      "encrypt", "encrypt features and labels for training, or features for prediction",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<EncryptOptions>();
        add_source(command, o->source);
        command.add_option("--labels", o->source.labels,
                           "labels, one class number a sample: .npy, .npz, .csv or IDX");
        command
            .add_option("--labels-member", o->source.labels_member, "name within an .npz archive")
            ->capture_default_str();
        command
            .add_option("--label-column", o->source.label_column,
                        "of a .csv file that holds both: a name, a number from 1, or last")
            ->capture_default_str();
        command.add_flag("--unlabelled", o->unlabelled,
                         "for prediction: no labels, and the samples stay in their order");
        command.add_option("--keys", o->keys, "folder of the keys")->required();
        command.add_option("--whitening", o->whitening, "map made by 'whiten', applied first");
        command.add_option("--out", o->out, "where the encrypted data set goes")->required();
        command.add_option("--seed", o->seed, "of the samples' order (0: as they are)")
            ->capture_default_str();
        return [&program, o] { encrypt(program.options(), *o); };
      });
}

}  // namespace blindtuner
