// Where fewer than all owners open: the parts of its small secret that an owner hands out at set-up, and what it keeps of
// those that it is handed (secret/joint/threshold.h).
#pragma once

#include "party/owner/study/study_owner.h"
#include "secret/joint/threshold.h"

namespace blindtuner::party {

/// Cuts the secret and writes a record for every owner into the session's folder, sealed for that one alone. From the same randomness
/// the same parts. Returns their contents.
std::vector<Sha256Digest> write_parts(StudyOwner& owner, const SecretKey& small,
                                      const Randomness& randomness);
/// Adds up what all owners have sealed for this one, each part held against what it was committed to, and keeps the sum, which
/// opening_part() reads. Throws DataError that names whose part is none.
void keep_sum_of_parts(StudyOwner& owner);
/// What this owner opens with, as one of these. `parameters`: those of its keys. Throws DataError where nothing was kept.
joint::OpeningPart opening_part(StudyOwner& owner, const Parameters& parameters,
                                std::span<const std::string> decryptors);
/// Of those who read the model; or the statistics, without whose map nobody could use it.
std::vector<joint::PublicBoxKey> readers_of_model(StudyOwner& owner);
std::vector<joint::PublicBoxKey> readers_of_statistics(StudyOwner& owner);

}  // namespace blindtuner::party
