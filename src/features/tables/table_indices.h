// Columns of a table that count rows or identify them, and so are neither features nor labels.
#pragma once

#include "features/tables/column_uses.h"

namespace blindtuner::features {

/// Leaves out columns that count the rows (by whatever step), those without a name that prove to be an
/// index (they count, or hold whole numbers or names, none of them twice), those that say by
/// their name that they are identifiers or splits, and of features those of every row's number once
/// (20 rows or more, in any order), or, by their name, of some rows' numbers. Throws DataError: a column without a name that does
/// not prove it, unless `names_decide` (other names say which columns are features); names above one
/// field less than the rows have, where a separator may stand within a field.
void leave_out_indices(ColumnUses& uses, TableUse use, bool names_decide);

}  // namespace blindtuner::features
