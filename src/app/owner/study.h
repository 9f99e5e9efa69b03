// What the commands of a study share.
#pragma once

#include "app/common/study_report.h"
#include "app/owner/passphrase.h"
#include "party/owner/study/study_owner.h"
#include "party/owner/study/study_place.h"

namespace blindtuner::app {

/// --folder, --exchange and --owner.
void add_study_place(Command& command, StudyPlace& place);

/// --passphrase and --passphrase-file, of secrets that are made.
struct StudySecrets {
  bool sealed = false;
  PassphraseOptions passphrase;
};
void add_study_secrets(Command& command, StudySecrets& secrets);

/// Of a folder that 'study create' or 'study join' has made. exchange: where it is now; empty: where it was then. Throws DataError where it
/// is not there and needed.
StudyPlace joined_place(const std::filesystem::path& folder, const std::filesystem::path& exchange);

StudyOwnerOptions study_options(const CommonOptions& common, const StudyPlace& place,
                                const StudySecrets& secrets, bool changes = true);

void add_study_create(Program& program);
void add_study_scores(Program& program);

}  // namespace blindtuner::app
