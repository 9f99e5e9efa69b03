// From pictures to features, with a pretrained vision transformer.
#include <sstream>

#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "data/file_bytes.h"
#include "image/preprocess.h"
#include "transformer/vision_transformer.h"

namespace blindtuner {
namespace {

/// To be raised when the same model makes other features of the same pictures.
constexpr const char* kRecipe = "blindtuner features of pictures, 1";

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

}  // namespace

void extract_pictures(const CommonOptions& common, const ExtractOptions& options) {
  PictureSource source = options.pictures;
  source.classes.names = options.class_names();
  source.all_files = options.on_error != "skip";
  const PictureSet pictures = PictureSet::open(source);
  print_notes(common, pictures.notes());
  const VisionTransformer model = VisionTransformer::load(options.model);
  const Preprocessing preprocessing = preprocessing_of(model.config());
  const auto cache = options.open_cache(recipe_digest(options.model, model.config(), preprocessing),
                                        model.feature_count());

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
  const ExtractionSettings settings{64, !source.all_files, common.quiet, "pictures"};
  const Extracted extracted = extract_features<Input>(pictures.size(), model.feature_count(),
                                                      settings, cache.get(), load, prepare, encode);
  if (extracted.kept.empty())
    throw DataError(quoted_path(source.images) + ": none of " + std::to_string(pictures.size()) +
                    " pictures could be read");
  finish_extraction(common, options, settings, extracted,
                    {pictures.names(), pictures.labels(), pictures.classes()},
                    {{"notes", pictures.notes()},
                     {"preprocessing", preprocessing.text()},
                     {"preprocessing_from", model.config().settings_from}});
}

}  // namespace blindtuner
