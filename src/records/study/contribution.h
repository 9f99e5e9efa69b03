// What one of several owners contributes to a joint data set, encrypted under its own secret: the record from an
// owner to the server, kind 12. Its key set is that owner's own.
//
//   "LAYT"   layout of the joint data set, its data id
//   "CELL"   owner (2), counted from 0; rows (8), columns (4), first group (4), groups (4) and number of blocks (8) of its
//            cells (linalg/arrangement.h); 1 if they have the constant column, else 0 (1); the same for labels (1)
//   "FEAT"   feature_count seeded ciphertexts of the small ring, 2 primes, scale kFeatureScale
//   "LABL"   if it has labels: label_count of them, scale kErrorScale
//
// Whoever reads it has the arrangement, and holds all of it to that. Neither side has more than a few
// ciphertexts in memory.
#pragma once

#include "linalg/arrangement.h"
#include "records/key_set.h"

namespace blindtuner::records {
using namespace linalg;

/// Which contribution.
struct ContributionInfo {
  const Arrangement& arrangement;
  std::size_t owner = 0;
  DataId data{};  ///< of the joint data set
  const OwnerCells& cells() const { return arrangement.owners[owner]; }
};

/// Makes one ciphertext, by its index; asked from several threads.
using MakeCiphertext = std::function<SeededCiphertext(std::size_t index)>;
/// Takes one, in their order.
using TakeCiphertext = std::function<void(std::size_t index, SeededCiphertext&& c)>;

/// Returns ContainerWriter::contents(). Once all of it was written and flushed, `keep` is told that digest; it appears
/// if `keep` then returns true.
Sha256Digest write_contribution(ByteSink& sink, const KeySet& keys, const ContributionInfo& info,
                                const MakeCiphertext& feature, const MakeCiphertext& label,
                                const FractionCallback& progress = {},
                                const std::function<bool(const Sha256Digest&)>& keep = {});

/// Throws DataError unless it is this contribution, under these keys. Returns ContainerReader::contents(): what was taken
/// must not be used before that was found to be what the owner said.
Sha256Digest read_contribution(ByteSource& source, const KeySet& keys, const ContributionInfo& info,
                               const TakeCiphertext& feature, const TakeCiphertext& label,
                               const FractionCallback& progress = {});

/// How large the record comes out, to the byte.
std::uint64_t contribution_bytes(const Parameters& parameters, const ContributionInfo& info);

}  // namespace blindtuner::records
