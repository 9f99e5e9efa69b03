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
/// The part of these options that says where rows are.
void add_study_rows(Command& command, StudyDataOptions& options);
bool study_data_given(const StudyDataOptions& options);

/// As the file has them, with identifiers where the study matches rows; `labelled`: with labels, where this owner has them. How they
/// were read is printed.
Dataset load_study_rows(const CommonOptions& common, const StudyDataOptions& options,
                        DataSource source, const StudyDraft& draft, const std::string& owner,
                        bool labelled, Reading& reading);
/// The classes are the study's by their names, the rows as the file has them. Throws DataError for what no training of the study takes
/// (require_study_rows()).
StudyData load_study_data(const CommonOptions& common, const StudyDataOptions& options,
                          const StudyDraft& draft, const std::string& owner);

}  // namespace blindtuner::app
