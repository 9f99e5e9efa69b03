// What a study of several owners is: its draft, which one of them writes, and the manifest, which is the draft and the
// keys by which owners and server are known. Everybody makes the manifest for itself out of the same messages:
//
//   draft        kind "draft", session 0, of the coordinator; the study's digest is zero. Its body, exactly:
//                  name            1 to 100 bytes of text, for people
//                  owners          2 to 16 names of parties, in their order; "server" is none
//                  coordinator     one of them
//                  classes         2 to 128 different names, in their order
//                  layout          "rows": every owner has samples of its own, with the same columns
//                                  "columns": every owner has columns of its own of the same samples
//                  columns         of "rows" one number, of "columns" one for each owner; 1 to 2^20 - 1 together
//                  column_names    of "rows" as many different names as there are columns, or none; of "columns" none
//                  labels          of "columns" the owner who has the labels; not of "rows"
//                  identifiers     true, of "columns" alone: rows are matched by their identifiers' keyed hashes
//                                  (party/owner/study/row_matching.h); where it is not there they are in one order at all owners
//                  rate_by_batch   true: no batch is stepped at more than 1.125 of the rate by its own rows (for_places()); where it is
//                                  not there, one whose blocks are fuller than others' may be
//                  parameters      name of a parameter set for as many owners
//                  training        the configuration (learn/training_config.h)
//                  circuit         name of the head's circuit
//                  whitening       "none", "pooled" or the SHA-256 of a file with a map, in hexadecimal
//                  epsilon         of "pooled", where it is not 0.01: what is added to the columns' variances, in their
//                                  mean's unit, 1e-6 to 1000
//                  encoder         SHA-256 of the encoder's file, or empty
//                  threshold       how many owners' shares open a result, 2 to as many as there are
//                  recipient       where somebody gets the model who is no owner: its name, "server" is none
//                  readers         where there is a recipient: "all", the owners too, or "recipient", it alone
//                  validation      of "rows", where all open: {"every": 2, "patience": 3}, a round of validation after every so many
//                                  steps (party/study/validation.h), at most 9999 of them; none where it is not there
//                  results         how many may be opened: 1
//   join-PARTY   kind "join", session 0, one of each owner, of the recipient and of the server; the study's digest is the SHA-256 of the
//                draft's signed bytes. Its body: `signing`, its Ed25519 key, with which this is signed, and, of owners,
//                `sealing`, its X25519 key
//
// The manifest's digest is the SHA-256 of "blindtuner study manifest 1", the draft's and all joins' signed bytes, owners in
// their order and the server last, each behind its length (8). Its fingerprint is what people compare by voice.
#pragma once

#include <optional>
#include <span>

#include "learn/training_config.h"
#include "linalg/layout.h"
#include "records/study/message.h"

namespace blindtuner::records {
using namespace learn;
using namespace linalg;

/// features/data/whitening.h has it, too, which no server's program knows.
inline constexpr double kDefaultStudyEpsilon = 0.01, kLeastEpsilon = 1e-6, kMostEpsilon = 1000;
inline constexpr int kMostStudyPatience = 10000;
inline constexpr std::size_t kLeastOwners = 2, kMostOwners = 16, kLeastThreshold = 2;
inline constexpr std::size_t kMaxStudyName = 100,
                             kMaxStudyWord = 1000;  ///< bytes; words: classes, columns
/// Of a draft, all names together.
inline constexpr std::size_t kMaxDraftNames = std::size_t{1} << 22;

struct StudyDraft {
  enum class Layout { kRows, kColumns };
  enum class Whitening { kNone, kPooled, kFile };

  std::string name;
  std::vector<std::string> owners;
  std::string coordinator;
  std::vector<std::string> classes;
  Layout layout = Layout::kRows;
  std::vector<std::size_t> columns;
  std::vector<std::string> column_names;
  std::string labels;        ///< of kColumns
  bool identifiers = false;  ///< of kColumns
  bool rate_by_batch = true;
  std::string parameters;
  TrainingConfig config;
  std::string circuit;
  Whitening whitening = Whitening::kNone;
  Sha256Digest whitening_file{};          ///< of kFile
  double epsilon = kDefaultStudyEpsilon;  ///< of kPooled
  std::optional<Sha256Digest> encoder;
  std::size_t threshold = 0;  ///< 0: all owners
  std::string recipient;      ///< empty: none
  bool recipient_alone = false;
  int validate_every = 0;  ///< steps from one round of validation to the next; 0: there are none
  int patience = 3;        ///< rounds without a better one until it stops

  /// Who joins: the owners, the recipient, the server.
  std::vector<std::string> parties() const;

  /// How many owners' shares open the model; any so many, where that is not all.
  std::size_t needed() const { return threshold == 0 ? owners.size() : threshold; }
  bool by_threshold() const { return needed() < owners.size(); }

  /// The set that this program takes for so many owners.
  static std::string parameters_for(std::size_t owners);
  /// Throws DataError, which names the member, for what the list above refuses.
  void validate() const;
  /// Place among the owners. Throws ContractError for somebody else.
  std::size_t index(const std::string& owner) const;
  /// What the study's keys are for; its samples are those of a batch. Throws DataError for more classes than the
  /// parameters have room for.
  ProductLayout key_layout(const Parameters& parameters) const;
};

nlohmann::json to_json(const StudyDraft& draft);
/// Throws DataError.
StudyDraft draft_from_json(const JsonIn& in);

using SealingKey = std::array<std::uint8_t, 32>;  ///< X25519, public

struct StudyParty {
  std::string name;
  PublicSigningKey signing{};
  SealingKey sealing{};  ///< not of the server
};

struct StudyManifest {
  StudyDraft draft;
  ParametersPtr parameters;
  std::vector<StudyParty> owners;  ///< in the draft's order
  std::optional<StudyParty> recipient;
  StudyParty server;
  Sha256Digest draft_digest{}, digest{};

  /// Throws ContractError where there is no such party.
  const StudyParty& party(const std::string& name) const;
  std::string fingerprint() const { return blindtuner::fingerprint(digest); }
};

/// The messages, not signed yet. Throws ContractError, or DataError, for a draft that is none.
StudyMessage draft_message(const StudyDraft& draft);
StudyMessage join_message(const Sha256Digest& draft_digest, const StudyParty& party);

Sha256Digest draft_digest(const SignedMessage& draft);
/// What a draft says; whether its coordinator has written it is seen once that has joined. Throws DataError.
StudyDraft read_draft(const SignedMessage& draft);
/// Joins as StudyDraft::parties(). Throws DataError that names the party, and SecurityError for parameters
/// below 128 bits unless allowed.
StudyManifest make_manifest(const SignedMessage& draft, std::span<const SignedMessage> joins,
                            bool allow_insecure);
/// The draft's set. Throws the same.
ParametersPtr study_parameters(const StudyDraft& draft, bool allow_insecure);

}  // namespace blindtuner::records
