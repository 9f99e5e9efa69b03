// What `extract` makes of samples, and what it says of them.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "features/extraction/extraction.h"
#include "features/image/picture_set.h"
#include "features/samples/dataset.h"
#include "features/text/text_set.h"
#include "features/transformer/pooling.h"
#include "features/transformer/settings_origin.h"

namespace blindtuner::app {
using namespace features;

/// The command line of `extract`.
struct ExtractOptions {
  PictureSource pictures;
  TextSource texts;  ///< the table's name empty: pictures
  std::string model, out, classes, cache, on_error = "fail";
  std::string pairs;       ///< a table of pictures and texts, in the place of both
  std::string text_model;  ///< of the texts of pairs, when it is another
  std::string pooling = "model";
  std::size_t image_size = 0;
  int picture_bits = 0;  ///< of 16-bit files, how many they use; 0: as the pictures say
  ColumnChoice columns;  ///< of a table
  bool no_cache = false;

  /// Of the samples' table, to be compared with those of the set of --classes, if that has groups.
  ColumnChoice table_columns() const;
  /// Of --classes; none without it. Throws DataError.
  std::vector<std::string> class_names() const;
  /// Null when there is to be none, or no folder is known. Tells of one that begins where nobody has named it. Throws
  /// DataError.
  std::unique_ptr<FeatureCache> open_cache(const CommonOptions& common, const Sha256Digest& key,
                                           std::size_t width) const;
};

/// What is refused of the samples as they lie there is refused, before a picture is read or an
/// encoder at work: of a training set, or with `classes` of one that has no others; of pairs those
/// that are not one in every row. Returns the classes in order, none where samples have no labels.
/// Throws DataError.
std::vector<std::string> check_samples(ExtractOptions options,
                                       const std::vector<std::string>& classes);

/// One encoder's features of a set, and what is to be said about them.
struct EncoderFeatures {
  Extracted extracted;                      ///< of one pooling, or rows of all of them
  std::vector<ColumnSet> poolings;          ///< and which columns each has
  std::vector<std::string> names, classes;  ///< of all samples, those that were skipped included
  Labels labels;                            ///< the same, or none
  std::string unit;                         ///< what samples are called: "pictures"
  nlohmann::json report;
  int picture_bits = 16;  ///< of 16-bit files, how many were used
  SampleGroups groups{};  ///< of all samples
  std::string encoder{};  ///< Dataset::encoder
};

/// What an encoder that was loaded with these poolings gives.
template <typename Encoder>
std::vector<ColumnSet> columns_of_poolings(const Encoder& encoder) {
  return encoder.pooling().columns([&](const TokenPart& part) { return encoder.part_width(part); });
}

/// What an encoder that was loaded with `pooling` (one or several poolings, computed in one pass
/// and cached as one row) makes of the set that the options name. Warns of settings that were
/// guessed. Throws DataError.
EncoderFeatures picture_features(const CommonOptions& common, const ExtractOptions& options,
                                 const PoolingPlan& pooling);
EncoderFeatures text_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling);
/// The pictures and the texts of a table of both are one of each in every row. Throws DataError.
void require_pairs(const std::string& table, std::size_t pictures, const Labels& of_pictures,
                   std::size_t texts, const Labels& of_texts);
/// Of a table with both: the features of the pictures and those of the texts side by side. One
/// pooling, which both are of.
EncoderFeatures pair_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling);

/// Of features of `unit`: a bar, and lines on the error stream.
ExtractionListener extraction_console(const CommonOptions& common, const std::string& unit);

/// What files say about a model goes into the report ("settings", "guessed"); a line on the error
/// stream says what none of them did.
void report_origins(const std::string& model, const SettingOrigins& origins,
                    nlohmann::json& report);

/// Writes options.out (members features, names, pooling, digests of the samples; with labels, labels
/// and classes; where they are known, groups and group_column; of several poolings, poolings and pooling_columns) and reports. Throws DataError.
void finish_extraction(const CommonOptions& common, const ExtractOptions& options,
                       EncoderFeatures set);

}  // namespace blindtuner::app
