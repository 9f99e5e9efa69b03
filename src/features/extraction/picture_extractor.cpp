#include "features/extraction/picture_extractor.h"

#include <sstream>
#include <utility>

#include "base/interrupt.h"
#include "base/sha256.h"

namespace blindtuner::features {
namespace {

/// To be raised when the same model makes other features of the same pictures.
constexpr const char* kPictureRecipe = "blindtuner features of pictures, 2";

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

}  // namespace

PictureExtractor::PictureExtractor(ModelFiles files, VisionTransformer model)
    : files_(std::move(files)),
      model_(std::move(model)),
      preprocessing_(preprocessing_of(model_.config())) {}

PictureExtractor PictureExtractor::load(const std::filesystem::path& model,
                                        const VisionOptions& options) {
  ModelFiles files = find_model(model);
  VisionTransformer loaded = VisionTransformer::load(files, options);
  return {std::move(files), std::move(loaded)};
}

std::string PictureExtractor::settings() const {
  const VisionConfig& config = model_.config();
  std::ostringstream text;
  text.precision(17);
  text << kPictureRecipe << "; " << preprocessing_.text() << "; " << config.heads
       << " heads, epsilon " << config.epsilon << ", activation "
       << static_cast<int>(config.activation) << (config.distilled ? ", distilled" : "")
       << (config.mean_pooled ? ", mean" : "");
  return text.str();
}

std::string PictureExtractor::identity() const {
  return encoder_name(Sha256().add(files_.digest()).add(settings()).finish());
}

Sha256Digest PictureExtractor::recipe(int picture_bits) const {
  std::string text = settings() + "; pooling " + model_.pooling().text();
  if (picture_bits != 16) text += "; " + std::to_string(picture_bits) + " bits";
  return Sha256().add(files_.digest()).add(text).finish();
}

Extracted PictureExtractor::extract(const PictureReader& pictures, int picture_bits,
                                    bool skip_errors, FeatureCache* cache,
                                    const ExtractionListener& listener) const {
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
    const Picture picture = input.bytes.decode(pictures.where(i), picture_bits);
    input.bytes = {};
    input.pixels.resize(preprocessing_.values());
    normalise(resize_and_crop(picture, preprocessing_), preprocessing_, input.pixels);
  };
  std::vector<float> pixels;
  const auto encode = [&](std::span<const Input> inputs, std::span<float> features) {
    pixels.clear();
    for (const Input& input : inputs)
      pixels.insert(pixels.end(), input.pixels.begin(), input.pixels.end());
    model_.features(pixels, inputs.size(), features);
  };
  return extract_features<Input>(pictures.count, model_.feature_count(), {64, skip_errors}, cache,
                                 listener, load, prepare, encode);
}

int guess_picture_bits(const PictureSet& pictures,
                       const std::function<void(const std::string&)>& warning) {
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
    warning(std::to_string(few) + " of " + std::to_string(count) +
            " pictures with samples of 16 bits use no more than " + std::to_string(bits - 4) +
            " of them, others up to " + std::to_string(most) +
            ": they are read as all are and nearly black, the first is " +
            pictures.where(static_cast<std::size_t>(first - used.begin())) +
            "; bring them to one range, or extract them apart with --picture-bits");
  }
  if (bits == 16) return bits;
  warning(std::to_string(count) + " pictures have samples of 16 bits, but use no more than " +
          std::to_string(bits) + " of them: they are taken for " + std::to_string(bits) +
          "-bit pictures (--picture-bits says otherwise)");
  return bits;
}

}  // namespace blindtuner::features
