// The public view of samples, as the layers below hold them.
#pragma once

#include <blindtuner/data_set.h>

#include "features/samples/dataset.h"

namespace blindtuner {

/// Throws ContractError for what are no whole rows.
features::FeatureMatrix matrix_of(const DataSet& data);

}  // namespace blindtuner
