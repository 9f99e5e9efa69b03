// A party's side of a study's exchange: what it says, and what it has heard.
//
// In the party's own folder are, of all small messages,
//
//   said/NAME    what it has said, written before it is sent: it is never said in two ways, and sent again where the
//                exchange has lost it
//   seen/NAME    what others have said, written once it was found to be theirs and used: whoever says it in another way
//                later is told apart from whoever has said it before
//
// and `session`, the number of the session that it is in.
//
// Whoever works in the folder holds it as "study" (base/file_lock.h): two that did would each say what it says in its own way, and
// of their two exchanges, or two ways to one, neither knows the other.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "base/file_lock.h"
#include "records/study/manifest.h"
#include "transport/channel.h"

namespace blindtuner::party {
using namespace records;
using namespace transport;

class StudyExchange {
 public:
  /// With `changes` false nothing is written or held, neither in the folder nor in the exchange: for who only looks. Throws DataError where
  /// another program works in the folder.
  StudyExchange(std::shared_ptr<Channel> channel, std::filesystem::path folder, bool changes);

  Channel& channel() { return *channel_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Whether all of the record is there now.
  bool there(const std::string& name);

  /// A message as it is there, nobody's yet; none where it is not. Throws DataError where it is none, or is another one
  /// than was kept.
  std::optional<SignedMessage> find(const std::string& name) { return find(name, nullptr); }
  /// Keeps what find() gave.
  void keep(const std::string& name, const SignedMessage& message);
  bool kept(const std::string& name) const;
  /// The message of this party and session, held to be so and kept. Throws DataError that names the party.
  std::optional<StudyMessage> hear(const StudyManifest& manifest, const std::string& kind,
                                   std::uint64_t session, const std::string& from);
  /// The same where it is known to be there. Throws DataError where it is not.
  StudyMessage heard(const StudyManifest& manifest, const std::string& kind, std::uint64_t session,
                     const std::string& from);

  /// Whether this party has said it, be it there or lost.
  bool has_said(const std::string& name) const;
  /// Whether it was said, and is there. Throws DataError where something else is there.
  bool said(const std::string& name);
  /// Says what was said before under the name; else what `make` gives.
  void say(const std::string& name, const std::function<std::string()>& make);
  /// Whether the record that is there is this file, byte for byte.
  bool holds(const std::string& name, const std::filesystem::path& file);
  /// Sends a file of its own as a record.
  void send_file(const std::string& name, const std::filesystem::path& file);

  /// Whether the study that is there is another one than was joined from here by `own_join`.
  bool of_another_study(const std::string& own_join);
  /// Whatever is there from now on is not looked at: what was kept is all there is.
  void leave() { left_ = true; }

  /// What it has kept of the others', and its session, in another folder: whoever looks from there holds the others to it.
  void copy_heard(const std::filesystem::path& folder) const;

  /// 1 at first.
  std::uint64_t session() const;
  /// A later one. Who only looks is in it as long as this lives.
  void set_session(std::uint64_t number);

 private:
  std::string own_words(const std::string& name) const;
  std::optional<std::string> text_there(const std::string& name,
                                        std::uint64_t most = kMaxMessageBytes);
  /// key: whose message it is, to tell one that says two things from what others have damaged.
  std::optional<SignedMessage> find(const std::string& name, const PublicSigningKey* key);

  std::shared_ptr<Channel> channel_;
  std::filesystem::path folder_;
  FileLock lock_;
  bool changes_, left_ = false;
  std::optional<std::uint64_t> session_;       // of who only looks, where it has entered one
  std::map<std::string, SignedMessage> read_;  // of the short ones: kept, and held to what is there
};

}  // namespace blindtuner::party
