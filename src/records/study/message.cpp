#include "records/study/message.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner::records {
namespace {

constexpr std::string_view kMessageDomain = "blindtuner study 1";

bool is_word(std::string_view name, std::size_t most) {
  return !name.empty() && name.size() <= most && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}
bool is_kind(std::string_view kind) { return is_word(kind, 32); }

std::string shortened(const Sha256Digest& digest) { return to_hex(digest).substr(0, 16) + ".."; }

std::string word(const JsonIn& in, std::string_view name, bool (*good)(std::string_view)) {
  const JsonIn member = in.at(name);
  std::string out = member.as<std::string>();
  if (!good(out)) member.refuse("a short name of a to z, 0 to 9 and '-'");
  return out;
}

}  // namespace

bool is_party_name(std::string_view name) { return is_word(name, 16); }

std::string signed_text(const StudyMessage& message, const SigningKey& key) {
  require(is_kind(message.kind) && is_party_name(message.from) && message.session <= kMaxSession &&
              message.body.is_object(),
          "a message of a study");
  const std::string bytes = plain_json_text({{"kind", message.kind},
                                             {"from", message.from},
                                             {"study", to_hex(message.study)},
                                             {"session", message.session},
                                             {"body", message.body}});
  std::string text = sign_text(bytes, "message", kMessageDomain, key);
  require(text.size() <= max_message_bytes(message.kind), "a message of a study is short");
  return text;
}

SignedMessage parse_message(std::string_view text, const std::string& where) {
  SignedMessage out;
  out.where = where;
  SignedText line = parse_signed_text(text, "message", where);
  out.bytes = std::move(line.text);
  out.signature = line.signature;
  const nlohmann::json inner = parse_json(out.bytes, where, kMaxMessageValues);
  const JsonIn in(inner, where);
  require_members(in, {"kind", "from", "study", "session", "body"});
  out.message.kind = word(in, "kind", is_kind);
  out.message.from = word(in, "from", is_party_name);
  out.message.study = hex_member<32>(in, "study");
  out.message.session =
      static_cast<std::uint64_t>(in.at("session").whole(0, static_cast<std::int64_t>(kMaxSession)));
  (void)in.at("body").members();  // an object
  out.message.body = in.at("body").value();
  return out;
}

std::optional<std::string> read_text(ByteSource& source, std::uint64_t most) {
  std::string out;
  std::array<std::uint8_t, 65536> part{};
  while (const std::size_t got = source.read_some(part)) {
    if (out.size() + got > most)
      throw DataError(source.name() + ": more than the " + std::to_string(most) +
                      " bytes that such a message of a study has at most");
    out.append(reinterpret_cast<const char*>(part.data()), got);
  }
  if (out.empty() || out.back() != '\n') return std::nullopt;
  return out;
}

bool is_signed(const SignedMessage& message, const PublicSigningKey& key) {
  return verify_signature(key, kMessageDomain, message.bytes, message.signature);
}

StudyMessage open_message(const SignedMessage& signed_message, const ExpectedMessage& expected,
                          const PublicSigningKey& key) {
  const StudyMessage& m = signed_message.message;
  const auto refuse = [&](const std::string& what) {
    throw DataError(signed_message.where + ": not what '" + expected.from +
                    "' was to send: " + what);
  };
  if (m.from != expected.from) refuse("it says that it is from '" + m.from + "'");
  if (!is_signed(signed_message, key))
    refuse("the signature is not that of '" + expected.from + "'");
  if (m.kind != expected.kind)
    refuse("a message of the kind '" + m.kind + "', expected '" + expected.kind + "'");
  if (m.study != expected.study)
    refuse("it is about the study " + shortened(m.study) + ", expected " +
           shortened(expected.study));
  if (m.session != expected.session)
    refuse("it is of session " + std::to_string(m.session) + ", expected " +
           std::to_string(expected.session));
  return m;
}

std::string study_record_name(const std::string& kind, std::uint64_t session,
                              const std::string& from) {
  std::string out = kind;
  if (session != 0) out += "-s" + std::to_string(session);
  if (!from.empty()) out += "-" + from;
  return out;
}

std::uint64_t max_message_bytes(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('-'));
  return first == "draft" || first == "rows" ? kMaxMessageBytes : kMaxShortMessageBytes;
}

}  // namespace blindtuner::records
