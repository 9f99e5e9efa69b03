#include "features/samples/shared_keys.h"

#include <cmath>
#include <map>
#include <unordered_set>

#include "base/interrupt.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// A column of the table beside another that may have the same values.
struct Pair {
  SharedKey key;
  std::vector<bool> seen;  // of the other's rows
  std::unordered_set<std::string> absent;
};

bool is_fraction(const std::string& field, DecimalMark mark) {
  const auto number = table_number(field, mark);
  return number && *number != std::floor(*number);
}

}  // namespace

SharedKeys shared_keys(const Table& table, const TableColumns& columns,
                       const std::vector<NamedColumn>& others) {
  const std::size_t rows = columns.rows.size();
  const auto name_of = [&](std::size_t j) {
    return is_unnamed_heading(columns.names[j]) ? std::string() : heading_key(columns.names[j]);
  };
  // A name that is there twice tells nothing.
  std::map<std::string, int> here, there;
  for (std::size_t j = 0; j < columns.names.size(); ++j) ++here[name_of(j)];
  for (const NamedColumn& other : others) ++there[other.name];
  std::vector<RowsByKey> of_others;
  std::vector<Pair> pairs;
  for (const NamedColumn& other : others) {
    of_others.push_back(other.fields.size() == rows ? rows_by_key(other) : RowsByKey{});
    if (rows < 2 || of_others.back().size() != rows) continue;
    for (std::size_t j = 0; j < columns.names.size(); ++j) {
      const std::string name = name_of(j);
      const bool same = other.name == name && here[name] == 1 && there[name] == 1;
      pairs.push_back({{j, of_others.size() - 1, same, false, 0, 0}, {}, {}});
    }
  }
  TableRow row;
  // Most pairs end with the first rows.
  for (std::size_t at = 0; at < rows && !pairs.empty(); ++at) {
    if (at % 4096 == 0) throw_if_interrupted();
    table.read(columns.rows[at], row);
    std::erase_if(pairs, [&](Pair& pair) {
      const std::string field = key_of(row.fields[pair.key.column], columns.mark);
      const RowsByKey& known = of_others[pair.key.other];
      const auto found = known.find(field);
      if (is_fraction(field, columns.mark)) return true;
      if (found == known.end()) {
        if (pair.key.absent++ == 0) pair.key.first_absent = columns.rows[at];
        return !pair.key.same_name || 2 * pair.key.absent >= rows || field.empty() ||
               !pair.absent.insert(field).second;
      }
      if (pair.seen.empty()) pair.seen.resize(rows);
      if (pair.seen[found->second]) return true;
      pair.seen[found->second] = true;
      pair.key.moved = pair.key.moved || found->second != at;
      return false;
    });
  }
  SharedKeys out;
  for (const Pair& pair : pairs) out.push_back(pair.key);
  return out;
}

}  // namespace blindtuner::features
