// blindtuner finetune: from an owner's own data to an evaluated classifier, in one command.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "app/common/config_file.h"
#include "app/common/head_options.h"
#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/console.h"
#include "app/owner/extraction.h"
#include "app/owner/finetuning.h"
#include "app/owner/owner.h"
#include "app/owner/process.h"
#include "app/owner/server_check.h"
#include "app/owner/tables.h"
#include "app/report/finetuning_summary.h"
#include "base/error.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "features/samples/class_names.h"
#include "features/transformer/pooling.h"
#include "learn/reference/early_stopping.h"
#include "party/owner/data_checks.h"
#include "party/owner/finetuning_choice.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

/// Pictures or texts are turned into features first; what `extract` is told about them.
struct ExtractionOptions {
  std::string model, images, test_images, images_root, texts, test_texts, split, test_split;
  std::string images_member, test_images_member;
  std::string pairs, test_pairs, text_model, pooling = kChoosePooling;
  std::string on_error = "fail", cache;
  bool no_cache = false;
  std::size_t image_size = 0;

  std::string train() const { return images + texts + pairs; }
  std::string test() const { return test_images + test_texts + test_pairs; }
};

struct FinetuneOptions {
  DataSource train, test, validation;
  ExtractionOptions extraction;
  RunOptions run;
  std::string out, preset = "auto", config, parameters = "Standard";
  HeadOptions head;
  double test_fraction = 0.2, validation_fraction = -1, learning_rate = 0, epsilon = 0;
  int steps = 0, epochs = 0, patience = 3, validation_every = -1;
  std::size_t batch = 0;
  std::string seed;
  bool whiten = false, no_whiten = false, unchecked = false, publish = false;
  double budget = kPublicationBudget;
  std::string balance = "0";
};

/// An archive of all parts is used as such.
bool lies_beside_training(const FinetuneOptions& o, Part part) {
  return o.extraction.train().empty() && !o.train.features.empty() && o.train.labels.empty() &&
         holds_part(o.train, Part::kTrain) && holds_part(o.train, part);
}

/// What is trained for, which presets depend on.
std::string head_of(const FinetuneOptions& o, int classes) {
  return read_training_config(o.config, classes, o.head.head).head;
}

void check_options(const FinetuneOptions& o) {
  const ExtractionOptions& e = o.extraction;
  if (o.train.features.empty() + e.images.empty() + e.texts.empty() + e.pairs.empty() != 3)
    throw DataError("finetune takes one of --images, --texts, --pairs and --features");
  const bool extracted = o.train.features.empty();
  if (extracted && e.model.empty())
    throw DataError("--images, --texts and --pairs need --model, the pretrained transformer");
  if ((extracted && !o.test.features.empty()) || (e.images.empty() && !e.test_images.empty()) ||
      (e.texts.empty() && !e.test_texts.empty()) || (e.pairs.empty() && !e.test_pairs.empty()))
    throw DataError(
        "the test set is to be of the training set's kind: pictures, texts, pairs or features");
  if (extracted && !o.validation.features.empty())
    throw DataError("--validation-features goes with --features");
  if (!o.test.labels.empty() && o.test.features.empty() && e.test_images.empty())
    throw DataError("--test-labels needs --test-features or --test-images");
}

/// What features cannot help is refused before they are made: samples without labels, other classes
/// than the training set's in the test set, settings for other classes than there are.
void check_before_extraction(const FinetuneOptions& o) {
  const ExtractionOptions& e = o.extraction;
  const auto check = [&](const std::string& from, const DataSource& set, const std::string& split,
                         const std::string& member, const std::vector<std::string>& known) {
    ExtractOptions samples;
    if (known.empty()) samples.columns.group = o.train.columns.group;
    if (!e.pairs.empty()) samples.pairs = from;
    if (!e.texts.empty()) samples.texts.table = from;
    if (!e.images.empty()) samples.pictures.images = from;
    samples.pictures.labels = set.labels;
    samples.pictures.split = split;
    samples.pictures.images_member = member;
    samples.pictures.labels_member = set.members.labels;
    samples.pictures.root = e.images_root;
    samples.pictures.classes.numbered = o.train.classes.numbered;
    samples.columns.label = o.train.columns.label;
    if (!known.empty()) samples.columns.known_label.name = o.train.members.labels;
    samples.columns.text = o.train.columns.text;
    samples.columns.path = o.train.columns.path;
    samples.columns.skip_missing = o.train.columns.skip_missing;
    samples.on_error = e.on_error;
    std::vector<std::string> classes = check_samples(samples, known);
    if (classes.empty())
      throw DataError(quoted_path(from) +
                      ": no labels; expected a folder of pictures for every class, a table with a "
                      "column of labels (--label-column), or --labels beside IDX or .npz");
    return classes;
  };
  const std::vector<std::string> classes = check(e.train(), o.train, e.split, e.images_member, {});
  if (!e.test().empty()) (void)check(e.test(), o.test, e.test_split, e.test_images_member, classes);
  const int count = static_cast<int>(classes.size());
  const bool named = !o.head.softmax.empty();
  (void)find_circuit(
      {head_of(o, count), named ? o.head.softmax : "default", named ? o.head.range : 0}, count);
  (void)named_parameters(o.parameters);
}

constexpr char kTrainFeatures[] = "train-features.npz", kTestFeatures[] = "test-features.npz";

/// The files of features that are made.
std::vector<std::string> features_made(const FinetuneOptions& o) {
  std::vector<std::string> out;
  if (!o.extraction.train().empty()) out.emplace_back(kTrainFeatures);
  if (!o.extraction.test().empty()) out.emplace_back(kTestFeatures);
  return out;
}

void extract_features(const CommonOptions& common, FinetuneOptions& o, RunFolder& folder) {
  const ExtractionOptions& e = o.extraction;
  const std::string kind = !e.pairs.empty() ? "--pairs" : e.texts.empty() ? "--images" : "--texts";
  const std::string pooling = e.pooling == kChoosePooling && !e.pairs.empty() ? "model" : e.pooling;
  const auto extract = [&](const std::string& from, DataSource& set, const std::string& split,
                           const std::string& member, const fs::path& out,
                           const fs::path& classes) {
    const bool test = !classes.empty();
    std::vector<std::string> arguments = {"--model", e.model,      kind,        from,
                                          "--out",   out.string(), "--pooling", pooling};
    if (e.texts.empty()) arguments.insert(arguments.end(), {"--on-error", e.on_error});
    const ColumnChoice& columns = o.train.columns;
    for (const auto& [option, value] : {std::pair{"--label-column", columns.label},
                                        {"--text-column", columns.text},
                                        {"--path-column", columns.path},
                                        {"--split", split},
                                        {"--images-member", member},
                                        {"--labels-member", set.members.labels}})
      if (!value.empty()) arguments.insert(arguments.end(), {option, value});
    if (!columns.group.empty() && (!test || columns.group == "none"))
      arguments.insert(arguments.end(), {"--group-column", columns.group});
    if (columns.skip_missing) arguments.emplace_back("--skip-missing");
    if (!set.labels.empty()) arguments.insert(arguments.end(), {"--labels", set.labels.string()});
    if (!e.images_root.empty()) arguments.insert(arguments.end(), {"--images-root", e.images_root});
    if (!e.cache.empty()) arguments.insert(arguments.end(), {"--cache", e.cache});
    if (e.no_cache) arguments.emplace_back("--no-cache");
    if (o.train.classes.numbered) arguments.emplace_back("--class-numbers");
    if (!e.text_model.empty()) arguments.insert(arguments.end(), {"--text-model", e.text_model});
    if (e.image_size > 0)
      arguments.insert(arguments.end(), {"--image-size", std::to_string(e.image_size)});
    if (!classes.empty()) arguments.insert(arguments.end(), {"--classes", classes.string()});
    run_extract(common, std::move(arguments));
    set.features = out;
    set.labels.clear();
    set.members = {};
  };
  const fs::path train = folder.staged(kTrainFeatures);
  const std::string test = e.test();
  std::error_code error;
  if (!test.empty() && e.split == e.test_split && e.images_member == e.test_images_member &&
      fs::equivalent(e.train(), test, error))
    throw DataError(quoted_path(test) + ": the same samples for training and for the test");
  check_before_extraction(o);
  extract(e.train(), o.train, e.split, e.images_member, train, {});
  if (!test.empty())
    extract(test, o.test, e.test_split, e.test_images_member, folder.staged(kTestFeatures), train);
  // What was asked for is a member now.
  ColumnChoice extracted;
  const std::string& group = o.train.columns.group;
  extracted.group = group.empty() || group == "none" ? group : "groups";
  o.train.columns = std::move(extracted);
}

FinetuningData load(const CommonOptions& common, const FinetuneOptions& options,
                    const OrderSeed& seed) {
  const Listener listener = console_listener(common);
  FinetuningData data;
  const std::string name = quoted_path(options.train.features);
  const std::string extracted = options.extraction.train();
  const fs::path origin = extracted.empty() ? options.train.features : fs::path(extracted);
  data.name = (origin.has_filename() ? origin : origin.parent_path()).filename().string();
  DataSource train = options.train, test = options.test, validation = options.validation;
  train.part = Part::kTrain;
  const std::string& pooling = options.extraction.pooling;
  if (pooling != kChoosePooling) train.pooling = pooling;
  train.several_poolings = true;
  for (auto& [part, other] : {std::pair{Part::kTest, &test}, {Part::kValidation, &validation}})
    if (other->features.empty() && lies_beside_training(options, part))
      other->features = train.features;
  for (const DataSource* source : {&train, &test, &validation}) require_used(*source);
  Reading reading;
  data.sets.train = load_dataset(train, &reading);
  if (extracted.empty() && !train.pooling.empty() && data.sets.train.pooling != pooling)
    throw DataError(name + ": does not say of which pooling its features are, expected '" +
                    printable(pooling) + "' by --pooling");
  print_notes(common, reading);
  tell_of_training_set(data.sets.train, quoted_path(origin), TrainingPart::kAll, reading.details,
                       listener);
  data.reading["train"] = reading.details;
  const auto doubt = [&](const nlohmann::json& both) {
    for (const auto& warning : both["warnings"]) data.doubts.push_back(warning);
  };
  // A file's classes and columns are known when all of it has been read, so the others follow the
  // first.
  const auto load_other = [&](DataSource source, Part part, const char* use) {
    source.part = part;
    source.columns = train.columns;
    compare_groups_with(data.sets.train, source.columns);
    read_as_in_training(source, taken_for_training(data.sets.train, reading));
    source.classes = {data.sets.train.class_names, 0, train.classes.numbered};
    source.several_poolings = true;
    if (same_features(train, source))
      throw DataError(quoted_path(source.features) + ": the same features for training and for " +
                      use + "; leave it out, or name its members with --" + use +
                      "-features-member and --" + use + "-labels-member");
    Reading of_other;
    Dataset set = load_dataset(source, &of_other);
    print_notes(common, of_other);
    data.reading[use] = of_other.details;
    const nlohmann::json both = warn_of_samples_in_both(data.sets.train, set, use, listener);
    data.reading[use]["samples_in_training_too"] = both["samples"];
    data.reading[use]["nearly_in_training"] = both["nearly"];
    data.reading[use]["of_other_scale"] = both.value("of_other_scale", 0);
    if (both.contains("groups")) data.reading[use]["groups_in_training"] = both["groups"];
    if (part == Part::kTest) doubt(both);
    return set;
  };
  if (!validation.features.empty())
    data.sets.validation = load_other(validation, Part::kValidation, "validation");
  if (!test.features.empty()) {
    data.sets.test = load_other(test, Part::kTest, "test");
    if (data.sets.validation) {
      const nlohmann::json both = warn_of_samples_in_both(*data.sets.validation, *data.sets.test,
                                                          "test", listener, "the validation set");
      data.reading["test"]["samples_in_validation_too"] = both["samples"];
      doubt(both);
    }
    return data;
  }
  data.sets.test = hold_out(data.sets.train,
                            {options.test_fraction, "for the test",
                             "raise --test-fraction, or give a test set of its own"},
                            seed, name, listener);
  const nlohmann::json both =
      warn_of_samples_in_both(data.sets.train, *data.sets.test, "test", listener);
  doubt(both);
  data.reading["train"]["copies"]["in_test_too"] = both["samples"];
  data.reading["train"]["copies"]["nearly_in_test"] = both["nearly"];
  if (both.contains("groups")) data.reading["train"]["groups"]["of_test"] = both["groups"];
  return data;
}

FinetuningSettings settings_of(const FinetuneOptions& o, const Dataset& train,
                               const OrderSeed& seed) {
  FinetuningWishes wishes;
  wishes.preset = o.preset;
  wishes.head = head_of(o, train.classes);
  if (!o.config.empty()) wishes.config = read_training_config(o.config, train.classes, o.head.head);
  wishes.steps = o.steps;
  wishes.epochs = o.epochs;
  wishes.learning_rate = o.learning_rate;
  wishes.batch = o.batch;
  wishes.validation_every = o.validation_every;
  if (o.whiten || o.no_whiten) wishes.whitened = o.whiten;
  if (o.epsilon > 0) wishes.epsilon = o.epsilon;
  wishes.softmax = o.head.softmax;
  wishes.range = o.head.range;
  wishes.validation_fraction = o.validation_fraction;
  FinetuningSettings s = settings_of(wishes, train);
  s.parameters = named_parameters(o.parameters);
  s.patience = o.patience;
  s.seed = seed;
  s.balance = o.balance.empty() || o.balance == "auto" ? kChooseBalance : std::stod(o.balance);
  s.unchecked = o.unchecked;
  s.publish = o.publish;
  s.budget = o.budget;
  return s;
}

/// Where features are of several poolings: one, chosen as it would be trained with.
void choose_pooling_of(const CommonOptions& common, const FinetuneOptions& options,
                       FinetuningData& data, const OrderSeed& seed) {
  if (data.sets.train.poolings.empty()) return;
  std::vector<Dataset*> others = {&*data.sets.test};
  if (data.sets.validation) others.push_back(&*data.sets.validation);
  data.poolings = choose_pooling(
      data.sets.train, others,
      [&](const Dataset& train) -> TrainingWay {
        const FinetuningSettings settings = settings_of(options, train, seed);
        return settings.choices.empty() ? settings : settings.choices.front();
      },
      options.patience, seed);
  owner_listener(common).tell(pooling_text(data.poolings));
}

void finetune(const CommonOptions& common, FinetuneOptions options) {
  check_options(options);
  const OrderSeed seed = OrderSeed::parse(options.seed, "--seed");
  (void)checked_server_program(options.run.server);
  RunFolder folder(options.out, features_made(options));
  if (options.train.features.empty()) extract_features(common, options, folder);
  FinetuningData data = load(common, options, seed);
  std::string classes = class_note(data.sets.train.class_names);
  if (!classes.empty()) classes += "\n";
  choose_pooling_of(common, options, data, seed);
  FinetuningSettings settings = settings_of(options, data.sets.train, seed);
  const nlohmann::json report =
      finetune_encrypted(common, options.run, std::move(settings), std::move(data), folder);
  print_report(common, report, finetuning_summary(report, options.out) + classes);
  if (report.contains("not_published"))
    throw DataError("no " + quoted_path(std::filesystem::path(options.out) / "published.npz") +
                    ", all other results are there: " + report["not_published"].get<std::string>());
}

void add_data_options(Command& command, FinetuneOptions& o) {
  command.add_option("--images", o.extraction.images,
                     "pictures: a folder with a folder for every class, a table of path and label, "
                     "IDX, or .npz");
  command.add_option("--test-images", o.extraction.test_images, "the test set's pictures");
  command.add_option("--images-root", o.extraction.images_root,
                     "folder that a table's paths are relative to, and that none of them may leave "
                     "(the table's own)");
  command.add_option("--texts", o.extraction.texts, "or a table of text and label");
  command.add_option("--test-texts", o.extraction.test_texts, "the test set's texts");
  command.add_option("--text-column", o.train.columns.text, "of a table of texts");
  command.add_option("--pairs", o.extraction.pairs,
                     "or a table of a picture's path, a text and a label");
  command.add_option("--test-pairs", o.extraction.test_pairs, "the test set's pairs");
  command.add_option("--text-model", o.extraction.text_model,
                     "the encoder of the texts of pairs (--model, when it is CLIP)");
  command
      .add_option("--pooling", o.extraction.pooling,
                  std::string(kChoosePooling) +
                      " (the best of some on parts of the training set; of pairs: model), or " +
                      pooling_help())
      .show_default();
  add_number(command, "--image-size", o.extraction.image_size,
             "pixels a side that the transformer reads (as its settings say)", 1, 4096);
  command.add_option(
      "--model", o.extraction.model,
      "the transformer that makes features: for pictures .safetensors, for texts the "
      "folder of a sentence encoder");
  command.add_option("--split", o.extraction.split,
                     "of an .npz archive of pictures, such as train");
  command.add_option("--test-split", o.extraction.test_split, "the same of the test set's");
  command.add_option("--images-member", o.extraction.images_member,
                     "or the pictures' name within an .npz archive");
  command.add_option("--test-images-member", o.extraction.test_images_member,
                     "the same of the test set's");
  command
      .add_option("--on-error", o.extraction.on_error, "what unreadable pictures are: fail or skip")
      .one_of({"fail", "skip"})
      .show_default();
  const Option cache = command.add_option(
      "--cache", o.extraction.cache,
      "folder of features computed before (default: $XDG_CACHE_HOME/blindtuner)");
  command.add_flag("--no-cache", o.extraction.no_cache, "neither read nor write a cache")
      .excludes(cache);
  command.add_flag("--class-numbers", o.train.classes.numbered,
                   "labels that are numbers are places among the named classes, from 0");
  command.add_option("--features", o.train.features, "or features: .npy, .npz, a table or IDX");
  command.add_option("--labels", o.train.labels,
                     "labels, one a sample, when they are in a file of their own");
  const Option test_features =
      command.add_option("--test-features", o.test.features, "the test set's features");
  command.add_option("--test-labels", o.test.labels, "and labels");
  command.add_option("--validation-features", o.validation.features,
                     "a validation set of their own");
  command.add_option("--validation-labels", o.validation.labels, "and its labels");
  const auto members = [&](const std::string& prefix, Members& of, const std::string& example) {
    command.add_option(prefix + "features-member", of.features,
                       "name within an .npz archive (features, x, x_" + example + ", ..)");
    command.add_option(prefix + "labels-member", of.labels,
                       "name within an .npz archive (labels, y, y_" + example + ", ..)");
  };
  members("--", o.train.members, "train");
  members("--test-", o.test.members, "test");
  members("--validation-", o.validation.members, "val");
  add_table_options(command, o.train.columns, true);
  add_group_option(command, o.train.columns);
  command.add_option("--path-column", o.train.columns.path, "of a table of pictures or pairs");
  add_number(command, "--test-fraction", o.test_fraction,
             "share of every class to test with, when there is no test set", 0.001, 0.9)
      .excludes(test_features)
      .show_default();
  add_number(command, "--validation-fraction", o.validation_fraction,
             "share of every class to validate with; 0: no early stopping; a tenth "
             "without this option, about 3000 samples at most",
             0, 0.9);
}

/// Options that go with other data than were given, or with what was switched off.
void refuse_useless(Command& command, const std::shared_ptr<const FinetuneOptions>& o) {
  const auto where = [&](const std::vector<std::string>& names, const std::string& why,
                         const std::function<bool(const FinetuneOptions&)>& holds) {
    command.useless(names, [=]() -> std::string { return holds(*o) ? why : ""; });
  };
  const auto extracted = [](const FinetuneOptions& f) { return !f.extraction.train().empty(); };
  where({"--model", "--text-model", "--image-size", "--images-root", "--split", "--test-split",
         "--images-member", "--test-images-member", "--cache", "--no-cache", "--on-error",
         "--text-column", "--path-column"},
        "beside --features, which are made already",
        [=](const auto& f) { return !extracted(f) && !f.train.features.empty(); });
  where({"--features-member", "--test-features-member", "--validation-features-member",
         "--validation-labels-member", "--feature-columns", "--drop-columns", "--decimal"},
        "without --features", extracted);
  where({"--image-size", "--images-root", "--split", "--test-split", "--images-member",
         "--test-images-member", "--labels-member", "--test-labels-member", "--on-error",
         "--path-column", "--labels", "--text-model"},
        "with --texts", [](const auto& f) { return !f.extraction.texts.empty(); });
  where({"--text-column", "--text-model"}, "with --images",
        [](const auto& f) { return !f.extraction.images.empty(); });
  where({"--split", "--test-split", "--images-member", "--test-images-member", "--labels-member",
         "--test-labels-member", "--labels"},
        "with --pairs", [](const auto& f) { return !f.extraction.pairs.empty(); });
  where({"--test-split", "--test-images-member"}, "without --test-images",
        [](const auto& f) { return f.extraction.test_images.empty(); });
  where({"--split"}, "beside --images-member, which names pictures",
        [](const auto& f) { return !f.extraction.images_member.empty(); });
  where({"--test-split"}, "beside --test-images-member, which names pictures",
        [](const auto& f) { return !f.extraction.test_images_member.empty(); });
  where({"--test-fraction"}, "beside a test set of its own", [=](const auto& f) {
    return !f.extraction.test().empty() || lies_beside_training(f, Part::kTest);
  });
  where({"--validation-fraction"}, "beside a validation set of its own", [](const auto& f) {
    return !f.validation.features.empty() || lies_beside_training(f, Part::kValidation);
  });
  where({"--patience", "--validation-every"}, "with --validation-fraction 0: nothing is validated",
        [](const auto& f) { return f.validation_fraction == 0; });
  command.need("--validation-features", {"--validation-labels"});
}

void add_training_options(Command& command, FinetuneOptions& o) {
  command
      .add_option(
          "--preset", o.preset,
          "auto: chosen by training in the clear on parts of the training set; fast: whitened "
          "features, few large steps; thorough: twice as many, twice as large, wide softmax; "
          "paper: "
          "features as they are, small batches, wide softmax")
      .one_of({"auto", "fast", "thorough", "paper"})
      .show_default();
  const Option steps =
      add_number(command, "--steps", o.steps, "gradient steps at most", 1, kMaxSteps);
  add_number(command, "--epochs", o.epochs, "or passes over the data at most", 1, kMaxSteps)
      .excludes(steps);
  add_number(command, "--learning-rate", o.learning_rate, "of the first step", kMinRate, kMaxRate);
  add_number(command, "--batch", o.batch, "samples a step, rounded up to whole ciphertexts", 1,
             kMaxBatch);
  command.add_option("--config", o.config, "all of the training's settings (docs/TRAINING.md)");
  add_number(command, "--validation-every", o.validation_every,
             "steps between rounds of validation (0: a pass over the data)", 0, kMaxSteps);
  add_number(command, "--patience", o.patience,
             "rounds without a smaller loss (balanced as the model is) before training stops", 1,
             kMaxPatience)
      .show_default();
  const Option whiten =
      command.add_flag("--whiten", o.whiten, "whiten features, whatever the preset");
  const Option as_they_are =
      command.add_flag("--no-whiten", o.no_whiten, "or take them as they are").excludes(whiten);
  add_number(
      command, "--epsilon", o.epsilon,
      "whiten with this added to the columns' variances, times their mean, whatever the preset",
      1e-12, 1e6)
      .excludes(as_they_are);
  command
      .add_option(
          "--balanced", o.balance,
          "make classes of different sizes count alike, from 0, not at all, to 1, as if all "
          "had as many samples; auto or no number: what is best on held-out parts of the "
          "training set")
      .optional_value()
      .kind("STRENGTH")
      .check([strength = real_numbers(0, 1)](std::string text) {
        return text == "auto" || strength.problem(text).empty()
                   ? std::string()
                   : "'" + text + "', expected a number from 0 to 1, or auto";
      });
  command.add_flag("--unchecked", o.unchecked,
                   "train on ciphertexts though the same steps in the clear leave the circuit's "
                   "range");
  add_head_options(command, o.head);
  command.add_option(
      "--seed", o.seed,
      "of the samples' order and of what is held out, to get them again: what a report "
      "says, or a number; secret and fresh without this option");
}

}  // namespace

void add_finetune(Program& program) {
  program.add_command(
      "finetune",
      "from your data to an evaluated classifier that was trained on ciphertexts: keys, "
      "encryption, the server's program, decryption, report",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<FinetuneOptions>();
        add_data_options(command, *o);
        add_training_options(command, *o);
        command.add_option("--out", o->out, "folder for keys, encrypted data, model and reports")
            .required();
        add_run_key_options(command, o->run.keys);
        command
            .add_option("--parameters", o->parameters,
                        "name of a parameter set, or a file of JSON that holds one")
            .show_default();
        command.add_flag("--publish", o->publish,
                         "also write published.npz, a model with noise that may be shared");
        add_number(command, "--budget", o->budget,
                   "bits about the secret key that all published results of these keys may tell "
                   "together at most",
                   0.0, 1e6)
            .show_default();
        command.need("--publish", {"--budget"});
        command.add_option("--server", o->run.server, "the server's program (beside this one)");
        refuse_useless(command, o);
        command.also_writes([o] { return RunFolder::results(o->out, features_made(*o)); });
        return [&program, o] { finetune(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
