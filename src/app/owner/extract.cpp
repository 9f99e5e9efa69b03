// blindtuner extract: from pictures to features, with a pretrained vision transformer.
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "app/owner/owner.h"
#include "data/class_names.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "image/picture_set.h"
#include "image/preprocess.h"
#include "transformer/vision_transformer.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

/// To be raised when the same model makes other features of the same pictures.
constexpr const char* kRecipe = "blindtuner features of pictures, 1";

struct ExtractOptions {
  PictureSource pictures;
  std::string model, out, classes, cache, on_error = "fail";
  bool no_cache = false;
};

Preprocessing preprocessing_of(const VisionConfig& config) {
  Preprocessing out;
  out.crop = static_cast<int>(config.image_size);
  out.resize = static_cast<int>(config.resize);
  out.keep_aspect = config.keep_aspect;
  out.interpolation = config.bicubic ? Interpolation::kBicubic : Interpolation::kBilinear;
  out.mean = config.mean;
  out.std = config.std;
  return out;
}

/// Everything that makes features out of a picture's bytes.
Sha256Digest recipe_digest(const std::string& model, const VisionConfig& config,
                           const Preprocessing& preprocessing) {
  std::ostringstream text;
  text.precision(17);
  text << kRecipe << "; " << preprocessing.text() << "; " << config.heads << " heads, epsilon "
       << config.epsilon << ", activation " << static_cast<int>(config.activation)
       << (config.distilled ? ", distilled" : "");
  return Sha256().add(file_digest(model)).add(text.str()).finish();
}

std::unique_ptr<FeatureCache> open_cache(const ExtractOptions& options, const Sha256Digest& key,
                                         std::size_t width) {
  if (options.no_cache) return nullptr;
  const fs::path folder =
      options.cache.empty() ? FeatureCache::default_folder() : fs::path(options.cache);
  if (folder.empty()) return nullptr;
  return std::make_unique<FeatureCache>(folder, key, width);
}

/// What is to be written at the end must not fail for a reason that is known at the beginning.
void check_output(const fs::path& out) {
  if (out.extension() != ".npz")
    throw DataError(quoted_path(out) + ": expected a name that ends in .npz");
  const fs::path folder = out.has_parent_path() ? out.parent_path() : fs::path(".");
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw DataError("cannot write " + quoted_path(out) + ": no such folder");
}

void write_features(const fs::path& out, const Extracted& extracted, const Labels& labels,
                    const std::vector<std::string>& classes,
                    const std::vector<std::string>& names) {
  std::vector<std::string> kept_names;
  Labels kept_labels;
  for (const std::size_t i : extracted.kept) {
    kept_names.push_back(names[i]);
    if (!labels.empty()) kept_labels.push_back(labels[i]);
  }
  std::map<std::string, std::vector<std::uint8_t>> members;
  members["features"] = npy_bytes(extracted.features);
  members["names"] = npy_bytes(kept_names);
  if (!labels.empty()) {
    members["labels"] = npy_bytes(kept_labels);
    members["classes"] = npy_bytes(classes);
  }
  write_npz(out, members);
}

void extract(const CommonOptions& common, const ExtractOptions& options) {
  check_output(options.out);
  PictureSource source = options.pictures;
  if (!options.classes.empty()) source.classes = read_class_names(options.classes);
  const bool skip = options.on_error == "skip";
  source.all_files = !skip;
  const PictureSet pictures = PictureSet::open(source);
  const VisionTransformer model = VisionTransformer::load(options.model);
  const Preprocessing preprocessing = preprocessing_of(model.config());
  const std::unique_ptr<FeatureCache> cache = open_cache(
      options, recipe_digest(options.model, model.config(), preprocessing), model.feature_count());

  struct Input {
    PictureBytes bytes;
    std::vector<float> pixels;
  };
  const auto load = [&](std::size_t i, Input& input) {
    try {
      input.bytes = pictures.read(i);
    } catch (const DataError& error) {
      throw DataError(pictures.where(i) + ": " + error.what());
    }
    const PictureBytes& b = input.bytes;
    return Sha256()
        .add_number(b.width)
        .add_number(b.height)
        .add_number(b.channels)
        .add(b.bytes)
        .finish();
  };
  const auto prepare = [&](std::size_t i, Input& input) {
    const Picture picture = input.bytes.decode(pictures.where(i));
    input.bytes = {};
    input.pixels.resize(preprocessing.values());
    normalise(resize_and_crop(picture, preprocessing), preprocessing, input.pixels);
  };
  std::vector<float> pixels;
  const auto encode = [&](std::span<const Input> inputs, std::span<float> features) {
    pixels.clear();
    for (const Input& input : inputs)
      pixels.insert(pixels.end(), input.pixels.begin(), input.pixels.end());
    model.features(pixels, inputs.size(), features);
  };
  ExtractionSettings settings;
  settings.unit = "pictures";
  settings.skip_errors = skip;
  settings.quiet = common.quiet;
  const Extracted extracted = extract_features<Input>(pictures.size(), model.feature_count(),
                                                      settings, cache.get(), load, prepare, encode);
  if (extracted.kept.empty())
    throw DataError(quoted_path(source.images) + ": none of " + std::to_string(pictures.size()) +
                    " pictures could be read");
  validate_finite(extracted.features, "the features of " + quoted_path(options.model));
  write_features(options.out, extracted, pictures.labels(), pictures.classes(), pictures.names());

  const double rate = static_cast<double>(extracted.kept.size()) / extracted.seconds;
  const nlohmann::json report = {
      {"pictures", extracted.kept.size()},
      {"features", model.feature_count()},
      {"classes", pictures.classes()},
      {"skipped", extracted.skipped.size()},
      {"skipped_pictures", extracted.skipped},
      {"computed", extracted.computed},
      {"cached", extracted.cached},
      {"seconds", extracted.seconds},
      {"pictures_per_second", rate},
      {"preprocessing", preprocessing.text()},
      {"preprocessing_from", model.config().settings_from},
      {"bytes", file_bytes(options.out)},
      {"peak_memory_bytes", peak_memory()},
  };
  std::ostringstream text;
  text << extracted.kept.size() << " pictures";
  if (pictures.labelled())
    text << " of " << pictures.classes().size() << " classes";
  else
    text << " without labels";
  text << ", " << model.feature_count() << " features each, in '" << options.out << "' ("
       << duration_text(extracted.seconds) << ", " << std::lround(rate) << " pictures/s";
  if (extracted.cached > 0) text << "; " << extracted.cached << " from the cache";
  text << ")\n";
  if (!extracted.skipped.empty())
    text << extracted.skipped.size() << " pictures could not be read and were skipped\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_extract(Program& program) {
  program.add_command(
      "extract", "turn pictures into features with a pretrained vision transformer",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<ExtractOptions>();
        command
            .add_option("--model", o->model,
                        "DeiT or ViT, .safetensors in timm's or Hugging Face's naming")
            ->required();
        command
            .add_option("--images", o->pictures.images,
                        "a folder with a folder for every class, a .csv or .tsv of path and "
                        "label, IDX, or .npz")
            ->required();
        command.add_option("--out", o->out, "where the features go (.npz)")->required();
        command.add_option("--labels", o->pictures.labels,
                           "class numbers for IDX or .npz: .npy, .npz, .csv or IDX");
        command.add_option("--split", o->pictures.split,
                           "of an .npz archive: train for train_images and train_labels");
        command.add_option("--images-member", o->pictures.images_member,
                           "name within an .npz archive");
        command.add_option("--labels-member", o->pictures.labels_member,
                           "name within an .npz archive");
        command
            .add_option("--path-column", o->pictures.path_column,
                        "of a table: a name, a number from 1, or last")
            ->capture_default_str();
        command.add_option("--label-column", o->pictures.label_column, "of a table")
            ->capture_default_str();
        command.add_option("--classes", o->classes,
                           "the classes' names in order, from an earlier extraction (.npz) or a "
                           "text file: for a test set in which some are missing");
        command.add_option("--on-error", o->on_error, "what unreadable pictures are: fail or skip")
            ->check(CLI::IsMember({"fail", "skip"}))
            ->capture_default_str();
        auto* cache = command.add_option(
            "--cache", o->cache,
            "folder of features computed before (default: $XDG_CACHE_HOME/blindtuner)");
        command.add_flag("--no-cache", o->no_cache, "neither read nor write a cache")
            ->excludes(cache);
        return [&program, o] { extract(program.options(), *o); };
      });
}

}  // namespace blindtuner
