// Comma-separated features and labels.
#pragma once

#include <filesystem>
#include <string>

#include "data/dataset.h"

namespace blindtuner {

enum class CsvHeader {
  kAutomatic,  ///< the first line is a header when one of its fields is not a number
  kPresent,
  kAbsent,
};

struct CsvOptions {
  char separator = ',';
  CsvHeader header = CsvHeader::kAutomatic;
};

struct CsvTable {
  FeatureMatrix features;
  Labels labels;  ///< empty when no label column was asked for
};

/// Every column is a feature. Fields are decimal numbers (C locale), optionally in double quotes,
/// with blanks around them; empty lines at the end are ignored, others are errors, and so are
/// ragged rows, NaN, infinity and more than kMaxTableColumns columns. Messages name the line (from
/// 1) and the column (from 1). Throws DataError.
FeatureMatrix read_csv_features(const std::filesystem::path& path, const CsvOptions& options = {});

/// One column, `label_column`, holds the class numbers and the others are features. The column is
/// named as in the header, or by its number from 1, or "last". Throws DataError.
CsvTable read_csv_labelled(const std::filesystem::path& path,
                           const std::string& label_column = "last",
                           const CsvOptions& options = {});

/// A file of one column of class numbers. Throws DataError.
Labels read_csv_labels(const std::filesystem::path& path, const CsvOptions& options = {});

}  // namespace blindtuner
