// Owners with different columns find the rows that all of them have, and tell nobody else: each hashes its rows' identifiers under
// a key that the owners alone have, and seals the hashes for all owners. The study's rows are those whose hashes all have
// sent, in the hashes' order, which tells nothing.
//
//   match-key     the coordinator's: 32 bytes drawn for this session, sealed for all owners (kind 14)
//   match         an owner's: the first 16 bytes of HMAC-SHA256 of every identifier under that key, rising, sealed likewise
//
// All of them stay in each owner's folder, sealed as they are, under the names that they have in the exchange.
//
// Owners learn of each other which identifiers they have in common, and how many others there are; whoever has the key can
// try identifiers that it can guess. An identifier is compared byte by byte, without blanks around it.
#pragma once

#include <nlohmann/json.hpp>

#include "party/owner/study/study_owner.h"

namespace blindtuner::party {

using RowHash = std::array<std::uint8_t, 16>;
/// An owner's rows that have an identifier, by rising hash.
using RowHashes = std::vector<std::pair<RowHash, std::uint32_t>>;

/// ids: different ones, empty where a row has none.
RowHashes hash_rows(std::span<const std::string> ids, std::span<const std::uint8_t> key);

/// The same under the study's key. Throws DataError where the coordinator's key is none.
RowHashes row_hashes(StudyOwner& owner, std::span<const std::string> ids);

/// Both return the record's contents. The key is drawn here.
Sha256Digest send_match_key(ByteSink& sink, StudyOwner& owner);
/// Throws DataError where the coordinator's key is none.
Sha256Digest send_row_hashes(ByteSink& sink, StudyOwner& owner, std::span<const std::string> ids);

struct RowMatch {
  std::vector<std::uint32_t> rows;  ///< of this owner, in the study's order
  std::size_t given = 0, without = 0, unmatched = 0;
};
/// {"given": rows of the file, "used", "without_identifier", "not_at_all_owners"}.
nlohmann::json to_json(const RowMatch& match);
/// Of all owners' hashes, which are there. Throws DataError that names whose are none, and where no row is at all owners.
RowMatch match_rows(StudyOwner& owner, std::span<const std::string> ids);
/// How many of these are among the rows that the study was trained on.
std::size_t matched_before(StudyOwner& owner, const RowHashes& rows);

}  // namespace blindtuner::party
