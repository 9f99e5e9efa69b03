// What both parties of a study know of its training, out of the exchange.
#pragma once

#include "party/study/member.h"
#include "records/study/joint_run.h"

namespace blindtuner::party {

// Kinds of messages of the training, each with what its body has, and of the records that they name by their contents
// ("contents").
inline constexpr const char* kRows = "rows";  ///< records/study/joint_run.h
inline constexpr const char *kStatsCommit = "stats-commit", *kStatsRecord = "stats";
inline constexpr const char *kSums = "sums", *kSumsRecord = "sums-total";  ///< the server's
inline constexpr const char *kStatsAnswer = "stats-answer", *kStatsShareRecord = "stats-share";
inline constexpr const char *kDataCommit = "data-commit", *kDataRecord = "data";
inline constexpr const char *kModel = "model", *kModelRecord = "model-file";  ///< the server's
inline constexpr const char *kModelAnswer = "answer", *kShareRecord = "share";

bool pools_statistics(const StudyDraft& draft);
/// All owners' rows, in their order, once all have said them.
std::vector<OwnerRows> study_rows(StudyMember& member);
/// Throws DataError that names who says what does not go together.
JointRun study_run(StudyMember& member);

/// Of all owners or of the server: what is missing of messages of one kind, and of the records that they name, if they do.
std::vector<Awaited> missing_of(StudyMember& member, const char* record_kind,
                                const char* commit_kind, bool of_server);
/// Reads a party's record, held against what it has said of it: `read` gives the contents. Throws DataError that names the
/// party.
void read_record_of(StudyMember& member, const char* record_kind, const char* commit_kind,
                    const std::string& from, const std::function<Sha256Digest(ByteSource&)>& read);
/// What a party says of the contents of a record, a file in its folder.
StudyMessage commitment(StudyMember& member, const char* commit_kind,
                        const std::filesystem::path& file);

}  // namespace blindtuner::party
