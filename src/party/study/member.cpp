#include "party/study/member.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/path.h"
#include "base/utc_time.h"

namespace blindtuner::party {

namespace fs = std::filesystem;

StudyMember::StudyMember(std::string name, std::shared_ptr<Channel> channel,
                         const std::filesystem::path& folder, bool allow_insecure, bool changes)
    : name_(std::move(name)),
      exchange_(std::move(channel), folder, changes),
      allow_insecure_(allow_insecure),
      changes_(changes) {}

std::string StudyMember::last_change() const {
  std::optional<fs::file_time_type> newest;
  for (const char* part : {"said", "seen"}) {
    std::error_code error;
    for (const fs::directory_entry& entry :
         fs::directory_iterator(exchange_.folder() / part, error)) {
      const fs::file_time_type time = entry.last_write_time(error);
      if (!error && (!newest || time > *newest)) newest = time;
    }
  }
  if (!newest) return "";
  const auto time =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::file_clock::to_sys(*newest));
  return utc_time(std::chrono::system_clock::to_time_t(time));
}

std::optional<StudyDraft> StudyMember::draft() {
  require_no_other_study();
  const auto found = exchange_.find("draft");
  if (!found) return std::nullopt;
  return read_draft(*found);
}

SignedMessage StudyMember::found(const std::string& name) {
  std::optional<SignedMessage> out = exchange_.find(name);
  if (!out) throw DataError(exchange_.channel().place(name) + ": is not there");
  return *std::move(out);
}

std::vector<Awaited> StudyMember::missing_joins() {
  const std::optional<StudyDraft> found = draft();
  if (!found) return {{"", "draft"}};
  std::vector<Awaited> out;
  for (const std::string& party : found->parties())
    if (const std::string name = study_record_name("join", 0, party); !exchange_.find(name))
      out.push_back({party, name});
  return out;
}

void StudyMember::require_joined() {
  const std::vector<Awaited> missing = missing_joins();
  if (missing.empty()) return;
  require_exchange();
  const auto& [from, name, state] = missing.front();
  const std::string where = exchange_.channel().place(name);
  if (from.empty())
    throw DataError(where + ": is not there: no study is in this exchange yet, or not all of it");
  // Nobody agrees before all have joined.
  const std::vector<std::string> parties = draft()->parties();
  if (!std::ranges::any_of(parties, [&](const std::string& party) {
        return exchange_.channel().begun(study_record_name(kAgree, 0, party));
      }))
    throw DataError("not all have joined yet: " + where + " is not there");
  throw DataError(where + ": is not there any more; '" + from +
                  "' has sent it before (whoever has agreed has a copy, in its folder as 'seen/" +
                  name + "')");
}

const StudyManifest& StudyMember::manifest() {
  if (manifest_) return *manifest_;
  require_joined();
  const SignedMessage drafted = found("draft");
  std::vector<SignedMessage> joins;
  for (const std::string& party : read_draft(drafted).parties())
    joins.push_back(found(study_record_name("join", 0, party)));
  return manifest_.emplace(make_manifest(drafted, joins, allow_insecure_));
}

void StudyMember::keep_joins() {
  for (const std::string& party : manifest().draft.parties()) {
    const std::string joined = study_record_name("join", 0, party);
    exchange_.keep(joined, found(joined));
  }
  exchange_.keep("draft", found("draft"));
}

std::filesystem::path StudyMember::session_folder() {
  std::filesystem::path out = exchange_.folder() / ("s" + std::to_string(session_number()));
  if (changes_) make_folder(out);
  return out;
}

const StudySession& StudyMember::session() {
  if (session_) return *session_;
  const StudyManifest& m = manifest();
  std::vector<Nonce> nonces;
  for (std::size_t i = 0; i < m.owners.size(); ++i) {
    const std::string& owner = m.owners[i].name;
    const StudyMessage committed = heard(kCommit, owner), shown = heard(kNonce, owner);
    const std::string where = exchange_.channel().place(record(kNonce, owner));
    require_members(JsonIn(shown.body, where), {"nonce"});
    nonces.push_back(hex_member<32>(JsonIn(shown.body, where), "nonce"));
    const std::string commits = exchange_.channel().place(record(kCommit, owner));
    require_members(JsonIn(committed.body, commits), {"commitment"});
    if (hex_member<32>(JsonIn(committed.body, commits), "commitment") !=
        nonce_commitment(m, session_number(), i, nonces.back()))
      throw DataError(where + ": '" + owner + "' shows another nonce than it has committed to");
  }
  return session_.emplace(study_session(m, session_number(), nonces));
}

const StudyKeyList& StudyMember::keys() {
  if (!keys_) keys_.emplace(manifest(), session());
  return *keys_;
}

KeySet StudyMember::key_set(const KeyId& id) {
  const ParametersPtr& p = manifest().parameters;
  return {p, make_header(FileKind::kSecretKey, *p, id), "this session of the study"};
}

std::vector<Awaited> StudyMember::missing(const std::string& kind, std::uint64_t number) {
  std::vector<Awaited> out;
  const StudyManifest& m = manifest();
  std::vector<std::string> from = m.draft.owners;
  // Outside of sessions the recipient has its say.
  if (number == 0 && m.recipient) from.push_back(m.recipient->name);
  for (const std::string& party : from)
    if (!exchange_.hear(m, kind, number, party))
      out.push_back({party, study_record_name(kind, number, party)});
  return out;
}

Awaited StudyMember::awaited(const std::string& from, const std::string& record_name) {
  Awaited out{from, record_name};
  if (exchange_.channel().begun(record_name))
    out.state = "is there, but not whole: it is being copied, or was cut short on the way";
  return out;
}

std::vector<Awaited> StudyMember::missing_records(const std::string& kind) {
  std::vector<Awaited> out;
  for (const StudyParty& owner : manifest().owners)
    if (const std::string name = record(kind, owner.name); !exchange_.there(name))
      out.push_back(awaited(owner.name, name));
  return out;
}

StudyMessage StudyMember::heard(const std::string& kind, const std::string& from) {
  return exchange_.heard(manifest(), kind, session_number(), from);
}

std::unique_ptr<ByteSource> StudyMember::share_source(ShareKind kind, const std::string& owner) {
  const std::string record_name = record(share_record(kind), owner);
  std::unique_ptr<ByteSource> out = exchange_.channel().find(record_name);
  if (!out)
    throw DataError(exchange_.channel().place(record_name) + ": is not there any more; '" + owner +
                    "' has sent it before");
  return out;
}

bool StudyMember::of_another_study() {
  return exchange_.of_another_study(study_record_name("join", 0, name_));
}

void StudyMember::require_no_other_study() {
  if (of_another_study())
    throw DataError(exchange_.channel().place("draft") +
                    ": another study is in this exchange than '" + name_ + "' has joined from " +
                    quoted_path(exchange_.folder()) +
                    ": each study takes a folder of its own, and an exchange");
}

void StudyMember::require_exchange() {
  require_no_other_study();
  if (exchange_.has_said(study_record_name("join", 0, name_)) &&
      !exchange_.channel().begun("draft"))
    throw DataError(exchange_.channel().place("draft") +
                    ": the study that was joined is not there: has the exchange been moved "
                    "('--exchange' says where to), or is it not mounted?");
}

bool StudyMember::newer_session() {
  const std::uint64_t next = session_number() + 1;
  if (next > kMaxSession) return false;
  const StudyManifest& m = manifest();
  return std::ranges::any_of(m.owners, [&](const StudyParty& owner) {
    return exchange_.hear(m, kCommit, next, owner.name).has_value();
  });
}

void StudyMember::enter_session(std::uint64_t number) {
  exchange_.set_session(number);
  session_.reset();
  keys_.reset();
}

// NOLINTNEXTLINE(misc-no-recursion): once, for what is of the first kind
Sha256Digest committed_contents(StudyMember& member, const std::string& owner, ShareKind kind) {
  const char* const message_kind = kind == ShareKind::kSecondRound ? kAnswer : kShares;
  const StudyMessage message = member.heard(message_kind, owner);
  const std::string where = member.exchange().channel().place(member.record(message_kind, owner));
  const JsonIn body(message.body, where);
  if (kind == ShareKind::kSecondRound) {
    require_members(body, {"relin2", "sums"});
    std::vector<Sha256Digest> first_rounds;
    for (const StudyParty& other : member.manifest().owners)
      first_rounds.push_back(committed_contents(member, other.name, ShareKind::kFirstRound));
    if (hex_member<32>(body, "sums") != sums_digest(first_rounds))
      throw DataError(where + ": '" + owner + "' has answered other first rounds than were sent");
  } else {
    require_members(body, {"keys", "relin1", "shares", "ways"});
    if (hex_member<16>(body, "keys") != member.session().joint)
      throw DataError(where + ": '" + owner +
                      "' makes keys of another session than the nonces give");
  }
  return hex_member<32>(body, share_record(kind));
}

std::string part_record(std::size_t place) { return "part" + std::to_string(place + 1); }

std::vector<Sha256Digest> committed_parts(StudyMember& member, const std::string& owner) {
  const StudyMessage message = member.heard(kParts, owner);
  const JsonIn body(message.body, member.exchange().channel().place(member.record(kParts, owner)));
  require_members(body, {"parts"});
  const JsonIn list = body.at("parts");
  const std::size_t count = member.manifest().owners.size();
  if (list.size() != count) list.refuse("one of each owner");
  std::vector<Sha256Digest> out(count);
  for (std::size_t i = 0; i < count; ++i)
    if (!from_hex(list.at(i).as<std::string>(), out[i]))
      list.at(i).refuse("a SHA-256 in hexadecimal");
  return out;
}

std::vector<Awaited> missing_parts(StudyMember& member, std::optional<std::size_t> receiver) {
  std::vector<Awaited> out = member.missing(kParts, member.session_number());
  const std::size_t count = member.manifest().owners.size();
  for (std::size_t i = 0; out.empty() && i < count; ++i)
    if (!receiver || *receiver == i) out = member.missing_records(part_record(i));
  return out;
}

Sha256Digest sums_digest(std::span<const Sha256Digest> first_rounds) {
  Sha256 hash;
  hash.add("blindtuner study sums 1");
  for (const Sha256Digest& digest : first_rounds) hash.add(digest);
  return hash.finish();
}

}  // namespace blindtuner::party
