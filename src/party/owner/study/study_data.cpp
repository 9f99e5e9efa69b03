#include "party/owner/study/study_data.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "features/samples/copies.h"
#include "features/samples/shuffle.h"
#include "records/study/joint_run.h"

namespace blindtuner::party {

bool has_labels(const StudyDraft& draft, const std::string& owner) {
  return draft.layout == StudyDraft::Layout::kRows || draft.labels == owner;
}

TrainingPart part_of(const StudyDraft& draft) {
  return draft.layout == StudyDraft::Layout::kRows ? TrainingPart::kRows : TrainingPart::kColumns;
}

std::optional<Sha256Digest> names_to_compare(const StudyDraft& draft, const Dataset& rows) {
  if (draft.layout != StudyDraft::Layout::kRows || !draft.column_names.empty()) return {};
  // Places, too, where a table without names has not given all its columns: nothing else says which these are.
  if (!rows.feature_names.empty()) return digest_of_names(rows.feature_names);
  if (!rows.encoder.empty()) return digest_of_encoder(rows.encoder, rows.pooling);
  return {};
}

std::optional<Whitening> named_map(const StudyDraft& draft, const std::filesystem::path& file) {
  if (draft.whitening != StudyDraft::Whitening::kFile) {
    if (!file.empty())
      throw DataError(quoted_path(file) + ": the study names no whitening map, and takes none");
    return std::nullopt;
  }
  if (file.empty())
    throw DataError("the study names a whitening map: give its file with --whitening");
  if (file_digest(file) != draft.whitening_file)
    throw DataError(quoted_path(file) + ": is not the map that the study names");
  return Whitening::load(file);
}

void require_fit(const StudyDraft& draft, const std::filesystem::path& file) {
  if (draft.whitening != StudyDraft::Whitening::kFile) return;
  const std::size_t width = Whitening::load(file).input_width();
  for (const std::size_t columns : draft.columns)
    if (columns != width)
      throw DataError(quoted_path(file) + ": a map of " + std::to_string(width) +
                      " columns, and owners have " + std::to_string(columns));
}

void require_study_rows(const StudyDraft& draft, const std::string& owner, const Dataset& rows) {
  const std::size_t columns = draft.layout == StudyDraft::Layout::kRows
                                  ? draft.columns.front()
                                  : draft.columns[draft.index(owner)];
  if (rows.width() != columns)
    throw DataError("the data have " + std::to_string(rows.width()) + " columns, the study says " +
                    std::to_string(columns));
  if (!draft.identifiers) return;
  if (rows.ids.size() != static_cast<std::size_t>(rows.features.rows()))
    throw DataError("the study matches rows by their identifiers, and these have none");
  std::unordered_set<std::string_view> known;
  std::size_t again = 0, first = 0, without = 0;
  for (std::size_t i = 0; i < rows.ids.size(); ++i) {
    if (rows.ids[i].empty())
      ++without;
    else if (!known.insert(rows.ids[i]).second && again++ == 0)
      first = i + 1;
  }
  // Not the identifier: messages are kept and sent about.
  if (again > 0)
    throw DataError(std::to_string(again) +
                    " rows have an identifier that an earlier row has, the first of them row " +
                    std::to_string(first) +
                    ": which of them is the other owners' row? give one row for each");
  if (without == rows.ids.size()) throw DataError("no row has an identifier");
}

void hold_test_rows(const StudyDraft& draft, const std::string& owner, StudyData& data,
                    const std::string& name, const Listener& listener) {
  const Dataset& test = *data.held_out;
  try {
    require_study_rows(draft, owner, test);
  } catch (const DataError& error) {
    throw DataError(name + ": " + error.what());
  }
  const nlohmann::json both = warn_of_samples_in_both(data.train, test, "test", listener);
  data.known_rows = both.at("samples").get<std::size_t>();
  if (data.known_rows == test.size() &&
      (test.size() == data.train.size() || !find_copies(data.train).by_chance))
    throw DataError(name +
                    ": all rows of the test are among those for training: on a test's nobody "
                    "trains");
}

Dataset rows_of(Dataset&& rows, std::span<const std::uint32_t> order) {
  if (!rows.labels.empty()) return select(std::move(rows), order);
  FeatureMatrix features(static_cast<Eigen::Index>(order.size()), rows.features.cols());
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < order.size(); ++i) {
    features.row(static_cast<Eigen::Index>(i)) =
        rows.features.row(static_cast<Eigen::Index>(order[i]));
    if (!rows.ids.empty()) ids.push_back(std::move(rows.ids[order[i]]));
  }
  rows.features = std::move(features);
  rows.ids = std::move(ids);
  return std::move(rows);
}

Dataset in_study_order(Dataset&& rows, StudyMember& member) {
  require_study_rows(member.manifest().draft, member.name(), rows);
  return rows_of(std::move(rows), shuffled_indices(static_cast<std::size_t>(rows.features.rows()),
                                                   member.session().seed));
}

}  // namespace blindtuner::party
