// What every column of a table is used as, while that is found out.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "features/tables/table_columns.h"
#include "features/tables/table_profile.h"

namespace blindtuner::features {

/// Columns by the user's words and in words for the user, and which of them are still free: a column
/// is taken, or left out for a reason, once.
class ColumnUses {
 public:
  using Indices = std::vector<std::size_t>;

  /// Both must stay. Throws DataError: what TableProfile does, and where no row is data.
  ColumnUses(const Table& table, const TableRequest& request);

  const Table& table() const { return table_; }
  const TableProfile& profile() const { return profile_; }
  const Indices& rows() const { return rows_; }  ///< those that are data
  const ColumnProfile& column(std::size_t j) const { return profile_.columns()[j]; }
  const std::string& name(std::size_t j) const { return profile_.names()[j]; }
  /// "column 3 ('bmi')", and several of these, not too many.
  std::string text(std::size_t j) const { return profile_.column_text(j); }
  std::string list(const Indices& columns) const;
  /// " (age, bmi)", the header's names, or that there is none.
  std::string header_names() const;

  /// The column that the user calls so: by a name of the header, a number from 1, or "last". Throws
  /// DataError: none, several.
  std::size_t find(const std::string& wanted) const;
  bool free(std::size_t j) const { return uses_[j].what.empty(); }
  Indices free_columns() const;
  /// The two tell the same classes apart.
  bool same_classes(std::size_t a, std::size_t b) const;

  void take(std::size_t j, const std::string& as, const std::string& why = {}) {
    uses_[j] = {as, why};
  }
  void leave_out(std::size_t j, const std::string& why);
  const std::string& use(std::size_t j) const { return uses_[j].what; }  ///< empty: free
  const std::string& why(std::size_t j) const { return uses_[j].why; }
  /// In the order in which they were left out.
  const Indices& left_out() const { return left_out_; }

  [[noreturn]] void refuse_several(const Indices& columns, const std::string& role,
                                   const std::string& option) const;

 private:
  struct Use {
    std::string what, why;
  };

  const Table& table_;
  TableProfile profile_;
  Indices rows_, left_out_;
  std::vector<Use> uses_;
};

/// A field as messages show it.
std::string shown_field(std::string_view field);

}  // namespace blindtuner::features
