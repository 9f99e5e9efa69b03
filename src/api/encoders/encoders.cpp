#include <blindtuner/encoders.h>

#include <utility>

#include "api/common/state.h"
#include "base/error.h"
#include "base/path.h"
#include "features/extraction/picture_extractor.h"
#include "features/extraction/text_extractor.h"
#include "features/text/text_set.h"
#include "features/transformer/settings_origin.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxImageSize = 4096;  // as --image-size

using features::Extracted;
using features::ExtractionListener;
using features::FeatureCache;

features::PoolingPlan pooling_of(const EncoderOptions& options) {
  features::PoolingPlan plan = features::PoolingPlan::of(options.pooling);
  if (plan.poolings().size() > 1)
    throw DataError("pooling '" + options.pooling +
                    "' is several; expected one, such as model or class+mean");
  return plan;
}

void warn_of_guesses(const fs::path& model, const features::SettingOrigins& origins,
                     const EncoderNotices& notices) {
  const std::string line = features::guessed_settings(model, origins);
  if (!line.empty() && notices.warning) notices.warning(line);
}

ExtractionListener listener_of(const EncoderNotices& notices) {
  ExtractionListener out;
  if (notices.warning) {
    out.skipped = [&](const std::string& why) { notices.warning("skipped: " + why); };
    out.cache = [&](const std::string& why) { notices.warning(why + "; going on without it"); };
  }
  if (notices.progress)
    out.progress = [&](std::size_t done, std::size_t count) {
      notices.progress(static_cast<double>(done) / static_cast<double>(count));
    };
  return out;
}

void tell(const features::Reading& reading, const EncoderNotices& notices) {
  if (notices.warning)
    for (const std::string& text : reading.warnings) notices.warning(text);
  if (notices.note)
    for (const std::string& text : reading.notes) notices.note(text);
}

fs::path cache_folder(const EncoderOptions& options) {
  return options.cache.empty() ? options.cache : absolute_path(options.cache);
}

std::unique_ptr<FeatureCache> cache_in(const fs::path& folder, const auto& recipe,
                                       std::size_t width) {
  return folder.empty() ? nullptr : std::make_unique<FeatureCache>(folder, recipe(), width);
}

std::vector<float> numbers_of(const Extracted& extracted, const fs::path& model) {
  features::validate_finite(extracted.features, "the features of " + quoted_path(model));
  return {extracted.features.data(), extracted.features.data() + extracted.features.size()};
}

EncodedSet set_of(const Extracted& extracted, const fs::path& model,
                  const std::vector<std::string>& names, const features::Labels& labels,
                  const std::vector<std::string>& classes) {
  EncodedSet out;
  out.width = static_cast<std::size_t>(extracted.features.cols());
  out.features = numbers_of(extracted, model);
  for (const std::size_t i : extracted.kept) {
    out.names.push_back(names[i]);
    if (!labels.empty()) out.labels.push_back(labels[i]);
  }
  if (!labels.empty()) out.classes = classes;
  return out;
}

}  // namespace

struct PictureEncoder::State {
  Context context;
  fs::path model, cache;
  features::PictureExtractor extractor;

  Extracted extract(const features::PictureReader& pictures, int bits, bool skip,
                    const EncoderNotices& notices) const {
    const auto remembered = cache_in(
        cache, [&] { return extractor.recipe(bits); }, extractor.model().feature_count());
    return extractor.extract(pictures, bits, skip, remembered.get(), listener_of(notices));
  }
};

const PictureEncoder::State& PictureEncoder::state() const {
  require(state_ != nullptr, "an encoder that was moved from");
  return *state_;
}

PictureEncoder PictureEncoder::load(const Context& context, const fs::path& relative,
                                    const EncoderOptions& options, const EncoderNotices& notices) {
  const UseContext use(context);
  const fs::path model = absolute_path(relative);
  require(options.image_size <= kMaxImageSize, "pictures of 4096 pixels a side at most");
  auto out = std::make_shared<const State>(
      State{context, model, cache_folder(options),
            features::PictureExtractor::load(model, {pooling_of(options), options.image_size})});
  warn_of_guesses(model, out->extractor.model().config().origins, notices);
  return PictureEncoder(std::move(out));
}

std::size_t PictureEncoder::width() const { return state().extractor.model().feature_count(); }

std::vector<float> PictureEncoder::encode(std::span<const PictureView> pictures,
                                          const EncoderNotices& notices) const {
  const UseContext use(state().context);
  for (const PictureView& view : pictures)
    require(view.channels == 0 ||
                ((view.channels == 1 || view.channels == 3) && view.width <= features::kMaxSide &&
                 view.height <= features::kMaxSide &&
                 view.bytes.size() == view.width * view.height * view.channels),
            "a picture has height x width x channels bytes, with 1 or 3 channels");
  const features::PictureReader reader = {
      pictures.size(),
      [&](std::size_t i) {
        const PictureView& view = pictures[i];
        return features::PictureBytes{
            {view.bytes.begin(), view.bytes.end()}, view.width, view.height, view.channels};
      },
      [](std::size_t i) { return "picture " + std::to_string(i); }};
  return numbers_of(state().extract(reader, 16, false, notices), state().model);
}

EncodedSet PictureEncoder::encode(const PictureFiles& files, const EncoderNotices& notices) const {
  const UseContext use(state().context);
  require(files.picture_bits == 0 || (files.picture_bits >= 8 && files.picture_bits <= 16),
          "pictures of 8 to 16 bits, or 0");
  features::PictureSource source;
  source.images = files.images;
  source.labels = files.labels;
  source.root = files.root;
  source.split = files.split;
  source.classes.names = files.classes;
  source.all_files = !files.skip_unreadable;
  const features::PictureSet set = features::PictureSet::open(source);
  tell({set.notes(), set.warnings()}, notices);
  const int bits = files.picture_bits > 0
                       ? files.picture_bits
                       : features::guess_picture_bits(set, [&](const auto& text) {
                           if (notices.warning) notices.warning(text);
                         });
  const Extracted extracted =
      state().extract({set.size(), [&](std::size_t i) { return set.read(i); },
                       [&](std::size_t i) { return set.where(i); }},
                      bits, files.skip_unreadable, notices);
  if (extracted.kept.empty())
    throw DataError(quoted_path(files.images) + ": none of " + std::to_string(set.size()) +
                    " pictures could be read");
  return set_of(extracted, state().model, set.names(), set.labels(), set.classes());
}

struct TextEncoder::State {
  Context context;
  fs::path model, cache;
  features::TextExtractor extractor;

  Extracted extract(std::span<const std::string> texts, const EncoderNotices& notices) const {
    const auto remembered = cache_in(
        cache, [&] { return extractor.recipe(); }, extractor.model().feature_count());
    return extractor.extract(texts, remembered.get(), listener_of(notices));
  }
};

const TextEncoder::State& TextEncoder::state() const {
  require(state_ != nullptr, "an encoder that was moved from");
  return *state_;
}

TextEncoder TextEncoder::load(const Context& context, const fs::path& relative,
                              const EncoderOptions& options, const EncoderNotices& notices) {
  const UseContext use(context);
  const fs::path model = absolute_path(relative);
  require(options.image_size == 0, "texts have no size in pixels");
  auto out = std::make_shared<const State>(State{
      context, model, options.cache, features::TextExtractor::load(model, pooling_of(options))});
  warn_of_guesses(model, out->extractor.model().config().origins, notices);
  return TextEncoder(std::move(out));
}

std::size_t TextEncoder::width() const { return state().extractor.model().feature_count(); }

std::vector<float> TextEncoder::encode(std::span<const std::string> texts,
                                       const EncoderNotices& notices) const {
  const UseContext use(state().context);
  return numbers_of(state().extract(texts, notices), state().model);
}

EncodedSet TextEncoder::encode(const TextFiles& files, const EncoderNotices& notices) const {
  const UseContext use(state().context);
  features::TextSource source;
  source.table = files.table;
  source.columns.text = files.text_column;
  source.columns.label = files.label_column;
  source.classes.names = files.classes;
  const features::TextSet set = features::read_text_set(source);
  tell(set.reading, notices);
  return set_of(state().extract(set.texts, notices), state().model, set.names, set.labels,
                set.classes);
}

}  // namespace blindtuner
