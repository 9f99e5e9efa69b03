// What the parties of a study say to each other: small texts, signed.
//
//   {"message": "..", "signature": ".."}      and a line feed
//
// The message is a text of JSON of its own, kept byte for byte as it was signed (Ed25519, 128 hexadecimal digits, of
// the domain "blindtuner study 1" and these bytes):
//
//   {"body": {..}, "from": "clinic-a", "kind": "join", "session": 0, "study": "<64 hexadecimal digits>"}
//
// and has exactly these members. `study` is the digest of what the study is, as far as it is settled when the message
// is sent (records/study/manifest.h); `session` counts the attempts to make its keys from 1, 0 outside of them. What the
// body has is each kind's matter. Large things are records of their own, and a message names their digest.
//
// Whoever can write to a channel can put any file there, so nothing of a message is used before open_message() found it
// to be of this party, kind, study and session.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/signature.h"
#include "io/byte_stream.h"
#include "records/signed_text.h"

namespace blindtuner::records {
using namespace io;

/// Of a message's file; of all but the draft and what an owner says of its rows, where every column may have a word.
inline constexpr std::uint64_t kMaxMessageBytes = std::uint64_t{1} << 24,
                               kMaxShortMessageBytes = std::uint64_t{1} << 16;
/// Values and names of a message: two for each of the most columns there are.
inline constexpr std::size_t kMaxMessageValues = std::size_t{1} << 21;
inline constexpr std::uint64_t kMaxSession = 1000000;
inline constexpr std::string_view kServerName = "server";

/// 1 to 16 of a to z, 0 to 9 and '-', the first a letter.
bool is_party_name(std::string_view name);

struct StudyMessage {
  std::string kind;  ///< as a party's name, but of up to 32 characters
  std::string from;
  Sha256Digest study{};
  std::uint64_t session = 0;
  nlohmann::json body = nlohmann::json::object();
};

/// The file's text. The same message has the same text. Throws ContractError for a message that cannot be read again.
std::string signed_text(const StudyMessage& message, const SigningKey& key);

/// A message whose signature nobody has looked at yet.
struct SignedMessage {
  StudyMessage message;
  std::string bytes;  ///< what was signed
  Signature signature{};
  std::string where;  ///< opens what is said of it
};
/// `where` opens every message. Throws DataError.
SignedMessage parse_message(std::string_view text, const std::string& where);
/// The text of a small file; none as long as it does not end with a line feed: somebody still copies it. Throws DataError
/// beyond `most` bytes.
std::optional<std::string> read_text(ByteSource& source, std::uint64_t most = kMaxMessageBytes);

/// What a message must be.
struct ExpectedMessage {
  std::string kind, from;
  Sha256Digest study{};
  std::uint64_t session = 0;
};
/// The message, which is what is expected and signed with this key. Throws DataError that says in one line which party's message it is
/// and what of it is not so.
StudyMessage open_message(const SignedMessage& signed_message, const ExpectedMessage& expected,
                          const PublicSigningKey& key);

/// Whether it is signed with this key, whatever it says.
bool is_signed(const SignedMessage& message, const PublicSigningKey& key);

/// The name of a message or large record in the exchange: "join-clinic-a", "nonce-s2-clinic-a"; without a party "draft".
std::string study_record_name(const std::string& kind, std::uint64_t session,
                              const std::string& from);
/// Of the file of a message of this name, or of any of this kind. Whoever hears keeps those of 18 parties, of a dozen kinds.
std::uint64_t max_message_bytes(std::string_view name);

}  // namespace blindtuner::records
