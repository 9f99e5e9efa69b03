// The server of a study: it joins, adds up the shares of all owners to keys that it computes with, and says so. As an owner it may be
// killed at any moment. In its folder, beside what party/study/exchange.h says:
//
//   identity                        its Ed25519 key (base/signature.h)
//   sN/evaluation.keys, way-in.keys
#pragma once

#include "base/signature.h"
#include "party/study/member.h"

namespace blindtuner::party {

struct StudyServerOptions {
  std::filesystem::path folder;
  std::shared_ptr<Channel> channel;
  bool allow_insecure = false;
  bool changes = true;
  /// How much of a task of the set-up is done: 0 first, then rising to 1. What it throws ends the phase.
  std::function<void(const std::string& task, double fraction)> progress{};
};

/// The exchange, for the server at work or for who only looks; made by a server that has joined no study yet alone.
std::shared_ptr<Channel> study_server_channel(const std::filesystem::path& folder,
                                              const std::filesystem::path& exchange, bool changes);

class StudyServer : public StudyMember {
 public:
  explicit StudyServer(StudyServerOptions options);

  /// What follows once the keys of all are there.
  void add_phases(std::vector<Phase> more);
  /// The next phase, if it waits for nothing. Throws DataError.
  Advance step();
  Advance next();
  std::optional<std::string> fingerprint();
  bool ready() { return exchange().said(record(kReady, name())); }

  // For phases.
  const SigningKey& signing_key();
  std::filesystem::path evaluation_keys() { return session_folder() / "evaluation.keys"; }
  std::filesystem::path way_in_keys() { return session_folder() / "way-in.keys"; }

 private:
  std::vector<Phase> setup_phases();
  /// Whether all owners have begun another session although the keys of this one are there.
  bool given_up();
  void join();
  void make_keys();

  bool changes_;
  std::function<void(const std::string&, double)> progress_;
  std::vector<Phase> phases_;
  std::optional<SigningKey> signing_;
};

/// Adds up all shares of the session, key by key, each record against what its owner has committed to: nothing of the two
/// files is there before all of them were found so. In memory are one key and one share, whatever the number of owners.
/// Returns the contents of the two. Throws DataError that names the owner.
struct MadeStudyKeys {
  Sha256Digest evaluation_keys{}, way_in_keys{};
};
MadeStudyKeys add_up_shares(StudyMember& member, const std::filesystem::path& evaluation_keys,
                            const std::filesystem::path& way_in_keys,
                            const FractionCallback& progress = {});

}  // namespace blindtuner::party
