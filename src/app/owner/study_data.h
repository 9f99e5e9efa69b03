// What an owner of a study trains with, from its files.
#pragma once

#include "app/common/program.h"
#include "features/data/load.h"
#include "party/owner/study/study_training.h"

namespace blindtuner::app {
using namespace features;
using namespace party;

struct StudyDataOptions {
  DataSource train, test;
  std::string whitening;  ///< where the study has a file's map
};
/// --features and what belongs to it; --test; --whitening.
void add_study_data(Command& command, StudyDataOptions& options);
bool study_data_given(const StudyDataOptions& options);

/// The classes are the study's by their names, the rows in an order by chance that is the same at every call: in a study
/// of columns at all owners. Throws DataError.
StudyData load_study_data(const CommonOptions& common, const StudyDataOptions& options,
                          StudyOwner& owner);

}  // namespace blindtuner::app
