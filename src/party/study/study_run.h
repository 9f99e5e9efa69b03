// What both parties of a study know of its training, out of the exchange.
#pragma once

#include "party/study/left_out.h"
#include "party/study/member.h"
#include "records/study/joint_run.h"
#include "records/transcript.h"

namespace blindtuner::party {

// Kinds of messages of the training, each with what its body has, and of the records that they name by their contents
// ("contents").
/// Where rows are matched by their identifiers: the coordinator's, and every owner's with "rows", how many have one, too
/// (party/owner/study/row_matching.h).
inline constexpr const char *kMatchKeyCommit = "match-key-commit", *kMatchKeyRecord = "match-key";
inline constexpr const char *kMatchCommit = "match-commit", *kMatchRecord = "match";
inline constexpr const char* kRows = "rows";  ///< records/study/joint_run.h
inline constexpr const char *kStatsCommit = "stats-commit", *kStatsRecord = "stats";
inline constexpr const char *kStatsAnswer = "stats-answer", *kStatsShareRecord = "stats-share";
/// Which map of the pooled statistics it has computed ("map", a digest under a key that only those have who opened them).
inline constexpr const char* kMap = "data-map";
inline constexpr const char *kDataCommit = "data-commit", *kDataRecord = "data";
inline constexpr const char *kModel = "model", *kModelRecord = "model-file";  ///< the server's
inline constexpr const char *kModelAnswer = "answer", *kShareRecord = "share";
// Where fewer than all open: who has found the model to be the study's and is there to answer ("contents", the model's), and whom
// of them the server names ("contents" and "owners", in their order).
inline constexpr const char *kHere = "here", *kDecryptors = "decryptors";
inline constexpr const char* kTranscript =
    "transcript";  ///< the server's: no message (records/transcript.h)

bool pools_statistics(const StudyDraft& draft);
/// All owners' rows, in their order, once all have said them whose rows count; the others have none. Throws DataError that names
/// who says what no rows are, and two owners of a study of rows whose tables have other columns.
std::vector<OwnerRows> study_rows(StudyMember& member);
/// Throws DataError that names who says what does not go together.
JointRun study_run(StudyMember& member);

/// Who opens a result, and in which session: a text that tells it from every other set of owners.
std::string decryptors_text(StudyMember& member, std::span<const std::string> owners);
/// Of the owners, the first so many as open the model who have said that they are there for it; none as long as they are fewer.
std::optional<std::vector<std::string>> first_here(StudyMember& member);
/// The owners who open the model with these contents: all, or those whom the server has named. Empty as long as it has not.
/// Throws DataError where it names others than so many, each of whom has said that it is there for this model.
std::vector<std::string> decryptors_of(StudyMember& member, const Sha256Digest& model);
/// A digest that a party has said in this session, in a message that is there.
Sha256Digest said_digest(StudyMember& member, const char* kind, const std::string& from,
                         const char* name);
/// What the server has said of the model, once it has.
Sha256Digest model_contents(StudyMember& member);

/// Of these parties, of the owners whose part in a stage counts, or of the server: what is missing of messages of one kind, and of the
/// records that they name, if they do.
std::vector<Awaited> missing_of(StudyMember& member, const char* record_kind,
                                const char* commit_kind, std::span<const std::string> parties);
std::vector<Awaited> missing_of(StudyMember& member, const char* record_kind,
                                const char* commit_kind, Stage stage);
std::vector<Awaited> missing_of_server(StudyMember& member, const char* record_kind,
                                       const char* commit_kind);
/// Reads a party's record, held against what it has said of it: `read` gives the contents. Throws DataError that names the
/// party.
void read_record_of(StudyMember& member, const char* record_kind, const char* commit_kind,
                    const std::string& from, const std::function<Sha256Digest(ByteSource&)>& read);
/// What a party says of the contents of a record, a file in its folder.
StudyMessage commitment(StudyMember& member, const char* commit_kind,
                        const std::filesystem::path& file);

/// What names a file's contents (ContainerReader::contents()). Throws DataError.
Sha256Digest contents_of_file(const std::filesystem::path& file);

/// The server's transcript, whatever it says; none as long as none is there that the server has signed.
std::optional<Transcript> transcript_of_server(StudyMember& member);
/// What a transcript says of the data of these owners, once they and the keys are there, and of all others that they are left out.
Sha256Digest data_contents_of(StudyMember& member, std::span<const std::string> counted);
/// What a transcript says of all owners' data, once they and the keys are there: SHA-256 of the way-in keys' contents, by
/// which data come under the keys of all, and of what each owner has committed to, in their order; of whom the others go on without,
/// its name.
Sha256Digest study_data_contents(StudyMember& member);

struct HeldTranscript {
  std::string text;  ///< as it was signed
  Transcript transcript;
};
/// The server, as long as its transcript is not there.
std::vector<Awaited> missing_transcript(StudyMember& member);
/// The server's transcript, which is there, signed by the study's server and of the study's keys, data, configuration, number of
/// steps and model. Throws DataError that says what of it is not so.
HeldTranscript held_transcript(StudyMember& member, const JointRun& run);

}  // namespace blindtuner::party
