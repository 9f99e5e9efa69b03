// From pairs of a picture and a text to features of both, side by side.
#include <algorithm>

#include "app/owner/extraction.h"
#include "data/file_bytes.h"

namespace blindtuner {

EncoderFeatures pair_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling) {
  ExtractOptions one = options;
  one.pictures.images = one.texts.table = options.pairs;
  EncoderFeatures out = picture_features(common, one, pooling);
  if (!options.text_model.empty()) one.model = options.text_model;
  EncoderFeatures texts = text_features(common, one, pooling);
  if (texts.names.size() != out.names.size() || texts.labels != out.labels)
    throw DataError(quoted_path(options.pairs) + ": " + std::to_string(out.names.size()) +
                    " pictures and " + std::to_string(texts.names.size()) +
                    " texts, expected one of each in every row; name the columns with "
                    "--path-column, --text-column and --label-column");
  const FeatureMatrix left = out.pooled(0), right = texts.pooled(0);
  FeatureMatrix& both = out.extracted.features;
  both.resize(left.rows(), left.cols() + right.cols());
  both.leftCols(left.cols()) = left;
  for (std::size_t i = 0; i < out.extracted.kept.size(); ++i) {
    const std::size_t k = out.extracted.kept[i];
    both.row(static_cast<Eigen::Index>(i)).tail(right.cols()) =
        right.row(static_cast<Eigen::Index>(k));
    Sha256Digest& digest = out.extracted.digests[i];
    digest = Sha256().add(digest).add(texts.extracted.digests[k]).finish();
  }
  out.extracted.seconds += texts.extracted.seconds;
  out.settings.unit = "pairs";
  out.report["texts"] = std::move(texts.report);
  out.report["picture_features"] = left.cols();
  out.report["text_features"] = right.cols();
  return out;
}

}  // namespace blindtuner
