// What owners seal to each other, as a record.
#pragma once

#include <initializer_list>

#include "party/owner/study/study_owner.h"
#include "records/study/sealed_share.h"
#include "secret/joint/sealed_box.h"

namespace blindtuner::party {
using namespace records;
using namespace secret;

/// What a box is bound to: these words, of which no others have the bytes.
std::vector<std::uint8_t> bound_words(std::initializer_list<std::string_view> words);
/// Returns the record's contents.
Sha256Digest write_box(ByteSink& sink, const KeySet& keys, const joint::SealedBox& box);
/// Of so many bytes. Throws DataError.
joint::SealedBox read_box(ByteSource& source, const KeySet& keys, std::uint64_t bytes,
                          Sha256Digest& contents);
/// What one owner has sealed for this one in a record of this session, under the keys of all: of so many bytes, held against the
/// contents that it has committed to. `what` it is, for messages. kept: where the record stays once it was found to be so, sealed as it
/// is, and is looked for first; empty: nowhere. Throws DataError that names the owner.
SecretBytes open_sent_box(StudyOwner& owner, const std::string& from, const std::string& record,
                          const std::string& what, std::uint64_t bytes,
                          const Sha256Digest& committed, std::span<const std::uint8_t> bound,
                          const std::filesystem::path& kept = {});
/// Of all owners, in their order.
std::vector<joint::PublicBoxKey> sealing_keys(StudyOwner& owner);

}  // namespace blindtuner::party
