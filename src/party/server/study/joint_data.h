// What the owners of a study send, brought under the secret of all: the server's part.
#pragma once

#include <memory>

#include "linalg/joint_dataset.h"
#include "records/dataset.h"
#include "records/study/joint_run.h"

namespace blindtuner::party {
using namespace records;

/// Adds one owner's contribution. way_in: of that owner. Returns the record's contents: unless these are what the owner
/// said, `data` must not be used. Throws DataError for anything but this owner's contribution to this run.
Sha256Digest take_contribution(JointDataset& data, ByteSource& source, const JointRun& run,
                               std::size_t owner, const KeySwitchKey& way_in,
                               const FractionCallback& progress = {});
/// The data set that a training session takes, once all contributions have come. contents: what its transcript says of it.
std::shared_ptr<const DatasetFile> joint_data(JointDataset&& data, const JointRun& run,
                                              const Sha256Digest& contents = {});

}  // namespace blindtuner::party
