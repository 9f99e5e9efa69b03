// blindtuner whiten, encrypt: from features in the clear to an encrypted data set.
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <sstream>

#include "app/common/config_file.h"
#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/console.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "app/owner/tables.h"
#include "app/owner/told.h"
#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/stopwatch.h"
#include "features/data/load.h"
#include "features/samples/class_names.h"
#include "features/samples/shuffle.h"
#include "io/file_stream.h"
#include "party/owner/data_checks.h"
#include "party/owner/data_sets.h"
#include "party/owner/encrypting.h"
#include "party/owner/opening.h"
#include "party/owner/rehearsal.h"
#include "records/key_set.h"

namespace blindtuner::app {
namespace {

struct WhitenOptions {
  DataSource source;
  std::string out;
  double epsilon = Whitening::kDefaultEpsilon;
  std::size_t components = 0;
};

void whiten(const CommonOptions& common, const WhitenOptions& options) {
  require_ending(options.out, {".npz"});
  Reading reading;
  require_used(options.source);
  const Dataset set = load_training_features(options.source, &reading);
  const FeatureMatrix& features = set.features;
  print_notes(common, reading);
  const std::string name = quoted_path(options.source.features);
  if (options.components > static_cast<std::size_t>(features.cols()))
    throw DataError(name + ": " + std::to_string(features.cols()) +
                    " features, fewer than the components asked for");
  Whitening whitening = Whitening::fit(features, options.epsilon, options.components);
  tell_of_training_set(set, name, TrainingPart::kAll, reading.details, console_listener(common));
  whitening.set_origin(set.feature_names, set.pooling, set.encoder, set.features_member);
  whitening.save(options.out);
  const nlohmann::json report = {{"reading", reading.details},
                                 {"samples", features.rows()},
                                 {"features", whitening.input_width()},
                                 {"components", whitening.output_width()},
                                 {"unused_columns", whitening.unused_columns()},
                                 {"epsilon", whitening.epsilon()}};
  std::ostringstream text;
  text << "whitening of " << whitening.input_width() << " to " << whitening.output_width()
       << " features, fitted to " << features.rows() << " samples, in " << quoted_path(options.out)
       << ": it stays with you\n";
  if (whitening.unused_columns() > 0)
    text << whitening.unused_columns() << " features do not vary and are left out\n";
  if (whitening.output_width() < whitening.input_width() && options.components == 0)
    text << "samples are fewer than features and differ along " << whitening.output_width()
         << " directions: 'keygen --features " << whitening.output_width() << "'\n";
  print_report(common, report, text.str());
}

struct EncryptOptions {
  DataSource source;
  KeyOptions keys;
  std::string out, whitening, trained_on;
  bool unlabelled = false;
  std::string seed;
  DataSource validation;  // features and labels of a validation set of their own
  double validation_fraction = 0;
  std::string config;
  std::string validation_out;
};

std::filesystem::path validation_path(const EncryptOptions& options) {
  if (!options.validation_out.empty()) return options.validation_out;
  std::filesystem::path path = options.out;
  return path.replace_filename(path.stem().string() + "-validation" + path.extension().string());
}

/// Where nobody has named it, the validation set may take the place of an encrypted data set and of nothing
/// else: a table or a model may be called so. Throws DataError.
void check_validation_path(const EncryptOptions& options) {
  const std::filesystem::path path = validation_path(options);
  if (options.validation_out.empty() && path_exists(path) && file_kind(path) != FileKind::kDataset)
    throw DataError(
        quoted_path(path) +
        ": is no encrypted data set, and that for validation would take its place; name "
        "another file with --validation-out");
  check_writable(path);
}

/// What training will meet, as far as it can be known: the settings are the server's in the end.
nlohmann::json rehearse(const EncryptOptions& options, const Dataset& set,
                        const OwnerFolder& keys) {
  const TrainingConfig config = read_training_config(options.config, set.classes);
  const HeadCircuit& circuit = find_circuit({.head = config.head}, set.classes);
  const RehearsedRun run{set, nullptr, nullptr, config, circuit, *keys.set.parameters};
  const double largest = largest_logit_of_training(run, rehearse_as_encrypted(run));
  nlohmann::json out = {{"settings", options.config.empty() ? "default" : options.config},
                        {"logit_limit", circuit.stable_range},
                        {"in_range", largest <= circuit.stable_range}};
  if (std::isfinite(largest)) out["max_logit"] = largest;
  const std::string problem = out_of_range(circuit, largest);
  if (!problem.empty())
    out["problem"] =
        problem +
        (options.whitening.empty() ? "; make a map of these features with 'whiten' and give it by "
                                     "--whitening, or give"
                                   : "; give") +
        " the server another configuration (--config tries it here)";
  return out;
}

std::string rehearsal_text(const nlohmann::json& rehearsal) {
  if (rehearsal.contains("problem"))
    return "WARNING: " + rehearsal["problem"].get<std::string>() + "\n";
  char line[200];
  std::snprintf(
      line, sizeof line,
      "with %s settings training takes logits to %.3g in the clear; its circuit stands %.3g\n",
      rehearsal["settings"] == "default" ? "the default" : "these",
      rehearsal["max_logit"].get<double>(), rehearsal["logit_limit"].get<double>());
  return line;
}

void encrypt(const CommonOptions& common, const EncryptOptions& options) {
  const Stopwatch watch;
  if (options.validation_fraction > 0 && !options.validation.features.empty())
    throw DataError("encrypt takes one of --validation and --validation-fraction");
  const OrderSeed seed = OrderSeed::parse(options.seed, "--seed");
  const Listener listener = console_listener(common);
  if (options.validation_fraction > 0 || !options.validation.features.empty())
    check_validation_path(options);
  require_used(options.source);
  require_used(options.validation);
  const OwnerFolder keys = open_keys_to_encrypt(options.keys, common);
  const std::string name = quoted_path(options.source.features);
  Dataset set;
  std::optional<Dataset> validation;
  Reading reading, validation_reading;
  std::vector<NamedColumn> identifiers;
  std::optional<Whitening> whitening;
  if (!options.whitening.empty()) whitening = Whitening::load(options.whitening);
  const std::string map = map_name(whitening);
  DataSource source = options.source;
  TakenForTraining taken;
  if (whitening)
    taken = {whitening->feature_names(),
             whitening->pooling(),
             whitening->encoder(),
             whitening->features_member(),
             {}};
  if (options.unlabelled) {
    std::optional<DataId> said;
    if (!options.trained_on.empty()) said = own_data_set(options.trained_on, keys, false);
    require_map_of_training(keys, said, map, name);
    // Those of the map are the training set's as well.
    if (said || taken.feature_names.empty())
      if (const auto training = training_set_of(keys, said, map, name)) {
        if (taken.feature_names.empty()) taken.feature_names = training->feature_names;
        if (taken.pooling.empty()) taken.pooling = training->pooling;
        if (taken.encoder.empty()) taken.encoder = training->encoder;
        if (taken.features_member.empty()) taken.features_member = training->features_member;
      }
    read_as_in_training(source, taken);
    set = load_features(source, &reading, &identifiers);
    for (NamedColumn& column : identifiers)
      for (std::string& field : column.fields) field = class_name(field);
    if (set.features.rows() == 0) throw DataError(name + ": no samples");
  } else {
    source.classes.count = static_cast<int>(keys.layout().classes);
    read_as_in_training(source, taken);
    set = load_dataset(source, &reading);
    tell_of_training_set(set, name, TrainingPart::kAll, reading.details, listener);
    if (!options.validation.features.empty()) {
      source = options.validation;
      source.classes = {set.class_names, 0, options.source.classes.numbered};
      source.columns = options.source.columns;
      read_as_in_training(source, taken_for_training(set, reading));
      compare_groups_with(set, source.columns);
      source.part = Part::kValidation;
      if (same_features(options.source, source))
        throw DataError(quoted_path(source.features) +
                        ": the same features for training and for validation");
      validation = load_dataset(source, &validation_reading);
      warn_of_samples_in_both(set, *validation, "validation", listener);
    } else if (options.validation_fraction > 0) {
      validation =
          hold_out(set,
                   {options.validation_fraction, "for validation",
                    "raise --validation-fraction, or give a set of its own with --validation"},
                   seed, name, listener);
      warn_of_samples_in_both(set, *validation, "validation", listener);
    }
    validate_training_set(set, name);
  }
  print_notes(common, reading);
  print_notes(common, validation_reading);
  const auto prepare = [&](Dataset& which, const std::string& from) {
    if (whitening) {
      validate_finite(which.features, from);
      which.features = whitening->apply(which.features);
    }
    check_features(which, keys, from, whitening.has_value());
  };
  prepare(set, name);
  if (validation) {
    const std::filesystem::path& from = options.validation.features;
    prepare(*validation, from.empty() ? name : quoted_path(from));
  }
  // Batches are contiguous: the order is mixed once, before encryption, and only for training.
  if (!options.unlabelled && !seed.keeps_order())
    set = select(set, shuffled_indices(set.size(), seed.bytes()));
  nlohmann::json rehearsal;
  if (!options.unlabelled) rehearsal = rehearse(options, set, keys);
  const bool held_out = validation && options.validation.features.empty();
  DataSetUse use{options.unlabelled ? "prediction" : "training", "", map};
  use.identifiers = identifiers;
  use.rows = RowOrder::kKept;
  if (!options.unlabelled) {
    use.seed = seed.text();
    if (!seed.keeps_order()) use.rows = RowOrder::kMixed;
    if (held_out) use.rows = RowOrder::kUnknown;
    if (held_out) use.split = fresh_split();
  }
  // Nothing is refused from here on: these two go together.
  if (validation)
    encrypt_to(validation_path(options), keys, *validation,
               {.use = "validation",
                .seed = seed.text(),
                .map = map,
                .held_out = held_out,
                .rows = held_out ? RowOrder::kUnknown : RowOrder::kKept,
                .split = use.split},
               listener);
  encrypt_to(options.out, keys, set, use, listener);

  nlohmann::json report = {
      {"samples", set.features.rows()},     {"features", set.features.cols()},
      {"classes", keys.layout().classes},   {"labelled", !options.unlabelled},
      {"bytes", file_bytes(options.out)},   {"seconds", watch.seconds()},
      {"peak_memory_bytes", peak_memory()},
  };
  std::ostringstream text;
  if (!options.unlabelled) text << rehearsal_text(rehearsal);
  text << set.features.rows() << " samples of " << set.features.cols() << " features in "
       << quoted_path(options.out) << " ("
       << bytes_text(static_cast<double>(file_bytes(options.out))) << ")\n";
  if (!identifiers.empty()) {
    std::vector<std::string> columns;
    for (const NamedColumn& column : identifiers) columns.push_back(column.column);
    report["identifiers"] = columns;
    text << "whose each is, by " << list_of_words(columns)
         << ", is kept beside the keys, for the decrypted scores: it stays with you\n";
  }
  if (!options.unlabelled) {
    report["rehearsal"] = rehearsal;
    report["seed"] = seed.text();
    text << "in an order of their own; --seed " << seed.text()
         << " gives it again: it stays with you\n";
  }
  report["reading"] = reading.details;
  const std::string classes = class_note(set.class_names);
  if (!classes.empty()) text << classes << "\n";
  report["class_names"] = set.class_names;
  if (validation) {
    const std::filesystem::path path = validation_path(options);
    report["validation"] = {
        {"file", path.string()}, {"samples", validation->size()}, {"bytes", file_bytes(path)}};
    text << validation->size() << " samples for validation in " << quoted_path(path) << " ("
         << bytes_text(static_cast<double>(file_bytes(path)))
         << "): for the server, and for 'validate'\n";
  }
  print_report(common, report, text.str());
}

void add_source(Command& command, DataSource& source) {
  command.add_option("--features", source.features, "features: .npy, .npz, a table or IDX")
      .required();
  command.add_option("--features-member", source.members.features,
                     "name within an .npz archive (features, x, x_train, ..)");
  add_table_options(command, source.columns, true);
}

}  // namespace

void add_whiten(Program& program) {
  program.add_command(
      "whiten", "fit a whitening map to features, so that few training steps are enough",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<WhitenOptions>();
        add_source(command, o->source);
        add_output_file(command, "--out", o->out, "where the map goes (.npz)").required();
        add_number(command, "--epsilon", o->epsilon, "added, times the mean variance", 1e-12, 1e6)
            .show_default();
        add_number(command, "--components", o->components, "leading directions to keep (0: all)", 0,
                   kMaxWhitenedWidth);
        return [&program, o] { whiten(program.options(), *o); };
      });
}

void add_encrypt(Program& program) {
  program.add_command(
      "encrypt", "encrypt features and labels for training, or features for prediction",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<EncryptOptions>();
        add_source(command, o->source);
        add_group_option(command, o->source.columns);
        command.add_option("--labels", o->source.labels,
                           "labels, one a sample: .npy, .npz, a table or IDX");
        command.add_option("--labels-member", o->source.members.labels,
                           "name within an .npz archive (labels, y, y_train, ..)");
        command.add_flag("--class-numbers", o->source.classes.numbered,
                         "labels that are numbers are places among the named classes, from 0");
        command.add_flag("--unlabelled", o->unlabelled,
                         "for prediction: no labels, and the samples stay in their order");
        command.add_option(
            "--trained-on", o->trained_on,
            "with --unlabelled, where these keys have several training sets: the one "
            "whose columns these are, as 'encrypt' wrote it, or its identity as "
            "'ledger' shows it");
        add_key_options(command, o->keys);
        command.add_option("--whitening", o->whitening, "map made by 'whiten', applied first");
        add_output_file(command, "--out", o->out, "where the encrypted data set goes").required();
        add_number(command, "--validation-fraction", o->validation_fraction,
                   "share of every class to hold out for early stopping", 0, 0.9);
        command.add_option("--validation", o->validation.features,
                           "or features of a validation set of their own");
        command.add_option("--validation-features-member", o->validation.members.features,
                           "name within an .npz archive (x_val, ..)");
        command.add_option("--validation-labels-member", o->validation.members.labels,
                           "name within an .npz archive (y_val, ..)");
        command.add_option("--validation-labels", o->validation.labels, "and their labels");
        add_output_file(command, "--validation-out", o->validation_out,
                        "where the encrypted validation set goes (OUT-validation)");
        command.add_option(
            "--config", o->config,
            "the configuration that the server will be given: tried in the clear, to "
            "see that its numbers stay in range (the default one)");
        command.add_option(
            "--seed", o->seed,
            "of the samples' order and of what is held out, to get them again: what a "
            "report says, or a number (0: the order as it is); secret and fresh "
            "without this option");
        command.need("--unlabelled", {"--trained-on"});
        command.need("--validation", {"--validation-features-member", "--validation-labels-member",
                                      "--validation-labels"});
        command.useless(
            {"--labels", "--labels-member", "--class-numbers", "--group-column", "--seed",
             "--config", "--validation", "--validation-fraction", "--validation-out"},
            [o]() -> std::string {
              return o->unlabelled ? "with --unlabelled, which is for prediction: no labels are "
                                     "read, the order stays and nothing is held out"
                                   : "";
            });
        command.useless({"--validation-out"}, [o]() -> std::string {
          return o->validation_fraction == 0 && o->validation.features.empty()
                     ? "without --validation or --validation-fraction: what goes there"
                     : "";
        });
        command.also_writes([o]() -> std::vector<std::filesystem::path> {
          if (o->validation_fraction == 0 && o->validation.features.empty()) return {};
          if (!o->validation_out.empty()) return {};
          return {validation_path(*o)};
        });
        return [&program, o] { encrypt(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
