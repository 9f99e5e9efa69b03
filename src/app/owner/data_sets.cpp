#include "app/owner/data_sets.h"

#include "app/owner/sealed_record.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/path.h"

namespace blindtuner {
namespace {

using nlohmann::json;

constexpr char kPurpose[] = "data sets";
constexpr std::chrono::minutes kPatience{1};

json to_json(const RecordedDataSet& set) {
  return {{"id", to_string(set.id)}, {"contents", to_hex(set.contents)}, {"file", set.file},
          {"use", set.use},          {"samples", set.samples},           {"labelled", set.labelled},
          {"seed", set.seed}};
}

RecordedDataSet from_json(const json& j) {
  RecordedDataSet out;
  if (!from_hex(j.at("id").get<std::string>(), out.id) ||
      !from_hex(j.at("contents").get<std::string>(), out.contents))
    throw DataError("not hexadecimal");
  out.file = j.at("file").get<std::string>();
  out.use = j.at("use").get<std::string>();
  out.samples = j.at("samples").get<std::size_t>();
  out.labelled = j.at("labelled").get<bool>();
  out.seed = j.at("seed").get<std::string>();
  return out;
}

}  // namespace

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

void record_data_set(const OwnerFolder& keys, const RecordedDataSet& set) {
  const FileLock lock(keys.folder, "data-sets", FileLock::Kind::kExclusive, kPatience);
  json all = json::array();
  for (const RecordedDataSet& known : recorded_data_sets(keys)) all.push_back(to_json(known));
  all.push_back(to_json(set));
  write_sealed(data_sets_path(keys), keys.keys, kPurpose, {{"data_sets", std::move(all)}});
}

}  // namespace blindtuner
