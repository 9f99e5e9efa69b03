// From pictures to features: a vision transformer, and what makes of a picture what it reads.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "features/extraction/extraction.h"
#include "features/image/picture_set.h"
#include "features/image/preprocess.h"
#include "features/transformer/model_files.h"
#include "features/transformer/vision_transformer.h"

namespace blindtuner::features {

/// Pictures that are not decoded yet; both are called on many threads.
struct PictureReader {
  std::size_t count = 0;
  std::function<PictureBytes(std::size_t)> read;
  std::function<std::string(std::size_t)> where;  ///< opens messages about one
};

class PictureExtractor {
 public:
  /// `model` in any of the forms of model_files.h. Throws DataError.
  static PictureExtractor load(const std::filesystem::path& model,
                               const VisionOptions& options = {});

  const VisionTransformer& model() const { return model_; }
  const Preprocessing& preprocessing() const { return preprocessing_; }
  /// Of what makes features, whatever the pooling and the files of 16 bits: Dataset::encoder. Throws DataError.
  std::string identity() const;
  /// Of everything that makes features out of a picture's bytes: the key of a cache. Throws DataError.
  Sha256Digest recipe(int picture_bits) const;
  /// picture_bits: of 16-bit files, how many they use. `cache` may be null. Throws DataError.
  Extracted extract(const PictureReader& pictures, int picture_bits, bool skip_errors,
                    FeatureCache* cache, const ExtractionListener& listener) const;

 private:
  std::string settings() const;
  PictureExtractor(ModelFiles files, VisionTransformer model);
  ModelFiles files_;
  VisionTransformer model_;
  Preprocessing preprocessing_;
};

/// How many bits the 16-bit files of the set use, as the largest sample says; 16 where there are none. What is
/// guessed is told to `warning`.
int guess_picture_bits(const PictureSet& pictures,
                       const std::function<void(const std::string&)>& warning);

}  // namespace blindtuner::features
