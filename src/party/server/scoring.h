// Encrypted scores of an encrypted data set under an encrypted model.
#pragma once

#include "party/server/server_keys.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::party {
using namespace records;

/// The record for the owner. Throws DataError when model, data and keys do not fit, as predict().
ScoresFile score(const ServerKeys& keys, const ModelFile& model, const DatasetFile& data,
                 const FractionCallback& progress = {});

}  // namespace blindtuner::party
