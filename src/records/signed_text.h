// A text and who signed it, as one line of JSON:
//
//   {"<member>": "..", "signature": ".."}      and a line feed
//
// The text, mostly one of JSON of its own, is kept byte for byte as it was signed: Ed25519 (base/signature.h), 128
// hexadecimal digits, of a domain and these bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/signature.h"

namespace blindtuner::records {

/// The same text has the same line.
std::string sign_text(const std::string& text, std::string_view member, std::string_view domain,
                      const SigningKey& key);

/// What nobody has looked at the signature of yet.
struct SignedText {
  std::string text;
  Signature signature{};
};
/// `where` opens every message. Throws DataError.
SignedText parse_signed_text(std::string_view line, std::string_view member,
                             const std::string& where);

/// Throws DataError unless the object has exactly these members, but for those that may be left out.
void require_members(const JsonIn& in, const std::vector<std::string>& members,
                     const std::vector<std::string>& optional = {});
/// A member that is bytes in hexadecimal.
template <std::size_t N>
std::array<std::uint8_t, N> hex_member(const JsonIn& in, std::string_view name) {
  std::array<std::uint8_t, N> out;
  const JsonIn member = in.at(name);
  if (!from_hex(member.as<std::string>(), out))
    member.refuse(std::to_string(2 * N) + " hexadecimal digits");
  return out;
}

}  // namespace blindtuner::records
