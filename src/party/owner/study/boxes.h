// What owners seal to each other, as a record.
#pragma once

#include <initializer_list>

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

}  // namespace blindtuner::party
