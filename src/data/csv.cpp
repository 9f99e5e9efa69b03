#include "data/csv.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/file_bytes.h"

namespace blindtuner {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<double> number(std::string_view field) {
  if (!field.empty() && field.front() == '+') {
    field.remove_prefix(1);
    if (!field.empty() && field.front() == '-') return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end != field.data() + field.size() || field.empty()) return std::nullopt;
  // Too small a number is as good as zero; too large a one is infinite, refused by the caller.
  if (error == std::errc::result_out_of_range) {
    const auto e = field.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && e + 1 < field.size() && field[e + 1] == '-';
    return tiny ? 0.0 : HUGE_VAL;
  }
  if (error != std::errc()) return std::nullopt;
  return value;
}

/// For messages: short and printable.
std::string shown(std::string_view field) {
  std::string out;
  for (const char c : field.substr(0, 32)) out += c >= ' ' && c <= '~' ? c : '?';
  return "'" + out + (field.size() > 32 ? "..'" : "'");
}

/// Lines and fields of a file in memory.
class Reader {
 public:
  Reader(const std::filesystem::path& path, const CsvOptions& options)
      : where_(quoted_path(path)), options_(options), bytes_(read_file(path)) {
    text_ = {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
    // Blank lines at the end are no rows.
    while (!text_.empty() &&
           (text_.back() == '\n' || !trimmed(text_.substr(text_.size() - 1)).size()))
      text_.remove_suffix(1);
    if (text_.empty()) throw DataError(where_ + ": empty, expected at least one row");
    std::vector<std::string_view> fields;
    next_fields(fields);
    columns_ = fields.size();
    bool header = options.header == CsvHeader::kPresent;
    if (options.header == CsvHeader::kAutomatic)
      for (const auto field : fields) header = header || !number(field);
    if (header) {
      for (const auto field : fields) names_.emplace_back(field);
    } else {
      text_pending_ = true;
      pending_ = fields;
    }
  }

  std::size_t columns() const { return columns_; }
  const std::vector<std::string>& names() const { return names_; }
  const std::string& where() const { return where_; }
  std::string place(std::size_t column) const {
    return where_ + ": line " + std::to_string(line_) + ", column " + std::to_string(column + 1);
  }

  /// The next row's numbers; false at the end.
  bool next(std::vector<double>& row) {
    if (text_pending_) {
      text_pending_ = false;
    } else {
      if (text_.empty()) return false;
      next_fields(pending_);
    }
    if (pending_.size() != columns_)
      throw DataError(where_ + ": line " + std::to_string(line_) + " has " +
                      std::to_string(pending_.size()) + " fields, expected " +
                      std::to_string(columns_) + " as on the first line");
    row.resize(columns_);
    for (std::size_t j = 0; j < columns_; ++j) {
      const auto value = number(pending_[j]);
      if (!value) throw DataError(place(j) + ": " + shown(pending_[j]) + ", expected a number");
      if (!std::isfinite(*value) || std::abs(*value) > 3.4e38)
        throw DataError(place(j) + ": " + shown(pending_[j]) + ", expected a finite number");
      row[j] = *value;
    }
    return true;
  }

 private:
  void next_fields(std::vector<std::string_view>& fields) {
    ++line_;
    const std::size_t end = text_.find('\n');
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    fields.clear();
    if (trimmed(line).empty())
      throw DataError(where_ + ": line " + std::to_string(line_) + " is empty, expected a row");
    for (;;) {
      const std::size_t cut = line.find(options_.separator);
      std::string_view field = trimmed(line.substr(0, cut));
      if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
        field = trimmed(field.substr(1, field.size() - 2));
      if (fields.size() == kMaxTableColumns)
        throw DataError(where_ + ": line " + std::to_string(line_) + " has more than " +
                        std::to_string(kMaxTableColumns) + " fields");
      fields.push_back(field);
      if (cut == std::string_view::npos) break;
      line.remove_prefix(cut + 1);
    }
  }

  std::string where_;
  CsvOptions options_;
  std::vector<std::uint8_t> bytes_;
  std::string_view text_;
  std::size_t columns_ = 0, line_ = 0;
  std::vector<std::string> names_;
  std::vector<std::string_view> pending_;
  bool text_pending_ = false;
};

int class_number(double value, const std::string& place) {
  if (!(value >= 0 && value < 0x1p31) || value != std::floor(value))
    throw DataError(place + ": label " + std::to_string(value) +
                    ", expected a class number (0, 1, ..)");
  return static_cast<int>(value);
}

std::size_t find_column(const Reader& reader, const std::string& wanted) {
  if (wanted == "last") return reader.columns() - 1;
  for (std::size_t j = 0; j < reader.names().size(); ++j)
    if (reader.names()[j] == wanted) return j;
  std::size_t position = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), position);
  if (error != std::errc() || end != wanted.data() + wanted.size() || position < 1 ||
      position > reader.columns())
    throw DataError(reader.where() + ": no column " + shown(wanted) +
                    ", expected a name of the header, 1 to " + std::to_string(reader.columns()) +
                    ", or 'last'");
  return position - 1;
}

FeatureMatrix to_matrix(const std::vector<float>& values, std::size_t columns) {
  return Eigen::Map<const FeatureMatrix>(values.data(),
                                         static_cast<Eigen::Index>(values.size() / columns),
                                         static_cast<Eigen::Index>(columns));
}

}  // namespace

FeatureMatrix read_csv_features(const std::filesystem::path& path, const CsvOptions& options) {
  Reader reader(path, options);
  std::vector<float> values;
  std::vector<double> row;
  while (reader.next(row))
    for (const double value : row) values.push_back(static_cast<float>(value));
  if (values.empty()) throw DataError(reader.where() + ": a header but no rows");
  return to_matrix(values, reader.columns());
}

CsvTable read_csv_labelled(const std::filesystem::path& path, const std::string& label_column,
                           const CsvOptions& options) {
  Reader reader(path, options);
  if (reader.columns() < 2)
    throw DataError(reader.where() + ": one column, expected features and a label");
  const std::size_t label = find_column(reader, label_column);
  CsvTable table;
  std::vector<float> values;
  std::vector<double> row;
  while (reader.next(row))
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j == label)
        table.labels.push_back(class_number(row[j], reader.place(j)));
      else
        values.push_back(static_cast<float>(row[j]));
    }
  if (table.labels.empty()) throw DataError(reader.where() + ": a header but no rows");
  table.features = to_matrix(values, reader.columns() - 1);
  return table;
}

Labels read_csv_labels(const std::filesystem::path& path, const CsvOptions& options) {
  Reader reader(path, options);
  if (reader.columns() != 1)
    throw DataError(reader.where() + ": " + std::to_string(reader.columns()) +
                    " columns, expected one for labels (features, or one-hot labels?)");
  Labels labels;
  std::vector<double> row;
  while (reader.next(row)) labels.push_back(class_number(row[0], reader.place(0)));
  if (labels.empty()) throw DataError(reader.where() + ": a header but no rows");
  return labels;
}

}  // namespace blindtuner
