#include "app/owner/extraction.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <sstream>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/sha256.h"
#include "features/data/load.h"
#include "features/data/members.h"
#include "features/data/npy.h"

namespace blindtuner::app {

namespace fs = std::filesystem;

std::vector<std::string> ExtractOptions::class_names() const {
  return classes.empty() ? std::vector<std::string>{} : read_class_names(classes);
}

ColumnChoice ExtractOptions::table_columns() const {
  ColumnChoice choice = columns;
  if (!classes.ends_with(".npz")) return choice;
  const NpzArchive other(classes);
  const auto take = [&](const char* member, std::string& to) {
    if (!other.contains(member)) return;
    if (const auto names = other.strings(member); names.size() == 1) to = names[0];
  };
  if (choice.group.empty()) take("group_column", choice.known_group);
  take("label_name", choice.known_label.name);
  return choice;
}

std::unique_ptr<FeatureCache> ExtractOptions::open_cache(const CommonOptions& common,
                                                         const Sha256Digest& key,
                                                         std::size_t width) const {
  if (no_cache) return nullptr;
  if (!cache.empty()) return std::make_unique<FeatureCache>(cache, key, width);
  const fs::path folder = FeatureCache::default_folder();
  if (folder.empty()) return nullptr;
  // Nobody asked for it: it only saves time.
  try {
    auto opened = std::make_unique<FeatureCache>(folder, key, width);
    if (opened->size() == 0)
      print_notes(common, {"features are kept in the clear in " + quoted_path(folder) +
                           ", for the next time; --no-cache of 'extract' and 'finetune' keeps "
                           "none"});
    return opened;
  } catch (const DataError& error) {
    std::cerr << std::string("warning: ") + error.what() + "; going on without a cache\n";
    return nullptr;
  }
}

ExtractionListener extraction_console(const CommonOptions& common, const std::string& unit) {
  // The last copy's end is the bar's.
  const auto bar = std::make_shared<ProgressBar>("features of " + unit, common.quiet);
  ExtractionListener out;
  out.skipped = [](const std::string& why) { std::cerr << "skipped: " + why + "\n"; };
  out.cache = [](const std::string& why) { std::cerr << why + "; going on without it\n"; };
  out.progress = [bar, unit](std::size_t done, std::size_t count) {
    const double rate = static_cast<double>(done) / std::max(bar->seconds(), 1e-9);
    bar->note(std::to_string(done) + " of " + std::to_string(count) + ", " +
              std::to_string(static_cast<long>(rate)) + " " + unit + "/s");
    bar->update(static_cast<double>(done) / static_cast<double>(count));
    if (done == count) bar->finish();
  };
  return out;
}

void report_origins(const std::string& model, const SettingOrigins& origins,
                    nlohmann::json& report) {
  auto& settings = report["settings"] = nlohmann::json::array();
  auto& guessed = report["guessed"] = nlohmann::json::array();
  for (const SettingOrigin& origin : origins) {
    settings.push_back({{"setting", origin.setting},
                        {"value", origin.value},
                        {"from", origin.from},
                        {"guessed", origin.guessed}});
    if (origin.guessed) guessed.push_back(origin.setting);
  }
  if (const std::string line = guessed_settings(model, origins); !line.empty())
    std::cerr << "warning: " + line + "\n";
}

namespace {

/// Classes none of whose samples could be read.
void warn_of_skipped_classes(const EncoderFeatures& samples, const Labels& kept) {
  const int classes = static_cast<int>(samples.classes.size());
  const std::vector<std::size_t> all = class_counts(samples.labels, classes),
                                 left = class_counts(kept, classes);
  for (std::size_t k = 0; k < all.size(); ++k)
    if (all[k] > 0 && left[k] == 0)
      print_warning("none of the " + std::to_string(all[k]) + " " + samples.unit +
                    " of the class '" + samples.classes[k] +
                    "' could be read: it has no sample left");
}

}  // namespace

void finish_extraction(const CommonOptions& common, const ExtractOptions& options,
                       EncoderFeatures samples) {
  const Extracted& extracted = samples.extracted;
  const FeatureMatrix& features = extracted.features;
  nlohmann::json& report = samples.report;
  validate_finite(features, "the features of " + quoted_path(options.model));
  const bool labelled = !samples.labels.empty();
  std::vector<std::string> names;
  Labels labels;
  for (const std::size_t i : extracted.kept) {
    names.push_back(samples.names[i]);
    if (labelled) labels.push_back(samples.labels[i]);
  }
  warn_of_skipped_classes(samples, labels);
  std::vector<std::string> groups;
  if (!samples.groups.values.empty())
    for (const std::size_t i : extracted.kept) groups.push_back(samples.groups.values[i]);
  std::map<std::string, std::vector<std::uint8_t>> members;
  members["features"] = npy_bytes(features);
  members["names"] = npy_bytes(names);
  members["pooling"] = npy_bytes(std::vector<std::string>{options.pooling});
  std::vector<std::string> poolings;
  for (const ColumnSet& pooling : samples.poolings) poolings.push_back(pooling.name);
  if (poolings.size() > 1) {
    members["poolings"] = npy_bytes(poolings);
    members["pooling_columns"] = npy_bytes(pooling_columns(samples.poolings));
  }
  std::vector<std::string> digests;
  for (const Sha256Digest& digest : extracted.digests)
    digests.push_back(to_hex(std::span(digest).first(16)));
  members["digests"] = npy_bytes(digests);
  members["encoder"] = npy_bytes(std::vector<std::string>{samples.encoder});
  if (samples.picture_bits != 16)
    members["picture_bits"] =
        npy_bytes(Eigen::MatrixXd::Constant(1, 1, samples.picture_bits).eval());
  if (!groups.empty()) {
    members["groups"] = npy_bytes(groups);
    members["group_column"] = npy_bytes(std::vector<std::string>{samples.groups.column});
  }
  if (labelled) {
    members["labels"] = npy_bytes(labels);
    members["classes"] = npy_bytes(samples.classes);
    const auto column = nlohmann::json::json_pointer("/reading/label/name");
    if (samples.report.contains(column) && !samples.report[column].get<std::string>().empty())
      members["label_name"] =
          npy_bytes(std::vector<std::string>{samples.report[column].get<std::string>()});
  }
  write_npz(options.out, members, kForTheOwner);

  const std::string& unit = samples.unit;
  const double rate = static_cast<double>(extracted.kept.size()) / extracted.seconds;
  report.update({{unit, extracted.kept.size()},
                 {"features", features.cols()},
                 {"pooling", options.pooling},
                 {"poolings", poolings},
                 {"classes", samples.classes},
                 {"skipped", extracted.skipped.size()},
                 {"skipped_" + unit, extracted.skipped},
                 {"computed", extracted.computed},
                 {"cached", extracted.cached},
                 {"seconds", extracted.seconds},
                 {unit + "_per_second", rate},
                 {"bytes", file_bytes(options.out)},
                 {"peak_memory_bytes", peak_memory()}});
  std::ostringstream text;
  text << extracted.kept.size() << " " << unit;
  if (labelled)
    text << " of " << samples.classes.size() << " classes";
  else
    text << " without labels";
  text << ", " << features.cols() << " features each (pooling: " << options.pooling << "), in '"
       << options.out << "' (" << duration_text(extracted.seconds) << ", " << std::lround(rate)
       << " " << unit << "/s";
  if (extracted.cached > 0) text << "; " << extracted.cached << " from the cache";
  text << ")\n";
  const std::string classes = class_note(samples.classes);
  if (!classes.empty()) text << classes << "\n";
  if (!extracted.skipped.empty())
    text << extracted.skipped.size() << " " << unit << " could not be read and were skipped\n";
  print_report(common, report, text.str());
}

}  // namespace blindtuner::app
