// What an owner sends to a joint training: of its rows, before anything is encrypted; its statistics; its data.
#pragma once

#include "features/data/whitening.h"
#include "features/samples/dataset.h"
#include "records/study/joint_run.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
using namespace features;
using namespace records;
using namespace secret;

/// Whose statistics are pooled: how many rows, and their columns' powers of two. Throws DataError for numbers that are
/// not finite, or no rows.
OwnerRows rows_to_pool(const FeatureMatrix& features);
/// Others, whose features are encrypted as they are: with their sizes, in a layout of this shape.
OwnerRows rows_as_they_are(const FeatureMatrix& features, const Parameters& parameters,
                           const ProductLayout& shape);

/// The owner's part of the statistics of all rows. Returns the record's contents.
Sha256Digest send_statistics(ByteSink& sink, const JointRun& run, std::size_t owner,
                             const SecretKey& small, const FeatureMatrix& features,
                             std::span<const std::optional<int>> exponents);
/// The map of all rows, from their opened statistics: the same at all owners. Throws DataError.
Whitening pooled_map(const JointRun& run, std::span<const double> opened,
                     std::span<const std::optional<int>> exponents,
                     double epsilon = Whitening::kDefaultEpsilon);

/// What tells a map from one that trains otherwise, and not from one whose last digits another machine has computed otherwise: of
/// every entry, and of the mean's place in the map, what is above 2^-10 of its column's unit.
Sha256Digest digest_of_map(const Whitening& map);

/// Features as they are trained on: through the map, if there is one, with columns of zeros where it has fewer directions than
/// the layout columns.
FeatureMatrix features_for(const JointRun& run, std::size_t owner, const FeatureMatrix& features,
                           const std::optional<Whitening>& map);

/// The owner's data, encrypted one ciphertext after the other, under its own key set (the door's), in whose ledger they
/// are first. labels: none where others have them. Throws DataError for features beyond kMaxFeature, `name` opening the
/// message. Returns the record's contents.
Sha256Digest send_data(ByteSink& sink, const JointRun& run, std::size_t owner,
                       const OwnerKeys& keys, Disclosure& door, const FeatureMatrix& features,
                       const Labels& labels, const std::string& name,
                       const FractionCallback& progress = {});

}  // namespace blindtuner::party
