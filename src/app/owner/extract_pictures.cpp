// From pictures to features, with a pretrained vision transformer.
#include <algorithm>
#include <sstream>

#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "app/owner/tables.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/sha256.h"
#include "features/data/npy.h"
#include "features/image/preprocess.h"
#include "features/transformer/vision_transformer.h"

namespace blindtuner::app {
namespace {

/// To be raised when the same model makes other features of the same pictures.
constexpr const char* kRecipe = "blindtuner features of pictures, 2";

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

/// How many bits the 16-bit files of the set use: as asked, as the set of `--classes` was taken, or as
/// the largest sample says. What is guessed is said.
int bits_of(const PictureSet& pictures, const ExtractOptions& options) {
  if (options.picture_bits > 0) return options.picture_bits;
  if (options.classes.ends_with(".npz"))
    if (const NpzArchive other(options.classes); other.contains("picture_bits")) {
      const Eigen::MatrixXd bits = other.matrix("picture_bits");
      if (bits.size() != 1 || !(bits(0, 0) >= 8 && bits(0, 0) <= 16))
        throw DataError(other.where("picture_bits") + ": expected 8 to 16");
      return static_cast<int>(bits(0, 0));
    }
  std::vector<int> used(pictures.size());
  parallel_for(pictures.size(), [&](std::size_t i) {
    throw_if_interrupted();
    if (!pictures.has_sixteen_bits(i)) return;
    try {
      used[i] = used_bits(pictures.read(i).bytes, pictures.where(i));
    } catch (const DataError&) {
      // Decoding it says so, or passes over it.
    }
  });
  const std::size_t count = static_cast<std::size_t>(
      std::count_if(used.begin(), used.end(), [](int bits) { return bits > 0; }));
  if (count == 0) return 16;
  const int most = *std::max_element(used.begin(), used.end());
  const int bits = most > 14 ? 16 : std::max(8, (most + 1) / 2 * 2);
  // A sixteenth of the brightness at most: of another scanner, perhaps, or dark.
  const auto dark = [&](int own) { return own > 0 && own <= bits - 4; };
  if (const auto few = std::count_if(used.begin(), used.end(), dark); few > 0) {
    const auto first = std::find_if(used.begin(), used.end(), dark);
    print_warning(std::to_string(few) + " of " + std::to_string(count) +
                  " pictures with samples of 16 bits use no more than " + std::to_string(bits - 4) +
                  " of them, others up to " + std::to_string(most) +
                  ": they are read as all are and nearly black, the first is " +
                  pictures.where(static_cast<std::size_t>(first - used.begin())) +
                  "; bring them to one range, or extract them apart with --picture-bits");
  }
  if (bits == 16) return bits;
  print_warning(std::to_string(count) + " pictures have samples of 16 bits, but use no more than " +
                std::to_string(bits) + " of them: they are taken for " + std::to_string(bits) +
                "-bit pictures (--picture-bits says otherwise)");
  return bits;
}

/// Everything that makes features out of a picture's bytes.
Sha256Digest recipe_digest(const ModelFiles& files, const VisionTransformer& model,
                           const Preprocessing& preprocessing, int bits) {
  const VisionConfig& config = model.config();
  std::ostringstream text;
  text.precision(17);
  text << kRecipe << "; " << preprocessing.text() << "; " << config.heads << " heads, epsilon "
       << config.epsilon << ", activation " << static_cast<int>(config.activation)
       << (config.distilled ? ", distilled" : "") << (config.mean_pooled ? ", mean" : "")
       << "; pooling " << model.pooling().text();
  if (bits != 16) text << "; " << bits << " bits";
  return Sha256().add(files.digest()).add(text.str()).finish();
}

}  // namespace

EncoderFeatures picture_features(const CommonOptions& common, const ExtractOptions& options,
                                 const PoolingPlan& pooling) {
  PictureSource source = options.pictures;
  source.classes.names = options.class_names();
  source.all_files = options.on_error != "skip";
  const PictureSet pictures = PictureSet::open(source);
  for (const std::string& warning : pictures.warnings()) print_warning(warning);
  print_notes(common, pictures.notes());
  const int bits = bits_of(pictures, options);
  const ModelFiles files = find_model(options.model);
  const VisionTransformer model = VisionTransformer::load(files, {pooling, options.image_size});
  const Preprocessing preprocessing = preprocessing_of(model.config());
  nlohmann::json report = {{"notes", pictures.notes()},
                           {"warnings", pictures.warnings()},
                           {"reading", pictures.reading()},
                           {"picture_bits", bits},
                           {"preprocessing", preprocessing.text()},
                           {"preprocessing_from", model.config().settings_from}};
  report_origins(options.model, model.config().origins, report);
  const auto cache =
      options.open_cache(recipe_digest(files, model, preprocessing, bits), model.feature_count());

  struct Input {
    PictureBytes bytes;
    std::vector<float> pixels;
  };
  const auto load = [&](std::size_t i, Input& input) {
    input.bytes = pictures.read(i);
    const PictureBytes& b = input.bytes;
    return Sha256()
        .add_number(b.width)
        .add_number(b.height)
        .add_number(b.channels)
        .add(b.bytes)
        .finish();
  };
  const auto prepare = [&](std::size_t i, Input& input) {
    const Picture picture = input.bytes.decode(pictures.where(i), bits);
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
  const ExtractionSettings settings{64, !source.all_files, common.quiet, "pictures"};
  Extracted extracted = extract_features<Input>(pictures.size(), model.feature_count(), settings,
                                                cache.get(), load, prepare, encode);
  if (extracted.kept.empty())
    throw DataError(quoted_path(source.images) + ": none of " + std::to_string(pictures.size()) +
                    " pictures could be read");
  return {std::move(extracted), columns_of_poolings(model),
          pictures.names(),     pictures.classes(),
          pictures.labels(),    settings,
          std::move(report),    bits,
          pictures.groups()};
}

}  // namespace blindtuner::app
