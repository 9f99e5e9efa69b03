#include "party/owner/data_sets.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/samples/class_names.h"
#include "features/samples/order_seed.h"
#include "features/samples/shuffle.h"
#include "party/owner/sealed_record.h"
#include "records/key_set.h"

namespace blindtuner::party {
namespace {

using nlohmann::json;

constexpr char kPurpose[] = "data sets", kIdentifiersPurpose[] = "identifiers";
constexpr char kLostRecord[] =
    "put a copy in its place, or set it aside: what is encrypted from then on is recorded anew, "
    "and of sets encrypted before "
    "'--unrecorded-data' takes what the server says of them";
constexpr std::chrono::minutes kRecordPatience{1};

/// `columns`: the lists of names so far.
json to_json(const RecordedDataSet& set, std::vector<ColumnNames>& columns) {
  json out = {{"id", to_string(set.id)}, {"contents", to_hex(set.contents)},
              {"file", set.file},        {"use", set.use},
              {"samples", set.samples},  {"labelled", set.labelled},
              {"seed", set.seed}};
  if (!set.class_names.empty()) out["class_names"] = set.class_names;
  if (!set.feature_names.empty()) {
    const auto place = std::find(columns.begin(), columns.end(), set.feature_names);
    out["feature_names"] = place - columns.begin();
    if (place == columns.end()) columns.push_back(set.feature_names);
  }
  if (!set.pooling.empty()) out["pooling"] = set.pooling;
  if (!set.label_name.empty()) out["label_name"] = set.label_name;
  if (set.held_out) out["held_out"] = true;
  if (set.identifiers) out["identifiers"] = true;
  if (set.rows != RowOrder::kUnknown) out["rows"] = set.rows == RowOrder::kKept ? "kept" : "mixed";
  if (set.map) out["map"] = *set.map;
  if (!set.split.empty()) out["split"] = set.split;
  if (!set.encoder.empty()) out["encoder"] = set.encoder;
  if (!set.features_member.empty()) out["features_member"] = set.features_member;
  if (!set.class_samples.empty()) out["class_samples"] = set.class_samples;
  return out;
}

RecordedDataSet from_json(const JsonIn& in, const std::vector<ColumnNames>& columns) {
  RecordedDataSet out;
  if (!from_hex(in.at("id").as<std::string>(), out.id)) in.at("id").refuse("an identity");
  if (!from_hex(in.at("contents").as<std::string>(), out.contents))
    in.at("contents").refuse("a digest");
  out.file = in.at("file").as<std::string>();
  out.use = in.at("use").as<std::string>();
  out.samples = in.at("samples").as<std::size_t>();
  out.labelled = in.at("labelled").as<bool>();
  out.seed = in.at("seed").as<std::string>();
  in.take("class_samples", out.class_samples);
  if (in.has("map")) out.map = in.at("map").as<std::string>();
  in.take("class_names", out.class_names);
  if (in.has("feature_names")) {
    const JsonIn names = in.at("feature_names");
    if (names.value().is_array())
      out.feature_names = names.as<std::vector<std::string>>();
    else
      out.feature_names = columns.at(
          static_cast<std::size_t>(names.whole(0, static_cast<std::int64_t>(columns.size()) - 1)));
  }
  in.take("pooling", out.pooling);
  in.take("held_out", out.held_out);
  in.take("identifiers", out.identifiers);
  in.take("label_name", out.label_name);
  in.take("split", out.split);
  in.take("encoder", out.encoder);
  in.take("features_member", out.features_member);
  std::string rows;
  in.take("rows", rows);
  // What is predicted was never mixed.
  if (rows == "kept" || out.use == "prediction") out.rows = RowOrder::kKept;
  if (rows == "mixed") out.rows = RowOrder::kMixed;
  return out;
}

std::string described(const std::string& map) {
  return map.empty() ? "features as they are" : "features whitened with map " + map.substr(0, 16);
}

std::string columns_text(const RecordedDataSet& set) {
  return "'" + printable(set.file) + "' (" + to_string(set.id).substr(0, 8) + ".., " +
         (set.feature_names.empty() ? "without names" : list_of_words(set.feature_names)) +
         (set.pooling.empty() ? "" : ", pooling " + set.pooling) +
         (set.features_member.empty() ? "" : ", member '" + printable(set.features_member) + "'") +
         ")";
}

/// Beside its keys and no others.
void write_record(const OwnerFolder& keys, const std::filesystem::path& path,
                  std::string_view purpose, const json& record) {
  require_keys_in_place(keys.folder, keys.keys.id);
  write_sealed(path, keys.keys, purpose, record);
}

}  // namespace

std::optional<std::vector<std::uint32_t>> RecordedDataSet::rows_of_samples() const {
  if (rows == RowOrder::kUnknown) return {};
  if (rows == RowOrder::kKept) return std::vector<std::uint32_t>{};
  return shuffled_indices(samples, OrderSeed::parse(seed, "the seed of '" + file + "'").bytes());
}

std::string map_name(const std::optional<Whitening>& whitening) {
  return whitening ? to_hex(whitening->digest()) : "";
}

std::filesystem::path data_sets_path(const OwnerFolder& keys) {
  return keys.folder / ("data-sets-" + to_string(keys.keys.id).substr(0, 16) + ".json");
}

std::filesystem::path identifiers_path(const OwnerFolder& keys, const DataId& id) {
  return keys.folder / ("identifiers-" + to_string(keys.keys.id).substr(0, 16) + "-" +
                        to_string(id).substr(0, 16) + ".json");
}

void keep_identifiers(const OwnerFolder& keys, const DataId& id,
                      const std::vector<NamedColumn>& columns) {
  json all = json::array();
  for (const NamedColumn& column : columns)
    all.push_back({{"name", column.name}, {"fields", column.fields}});
  write_record(keys, identifiers_path(keys, id), kIdentifiersPurpose,
               {{"data", to_string(id)}, {"columns", std::move(all)}});
}

std::vector<NamedColumn> kept_identifiers(const OwnerFolder& keys, const RecordedDataSet& set) {
  if (!set.identifiers) return {};
  const std::filesystem::path path = identifiers_path(keys, set.id);
  const json record = read_sealed(path, keys.keys, kIdentifiersPurpose,
                                  "a copy in its place would do; scores in .npy do without it");
  const JsonIn in(record, quoted_path(path));
  if (in.at("data").as<std::string>() != to_string(set.id))
    throw DataError(quoted_path(path) + ": holds no identifiers of data set " +
                    to_string(set.id).substr(0, 8) + "..");
  std::vector<NamedColumn> out;
  const JsonIn columns = in.at("columns");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const JsonIn column = columns.at(i), fields = column.at("fields");
    if (fields.size() != set.samples) fields.refuse("one a sample, " + std::to_string(set.samples));
    out.push_back({column.at("name").as<std::string>(), {}, fields.as<std::vector<std::string>>()});
  }
  return out;
}

std::vector<RecordedDataSet> recorded_data_sets(const OwnerFolder& keys) {
  const std::filesystem::path path = data_sets_path(keys);
  if (!path_exists(path)) return {};
  const json record = read_sealed(path, keys.keys, kPurpose, kLostRecord);
  std::vector<RecordedDataSet> out;
  try {
    const JsonIn in(record, quoted_path(path)), sets = in.at("data_sets");
    std::vector<ColumnNames> columns;
    if (in.has("columns"))
      for (std::size_t i = 0; i < in.at("columns").size(); ++i)
        columns.emplace_back(in.at("columns").at(i).as<std::vector<std::string>>());
    for (std::size_t i = 0; i < sets.size(); ++i) out.push_back(from_json(sets.at(i), columns));
  } catch (const DataError& error) {
    throw DataError(error.what() + std::string(": was it written by a newer version?"));
  }
  return out;
}

namespace {
std::optional<RecordedDataSet> find(const std::vector<RecordedDataSet>& sets, const DataId& id) {
  for (const RecordedDataSet& set : sets)
    if (set.id == id) return set;
  return {};
}
}  // namespace

std::optional<RecordedDataSet> recorded_data_set(const OwnerFolder& keys, const DataId& id) {
  return find(recorded_data_sets(keys), id);
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
                  (other->empty() ? "; give no whitening"
                                  : "; give the whitening, the map that it was encrypted with"));
}

std::vector<std::string> trained_class_names(const OwnerFolder& keys,
                                             const std::optional<DataId>& trained_on) {
  std::optional<std::vector<std::string>> out;
  for (const RecordedDataSet& set : recorded_data_sets(keys)) {
    if (set.use != "training" || (trained_on && set.id != *trained_on)) continue;
    if (out && *out != set.class_names) return {};
    out = set.class_names;
  }
  return out.value_or(std::vector<std::string>{});
}

std::vector<std::size_t> trained_class_samples(const OwnerFolder& keys, const DataId& trained_on,
                                               std::size_t classes, const std::string& name) {
  const auto set = recorded_data_set(keys, trained_on);
  if (!set || set->class_samples.size() != classes)
    throw DataError(name +
                    ": balancing classes needs the training set's class sizes, and these keys "
                    "have no record of them");
  return set->class_samples;
}

std::optional<RecordedDataSet> training_set_of(const OwnerFolder& keys,
                                               const std::optional<DataId>& said,
                                               const std::string& map, const std::string& name) {
  std::optional<RecordedDataSet> out;
  for (RecordedDataSet& set : recorded_data_sets(keys)) {
    if (set.use != "training" || (said ? set.id != *said : set.map.value_or(map) != map)) continue;
    if (out && (out->feature_names != set.feature_names || out->pooling != set.pooling ||
                out->features_member != set.features_member))
      throw DataError(name + ": these keys have training sets of different columns, " +
                      columns_text(*out) + " and " + columns_text(set) +
                      ": say with --trained-on which of them the samples are to be read as");
    out = std::move(set);
  }
  if (said && !out)
    throw DataError(name + ": what it is trained on is no training set of these keys");
  return out;
}

void require_held_out_of(const OwnerFolder& keys, const DataId& validation,
                         const DataId& trained_on, const std::string& name) {
  const std::vector<RecordedDataSet> sets = recorded_data_sets(keys);
  const auto held_out = find(sets, validation), training = find(sets, trained_on);
  if (!held_out || !training || !held_out->held_out) return;
  if (held_out->split == training->split && held_out->seed == training->seed) return;
  throw DataError(name + ": was held out of another training set than '" + training->file + "' (" +
                  to_string(training->id).substr(0, 8) +
                  "..), so that its samples may be among those: give the two that one call of "
                  "'encrypt' has written");
}

std::string require_columns_of_training(const OwnerFolder& keys, const DataId& scored,
                                        const DataId& trained_on, const std::string& name) {
  const std::vector<RecordedDataSet> sets = recorded_data_sets(keys);
  const auto samples = find(sets, scored), training = find(sets, trained_on);
  if (!samples || !training || samples->feature_names.empty() ||
      samples->feature_names == training->feature_names)
    return {};
  const std::string columns = ": the samples' columns are " + list_of_words(samples->feature_names);
  const bool of_places = are_place_names(samples->feature_names),
             by_places = are_place_names(training->feature_names);
  if (of_places && !by_places) return {};  // none have names
  if (!training->feature_names.empty() && (of_places || !by_places))
    throw DataError(name + columns + ", but the model was trained on " +
                    list_of_words(training->feature_names) +
                    ", in this order: encrypt the samples anew with --trained-on");
  return name + columns +
         "; those of the training set have no names, so that they went by their places";
}

void record_data_set(const OwnerFolder& keys, const RecordedDataSet& set) {
  const FileLock lock(keys.folder, "data-sets", FileLock::Kind::kExclusive, kRecordPatience);
  json all = json::array(), names = json::array();
  std::vector<ColumnNames> columns;
  for (const RecordedDataSet& known : recorded_data_sets(keys))
    all.push_back(to_json(known, columns));
  all.push_back(to_json(set, columns));
  for (const std::vector<std::string>& list : columns) names.push_back(list);
  json record = {{"data_sets", std::move(all)}};
  if (!names.empty()) record["columns"] = std::move(names);
  write_record(keys, data_sets_path(keys), kPurpose, record);
}

}  // namespace blindtuner::party
