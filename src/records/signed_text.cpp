#include "records/signed_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace blindtuner::records {

std::string sign_text(const std::string& text, std::string_view member, std::string_view domain,
                      const SigningKey& key) {
  return plain_json_text(
             {{std::string(member), text}, {"signature", to_hex(key.sign(domain, text))}}) +
         '\n';
}

SignedText parse_signed_text(std::string_view line, std::string_view member,
                             const std::string& where) {
  const nlohmann::json envelope =
      parse_json(line, where, 64);  // a member or two too many are named
  const JsonIn in(envelope, where);
  require_members(in, {std::string(member), "signature"});
  return {in.at(member).as<std::string>(), hex_member<64>(in, "signature")};
}

void require_members(const JsonIn& in, const std::vector<std::string>& members,
                     const std::vector<std::string>& optional) {
  for (const std::string& name : members) (void)in.at(name);
  for (const auto& [name, member] : in.members())
    if (std::ranges::find(members, name) == members.end() &&
        std::ranges::find(optional, name) == optional.end())
      member.refuse("no such member");
}

}  // namespace blindtuner::records
