// From pairs of a picture and a text to features of both, side by side.
#include <algorithm>

#include "app/owner/extraction.h"
#include "base/path.h"
#include "base/sha256.h"

namespace blindtuner::app {

void require_pairs(const std::string& table, std::size_t pictures, const Labels& of_pictures,
                   std::size_t texts, const Labels& of_texts) {
  if (texts == pictures && of_texts == of_pictures) return;
  throw DataError(quoted_path(table) + ": " + std::to_string(pictures) + " pictures and " +
                  std::to_string(texts) +
                  " texts, expected one of each in every row; name the columns with "
                  "--path-column, --text-column and --label-column");
}

EncoderFeatures pair_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling) {
  ExtractOptions one = options;
  one.pictures.images = one.texts.table = options.pairs;
  EncoderFeatures out = picture_features(common, one, pooling);
  if (!options.text_model.empty()) one.model = options.text_model;
  EncoderFeatures texts = text_features(common, one, pooling);
  // The table may have been changed since it was checked.
  require_pairs(options.pairs, out.names.size(), out.labels, texts.names.size(), texts.labels);
  FeatureMatrix& both = out.extracted.features;
  const FeatureMatrix left = std::move(both), right = std::move(texts.extracted.features);
  both = FeatureMatrix(left.rows(), left.cols() + right.cols());
  both.leftCols(left.cols()) = left;
  for (std::size_t i = 0; i < out.extracted.kept.size(); ++i) {
    const std::size_t k = out.extracted.kept[i];
    both.row(static_cast<Eigen::Index>(i)).tail(right.cols()) =
        right.row(static_cast<Eigen::Index>(k));
    Sha256Digest& digest = out.extracted.digests[i];
    digest = Sha256().add(digest).add(texts.extracted.digests[k]).finish();
  }
  out.extracted.seconds += texts.extracted.seconds;
  // Beside the texts, the pictures' column is one that may group: of a picture with several texts.
  if (!texts.groups.values.empty()) out.groups = std::move(texts.groups);
  out.unit = "pairs";
  out.encoder = encoder_name(Sha256().add(out.encoder + texts.encoder).finish());
  out.report["texts"] = std::move(texts.report);
  out.report["picture_features"] = left.cols();
  out.report["text_features"] = right.cols();
  return out;
}

}  // namespace blindtuner::app
