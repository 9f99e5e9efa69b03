#include "party/owner/study/row_matching.h"

#include <algorithm>

#include "base/error.h"
#include "base/hmac.h"
#include "base/secret_bytes.h"
#include "party/owner/study/boxes.h"
#include "party/study/study_run.h"

namespace blindtuner::party {
namespace {

constexpr std::size_t kKeyBytes = 32;

/// What a box is for: no other owner's, record's or session's stands for it.
std::vector<std::uint8_t> purpose(StudyOwner& owner, const char* record, const std::string& from) {
  return bound_words({"blindtuner study rows 1", to_hex(owner.manifest().digest),
                      std::to_string(owner.session_number()), record, from});
}

Sha256Digest seal(ByteSink& sink, StudyOwner& owner, const char* record,
                  std::span<const std::uint8_t> plain) {
  return write_box(
      sink, owner.key_set(owner.session().joint),
      joint::seal_box(plain, sealing_keys(owner), purpose(owner, record, owner.name())));
}

SecretBytes opened(StudyOwner& owner, const char* record, const std::string& from,
                   std::uint64_t bytes, const Sha256Digest& said) {
  // New rows are matched, too, when the exchange may be gone.
  return open_sent_box(owner, from, record, "record", bytes, said, purpose(owner, record, from),
                       owner.session_folder() / owner.record(record, from));
}

SecretBytes match_key(StudyOwner& owner) {
  const std::string& from = owner.manifest().draft.coordinator;
  const StudyMessage said = owner.heard(kMatchKeyCommit, from);
  const JsonIn body(said.body,
                    owner.exchange().channel().place(owner.record(kMatchKeyCommit, from)));
  require_members(body, {"contents"});
  return opened(owner, kMatchKeyRecord, from, kKeyBytes, hex_member<32>(body, "contents"));
}

std::vector<RowHash> hashes_of(StudyOwner& owner, const std::string& from) {
  const StudyMessage said = owner.heard(kMatchCommit, from);
  const std::string where = owner.exchange().channel().place(owner.record(kMatchCommit, from));
  const JsonIn body(said.body, where);
  require_members(body, {"contents", "rows"});
  const auto rows =
      static_cast<std::size_t>(body.at("rows").whole(1, static_cast<std::int64_t>(kMaxSamples)));
  const SecretBytes bytes =
      opened(owner, kMatchRecord, from, rows * sizeof(RowHash), hex_member<32>(body, "contents"));
  // Only now: the record has as many.
  std::vector<RowHash> out(rows);
  for (std::size_t i = 0; i < out.size(); ++i)
    std::ranges::copy(bytes.span().subspan(i * sizeof(RowHash), sizeof(RowHash)), out[i].begin());
  for (std::size_t i = 1; i < out.size(); ++i)
    if (!(out[i - 1] < out[i]))
      throw DataError("what '" + from + "' has sent is refused: " + where +
                      ": hashes that are not rising");
  return out;
}

/// Of these, rising, those that all owners have sent.
std::vector<RowHash> at_all_owners(StudyOwner& owner, std::vector<RowHash> hashes) {
  for (const std::string& party : owner.manifest().draft.owners) {
    std::vector<RowHash> both;
    std::ranges::set_intersection(hashes, hashes_of(owner, party), std::back_inserter(both));
    hashes = std::move(both);
  }
  return hashes;
}

std::vector<RowHash> without_places(const RowHashes& rows) {
  std::vector<RowHash> out;
  for (const auto& [hash, row] : rows) out.push_back(hash);
  return out;
}

}  // namespace

RowHashes hash_rows(std::span<const std::string> ids, std::span<const std::uint8_t> key) {
  RowHashes out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty()) continue;
    const Sha256Digest digest = hmac_sha256(key, ids[i]);
    out.emplace_back(RowHash{}, static_cast<std::uint32_t>(i));
    std::copy_n(digest.begin(), sizeof(RowHash), out.back().first.begin());
  }
  std::ranges::sort(out);
  return out;
}

RowHashes row_hashes(StudyOwner& owner, std::span<const std::string> ids) {
  return hash_rows(ids, match_key(owner).span());
}

Sha256Digest send_match_key(ByteSink& sink, StudyOwner& owner) {
  return seal(sink, owner, kMatchKeyRecord, random_secret(kKeyBytes).span());
}

Sha256Digest send_row_hashes(ByteSink& sink, StudyOwner& owner, std::span<const std::string> ids) {
  std::vector<std::uint8_t> plain;
  for (const auto& [hash, row] : row_hashes(owner, ids))
    plain.insert(plain.end(), hash.begin(), hash.end());
  return seal(sink, owner, kMatchRecord, plain);
}

nlohmann::json to_json(const RowMatch& match) {
  return {{"given", match.given},
          {"used", match.rows.size()},
          {"without_identifier", match.without},
          {"not_at_all_owners", match.unmatched}};
}

RowMatch match_rows(StudyOwner& owner, std::span<const std::string> ids) {
  const RowHashes own = row_hashes(owner, ids);
  const std::vector<RowHash> mine = without_places(own);
  if (hashes_of(owner, owner.name()) != mine)
    throw DataError("the rows' identifiers are not those that this owner has sent");
  const std::vector<RowHash> common = at_all_owners(owner, mine);
  if (common.empty())
    throw DataError("no row is at all owners: are these identifiers of one kind, written alike?");
  RowMatch out;
  out.given = ids.size();
  out.without = ids.size() - own.size();
  out.unmatched = own.size() - common.size();
  auto at = own.begin();
  for (const RowHash& hash : common) {
    while (at->first != hash) ++at;
    out.rows.push_back(at->second);
  }
  return out;
}

std::size_t matched_before(StudyOwner& owner, const RowHashes& rows) {
  return at_all_owners(owner, without_places(rows)).size();
}

}  // namespace blindtuner::party
