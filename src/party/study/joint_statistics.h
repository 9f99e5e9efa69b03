// The statistics of all owners' rows, still encrypted, as every owner makes them for itself: what an owner gives a share of is what
// it has added up, out of what all have committed to, and never what somebody hands it as their sum.
#pragma once

#include "party/study/study_run.h"

namespace blindtuner::party {

struct JointStatistics {
  EncryptedSums sums;  ///< under the secret of all
  Sha256Digest
      parts{};  ///< of all that they were made of: who has the same has the same sums, bit for bit
};
/// What is not there of that.
std::vector<Awaited> missing_statistics(StudyMember& member);
/// Adds up, each owner's statistics and shares of the way-in keys read against what it has committed to. Throws DataError that names
/// the owner whose are not.
JointStatistics joint_statistics(StudyMember& member, const JointRun& run);

}  // namespace blindtuner::party
