// What owners and server of a study have in common: the draft, the manifest, the session that they are in.
#pragma once

#include "base/error.h"
#include "party/study/exchange.h"
#include "party/study/phases.h"
#include "records/study/key_shares.h"

namespace blindtuner::party {

class StudyMember {
 public:
  StudyMember(std::string name, std::shared_ptr<Channel> channel,
              const std::filesystem::path& folder, bool allow_insecure, bool changes);
  virtual ~StudyMember() = default;
  StudyMember(const StudyMember&) = delete;
  StudyMember& operator=(const StudyMember&) = delete;

  const std::string& name() const { return name_; }
  StudyExchange& exchange() { return exchange_; }
  bool allow_insecure() const { return allow_insecure_; }

  /// None as long as it is not there. Throws DataError.
  std::optional<StudyDraft> draft();
  /// A message that is there, nobody's yet. Throws DataError where it is not.
  SignedMessage found(const std::string& name);
  /// Joins that are missing.
  std::vector<Awaited> missing_joins();
  /// Once all have joined. Throws DataError that names what of draft and joins is not there, and says whether it was before.
  const StudyManifest& manifest();
  /// Keeps draft and joins as they are there: from here on the study is that of these, whatever becomes of the exchange.
  void keep_joins();

  /// When the party's own folder last changed, as "2026-01-31T12:00:00Z": since then it waits. Empty: never.
  std::string last_change() const;

  std::uint64_t session_number() const { return exchange_.session(); }
  /// Folder of what belongs to the session, in the party's own; made, unless the party only looks.
  std::filesystem::path session_folder();
  /// Once all have shown their nonces. Throws DataError that names whose nonce is not what it committed to.
  const StudySession& session();
  /// The keys that it makes.
  const StudyKeyList& keys();
  /// What records under the keys of all must share, and under those of one owner.
  KeySet key_set(const KeyId& id);

  /// Of a kind of message of this session, by all owners (of session 0, and by the recipient): those that are not there. What is there was held to be theirs.
  std::vector<Awaited> missing(const std::string& kind, std::uint64_t session);
  /// A record that is not there, or not whole.
  Awaited awaited(const std::string& from, const std::string& record_name);
  /// Of records.
  std::vector<Awaited> missing_records(const std::string& kind);
  /// The message of this session, which is there.
  StudyMessage heard(const std::string& kind, const std::string& from);
  /// One owner's record of shares, which is there. Throws DataError where it is not.
  std::unique_ptr<ByteSource> share_source(ShareKind kind, const std::string& owner);

  /// Whether its exchange has another study than the one that it has joined.
  bool of_another_study();
  void require_no_other_study();
  /// Throws DataError where the party has joined a study that its exchange does not have.
  void require_exchange();

  /// Whether an owner has begun the session after this one.
  bool newer_session();
  void enter_session(std::uint64_t number);

  /// Of this session: its name in the exchange.
  std::string record(const std::string& kind, const std::string& from) const {
    return study_record_name(kind, session_number(), from);
  }

 private:
  void require_joined();

  std::string name_;
  StudyExchange exchange_;
  bool allow_insecure_, changes_;
  std::optional<StudyManifest> manifest_;
  std::optional<StudySession> session_;
  std::optional<StudyKeyList> keys_;
};

// Kinds of messages, each with what its body has.
inline constexpr const char* kAgree = "agree";  ///< nothing: the study's digest is the manifest's
inline constexpr const char* kCommit = "nonce-commit";  ///< "commitment"
inline constexpr const char* kNonce = "nonce";          ///< "nonce"
inline constexpr const char* kShares =
    "shares-commit";  ///< "keys", the joint keys' identity; "ways", "shares", "relin1"
inline constexpr const char* kAnswer =
    "relin2-commit";  ///< "sums", digest of what was answered; "relin2"
/// "parts", contents of its records part1, part2, ..: a part of its small secret for every owner, sealed for that one alone
/// (secret/joint/threshold.h), where fewer than all open.
inline constexpr const char* kParts = "parts-commit";
inline constexpr const char* kReady = "ready";  ///< "evaluation_keys", "way_in_keys"

/// What `read` gives of what a party has sent. Where that is none, the DataError names the party.
template <typename Read>
auto read_of(const std::string& party, const Read& read) {
  try {
    return read();
  } catch (const SecurityError&) {
    throw;
  } catch (const DataError& error) {
    throw DataError("what '" + party + "' has sent is refused: " + error.what());
  }
}

/// What an owner has committed to before anybody's shares were to be seen; of the second round, with what it has answered
/// held to be what all have. Throws DataError that names it, also where it makes the keys of another session.
Sha256Digest committed_contents(StudyMember& member, const std::string& owner, ShareKind kind);

/// How the record of a part for the owner of this place is called: "part1".
std::string part_record(std::size_t place);
/// One owner's parts, for all owners in their order. Throws DataError.
std::vector<Sha256Digest> committed_parts(StudyMember& member, const std::string& owner);
/// Of all owners' parts, or those for one of them: what is not there.
std::vector<Awaited> missing_parts(StudyMember& member, std::optional<std::size_t> receiver = {});

/// What names all first rounds together: SHA-256 of their contents, owners in their order.
Sha256Digest sums_digest(std::span<const Sha256Digest> first_rounds);

}  // namespace blindtuner::party
