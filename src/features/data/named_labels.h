// Labels of an archive that has names for their classes.
#pragma once

#include <string>

#include "features/data/npy.h"
#include "features/samples/class_names.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// The member `labels`. Texts are names. Numbers go by the names that the archive has for them (class_names_member()), as places
/// among these, or are the names; places they are without a question where `extract` wrote them, and one-hot. Names become those of
/// `classes` where none are known. Names of others than `extract` are passed over, with a warning, where they do not fit. Throws DataError,
/// also where numbers may be classes or places among these.
LabelWords named_labels(const NpzArchive& archive, const std::string& labels, ClassRequest& classes,
                        Reading& reading);

}  // namespace blindtuner::features
