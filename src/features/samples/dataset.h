// Features and labels in the clear, on the owner's side.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "features/samples/left_out_rows.h"

namespace blindtuner::features {

/// Samples x features, row-major: a sample's features are contiguous.
using FeatureMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// One class number in [0, classes) a sample.
using Labels = std::vector<int>;

/// Class numbers are below this, whatever a file holds.
inline constexpr int kMaxLabels = 1 << 20;

/// Some of a set's columns: ranges of (first, count), side by side.
struct ColumnSet {
  std::string name;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  bool operator==(const ColumnSet&) const = default;
};
/// Throws ContractError on a range out of the matrix.
FeatureMatrix select_columns(const FeatureMatrix& features, const ColumnSet& columns);

/// What samples of one origin have in common: the patient, the lesion.
struct SampleGroups {
  std::string column{};  ///< its name (its number where it has none); empty: not known
  std::vector<std::string>
      values{};           ///< one a sample, or none; empty ones: of an origin of its own
  bool together = false;  ///< samples of one value stay together when the set is split
};

/// Where samples were in the file that they came from.
struct SamplePlaces {
  bool lines = false;                    ///< of a table, from 1; else rows of an array, from 0
  std::vector<std::uint32_t> numbers{};  ///< one a sample; none: rows as they are here
  LeftOutRows left_out{};                ///< of the whole file
};

/// What stands for the names of a table's columns that have none, where not all of them are features, so that another table
/// may leave out others: "column 3 without a name", from 1, the label's not counted.
std::string place_name(std::size_t column);
/// Whether all are such; false for none.
bool are_place_names(const std::vector<std::string>& names);
/// "columns 1, 2, 4" of such names.
std::string places_text(const std::vector<std::string>& names);

struct Dataset {
  FeatureMatrix features;
  Labels labels;
  int classes = 0;
  std::vector<std::string> class_names;  ///< one a class, or none where nobody named them
  std::vector<std::string>
      feature_names;                 ///< one a column (place_name()), or none where it has no names
  std::vector<std::string> digests;  ///< of what each sample was made of, or none
  std::string pooling;               ///< an encoder's tokens that features are; empty: not noted
  /// Where the features are those of several poolings, one of which is yet to be chosen: which
  /// columns each has.
  std::vector<ColumnSet> poolings;
  /// Heading of the labels' column, or their member where that was chosen; or none.
  std::string label_name{};
  SampleGroups groups{};
  std::vector<std::string> ids{};  ///< by which others know the rows, as asked for, or none
  SamplePlaces places{};
  /// Names what `extract` made features with, whatever the pooling: model, settings, preparation; empty: not noted.
  std::string encoder{};
  /// The features' member of an archive, where that was chosen or is the training set's; or none.
  std::string features_member{};

  std::size_t size() const { return labels.size(); }
  std::size_t width() const { return static_cast<std::size_t>(features.cols()); }
};

/// A linear classifier: scores = features * weights^T + bias.
struct LinearClassifier {
  Eigen::MatrixXd weights;  ///< classes x features
  Eigen::VectorXd bias;     ///< classes
};

/// samples x classes. Throws ContractError when the widths differ.
Eigen::MatrixXd scores(const LinearClassifier& model, const FeatureMatrix& features);

/// Checks that a set can be trained on: not empty, as many labels as rows, finite features, labels
/// in [0, classes), at least two classes present. `name` opens the message. Throws DataError.
void validate_training_set(const Dataset& set, const std::string& name);
/// The same without the last condition: what a test or validation set must be.
void validate_set(const Dataset& set, const std::string& name);
/// Every value is finite; the first that is not is named by row and column (from 0). Throws
/// DataError.
void validate_finite(const FeatureMatrix& features, const std::string& name);
/// Where the sample in this row was, for messages: "line 7", "row 7".
std::string place_of(const Dataset& set, std::size_t row);
/// Two sets that go together have the same width and classes. Throws DataError.
void validate_same_shape(const Dataset& a, const std::string& name_a, const Dataset& b,
                         const std::string& name_b);

/// How many samples each class has. Throws ContractError on a label outside [0, classes).
std::vector<std::size_t> class_counts(const Labels& labels, int classes);

/// How many samples of `b` are in `a` as well: by the digests of both, or by their features.
std::size_t samples_in_both(const Dataset& a, const Dataset& b);

/// The set with the features of one of its several poolings. Throws DataError, which `name` opens, when
/// there is none of that name.
Dataset of_pooling(const Dataset& set, const std::string& pooling, const std::string& name);

/// The rows `indices`, in that order. Throws ContractError on an index out of range.
Dataset select(const Dataset& set, std::span<const std::uint32_t> indices);
/// The same without a second matrix, where no row is asked for twice.
Dataset select(Dataset&& set, std::span<const std::uint32_t> indices);

}  // namespace blindtuner::features
