// One owner's part of sums over all rows (linalg/sums.h), kind 13, under the key set of its own. Those who open the sums add
// all parts up themselves (party/study/joint_statistics.h).
//
//   "STAT"   data id of the joint data set (16), rows of all owners (8), how many numbers (4), the owner (2), counted from 0
//   "SUMS"   packs seeded ciphertexts of the small ring, 2 primes, SumsShape::scale
//
// Whoever reads them knows the shape.
#pragma once

#include "linalg/sums.h"
#include "records/key_set.h"

namespace blindtuner::records {
using namespace linalg;

/// Returns ContainerWriter::contents().
Sha256Digest write_owner_sums(ByteSink& sink, const KeySet& keys, const DataId& data,
                              std::size_t owner, const SumsShape& shape,
                              const std::vector<SeededCiphertext>& packs);

/// How large one owner's record comes out, to the byte.
std::uint64_t owner_sums_bytes(const Parameters& parameters, const SumsShape& shape);

/// Throws DataError for anything but this shape's. contents: ContainerReader::contents().
std::vector<SeededCiphertext> read_owner_sums(ByteSource& source, const KeySet& keys,
                                              const DataId& data, std::size_t owner,
                                              const SumsShape& shape, Sha256Digest& contents);

}  // namespace blindtuner::records
