#include "features/samples/dataset.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner::features {

Eigen::MatrixXd scores(const LinearClassifier& model, const FeatureMatrix& features) {
  require(model.weights.cols() == features.cols(), "scores: the model has another width");
  require(model.weights.rows() == model.bias.size(), "scores: weights and bias do not match");
  Eigen::MatrixXd out(features.rows(), model.weights.rows());
  // In blocks: a double copy of a whole set would double its memory.
  constexpr Eigen::Index kRowsAtOnce = 1024;
  for (Eigen::Index begin = 0; begin < features.rows(); begin += kRowsAtOnce) {
    const Eigen::Index rows = std::min(kRowsAtOnce, features.rows() - begin);
    out.middleRows(begin, rows).noalias() =
        features.middleRows(begin, rows).cast<double>() * model.weights.transpose();
  }
  out.rowwise() += model.bias.transpose();
  return out;
}

void validate_finite(const FeatureMatrix& features, const std::string& name) {
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      if (!std::isfinite(features(i, j)))
        throw DataError(name + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is " + (std::isnan(features(i, j)) ? "NaN" : "infinite") +
                        ", expected a finite number");
}

std::string place_of(const Dataset& set, std::size_t row) {
  const SamplePlaces& places = set.places;
  const std::size_t number = places.numbers.empty() ? row : places.numbers.at(row);
  return (places.lines ? "line " : "row ") + std::to_string(number);
}

void validate_set(const Dataset& set, const std::string& name) {
  if (set.features.rows() == 0 || set.features.cols() == 0)
    throw DataError(name + ": empty (" + std::to_string(set.features.rows()) + " samples of " +
                    std::to_string(set.features.cols()) + " features), expected at least one");
  if (static_cast<std::size_t>(set.features.rows()) != set.labels.size())
    throw DataError(name + ": " + std::to_string(set.features.rows()) + " samples but " +
                    std::to_string(set.labels.size()) + " labels, expected as many");
  if (set.classes < 2)
    throw DataError(name + ": " + std::to_string(set.classes) + " classes, expected at least 2");
  for (std::size_t i = 0; i < set.labels.size(); ++i)
    if (set.labels[i] < 0 || set.labels[i] >= set.classes)
      throw DataError(name + ": row " + std::to_string(i) + " has label " +
                      std::to_string(set.labels[i]) + ", expected 0 to " +
                      std::to_string(set.classes - 1));
  validate_finite(set.features, name);
}

void validate_training_set(const Dataset& set, const std::string& name) {
  validate_set(set, name);
  const int first = set.labels.front();
  if (std::all_of(set.labels.begin(), set.labels.end(), [=](int label) { return label == first; }))
    throw DataError(name + ": every sample has label " + std::to_string(first) +
                    ", expected at least two classes");
}

void validate_same_shape(const Dataset& a, const std::string& name_a, const Dataset& b,
                         const std::string& name_b) {
  if (a.width() != b.width())
    throw DataError(name_b + ": " + std::to_string(b.width()) + " features, expected " +
                    std::to_string(a.width()) + " as in " + name_a);
  if (a.classes != b.classes)
    throw DataError(name_b + ": " + std::to_string(b.classes) + " classes, expected " +
                    std::to_string(a.classes) + " as in " + name_a);
}

std::vector<std::size_t> class_counts(const Labels& labels, int classes) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(classes));
  for (const int label : labels) {
    require(label >= 0 && label < classes, "class_counts: label out of range");
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

std::size_t samples_in_both(const Dataset& a, const Dataset& b) {
  const bool digests = a.digests.size() == a.size() && b.digests.size() == b.size();
  const auto key = [&](const Dataset& set, std::size_t i) -> std::string_view {
    if (digests) return set.digests[i];
    return {reinterpret_cast<const char*>(set.features.data() + i * set.width()),
            set.width() * sizeof(float)};
  };
  const std::size_t rows = static_cast<std::size_t>(a.features.rows());
  std::unordered_set<std::string_view> there;
  for (std::size_t i = 0; i < rows; ++i) there.insert(key(a, i));
  std::size_t count = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(b.features.rows()); ++i)
    count += there.count(key(b, i));
  return count;
}

FeatureMatrix select_columns(const FeatureMatrix& features, const ColumnSet& columns) {
  std::size_t width = 0;
  for (const auto& [first, count] : columns.ranges) {
    require(first + count <= static_cast<std::size_t>(features.cols()), "select_columns: range");
    width += count;
  }
  FeatureMatrix out(features.rows(), static_cast<Eigen::Index>(width));
  Eigen::Index at = 0;
  for (const auto& [first, count] : columns.ranges) {
    const auto columns_of_range = static_cast<Eigen::Index>(count);
    out.middleCols(at, columns_of_range) =
        features.middleCols(static_cast<Eigen::Index>(first), columns_of_range);
    at += columns_of_range;
  }
  return out;
}

namespace {
constexpr std::string_view kPlaceStart = "column ", kPlaceEnd = " without a name";
}  // namespace

std::string place_name(std::size_t column) {
  return std::string(kPlaceStart) + std::to_string(column) + std::string(kPlaceEnd);
}

bool are_place_names(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& name) {
    if (name.size() <= kPlaceStart.size() + kPlaceEnd.size() || !name.starts_with(kPlaceStart) ||
        !name.ends_with(kPlaceEnd))
      return false;
    return std::all_of(name.begin() + kPlaceStart.size(), name.end() - kPlaceEnd.size(),
                       [](char c) { return c >= '0' && c <= '9'; });
  });
}

std::string places_text(const std::vector<std::string>& names) {
  std::vector<std::string> numbers;
  for (const std::string& name : names)
    numbers.push_back(
        name.substr(kPlaceStart.size(), name.size() - kPlaceStart.size() - kPlaceEnd.size()));
  std::string out;
  for (const std::string& number : numbers) {
    if (out.size() > 200) return "columns " + out + ", ..";
    out += (out.empty() ? "" : ", ") + number;
  }
  return "columns " + out;
}

Dataset of_pooling(const Dataset& set, const std::string& pooling, const std::string& name) {
  const auto found = std::find_if(set.poolings.begin(), set.poolings.end(),
                                  [&](const ColumnSet& one) { return one.name == pooling; });
  if (found == set.poolings.end()) {
    std::string names;
    for (const ColumnSet& one : set.poolings) names += (names.empty() ? "" : ", ") + one.name;
    throw DataError(name + ": features of the poolings " + printable(names) + ", expected '" +
                    printable(pooling) + "' among them");
  }
  return {select_columns(set.features, *found),
          set.labels,
          set.classes,
          set.class_names,
          set.feature_names,
          set.digests,
          pooling,
          {},
          set.label_name,
          set.groups,
          set.ids,
          set.places,
          set.encoder,
          set.features_member};
}

namespace {

/// All of a set's rows, those asked for first; none where one is asked for twice.
std::vector<std::uint32_t> permutation_of(std::span<const std::uint32_t> indices,
                                          std::size_t rows) {
  std::vector<bool> there(rows);
  for (const std::uint32_t i : indices) {
    require(i < rows, "select: index out of range");
    if (there[i]) return {};
    there[i] = true;
  }
  std::vector<std::uint32_t> out(indices.begin(), indices.end());
  for (std::size_t i = 0; i < rows; ++i)
    if (!there[i]) out.push_back(static_cast<std::uint32_t>(i));
  return out;
}

/// Row i becomes what row order[i] was, along the cycles of the permutation.
void permute_rows(FeatureMatrix& matrix, std::span<const std::uint32_t> order) {
  const auto row = [&](std::size_t i) { return matrix.row(static_cast<Eigen::Index>(i)); };
  std::vector<bool> done(order.size());
  Eigen::RowVectorXf first(matrix.cols());
  for (std::size_t begin = 0; begin < order.size(); ++begin) {
    if (done[begin] || order[begin] == begin) continue;
    first = row(begin);
    std::size_t i = begin;
    for (; order[i] != begin; i = order[i]) {
      row(i) = row(order[i]);
      done[i] = true;
    }
    row(i) = first;
    done[i] = true;
  }
}

}  // namespace

Dataset select(Dataset&& set, std::span<const std::uint32_t> indices) {
  const std::vector<std::uint32_t> order = permutation_of(indices, set.size());
  if (order.empty()) return select(std::as_const(set), indices);
  FeatureMatrix features = std::move(set.features);
  set.features.resize(static_cast<Eigen::Index>(set.size()), 0);
  Dataset out = select(std::as_const(set), indices);
  permute_rows(features, order);
  features.conservativeResize(out.features.rows(), Eigen::NoChange);
  out.features = std::move(features);
  return out;
}

Dataset select(const Dataset& set, std::span<const std::uint32_t> indices) {
  Dataset out;
  out.classes = set.classes;
  out.class_names = set.class_names;
  out.feature_names = set.feature_names;
  out.pooling = set.pooling;
  out.encoder = set.encoder;
  out.features_member = set.features_member;
  out.label_name = set.label_name;
  out.poolings = set.poolings;
  out.places.lines = set.places.lines;
  out.groups.column = set.groups.column;
  out.groups.together = set.groups.together;
  out.features.resize(static_cast<Eigen::Index>(indices.size()), set.features.cols());
  out.labels.resize(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    require(indices[i] < set.size(), "select: index out of range");
    out.features.row(static_cast<Eigen::Index>(i)) = set.features.row(indices[i]);
    out.labels[i] = set.labels[indices[i]];
    if (!set.digests.empty()) out.digests.push_back(set.digests[indices[i]]);
    if (!set.groups.values.empty()) out.groups.values.push_back(set.groups.values[indices[i]]);
    if (!set.ids.empty()) out.ids.push_back(set.ids[indices[i]]);
    out.places.numbers.push_back(set.places.numbers.empty() ? indices[i]
                                                            : set.places.numbers[indices[i]]);
  }
  return out;
}

}  // namespace blindtuner::features
