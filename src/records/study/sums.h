// Sums over rows (linalg/sums.h) on their way to an opening, kind 13: one owner's, under the key set of its own, from the
// owner; and those of all, under the joint one, from the server.
//
//   "STAT"   data id of the joint data set (16), rows of all owners (8), how many numbers (4); of one owner's 0 (1) and the
//            owner (2), counted from 0; of all owners' 1 (1)
//   "SUMS"   one owner's: packs seeded ciphertexts of the small ring, 2 primes, SumsShape::scale
//   "TOTL"   all owners': packs ciphertexts, likewise
//
// Whoever reads them knows the shape.
#pragma once

#include "linalg/sums.h"
#include "records/key_set.h"

namespace blindtuner::records {
using namespace linalg;

/// Both return ContainerWriter::contents(), those that read ContainerReader::contents().
Sha256Digest write_owner_sums(ByteSink& sink, const KeySet& keys, const DataId& data,
                              std::size_t owner, const SumsShape& shape,
                              const std::vector<SeededCiphertext>& packs);
Sha256Digest write_sums(ByteSink& sink, const KeySet& keys, const DataId& data,
                        const EncryptedSums& sums);

/// How large one owner's record comes out, to the byte.
std::uint64_t owner_sums_bytes(const Parameters& parameters, const SumsShape& shape);

/// Throw DataError for anything but this shape's.
std::vector<SeededCiphertext> read_owner_sums(ByteSource& source, const KeySet& keys,
                                              const DataId& data, std::size_t owner,
                                              const SumsShape& shape, Sha256Digest& contents);
EncryptedSums read_sums(ByteSource& source, const KeySet& keys, const DataId& data,
                        const SumsShape& shape, Sha256Digest& contents);

}  // namespace blindtuner::records
