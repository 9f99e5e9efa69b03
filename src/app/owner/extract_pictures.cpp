// From pictures to features, with a pretrained vision transformer.
#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "app/owner/tables.h"
#include "base/path.h"
#include "features/data/npy.h"
#include "features/extraction/picture_extractor.h"

namespace blindtuner::app {
namespace {

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
  return guess_picture_bits(pictures, print_warning);
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
  const PictureExtractor extractor =
      PictureExtractor::load(options.model, {pooling, options.image_size});
  const VisionTransformer& model = extractor.model();
  nlohmann::json report = {{"notes", pictures.notes()},
                           {"warnings", pictures.warnings()},
                           {"reading", pictures.reading()},
                           {"picture_bits", bits},
                           {"preprocessing", extractor.preprocessing().text()},
                           {"preprocessing_from", model.config().settings_from}};
  report_origins(options.model, model.config().origins, report);
  const auto cache = options.open_cache(common, extractor.recipe(bits), model.feature_count());
  Extracted extracted = extractor.extract(
      {pictures.size(), [&](std::size_t i) { return pictures.read(i); },
       [&](std::size_t i) { return pictures.where(i); }},
      bits, !source.all_files, cache.get(), extraction_console(common, "pictures"));
  if (extracted.kept.empty())
    throw DataError(quoted_path(source.images) + ": none of " + std::to_string(pictures.size()) +
                    " pictures could be read");
  return {std::move(extracted), columns_of_poolings(model),
          pictures.names(),     pictures.classes(),
          pictures.labels(),    "pictures",
          std::move(report),    bits,
          pictures.groups(),    extractor.identity()};
}

}  // namespace blindtuner::app
