// What the commands of a study share.
#pragma once

#include "app/common/study_report.h"
#include "app/owner/passphrase.h"
#include "party/owner/study/study_owner.h"

namespace blindtuner::app {

/// Who an owner is, and where the others are: in its folder, study.json.
struct StudyPlace {
  std::filesystem::path folder, exchange;
  std::string name;
};
/// --folder, --exchange and --owner.
void add_study_place(Command& command, StudyPlace& place);
/// Throws DataError where the folder is another owner's, or of another exchange; or would lie in the exchange.
void write_study_place(const StudyPlace& place);
StudyPlace read_study_place(const std::filesystem::path& folder);

/// --passphrase and --passphrase-file, of secrets that are made.
struct StudySecrets {
  bool sealed = false;
  PassphraseOptions passphrase;
};
void add_study_secrets(Command& command, StudySecrets& secrets);

StudyOwnerOptions study_options(const CommonOptions& common, const StudyPlace& place,
                                const StudySecrets& secrets, bool changes = true);

void add_study_create(Program& program);

}  // namespace blindtuner::app
