#include "app/owner/data_sets.h"

#include <algorithm>

#include "app/owner/sealed_record.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/path.h"

namespace blindtuner {
namespace {

using nlohmann::json;

constexpr char kPurpose[] = "data sets";
constexpr std::chrono::minutes kPatience{1};

json to_json(const RecordedDataSet& set) {
  json out = {{"id", to_string(set.id)}, {"contents", to_hex(set.contents)},
              {"file", set.file},        {"use", set.use},
              {"samples", set.samples},  {"labelled", set.labelled},
              {"seed", set.seed}};
  if (!set.class_names.empty()) out["class_names"] = set.class_names;
  if (!set.feature_names.empty()) out["feature_names"] = set.feature_names;
  if (!set.pooling.empty()) out["pooling"] = set.pooling;
  if (!set.label_name.empty()) out["label_name"] = set.label_name;
  if (set.map) out["map"] = *set.map;
  if (!set.class_samples.empty()) out["class_samples"] = set.class_samples;
  return out;
}

RecordedDataSet from_json(const json& j) {
  RecordedDataSet out;
  if (!from_hex(j.at("id").get<std::string>(), out.id) ||
      !from_hex(j.at("contents").get<std::string>(), out.contents))
    throw DataError("not hexadecimal");
  out.file = j.at("file").get<std::string>();
  out.use = j.at("use").get<std::string>();
  out.samples = whole_number<std::size_t>(j.at("samples"));
  out.labelled = j.at("labelled").get<bool>();
  out.seed = j.at("seed").get<std::string>();
  for (const json& count : j.value("class_samples", json::array()))
    out.class_samples.push_back(whole_number<std::size_t>(count));
  if (j.contains("map")) out.map = j["map"].get<std::string>();
  out.class_names = j.value("class_names", out.class_names);
  out.feature_names = j.value("feature_names", out.feature_names);
  out.pooling = j.value("pooling", out.pooling);
  out.label_name = j.value("label_name", out.label_name);
  return out;
}

std::string described(const std::string& map) {
  return map.empty() ? "features as they are" : "features whitened with map " + map.substr(0, 16);
}

/// Of all training sets, or of those with this map, where they agree.
template <typename Value>
Value agreed(const OwnerFolder& keys, Value RecordedDataSet::*value,
             const std::optional<std::string>& map) {
  Value out;
  for (const RecordedDataSet& set : recorded_data_sets(keys)) {
    if (set.use != "training" || set.*value == out || (map && set.map != map)) continue;
    if (!out.empty() || (set.*value).empty()) return {};
    out = set.*value;
  }
  return out;
}

}  // namespace

std::string map_name(const std::optional<Whitening>& whitening) {
  return whitening ? to_hex(whitening->digest()) : "";
}

std::filesystem::path data_sets_path(const OwnerFolder& keys) {
  return keys.folder / ("data-sets-" + to_string(keys.keys.id).substr(0, 16) + ".json");
}

std::vector<RecordedDataSet> recorded_data_sets(const OwnerFolder& keys) {
  const std::filesystem::path path = data_sets_path(keys);
  if (!path_exists(path)) return {};
  const json record = read_sealed(path, keys.keys, kPurpose);
  std::vector<RecordedDataSet> out;
  try {
    for (const json& set : record.at("data_sets")) out.push_back(from_json(set));
  } catch (const std::exception&) {
    throw DataError(quoted_path(path) + ": was it written by a newer version?");
  }
  return out;
}

std::optional<RecordedDataSet> recorded_data_set(const OwnerFolder& keys, const DataId& id) {
  for (RecordedDataSet& set : recorded_data_sets(keys))
    if (set.id == id) return std::move(set);
  return {};
}

std::size_t recorded_for(const OwnerFolder& keys, const std::string& use) {
  const std::vector<RecordedDataSet> all = recorded_data_sets(keys);
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const RecordedDataSet& set) { return set.use == use; }));
}

void require_map_of_training(const OwnerFolder& keys, const std::optional<DataId>& trained_on,
                             const std::string& map, const std::string& name) {
  std::optional<std::string> other;
  for (const RecordedDataSet& set : recorded_data_sets(keys)) {
    if (set.use != "training" || (trained_on && set.id != *trained_on)) continue;
    if (!set.map || *set.map == map) return;
    other = set.map;
  }
  if (!other) return;
  throw DataError(name + ": " + described(map) + ", but the training set was encrypted with " +
                  described(*other) +
                  (other->empty() ? "; leave --whitening out"
                                  : "; give --whitening, the map that it was encrypted with"));
}

std::vector<std::string> trained_class_names(const OwnerFolder& keys) {
  return agreed(keys, &RecordedDataSet::class_names, {});
}

std::vector<std::string> trained_feature_names(const OwnerFolder& keys, const std::string& map) {
  return agreed(keys, &RecordedDataSet::feature_names, map);
}

std::string trained_pooling(const OwnerFolder& keys, const std::string& map) {
  return agreed(keys, &RecordedDataSet::pooling, map);
}

void record_data_set(const OwnerFolder& keys, const RecordedDataSet& set) {
  const FileLock lock(keys.folder, "data-sets", FileLock::Kind::kExclusive, kPatience);
  json all = json::array();
  for (const RecordedDataSet& known : recorded_data_sets(keys)) all.push_back(to_json(known));
  all.push_back(to_json(set));
  write_sealed(data_sets_path(keys), keys.keys, kPurpose, {{"data_sets", std::move(all)}});
}

}  // namespace blindtuner
