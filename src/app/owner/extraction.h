// Features of many samples: read and prepared on all threads while the model is at work, taken from
// a cache where they are known.
#pragma once

#include <algorithm>
#include <filesystem>
#include <future>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "app/common/progress.h"
#include "base/error.h"
#include "base/parallel.h"
#include "features/data/feature_cache.h"
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
  /// Null when there is to be none, or no folder is known. Throws DataError.
  std::unique_ptr<FeatureCache> open_cache(const Sha256Digest& key, std::size_t width) const;
};

/// What is refused of the samples as they lie there is refused, before a picture is read or an
/// encoder at work: of a training set, or with `classes` of one that has no others; of pairs those
/// that are not one in every row. Returns the classes in order, none where samples have no labels.
/// Throws DataError.
std::vector<std::string> check_samples(ExtractOptions options,
                                       const std::vector<std::string>& classes);

struct ExtractionSettings {
  std::size_t batch = 64;  ///< samples in memory: twice this many
  bool skip_errors = false;
  bool quiet = false;
  std::string unit;  ///< what samples are called: "pictures"
};

struct Extracted {
  FeatureMatrix features;             ///< a row for every sample of `kept`
  std::vector<std::size_t> kept;      ///< increasing
  std::vector<std::string> skipped;   ///< messages about the others
  std::vector<Sha256Digest> digests;  ///< of the samples of `kept`
  std::size_t computed = 0, cached = 0;
  double seconds = 0;
};

/// `load(index, input)` reads a sample and returns its digest, leaving in `input` what is needed to
/// prepare it; called on many threads. `prepare(index, input)` makes of it what the model reads;
/// the same. `encode(inputs, features)` computes features, a row of `width` each; one call at a
/// time. DataErrors of the first two are fatal, or skip the sample. `cache` may be null. Samples
/// are worked on in order.
template <typename Input, typename Load, typename Prepare, typename Encode>
Extracted extract_features(std::size_t count, std::size_t width, const ExtractionSettings& settings,
                           FeatureCache* cache, const Load& load, const Prepare& prepare,
                           const Encode& encode) {
  struct Sample {
    Input input{};
    Sha256Digest digest{};
    bool known = false;
    std::optional<std::string> error;
  };
  Extracted out;
  out.features.resize(static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(width));
  const auto row = [&](std::size_t i) { return std::span(out.features.data() + i * width, width); };
  const auto read_batch = [&](std::size_t begin) {
    std::vector<Sample> batch(std::min(settings.batch, count - begin));
    parallel_for(batch.size(), [&](std::size_t i) {
      Sample& sample = batch[i];
      try {
        sample.digest = load(begin + i, sample.input);
        sample.known = cache != nullptr && cache->find(sample.digest, row(begin + i));
        if (!sample.known) prepare(begin + i, sample.input);
      } catch (const DataError& error) {
        sample.error = error.what();
      }
    });
    return batch;
  };

  ProgressBar bar("features of " + settings.unit, settings.quiet);
  bool cache_works = cache != nullptr;
  // Where the system grants no thread, a batch is read when it is due.
  constexpr auto kAhead = std::launch::async | std::launch::deferred;
  std::future<std::vector<Sample>> next = std::async(kAhead, read_batch, 0);
  for (std::size_t begin = 0; begin < count; begin += settings.batch) {
    std::vector<Sample> batch = next.get();
    if (begin + settings.batch < count)
      next = std::async(kAhead, read_batch, begin + settings.batch);
    std::vector<Input> inputs;
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Sample& sample = batch[i];
      if (sample.error) {
        if (!settings.skip_errors) throw DataError(*sample.error);
        std::cerr << "skipped: " + *sample.error + "\n";
        out.skipped.push_back(std::move(*sample.error));
        continue;
      }
      out.kept.push_back(begin + i);
      out.digests.push_back(sample.digest);
      if (sample.known) {
        ++out.cached;
        continue;
      }
      inputs.push_back(std::move(sample.input));
      rows.push_back(begin + i);
    }
    if (!inputs.empty()) {
      std::vector<float> features(inputs.size() * width);
      encode(std::span<const Input>(inputs), std::span(features));
      std::vector<FeatureCache::Entry> entries;
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const auto values = std::span(features).subspan(k * width, width);
        std::copy(values.begin(), values.end(), row(rows[k]).begin());
        entries.push_back({batch[rows[k] - begin].digest, values});
      }
      out.computed += inputs.size();
      // What was computed is not lost because it cannot be remembered.
      if (cache_works) try {
          cache->add(entries);
        } catch (const DataError& error) {
          cache_works = false;
          std::cerr << std::string(error.what()) + "; going on without it\n";
        }
    }
    const std::size_t done = std::min(count, begin + settings.batch);
    const double rate = static_cast<double>(done) / std::max(bar.seconds(), 1e-9);
    bar.note(std::to_string(done) + " of " + std::to_string(count) + ", " +
             std::to_string(static_cast<long>(rate)) + " " + settings.unit + "/s");
    bar.update(static_cast<double>(done) / static_cast<double>(count));
  }
  bar.finish();
  out.seconds = bar.seconds();
  for (std::size_t i = 0; i < out.kept.size(); ++i)
    if (out.kept[i] != i)
      out.features.row(static_cast<Eigen::Index>(i)) =
          out.features.row(static_cast<Eigen::Index>(out.kept[i]));
  out.features.conservativeResize(static_cast<Eigen::Index>(out.kept.size()), Eigen::NoChange);
  return out;
}

/// One encoder's features of a set, and what is to be said about them.
struct EncoderFeatures {
  Extracted extracted;                      ///< of one pooling, or rows of all of them
  std::vector<ColumnSet> poolings;          ///< and which columns each has
  std::vector<std::string> names, classes;  ///< of all samples, those that were skipped included
  Labels labels;                            ///< the same, or none
  ExtractionSettings settings;
  nlohmann::json report;
  int picture_bits = 16;  ///< of 16-bit files, how many were used
  SampleGroups groups{};  ///< of all samples
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

/// What files say about a model goes into the report ("settings", "guessed"); a line on the error
/// stream says what none of them did.
void report_origins(const std::string& model, const SettingOrigins& origins,
                    nlohmann::json& report);

/// Writes options.out (members features, names, pooling, digests of the samples; with labels, labels
/// and classes; where they are known, groups and group_column; of several poolings, poolings and pooling_columns) and reports. Throws DataError.
void finish_extraction(const CommonOptions& common, const ExtractOptions& options,
                       EncoderFeatures set);

}  // namespace blindtuner::app
