// One owner of a study: what it does from joining to the keys of all, in phases. (Or its recipient, who joins, agrees, and takes no
// part in the rest.) Whatever it has at hand follows from its folder and
// the exchange, so it may be killed at any moment and made anew; and everything secret in its shares follows
// from one seed, so what it makes again is the same.
//
// In its folder, which is for it alone (0700), beside what party/study/exchange.h says:
//
//   identity             its Ed25519 and X25519 secrets (secret/private_file.h)
//   sN/session.seed      what its secrets and errors of session N follow from, with all owners' nonces; destroyed once its answer is out
//   sN/answered          which first rounds it has answered: never others
//   sN/ways, shares, relin1, relin2    its records as they went out; removed when the server has the keys
//   sN/secret.key, ledger-..     what stays: the secret that its data are encrypted under (secret/secret_key_file.h), that
//                        of the big ring zero, which nobody has any more
//   sN/part1, part2, ..  where fewer than all open, its parts for all owners as they went out (study_parts.h); removed likewise
//   sN/opening.part      the sum of the parts that it was handed (secret/private_file.h)
#pragma once

#include <span>

#include "base/path.h"
#include "base/sha256.h"
#include "base/signature.h"
#include "party/owner/listener.h"
#include "party/study/member.h"
#include "secret/joint/sealed_box.h"
#include "secret/secret_key_file.h"

namespace blindtuner::party {
using namespace secret;

/// What an owner's secrets and errors follow from: from the same seed of its own others for another session, that is for other uniform
/// halves, whatever somebody shows an owner whose folder was put back.
Randomness session_randomness(const Seed& setup, const Seed& session);

struct StudyOwnerOptions {
  std::string name;
  std::filesystem::path folder;
  std::shared_ptr<Channel> channel;
  bool allow_insecure = false;
  /// With false nothing is changed, and no secret asked for: step(), create() and join() throw ContractError.
  bool changes = true;
  /// Asked for once where the folder's secrets take one.
  PassphraseSource passphrase{};
  /// Nobody has to be asked for it: a wrong one is refused at once, and not only where it is needed.
  bool passphrase_at_hand = false;
  /// Of secrets that are made: empty or an empty answer for none.
  PassphraseSource new_passphrase{};
  /// As the operator has heard it from the others; empty: not yet.
  std::string fingerprint{};
  /// Owners whom the operator goes on without (party/owner/study/leaving_out.h); empty: not told so.
  std::vector<std::string> without{};
  /// Gives no share of the model yet: its operator would have the training audited first.
  bool holds_answer = false;
  /// Called before it gives the first share of a round or of the model: audits the training out of the exchange and a folder with what this
  /// owner has heard, and throws DataError where that is not the study's, and where what has these digests (require_audited() of
  /// party/server/audit.h), which is what the share is of, was not audited. None: the owner takes the server's word.
  std::function<void(const std::filesystem::path& folder, std::span<const Sha256Digest> digests)>
      audit{};
  Listener listener{};
};

class StudyOwner : public StudyMember {
 public:
  explicit StudyOwner(StudyOwnerOptions options);

  /// As the coordinator. Throws DataError where there is another draft.
  void create(const StudyDraft& draft);

  /// What follows once the keys of all are there.
  void add_phases(std::vector<Phase> more);
  /// The next phase, if it waits for nothing. Throws DataError.
  Advance step();
  /// What step() would do.
  Advance next();
  /// Gives up the session and begins another, with new nonces and secrets; a session that was begun so is not given up before all
  /// owners have followed to it. Throws DataError once the keys are there.
  void begin_session();

  /// Throws DataError where the study, if it is there yet, has no part for this name, or somebody else has taken it.
  void require_part();
  /// Throws DataError for one that is not the study's or not all of it, and before all have joined.
  void require_fingerprint(const std::string& heard);
  /// Its fingerprint, once all have joined.
  std::optional<std::string> fingerprint();
  /// Whether the server has the keys of all.
  bool ready();
  /// Whether it is no owner, but who gets the model besides or alone.
  bool is_recipient();
  std::filesystem::path model_path() { return session_folder() / "model.npz"; }
  /// Its last work.
  std::filesystem::path report_path() { return exchange().folder() / "report.json"; }
  /// Whether report and model are there: then the exchange may be gone.
  bool opened() { return path_exists(report_path()) && path_exists(model_path()); }
  /// This owner's place.
  std::size_t index() { return manifest().draft.index(name()); }

  // For phases.
  const SigningKey& signing_key();
  /// What shares for this owner are sealed to.
  secret::joint::BoxKey box_key();
  const SecretBytes& passphrase();  ///< what new secrets are sealed under; empty: nothing
  /// The owner's own keys of the session, which encrypt its data. Throws DataError before they are there.
  OwnerKeys own_keys();
  const Listener& listener() const { return options_.listener; }
  bool holds_answer() const { return options_.holds_answer; }
  const auto& audit() const { return options_.audit; }
  const std::vector<std::string>& without() const { return options_.without; }
  void say(const StudyMessage& message);

 private:
  std::vector<Phase> setup_phases();
  void load_identity();
  void warn_if_readable_by_others(const std::filesystem::path& secret);
  /// Throws DataError for a wrong passphrase, and for one where there is none.
  void try_passphrase();
  void make_identity();
  void prepare();
  void drop_earlier_sessions();
  /// What of a session's shares is there still.
  std::vector<std::filesystem::path> kept_to_send(const std::filesystem::path& folder);
  bool sent(const char* kind) { return exchange().said(record(kind, name())); }
  bool said(const char* kind);
  void send_share(ShareKind kind);

  void join();
  void agree();
  void commit();
  void reveal();
  void make_shares();
  void send_shares();
  void answer();
  void deal();
  void keep_secret();
  void finish();

  StudyOwnerOptions options_;
  std::vector<Phase> phases_;
  std::optional<SigningKey> signing_;
  SecretBytes sealing_;
  bool agreed_ = false;
  std::optional<SecretBytes> passphrase_;
};

inline constexpr const char* kOpeningPart = "opening.part";

}  // namespace blindtuner::party
