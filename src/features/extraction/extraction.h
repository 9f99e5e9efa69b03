// Features of many samples: read and prepared on all threads while an encoder is at work, taken from
// a cache where they are known.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "base/resources.h"
#include "base/sha256.h"
#include "base/stopwatch.h"
#include "features/data/feature_cache.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Dataset::encoder of what makes features, by the digest of all that it is.
inline std::string encoder_name(const Sha256Digest& digest) { return to_hex(digest).substr(0, 32); }

struct ExtractionSettings {
  std::size_t batch = 64;  ///< samples in memory: twice this many
  bool skip_errors = false;
};

/// Each may be empty. Called on the thread that extracts; what they throw ends it.
struct ExtractionListener {
  std::function<void(const std::string&)> skipped{};  ///< why a sample is left out
  std::function<void(const std::string&)> cache{};    ///< why nothing more is remembered
  std::function<void(std::size_t done, std::size_t count)> progress{};
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
                           FeatureCache* cache, const ExtractionListener& listener,
                           const Load& load, const Prepare& prepare, const Encode& encode) {
  struct Sample {
    Input input{};
    Sha256Digest digest{};
    bool known = false;
    std::optional<std::string> error;
  };
  const Stopwatch watch;
  Extracted out;
  out.features.resize(static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(width));
  const auto row = [&](std::size_t i) { return std::span(out.features.data() + i * width, width); };
  Resources& resources = Resources::current();
  const auto read_batch = [&](std::size_t begin) {
    const UseResources use(resources);
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
        if (listener.skipped) listener.skipped(*sample.error);
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
          if (listener.cache) listener.cache(error.what());
        }
    }
    if (listener.progress) listener.progress(std::min(count, begin + settings.batch), count);
  }
  out.seconds = watch.seconds();
  for (std::size_t i = 0; i < out.kept.size(); ++i)
    if (out.kept[i] != i)
      out.features.row(static_cast<Eigen::Index>(i)) =
          out.features.row(static_cast<Eigen::Index>(out.kept[i]));
  out.features.conservativeResize(static_cast<Eigen::Index>(out.kept.size()), Eigen::NoChange);
  return out;
}

}  // namespace blindtuner::features
